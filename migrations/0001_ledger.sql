-- The ledger: the account of each run (layers/batch/express_batch/ledger.py).
-- Several tenant groups may share a database, so tenant_group is part of each key.
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

-- One row for each stream record that was written. `positions`: bit n stands for the user at start_position + n.
CREATE TABLE IF NOT EXISTS batch_write (
  tenant_group   VARCHAR(64) NOT NULL,
  run_id         VARCHAR(32) NOT NULL,
  record_id      VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  chunk          INT UNSIGNED NOT NULL,
  start_position INT UNSIGNED NOT NULL,
  positions      VARBINARY(1024) NOT NULL,
  PRIMARY KEY (tenant_group, run_id, record_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
