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
# https://aws.amazon.com/rds/proxy/pricing/ (at least 2 vCPU), https://aws.amazon.com/rds/mysql/pricing/ (db.t4g.micro)
PROXY_VCPU_HOUR = 0.015
DATABASE_MICRO_HOUR = 0.019
HOURS_A_MONTH = 730
