"""The keys of the state table, all in one place."""

from datetime import datetime
from zlib import crc32

SHARDS = 4
"""Lists and timers are spread over this many partitions, so that no index partition limits a storm."""


def shard(incident_id: str) -> int:
    """Where an incident's list entry and timers live; stable across processes."""
    return crc32(incident_id.encode()) % SHARDS


def head(incident_id: str) -> str:
    """The incident's list entry."""
    return f"head#{incident_id}"


def open_target(identity: str) -> str:
    """Which incident is open for this identity."""
    return f"open#{identity}"


def alarm(incident_id: str, fingerprint: str) -> str:
    """The state and the repeats of one joined alert."""
    return f"alarm#{incident_id}#{fingerprint}"


def counted(incident_id: str, fingerprint: str) -> str:
    """What one alert said that was only counted."""
    return f"counted#{incident_id}#{fingerprint}"


def counted_in(incident_id: str) -> str:
    """The list of the alerts that were only counted in an incident."""
    return f"counted#{incident_id}"


def delivery(business_key: str) -> str:
    """That this state change of this alert has been counted."""
    return f"delivery#{business_key}"


def timer(incident_id: str, name: str) -> str:
    """A fact whose time has not come."""
    return f"timer#{incident_id}#{name}"


def action(incident_id: str, proposal_id: str) -> str:
    """One action on one target, for the policy's memory."""
    return f"action#{incident_id}#{proposal_id}"


def actions(target: str) -> str:
    """The list of actions on one target."""
    return f"actions#{target}"


def budget(name: str, hour: datetime) -> str:
    """What was spent of `name` in that clock hour (UTC)."""
    return f"budget#{name}#{hour:%Y-%m-%dT%H}"


def sent(incident_id: str, channel: str, about: str) -> str:
    """The claim, and then the outcome, of one message or ticket."""
    return f"sent#{incident_id}#{channel}#{about}"


def moved(incident_id: str) -> str:
    """That the timeline moved since it was anchored last, and to where."""
    return f"moved#{incident_id}"


def moved_list(number: int) -> str:
    """The list of those marks, of one shard."""
    return f"moved#{number}"


def anchored(incident_id: str) -> str:
    """Where the timeline ended when it was anchored last."""
    return f"anchored#{incident_id}"


def waits(incident_id: str, about: int) -> str:
    """That the message about this entry found no room, and waits to be told together with others."""
    return f"waits#{incident_id}#{about}"


def waiting(channel: str) -> str:
    """The list of what waits to be told together in a channel."""
    return f"waiting#{channel}"


def together(channel: str, turn: int) -> str:
    """What one message that tells of many says, fixed before it is said."""
    return f"together#{channel}#{turn}"


STORM = "switch#storm"
"""`{"stopped": bool, "at": str, "since": entry id, "unhealthy": int, "of": int}`; an unreadable one means stopped."""
ARCHIVE = "archive"
"""The last anchor, by number and digest, and the last one that was held against the timelines again."""
TESTS = "tests"
"""The list of the heads of test incidents, whatever their status: no other list shows them."""
CANARY = "canary"
"""When the last test was begun: `{"rang_at": str}`."""
KILL_SWITCH = "switch#kill"
"""`{"stopped": bool, "person": str, "reason": str, "at": str}`; no item means running, an unreadable one stopped."""
