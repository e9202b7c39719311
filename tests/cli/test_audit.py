"""`middlewatch incidents export` and `middlewatch audit verify`."""

import json
import os
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import boto3
import pytest
from aws_lambda_powertools import Logger

from functions.archive.archive import Archive, archive
from local.aws.embedded import EmbeddedAws
from local.aws.provision import Names, Provisioner
from shared import facts
from shared.audit.anchor import read_anchor
from shared.audit.bucket import S3Bucket
from shared.integrations.dynamodb import DynamoStore
from shared.wiring import utc_now
from tests.builders import T0, opened
from tests.cli.conftest import NUMBERS, Command

ROOT = Path(__file__).parents[2]


@pytest.fixture
def bucket(aws: EmbeddedAws, store: DynamoStore, monkeypatch: pytest.MonkeyPatch) -> S3Bucket:
    """A new bucket beside the tables of `store`."""
    names = Names(timeline=store.timeline_table, prefix=f"cli-{next(NUMBERS)}")
    Provisioner(aws.client, names).audit()
    name = names.audit(aws.account, aws.region)
    monkeypatch.setenv("AUDIT_BUCKET", name)
    return S3Bucket.connect(name, aws.region)


def note(store: DynamoStore, incident_id: str, text: str) -> None:
    history = store.read(incident_id)
    what = facts.NoteAdded(person="ana", text=text) if history.entries else opened(identity=incident_id)
    store.append(history, [what], actor="test", caused_by=text, now=T0)


def anchor(store: DynamoStore, bucket: S3Bucket) -> None:
    told: list[str] = []
    archive(Archive(store, store, bucket, utc_now, lambda: told.append("told"), Logger(service="archive")))
    assert told == []


def test_an_exported_incident_is_verified_far_from_aws(
    store: DynamoStore, bucket: S3Bucket, command: Command, tmp_path: Path
) -> None:
    for text in ("opened", "one", "two"):
        note(store, "INC-1", text)
        note(store, "INC-2", text)
        anchor(store, bucket)
    note(store, "INC-1", "not anchored yet")
    file = tmp_path / "bundle.json"

    exported = command("incidents", "export", "INC-1", "--out", str(file))
    assert exported.exit_code == 0, exported.stderr
    again = command("incidents", "export", "INC-1")
    assert again.stdout.encode() == file.read_bytes()

    done = subprocess.run(
        [sys.executable, "-c", FAR_AWAY, str(file)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
        env={"PATH": os.environ["PATH"], "COLUMNS": "200"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "entries 1 to 3 are what stood there" in done.stdout
    assert "NOT PROVED: entries 4 to 4 came later" in done.stdout
    assert bucket.name in done.stdout


FAR_AWAY = """
import socket, sys
def refuse(*args, **kwargs):
    raise SystemExit('it asked the network')
socket.socket.connect = refuse
socket.getaddrinfo = refuse
from cli.main import app
try:
    app(['audit', 'verify', sys.argv[1]])
except SystemExit as done:
    loaded = {name.partition('.')[0] for name in sys.modules} & {'boto3', 'botocore', 'urllib3'}
    raise SystemExit(f'{loaded} was imported' if loaded else done.code)
"""


def test_what_was_changed_is_said_and_ends_with_1(
    store: DynamoStore, bucket: S3Bucket, command: Command, tmp_path: Path
) -> None:
    for text in ("opened", "one", "two"):
        note(store, "INC-1", text)
    anchor(store, bucket)
    file = tmp_path / "bundle.json"
    command("incidents", "export", "INC-1", "--out", str(file))
    file.write_bytes(file.read_bytes().replace(b"ana", b"bob"))

    verified = command("audit", "verify", str(file))
    script = command("audit", "verify", str(file), "--json")

    assert (verified.exit_code, verified.stderr) == (1, "middlewatch: the bundle is not what was stored\n")
    assert "BROKEN: entry 2 is not what its hash says" in verified.stdout
    assert "PROVED" not in verified.stdout
    assert "entry 2 is not what its hash says" in json.loads(script.stdout)["faults"]


def test_a_timeline_that_was_rewritten_in_the_table_is_exported_as_it_is_and_found(
    store: DynamoStore, bucket: S3Bucket, command: Command, tmp_path: Path
) -> None:
    for text in ("opened", "one", "two"):
        note(store, "INC-1", text)
    anchor(store, bucket)
    key = {"incident_id": {"S": "INC-1"}, "seq": {"N": "3"}}
    item = {**key, "entry": {"S": "no JSON at all"}, "hash": {"S": "0" * 64}}
    boto3.client("dynamodb").put_item(TableName=store.timeline_table, Item=item)
    file = tmp_path / "bundle.json"

    exported = command("incidents", "export", "INC-1", "--out", str(file))

    assert exported.exit_code == 0
    assert "BROKEN" in exported.stderr
    assert command("audit", "verify", str(file)).exit_code == 1


def test_the_digest_that_s3_tells_is_compared(
    store: DynamoStore, bucket: S3Bucket, command: Command, tmp_path: Path
) -> None:
    note(store, "INC-1", "opened")
    anchor(store, bucket)
    file = tmp_path / "bundle.json"
    command("incidents", "export", "INC-1", "--out", str(file))
    stored = bucket.get(1)
    assert stored
    told = boto3.client("s3").head_object(
        Bucket=bucket.name, Key=stored.key, VersionId=stored.version_id, ChecksumMode="ENABLED"
    )["ChecksumSHA256"]

    assert told in command("audit", "verify", str(file)).stdout
    for digest in (told, read_anchor(stored.body).digest):
        compared = command("audit", "verify", str(file), "--digest", digest)
        assert (compared.exit_code, "aws s3api" in compared.stdout) == (0, False)
    other = command("audit", "verify", str(file), "--digest", b64encode(b"0" * 32).decode())
    assert "BROKEN: its last anchor is not the one that lies in the bucket" in other.stdout
    nonsense = command("audit", "verify", str(file), "--digest", "nonsense")
    assert (nonsense.exit_code, len(nonsense.stderr.splitlines())) == (2, 1)


def test_without_an_anchor_little_is_proved_and_it_says_so(
    store: DynamoStore, bucket: S3Bucket, command: Command, tmp_path: Path
) -> None:
    note(store, "INC-1", "opened")
    file = tmp_path / "bundle.json"
    command("incidents", "export", "INC-1", "--out", str(file))

    verified = command("audit", "verify", str(file))

    assert verified.exit_code == 0
    assert "NOT PROVED: no anchor names it yet" in verified.stdout
    assert list(bucket.numbers()) == []


@pytest.mark.usefixtures("bucket")
def test_an_unknown_incident_and_a_missing_bucket_are_one_line(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = command("incidents", "export", "INC-9")
    assert (unknown.exit_code, unknown.stderr) == (2, "middlewatch: there is no incident INC-9\n")
    monkeypatch.setenv("AUDIT_BUCKET", "")
    missing = command("incidents", "export", "INC-1")
    assert (missing.exit_code, len(missing.stderr.splitlines())) == (2, 1)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"kind":"bundle"}', b"null", b"[" * 100_000])
def test_what_is_no_bundle_is_broken(command: Command, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "bundle.json"
    file.write_bytes(content)

    verified = command("audit", "verify", str(file))

    assert verified.exit_code == 1
    assert verified.stdout.startswith("BROKEN")
