"""The ports, implemented: S3, Kinesis, MySQL through PyMySQL, the partner API through aiohttp."""
