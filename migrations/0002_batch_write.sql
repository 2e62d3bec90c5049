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
