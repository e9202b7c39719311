"""The two tables: there, kept against mistakes, and able to feed what hangs on them."""

from collections.abc import Generator, Iterator
from typing import Any

from cli.doctor.finding import Aws, Finding, unless, wrong
from cli.doctor.stack import Stack

RECORDS = "apply the stack `records` again (`make deploy` does), and look at who changed it"
INDEXES = ("by_list", "by_due")


def timeline(aws: Aws, stack: Stack) -> Iterator[Finding]:
    """The table of the timelines, with the stream that everything else follows from."""
    name = stack.settings.timeline_table
    yield from unless(_timeline(aws, name), f"table {name}", "active, with its stream, recoverable, protected")


def state(aws: Aws, stack: Stack) -> Iterator[Finding]:
    """The table of everything else, with its indexes, and forgetting what has expired."""
    name = stack.settings.state_table
    yield from unless(_state(aws, name), f"table {name}", "active, with its indexes, recoverable, protected")


def _timeline(aws: Aws, name: str) -> Iterator[Finding]:
    described = yield from _kept(aws, name)
    if described is None:
        return
    stream = described.get("StreamSpecification", {})
    if not stream.get("StreamEnabled") or stream.get("StreamViewType") != "NEW_AND_OLD_IMAGES":
        said = "has no stream of new and old images: nothing that is recorded reaches anybody"
        yield wrong(f"table {name}", said, RECORDS)


def _state(aws: Aws, name: str) -> Iterator[Finding]:
    described = yield from _kept(aws, name)
    if described is None:
        return
    indexes = {each["IndexName"]: each["IndexStatus"] for each in described.get("GlobalSecondaryIndexes", [])}
    for index in INDEXES:
        if indexes.get(index) != "ACTIVE":
            said = f"index {index} is {indexes.get(index, 'not there')}: lists or timers stand still"
            yield wrong(f"table {name}", said, RECORDS)
    ttl = aws("dynamodb").describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    if ttl.get("TimeToLiveStatus") not in {"ENABLED", "ENABLING"} or ttl.get("AttributeName") != "expires_at":
        yield wrong(f"table {name}", "items do not expire: it grows for ever", RECORDS)


def _kept(aws: Aws, name: str) -> Generator[Finding, None, dict[str, Any] | None]:
    """What holds for both; returns the description, None where there is no table."""
    check, dynamodb = f"table {name}", aws("dynamodb")
    try:
        described: dict[str, Any] = dynamodb.describe_table(TableName=name)["Table"]
    except dynamodb.exceptions.ResourceNotFoundException:
        yield wrong(check, "is not there", "run `make deploy`; or correct the region or the table's name")
        return None
    if described["TableStatus"] != "ACTIVE":
        yield wrong(check, f"is {described['TableStatus']}", "wait until it is active")
    if not described.get("DeletionProtectionEnabled"):
        yield wrong(check, "is not protected from deletion", RECORDS)
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    if backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") != "ENABLED":
        yield wrong(check, "has no point-in-time recovery", RECORDS)
    return described
