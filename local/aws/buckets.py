"""S3 as moto has it, with the tags that a bucket is created with, and objects that outlive a restart."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from moto.s3.models import FakeDeleteMarker, FakeKey, s3_backends

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from wsgiref.types import WSGIEnvironment


def keep_tags(account: str, environ: WSGIEnvironment, body: bytes) -> None:
    """Tag the bucket that a request has created as the request says; moto leaves that out."""
    if environ["REQUEST_METHOD"] != "PUT" or b"<CreateBucketConfiguration" not in body:
        return
    tags = ET.fromstring(body).iterfind("{*}Tags/{*}Tag")  # noqa: S314 - written by somebody on this machine
    named = {tag.findtext("{*}Key", ""): tag.findtext("{*}Value", "") for tag in tags}
    s3_backends[account]["aws"].put_bucket_tagging(environ["PATH_INFO"].strip("/"), named)


def forget(account: str) -> None:
    """Give the names of an account's buckets back; moto forgets what is in them, and not the names."""
    for name, (_, owner) in list(s3_backends.bucket_accounts.items()):
        if owner == account:
            del s3_backends.bucket_accounts[name]


def versions(account: str, bucket: str, key: str) -> list[dict[str, Any]]:
    """Every version of an object, oldest first, as `bring_back` takes them."""
    held = s3_backends[account]["aws"].buckets[bucket].keys
    return [_written(version) for version in held.getlist(key, [])]


def bring_back(account: str, bucket: str, key: str, kept: Iterable[Mapping[str, Any]]) -> None:
    """Put versions in their place, each the same as it was, its id and its lock included."""
    found: list[FakeKey | FakeDeleteMarker] = []
    for version in kept:
        if "value" in version:
            made = FakeKey(name=key, bucket_name=bucket, account_id=account, region_name="aws", **version["value"])
            found.append(made)
        else:
            found.append(FakeDeleteMarker(FakeKey(key, b"", account, "aws", bucket_name=bucket)))
        for name, value in version["is"].items():
            setattr(found[-1], name, value)
        found[-1].last_modified = datetime.fromisoformat(version["at"])
    s3_backends[account]["aws"].buckets[bucket].keys.setlist(key, found)


def _written(version: FakeKey | FakeDeleteMarker) -> dict[str, Any]:
    at = version.last_modified.isoformat()
    if isinstance(version, FakeDeleteMarker):
        return {"at": at, "is": {"_version_id": version.version_id}}
    names = ("version_id", "lock_mode", "lock_until", "lock_legal_status", "encryption", "kms_key_id", "checksum_value")
    made = {name: getattr(version, name) for name in names}
    return {
        "at": at,
        "is": {"checksum_algorithm": version.checksum_algorithm},
        "value": {"value": version.value, "is_versioned": version.version_id != "null", **made},
    }
