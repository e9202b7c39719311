"""Puts new timeline entries on the bus, each at least once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from json import loads
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from shared.entry import Entry, read_entry
from shared.facts import IncidentStalled
from shared.history import History

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

ENTRIES_PER_CALL = 10
BYTES_PER_CALL = 240_000
"""PutEvents takes 10 entries and 256 KB a call (EventBridge quotas); the rest is room for the envelope."""


@dataclass(frozen=True, slots=True)
class Relay:
    """Where entries go, and how the relay reads a timeline when it has to publish one again."""

    events: "EventBridgeClient"
    bus: str
    read: Callable[[str], History]
    logger: Logger
    tampered: Callable[[], None]


Placed = tuple[int, "PutEventsRequestEntryTypeDef"]
"""The place of a stream record in its batch, and an event that it wants published."""


def relay(event: Mapping[str, Any], relay: Relay) -> dict[str, Any]:
    """Publishes the stream records of `event`; the response names the first one that the bus did not take."""
    waiting: list[Placed] = []
    for place, record in enumerate(event["Records"]):
        if record["eventName"] != "INSERT":
            _alarm(record, relay)
            continue
        image = record["dynamodb"]["NewImage"]
        entry = read_entry(image["entry"]["S"], image["hash"]["S"])
        again = _stalled(entry, relay) if isinstance(entry.fact, IncidentStalled) else ()
        waiting += [(place, _event(each, relay.bus)) for each in (*again, entry)]
    left = _publish(waiting, relay)
    if not left:
        return {"batchItemFailures": []}
    first = min(place for place, _ in left)
    return {"batchItemFailures": [{"itemIdentifier": event["Records"][first]["dynamodb"]["SequenceNumber"]}]}


def _stalled(entry: Entry, relay: Relay) -> Sequence[Entry]:
    """What may have been lost: every entry from the last one that somebody answered."""
    since = entry.fact.since if isinstance(entry.fact, IncidentStalled) else entry.seq
    return [each for each in relay.read(entry.incident_id).entries if since <= each.seq < entry.seq]


def _publish(waiting: list[Placed], relay: Relay) -> list[Placed]:
    """What the bus did not take, even when it was asked a second time."""
    for _ in range(2):
        waiting = [refused for batch in _batches(waiting) for refused in _put(batch, relay)]
        if not waiting:
            break
    return waiting


def _put(batch: list[Placed], relay: Relay) -> list[Placed]:
    try:
        reply = relay.events.put_events(Entries=[event for _, event in batch])
    except (BotoCoreError, ClientError) as error:
        relay.logger.warning("the bus did not take a batch", extra={"why": str(error)})
        return batch
    # PutEvents answers 200 even when it refused some; each result stands at its entry's place.
    refused = [sent for sent, result in zip(batch, reply["Entries"], strict=True) if "EventId" not in result]
    if refused:
        relay.logger.warning("the bus refused some", extra={"refused": len(refused), "of": len(batch)})
    return refused


def _event(entry: Entry, bus: str) -> "PutEventsRequestEntryTypeDef":
    detail = f'{entry.body[:-1]},"hash":"{entry.hash}"}}'
    return {"Source": "middlewatch", "DetailType": entry.fact.type, "Detail": detail, "EventBusName": bus}


def _batches(waiting: Sequence[Placed]) -> list[list[Placed]]:
    batches: list[list[Placed]] = []
    room = 0
    for place, event in waiting:
        size = len(event["Detail"].encode())
        if not batches or len(batches[-1]) == ENTRIES_PER_CALL or size > room:
            batches.append([])
            room = BYTES_PER_CALL
        batches[-1].append((place, event))
        room -= size
    return batches


def _alarm(record: Mapping[str, Any], relay: Relay) -> None:
    """Nobody may change or remove an entry; if it happens, people hear of it by way of this metric's alarm."""
    where = {name: next(iter(value.values())) for name, value in record["dynamodb"]["Keys"].items()}
    old = record["dynamodb"].get("OldImage", {}).get("entry", {}).get("S", "{}")
    relay.logger.error(
        "a timeline entry was changed or removed",
        extra={"what": record["eventName"], **where, "was": loads(old).get("fact", {}).get("type")},
    )
    relay.tampered()
