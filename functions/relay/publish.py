"""Puts new timeline entries on the bus, each at least once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from json import loads
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from shared.entry import read_entry
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


@dataclass(frozen=True, slots=True)
class Appended:
    """An entry as it was stored: the type of its fact, which may be one that a newer release writes, body and hash."""

    kind: str
    body: str
    hash: str


STALLED = IncidentStalled.model_fields["type"].default
Placed = tuple[int, "PutEventsRequestEntryTypeDef"]
"""The place of a stream record in its batch, and an event that it wants published."""


def relay(event: Mapping[str, Any], relay: Relay) -> dict[str, Any]:
    """Publishes the stream records of `event`; the response names the first one that the bus did not take."""
    waiting: list[Placed] = []
    for place, record in enumerate(event["Records"]):
        if record["eventName"] != "INSERT":
            _tell("a timeline entry was changed or removed", record, relay)
            continue
        appended = _appended(record)
        if appended is None:
            _tell("what was put on a timeline is no entry of it", record, relay)
            continue
        try:
            again: Sequence[Appended] = _stalled(appended, relay)
        except ValueError as error:  # another entry of this timeline; what is new goes on all the same
            _tell(f"a timeline cannot be published again: {error}", record, relay)
            again = ()
        waiting += [(place, _event(each, relay.bus)) for each in (*again, appended)]
    left = _publish(waiting, relay)
    if not left:
        return {"batchItemFailures": []}
    first = min(place for place, _ in left)
    return {"batchItemFailures": [{"itemIdentifier": event["Records"][first]["dynamodb"]["SequenceNumber"]}]}


def _appended(record: Mapping[str, Any]) -> Appended | None:
    """What a record put in its place; None where it is no entry, is not what its hash says, or belongs elsewhere."""
    keys, image = record["dynamodb"]["Keys"], record["dynamodb"]["NewImage"]
    try:
        body, digest = image["entry"]["S"], image["hash"]["S"]
        content = loads(body)
        kind, place = str(content["fact"]["type"]), content["id"]
    except (KeyError, TypeError, ValueError):
        return None
    whole = sha256(body.encode()).hexdigest() == digest
    return Appended(kind, body, digest) if whole and place == f"{keys['incident_id']['S']}/{keys['seq']['N']}" else None


def _stalled(appended: Appended, relay: Relay) -> Sequence[Appended]:
    """What may have been lost where the incident stalled: every entry from the last one that somebody answered."""
    if appended.kind != STALLED:
        return ()
    entry = read_entry(appended.body, appended.hash)
    since = entry.fact.since if isinstance(entry.fact, IncidentStalled) else entry.seq
    again = [each for each in relay.read(entry.incident_id).entries if since <= each.seq < entry.seq]
    return [Appended(each.fact.type, each.body, each.hash) for each in again]


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


def _event(appended: Appended, bus: str) -> "PutEventsRequestEntryTypeDef":
    detail = f'{appended.body[:-1]},"hash":"{appended.hash}"}}'
    return {"Source": "middlewatch", "DetailType": appended.kind, "Detail": detail, "EventBusName": bus}


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


def _tell(what: str, record: Mapping[str, Any], relay: Relay) -> None:
    """Nobody may do that; if it happens, people hear of it by way of this metric's alarm, and nothing waits for it."""
    change = record["dynamodb"]
    where = {name: next(iter(value.values())) for name, value in change["Keys"].items()}
    before, after = (change.get(image, {}) for image in ("OldImage", "NewImage"))
    extra = {"what": record["eventName"], **where, "was": _said(before), "is": _said(after)}
    relay.logger.error(what, extra=extra)
    relay.tampered()


def _said(image: Mapping[str, Any]) -> str:
    """The type of the fact in an image and its hash, as far as they can be read."""
    digest = image.get("hash", {}).get("S", "")
    try:
        return f"{loads(image['entry']['S'])['fact']['type']} {digest}"
    except (KeyError, TypeError, ValueError):
        return f"unreadable {digest}" if image else ""
