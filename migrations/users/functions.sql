-- The user of the functions (the template's DatabaseUser): it reads and writes rows and never changes the schema.
-- Run by an administrator, once for each database, after the steps. Replace express_batch where your names differ.
-- AWSAuthenticationPlugin: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.DBAccounts.html
CREATE USER IF NOT EXISTS 'express_batch'@'%' IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS';
GRANT SELECT, INSERT, UPDATE, DELETE ON express_batch.batch_run TO 'express_batch'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON express_batch.batch_write TO 'express_batch'@'%';
-- The job's tables: what it reads, and what it keeps.
GRANT SELECT ON express_batch.users TO 'express_batch'@'%';
GRANT SELECT, INSERT, UPDATE ON express_batch.loyalty_points TO 'express_batch'@'%';
