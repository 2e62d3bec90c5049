-- utf8mb4_bin: with another collation "abc" and "ABC" would be one key, and one user's row would overwrite the other's.
-- The example job's tables (layers/job/job/loyalty_points.py): its users, and what the partner API answers for them.
CREATE TABLE IF NOT EXISTS users (
  user_id   VARCHAR(64) NOT NULL PRIMARY KEY,
  tenant_id VARCHAR(64) NOT NULL,
  active    TINYINT NOT NULL DEFAULT 1
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS loyalty_points (
  user_id        VARCHAR(64) NOT NULL PRIMARY KEY,
  points         INT NOT NULL,
  tier           VARCHAR(16) NOT NULL,
  updated_at     DATETIME(3) NOT NULL,
  answer_version BIGINT UNSIGNED NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
