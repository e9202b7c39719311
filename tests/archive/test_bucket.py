"""The bucket of the anchors as S3 has it: in moto, by the client that the functions use."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any

import boto3
import pytest
from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from functions.archive.archive import Archive, archive
from local.aws.calls import identify
from local.aws.embedded import EmbeddedAws
from local.aws.moto_server import Fault
from local.aws.provision import Provisioner
from shared.audit.anchor import key_of, read_anchor
from shared.audit.bucket import S3Bucket
from shared.errors import Unavailable
from shared.wiring import utc_now
from tests.builders import INCIDENT, a_history
from tests.fakes.store import MemoryStore

pytestmark = pytest.mark.enable_socket


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    """An AWS without functions, which remembers."""
    folder = tmp_path_factory.mktemp("audit")
    with EmbeddedAws(folder / "no-functions", folder / "state", region="eu-west-1") as aws:
        Provisioner(aws.client, aws.names).audit()
        Provisioner(aws.client, aws.names).audit()
        yield aws


@pytest.fixture
def name(aws: EmbeddedAws) -> str:
    return aws.names.audit(aws.account, aws.region)


@pytest.fixture
def bucket(aws: EmbeddedAws, name: str, monkeypatch: pytest.MonkeyPatch) -> S3Bucket:
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    return S3Bucket.connect(name, aws.region)


def test_the_bucket_answers_or_gives_up_within_a_run() -> None:
    bucket = S3Bucket.connect("audit", "eu-north-1")
    client: Any = bucket.client
    config = client.meta.config
    assert (bucket.name, client.meta.region_name) == ("audit", "eu-north-1")
    assert (config.connect_timeout, config.read_timeout) == (2, 10)
    assert config.retries == {"mode": "standard", "total_max_attempts": 3}


def test_what_is_put_there_is_locked_and_is_never_overwritten(bucket: S3Bucket) -> None:
    assert bucket.get(1) is None
    assert bucket.put(1, b'{"one":1}')
    assert not bucket.put(1, b'{"two":2}')

    stored = bucket.get(1)

    assert stored is not None
    assert (stored.key, stored.body, stored.mode) == (key_of(1), b'{"one":1}', "GOVERNANCE")
    assert stored.version_id
    assert stored.locked(utc_now())


def test_what_is_there_is_listed_from_a_number_on(bucket: S3Bucket) -> None:
    for number in (9002, 9003, 12000):
        bucket.put(number, b"{}")

    assert [number for number, _ in bucket.numbers(after=9000)] == [9002, 9003, 12000]
    assert [number for number, _ in bucket.numbers(after=9002)] == [9003, 12000]
    assert {9002, 12000} <= {number for number, _ in bucket.numbers()}


def test_s3_keeps_the_digest_beside_the_object(bucket: S3Bucket, name: str) -> None:
    bucket.put(20, b'{"one":1}')

    told = boto3.client("s3").head_object(Bucket=name, Key=key_of(20), ChecksumMode="ENABLED")

    assert told["ChecksumSHA256"] == b64encode(sha256(b'{"one":1}').digest()).decode()


def test_a_bucket_that_is_not_there_is_unavailable(bucket: S3Bucket) -> None:
    other = S3Bucket(bucket.client, "middlewatch-audit-nowhere")
    asked: list[Callable[[], object]] = [
        lambda: other.put(1, b""),
        lambda: other.get(1),
        lambda: list(other.numbers()),
    ]
    for ask in asked:
        with pytest.raises(Unavailable):
            ask()


def test_nothing_is_lost_when_the_embedded_aws_starts_again(aws: EmbeddedAws, bucket: S3Bucket, name: str) -> None:
    bucket.put(30, b"{}")
    bucket.put(33, b"{}")
    before = bucket.get(30)
    listed = list(bucket.numbers())
    client = boto3.client("s3")
    marker = client.delete_object(Bucket=name, Key=key_of(33))

    aws.restart()

    assert bucket.get(30) == before
    assert list(bucket.numbers()) == [each for each in listed if each[0] != 33]
    assert bucket.get(33) is None
    assert not bucket.put(30, b"{}")
    versions = client.list_object_versions(Bucket=name, Prefix=key_of(33))
    assert [each["VersionId"] for each in versions["DeleteMarkers"]] == [marker["VersionId"]]
    assert before
    with pytest.raises(ClientError, match="AccessDenied"):
        client.delete_object(Bucket=name, Key=before.key, VersionId=before.version_id)


CREDENTIAL = "AWS4-HMAC-SHA256 Credential=AKIAARCHIVE000000000/20261121/eu-west-1/s3/aws4_request, x"


@pytest.mark.parametrize(
    ("line", "query", "operation", "request_"),
    [
        ("PUT /b/anchors/1.json", "", "PutObject", {"Bucket": "b", "Key": "anchors/1.json"}),
        ("GET /b/anchors/1.json", "versionId=v", "GetObject", {"Bucket": "b", "Key": "anchors/1.json"}),
        ("HEAD /b/k", "", "HeadObject", {"Bucket": "b", "Key": "k"}),
        ("PUT /b/k", "retention", "PUT /b/k?retention", {"Bucket": "b", "Key": "k"}),
        ("GET /b", "list-type=2&prefix=anchors%2F", "ListObjectsV2", {"Bucket": "b", "Prefix": "anchors/"}),
        ("PUT /b", "object-lock", "PUT /b?object-lock", {"Bucket": "b"}),
        ("PUT /b", "", "PUT /b", {"Bucket": "b"}),
    ],
)
def test_what_s3_is_asked_has_the_name_of_its_operation(
    line: str, query: str, operation: str, request_: dict[str, Any]
) -> None:
    identity = identify(CREDENTIAL, "", line, b'{"number":1}', query)

    assert (identity.service, identity.operation, identity.request) == ("s3", operation, request_)


@pytest.mark.parametrize("fault", ["throttle", "lost request", "lost reply"])
@pytest.mark.parametrize("operation", ["PutObject", "GetObject", "ListObjectsV2"])
def test_what_goes_wrong_with_a_request_is_unavailable_or_made_good_by_asking_again(
    aws: EmbeddedAws, bucket: S3Bucket, fault: Fault, operation: str
) -> None:
    number = 40 + len(fault + operation)
    asks: dict[str, Callable[[], object]] = {
        "PutObject": lambda: bucket.put(number, b"{}"),
        "GetObject": lambda: bucket.get(number),
        "ListObjectsV2": lambda: list(bucket.numbers()),
    }
    times = iter([fault])
    aws.inject(lambda identity: next(times, None) if identity.operation == operation else None)
    try:
        asks[operation]()
        again = True
    except Unavailable:
        again = False
    finally:
        aws.inject(None)

    assert again or fault == "throttle"
    if operation == "PutObject":
        stored = bucket.get(number)
        assert (stored is not None) == again


@pytest.mark.parametrize("operation", ["PutObject", "GetObject", "ListObjectsV2"])
def test_what_goes_on_failing_is_unavailable(aws: EmbeddedAws, bucket: S3Bucket, operation: str) -> None:
    asks: dict[str, Callable[[], object]] = {
        "PutObject": lambda: bucket.put(9500, b"{}"),
        "GetObject": lambda: bucket.get(9500),
        "ListObjectsV2": lambda: list(bucket.numbers()),
    }
    aws.inject(lambda identity: "lost request" if identity.operation == operation else None)
    try:
        with pytest.raises(Unavailable):
            asks[operation]()
    finally:
        aws.inject(None)


def test_an_anchor_whose_reply_was_lost_is_known_again_as_ours(aws: EmbeddedAws, bucket: S3Bucket) -> None:
    told: list[str] = []
    store = MemoryStore()
    a_history(store=store)
    faults: list[Fault] = ["lost reply"]
    times = iter(faults)
    aws.inject(lambda identity: next(times, None) if identity.operation == "PutObject" else None)
    try:
        done = archive(Archive(store, store, bucket, utc_now, lambda: told.append("told"), Logger(service="archive")))
    finally:
        aws.inject(None)

    newest = max(number for number, _ in bucket.numbers())
    stored = bucket.get(newest)
    assert done["anchored"] == 1
    assert stored is not None
    assert [head.incident_id for head in read_anchor(stored.body).heads] == [INCIDENT]
    assert not any(key.startswith("moved#") for key in store.items)
