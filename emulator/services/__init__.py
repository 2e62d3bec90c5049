"""The neighbours of the emulated services: moto, MariaDB, Kinesis, the X-Ray daemon."""
