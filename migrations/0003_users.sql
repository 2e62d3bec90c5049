-- The example job's users (layers/job/job/loyalty_points.py).
-- utf8mb4_bin: with another collation "abc" and "ABC" would be one key, and one user's row would overwrite the other's.
CREATE TABLE IF NOT EXISTS users (
  user_id   VARCHAR(64) NOT NULL PRIMARY KEY,
  tenant_id VARCHAR(64) NOT NULL,
  active    TINYINT NOT NULL DEFAULT 1
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
