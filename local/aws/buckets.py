"""S3 as moto has it, with the tags that a bucket is created with."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from moto.s3.models import s3_backends

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment


def keep_tags(account: str, environ: WSGIEnvironment, body: bytes) -> None:
    """Tag the bucket that a request has created as the request says; moto leaves that out."""
    if environ["REQUEST_METHOD"] != "PUT" or b"<CreateBucketConfiguration" not in body:
        return
    tags = ET.fromstring(body).iterfind("{*}Tags/{*}Tag")  # noqa: S314 - written by somebody on this machine
    named = {tag.findtext("{*}Key", ""): tag.findtext("{*}Value", "") for tag in tags}
    s3_backends[account]["aws"].put_bucket_tagging(environ["PATH_INFO"].strip("/"), named)
