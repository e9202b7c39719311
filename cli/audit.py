"""What an auditor takes away, and what can be proved with it. Checking imports nothing that could ask anybody."""

import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cli import show
from cli.failure import Failed
from shared.audit.bundle import Report, Row, written
from shared.audit.bundle import verify as check

if TYPE_CHECKING:
    from shared.audit.kept import Bucket
    from shared.integrations.dynamodb import DynamoStore

DIGEST = 32
"""Bytes of a sha256."""


def export(store: "DynamoStore", bucket: "Bucket", incident_id: str, out: Path | None) -> None:
    """Writes the bundle, whatever is wrong with what is in it, and says on stderr what it proves."""
    from shared.audit.collect import bearing  # noqa: PLC0415 - checking reads no bucket

    rows = [Row(*row) for row in store.rows(incident_id)]
    anchors = bearing(incident_id, bucket)
    if not rows and not anchors:
        raise Failed(f"there is no incident {incident_id}")
    bundle = written(incident_id, rows, bucket.name, anchors)
    if out:
        out.write_bytes(bundle)
    else:
        sys.stdout.buffer.write(bundle)
        sys.stdout.flush()
    for line in said(check(bundle)):
        show.aside(line)


def verify(file: str, digest: str, *, as_json: bool) -> None:
    """Says what the bundle in `file` proves; raises Failed with 1 where anything in it was changed."""
    bundle = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    report = check(bundle, _hex(digest))
    if as_json:
        last = {"number": report.anchors[-1].number, "digest": report.digest, **report.last} if report.last else None
        show.json(
            {
                "incident_id": report.incident_id,
                "faults": report.faults,
                "entries": report.entries,
                "anchored": report.anchored,
                "compared": report.compared,
                "bucket": report.bucket,
                "last_anchor": last and {name: value for name, value in last.items() if name != "anchor"},
            }
        )
    else:
        for line in said(report):
            show.line(line)
    if report.faults:
        raise Failed("the bundle is not what was stored", 1)


def said(report: Report) -> Iterator[str]:
    """What is proved and what is not, in words."""
    for fault in report.faults:
        yield f"BROKEN: {fault}"
    if report.faults:
        return
    first, last = (report.anchors[0], report.anchors[-1]) if report.anchors else (None, None)
    yield f"{report.incident_id}: {report.entries} entries in an unbroken chain."
    if first is None or last is None or report.last is None:
        yield "NOT PROVED: no anchor names it yet, so that whoever wrote it could have written all of it anew."
        return
    named = next(each for each in report.anchors if any(head.incident_id == report.incident_id for head in each.heads))
    which = "the anchor that you read" if report.compared else f"anchor {last.number}"
    yield f"PROVED, if {which} is genuine: entries 1 to {report.anchored} are what stood there at {_latest(report)},"
    yield f"  none changed, removed, added or swapped since anchor {named.number} named it first, at {named.at}."
    if report.anchored < report.entries:
        after = report.anchored + 1
        yield f"NOT PROVED: entries {after} to {report.entries} came later; the chain alone holds them, and an end that"
        yield "  was cut off behind them would not show. Export again an hour later."
    else:
        yield "NOT PROVED: that nothing was added after that anchor and cut off again before the export."
    if not report.compared:
        where = f"--bucket {report.bucket} --key {report.last['key']} --version-id {report.last['version_id']}"
        yield f"NOT PROVED: that anchor {last.number} is the one in the bucket {report.bucket}. Ask S3 yourself:"
        yield f"  aws s3api head-object {where} --checksum-mode ENABLED"
        checksum = b64encode(bytes.fromhex(report.digest)).decode()
        yield f"  has to say ChecksumSHA256 {checksum}; or pass what it says as --digest."
    if report.last["mode"]:
        until = report.last["until"]
        yield f"As it was read: {report.last['key']} is locked in mode {report.last['mode']} until {until}."
    yield "NOT PROVED, ever: that what a function wrote down is what happened, before it was anchored first."


def _latest(report: Report) -> str:
    return max(
        each.at
        for each in report.anchors
        if any(head.incident_id == report.incident_id and head.seq == report.anchored for head in each.heads)
    )


def _hex(digest: str) -> str:
    """The digest as it is written in anchors; raises Failed for what is neither hex nor base64 of one."""
    if not digest:
        return ""
    try:
        value = bytes.fromhex(digest) if len(digest) == 2 * DIGEST else b64decode(digest, validate=True)
    except ValueError:
        value = b""
    if len(value) != DIGEST:
        raise Failed(f"{digest} is no sha256, neither in hex nor in base64")
    return value.hex()
