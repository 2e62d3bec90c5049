-- What the partner API answers for the example job's users.
CREATE TABLE IF NOT EXISTS loyalty_points (
  user_id        VARCHAR(64) NOT NULL PRIMARY KEY,
  points         INT NOT NULL,
  tier           VARCHAR(16) NOT NULL,
  updated_at     DATETIME(3) NOT NULL,
  answer_version BIGINT UNSIGNED NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
