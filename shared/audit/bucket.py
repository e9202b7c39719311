"""The bucket that nothing leaves: anchors in S3 under Object Lock."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from shared.audit.anchor import PREFIX, key_of, number_of
from shared.audit.kept import Stored
from shared.errors import Unavailable

TAKEN = "PreconditionFailed"
GONE = "NoSuchKey"


class S3(Protocol):
    """What we use of boto3's S3 client."""

    def put_object(self, **asked: Any) -> Mapping[str, Any]:  # noqa: ANN401 - boto3's parameters
        """Creates an object."""
        ...

    def get_object(self, **asked: Any) -> Mapping[str, Any]:  # noqa: ANN401 - the same
        """Reads an object and its lock."""
        ...

    def list_objects_v2(self, **asked: Any) -> Mapping[str, Any]:  # noqa: ANN401 - the same
        """Lists keys, 1,000 at a time."""
        ...


@dataclass(frozen=True, slots=True)
class S3Bucket:
    """See Bucket. The lock is the bucket's own default: no request of ours can ask for less."""

    client: S3
    name: str

    @classmethod
    def connect(cls, name: str, region: str) -> Self:
        """The bucket of that name; connecting costs nothing until the first call."""
        config = Config(retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=2, read_timeout=10)
        return cls(boto3.client("s3", region_name=region, config=config), name)

    def put(self, number: int, body: bytes) -> bool:
        """See Bucket. S3 refuses bytes that do not have the digest, and keeps it beside the object."""
        try:
            with _translated():
                self.client.put_object(
                    Bucket=self.name,
                    Key=key_of(number),
                    Body=body,
                    ContentType="application/json",
                    ChecksumAlgorithm="SHA256",
                    IfNoneMatch="*",
                )
        except ClientError as error:
            if error.response["Error"]["Code"] == TAKEN:
                return False
            raise
        return True

    def get(self, number: int) -> Stored | None:
        """See Bucket."""
        try:
            with _translated():
                reply = self.client.get_object(Bucket=self.name, Key=key_of(number))
                body = reply["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] == GONE:
                return None
            raise
        return Stored(
            key_of(number),
            body,
            reply.get("VersionId", ""),
            reply.get("ObjectLockMode", ""),
            reply.get("ObjectLockRetainUntilDate"),
        )

    def numbers(self, after: int = 0) -> Iterator[tuple[int, datetime]]:
        """See Bucket."""
        asked: dict[str, Any] = {"Bucket": self.name, "Prefix": PREFIX, "StartAfter": key_of(after)}
        while True:
            with _translated():
                page = self.client.list_objects_v2(**asked)
            for each in page.get("Contents", ()):
                if number := number_of(each["Key"]):
                    yield number, each["LastModified"]
            if not page.get("NextContinuationToken"):
                return
            asked["ContinuationToken"] = page["NextContinuationToken"]


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except BotoCoreError as error:
        raise Unavailable(f"the audit bucket did not answer: {error}") from error
    except ClientError as error:
        if error.response["Error"]["Code"] in {TAKEN, GONE}:
            raise
        raise Unavailable(f"the audit bucket did not do it: {error}") from error
