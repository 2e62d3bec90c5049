"""The environment that makes boto3 and the AWS CLI use the gateway."""

from emulator.identity import Identity


def client_environment(url: str, identity: Identity) -> dict[str, str]:
    """Variables for a process whose AWS clients shall call `url` and nothing else."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_DEFAULT_REGION": identity.region,
        "AWS_REGION": identity.region,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        # StartSyncExecution goes to the host "sync-" + endpoint on AWS: http://sync-localhost resolves nowhere.
        # Source: https://github.com/aws/aws-cli/issues/6898, https://github.com/boto/botocore/pull/3361
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
