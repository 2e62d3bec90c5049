"""Which permission an S3 request needs.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
"""

from urllib.parse import parse_qsl, unquote

from emulator.access.ask import Ask

_BUCKET_READS = {
    "accelerate": "s3:GetAccelerateConfiguration",
    "encryption": "s3:GetEncryptionConfiguration",
    "lifecycle": "s3:GetLifecycleConfiguration",
    "location": "s3:GetBucketLocation",
    "policy": "s3:GetBucketPolicy",
    "tagging": "s3:GetBucketTagging",
    "uploads": "s3:ListBucketMultipartUploads",
    "versioning": "s3:GetBucketVersioning",
    "versions": "s3:ListBucketVersions",
}
_LISTING_KEYS = ("prefix", "delimiter", "max-keys")


def find_s3_ask(method: str, path: str, query: str, host: str) -> Ask:
    """What must be allowed for the request; an action `s3:Unknown` where this module does not know it."""
    bucket, key = _split(path, host)
    fields = dict(parse_qsl(query, keep_blank_values=True))
    arn = f"arn:aws:s3:::{bucket}"
    if key:
        return Ask(_object_action(method, fields), f"{arn}/{key}")
    return Ask(_bucket_action(method, fields), arn, {f"s3:{n}": fields[n] for n in _LISTING_KEYS if n in fields})


def ask_to_list(asked: Ask) -> Ask:
    """The permission on which it hangs whether S3 says that an object does not exist, or only that access is denied.

    The key stands for the prefix there. Sources: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
    and, of the prefix, https://github.com/ceph/ceph/pull/68577
    """
    bucket, _, key = asked.resource.partition("/")
    return Ask("s3:ListBucket", bucket, {"s3:prefix": key})


def _split(path: str, host: str) -> tuple[str, str]:
    name = host.rpartition(":")[0] or host
    rest = unquote(path).lstrip("/")
    if name.endswith(".localhost"):
        return name.removesuffix(".localhost"), rest
    bucket, _, key = rest.partition("/")
    return bucket, key


def _object_action(method: str, fields: dict[str, str]) -> str:
    if "tagging" in fields:
        return {"GET": "s3:GetObjectTagging", "PUT": "s3:PutObjectTagging"}.get(method, "s3:DeleteObjectTagging")
    if method in ("GET", "HEAD"):
        if "uploadId" in fields:
            return "s3:ListMultipartUploadParts"
        return "s3:GetObjectVersion" if "versionId" in fields else "s3:GetObject"
    if method in ("PUT", "POST"):
        return "s3:PutObject"
    if method == "DELETE":
        return "s3:AbortMultipartUpload" if "uploadId" in fields else "s3:DeleteObject"
    return "s3:Unknown"


def _bucket_action(method: str, fields: dict[str, str]) -> str:
    if method in ("GET", "HEAD"):
        known = [action for name, action in _BUCKET_READS.items() if name in fields]
        return known[0] if known else "s3:ListBucket"
    if method == "POST" and "delete" in fields:
        return "s3:DeleteObject"
    if fields:
        return "s3:Unknown"
    return {"PUT": "s3:CreateBucket", "DELETE": "s3:DeleteBucket"}.get(method, "s3:Unknown")
