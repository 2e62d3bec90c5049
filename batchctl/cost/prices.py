"""Prices in us-east-1, USD, of November 2026; each with its page. Free tiers are left out."""

# https://aws.amazon.com/lambda/pricing/ (arm64)
LAMBDA_GB_SECOND = 0.0000133334
LAMBDA_REQUEST = 0.20 / 1_000_000
# https://aws.amazon.com/step-functions/pricing/ (Express; the first 1,000 GB-hours; memory in steps of 64 MB)
EXPRESS_REQUEST = 1.00 / 1_000_000
EXPRESS_GB_SECOND = 0.06 / 3600
EXPRESS_GB = 64 / 1024
# https://aws.amazon.com/kinesis/data-streams/pricing/
SHARD_HOUR = 0.015
PUT_UNIT = 0.014 / 1_000_000  # of 25 KB
PUT_UNIT_BYTES = 25 * 1024
# https://aws.amazon.com/s3/pricing/
S3_PUT = 0.005 / 1000
S3_GET = 0.0004 / 1000
# https://aws.amazon.com/dynamodb/pricing/on-demand/ (an eventually consistent read is half a unit)
TABLE_WRITE = 0.625 / 1_000_000
TABLE_READ = 0.125 / 1_000_000
# https://aws.amazon.com/rds/proxy/pricing/ (at least 2 vCPU), https://aws.amazon.com/rds/mysql/pricing/ (db.t4g.micro)
PROXY_VCPU_HOUR = 0.015
DATABASE_MICRO_HOUR = 0.019
# https://aws.amazon.com/cloudwatch/pricing/ (the first 10,000 metrics; an alarm for each metric that it reads)
METRIC = 0.30
ALARM_METRIC = 0.10
COMPOSITE_ALARM = 0.50
DASHBOARD = 3.00
LOG_GB = 0.50
GB = 1024**3
# https://aws.amazon.com/xray/pricing/ (recorded)
TRACE = 5.00 / 1_000_000
HOURS_A_MONTH = 730
