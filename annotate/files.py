"""Where uploads and releases lie: in a folder of the home, or in the bucket of an S3-compatible storage."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from annotate.environment import Environment

NEEDS_A_BUCKET = ("FILES_ENDPOINT", "FILES_REGION", "FILES_PREFIX", "FILES_ACCESS_KEY", "FILES_SECRET_KEY")
IN_MEMORY = 8 * 1024 * 1024  # bytes of a file from the bucket; the rest goes to a temporary file


def storage(env: Environment) -> dict[str, Any]:
    """Django's entry for the default storage. Notes in `env` what stands in the way of a start."""
    bucket = env.text("FILES_BUCKET")
    given = {name: env.secret(name) if name == "FILES_SECRET_KEY" else env.text(name) for name in NEEDS_A_BUCKET}
    if not bucket:
        for name in NEEDS_A_BUCKET:
            if given[name]:
                env.refuse(name, "is set, and FILES_BUCKET is not. Set both, or neither to keep files in the home.")
        return {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    if find_spec("storages") is None or find_spec("boto3") is None:
        env.refuse("FILES_BUCKET", "needs the packages of the extra s3: pip install 'annotate[s3]'.")
    if given["FILES_ENDPOINT"] and urlsplit(given["FILES_ENDPOINT"]).scheme not in ("http", "https"):
        env.refuse("FILES_ENDPOINT", "must be a whole address, such as https://storage.example.org.")
    if bool(given["FILES_ACCESS_KEY"]) != bool(given["FILES_SECRET_KEY"]):
        env.refuse("FILES_ACCESS_KEY", "goes with FILES_SECRET_KEY. Set both, or neither to use the machine's role.")
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": bucket,
            "endpoint_url": given["FILES_ENDPOINT"] or None,
            "region_name": given["FILES_REGION"] or None,
            "location": given["FILES_PREFIX"].strip("/"),
            "access_key": given["FILES_ACCESS_KEY"] or None,
            "secret_key": given["FILES_SECRET_KEY"] or None,
            # A file keeps its name, or storing it fails: nothing is written over.
            "file_overwrite": False,
            "default_acl": None,
            "max_memory_size": IN_MEMORY,
        },
    }
