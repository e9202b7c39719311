"""Moments of a story, named by what a function asks of AWS at that moment, and what can be made to happen there."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.aws.calls import access_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from local.aws.calls import Identity
    from local.aws.moto_server import Fault

_OWN = re.compile(r"INC-\w+-\w+(/\d+)?|(?<=[/#])\d+|[#/]")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of a function.

    `moments` are the names of what it writes or sends; none where it only reads, or comes too late to be written.
    """

    function: str
    operation: str
    moments: tuple[str, ...]
    subject: str = ""


class Watch:
    """Sees every request to the embedded AWS before it is answered, and lets one thing at a time happen there."""

    def __init__(self, functions: Iterable[str]) -> None:
        self._functions = {access_key(name): name for name in functions}
        self._lock = threading.Lock()
        self.mails: Counter[str] = Counter()
        self._taken: set[tuple[str, str]] = set()
        self.answer: Callable[[Asked], Fault | None] | None = None

    def __call__(self, identity: Identity) -> Fault | None:
        """Says what goes wrong with a request."""
        function = self._functions.get(identity.key)
        if function is None:
            return None
        places = set(_places(identity))
        with self._lock:
            late = bool(places & self._taken)
            asked = Asked(function, identity.operation, () if late else tuple(moments(identity)), _subject(identity))
            fault = self.answer(asked) if self.answer else None
            if fault not in {"throttle", "lost request"}:
                self._taken |= places
                self.mails.update([asked.subject] if asked.subject else [])
        return fault


def moments(identity: Identity) -> list[str]:
    """What this request writes or sends: fact types, the kind of a state item, or the operation."""
    request = identity.request
    match identity.operation:
        case "TransactWriteItems":
            found = [_fact(item) for item in request["TransactItems"]]
            return [fact for fact in found if fact] or [_kind(request["TransactItems"][0])]
        case "PutEvents":
            return [f"publishes {entry['DetailType']}" for entry in request["Entries"]]
        case "SendMessage" | "SendEmail":
            return [identity.operation]
    return []


def _places(identity: Identity) -> Iterator[tuple[str, str]]:
    """Which places of which timelines this request wants to fill."""
    for item in identity.request.get("TransactItems", []):
        put = item.get("Put", {}).get("Item", {})
        if "seq" in put:
            yield put["incident_id"]["S"], put["seq"]["N"]


def _fact(item: dict[str, Any]) -> str:
    entry = item.get("Put", {}).get("Item", {}).get("entry")
    return str(json.loads(entry["S"])["fact"]["type"]) if entry else ""


def _kind(item: dict[str, Any]) -> str:
    (verb, action), *_ = item.items()
    key = action["Item"]["key"]["S"] if verb == "Put" else action["Key"]["key"]["S"]
    if "attribute_not_exists" in action.get("ConditionExpression", ""):
        verb = "Claim"
    return " ".join([verb, *_OWN.sub(" ", key).split()])


def _subject(identity: Identity) -> str:
    if identity.operation != "SendEmail":
        return ""
    request = identity.request
    return str(request.get("Message.Subject.Data") or request["Message"]["Subject"]["Data"])
