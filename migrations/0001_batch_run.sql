-- The ledger: the account of each run (layers/batch/express_batch/ledger.py).
-- Several tenant groups may share a database, so tenant_group is part of each key.
-- IF NOT EXISTS in the first four steps: a database made by hand before there were steps is taken over as it is.
CREATE TABLE IF NOT EXISTS batch_run (
  tenant_group   VARCHAR(64) NOT NULL,
  run_id         VARCHAR(32) NOT NULL,
  scheduled_time VARCHAR(40) NOT NULL,
  status         VARCHAR(16) NOT NULL,
  users_listed   INT UNSIGNED NOT NULL,
  rows_written   INT UNSIGNED NULL,
  users_failed   INT UNSIGNED NULL,
  users_missing  INT UNSIGNED NULL,
  listed_at      DATETIME(3) NOT NULL,
  closed_at      DATETIME(3) NULL,
  PRIMARY KEY (tenant_group, run_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
