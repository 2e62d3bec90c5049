-- Which run this one runs again (layers/batch/express_batch/redrive.py); NULL for a run of its own.
ALTER TABLE batch_run ADD COLUMN redrive_of VARCHAR(32) NULL, ALGORITHM = INSTANT;
