-- The user that applies the steps (the template's MigrationUser): it changes the schema of this one database, and no users.
-- Run by an administrator, once for each database, before the first step. Replace express_batch where your names differ.
-- DROP is for contracting steps. Without GRANT OPTION it cannot pass on what it has.
CREATE USER IF NOT EXISTS 'express_batch_migrator'@'%' IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS';
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, DROP, REFERENCES
  ON express_batch.* TO 'express_batch_migrator'@'%';
