"""What else must be written when a timeline grows, all of it following from the facts alone."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from shared import facts, keys
from shared.alert import as_text
from shared.entry import Entry
from shared.incident import Incident, Timer
from shared.writes import Claim, Put, Release, Write

LONGEST_STALL = 8
"""How often the stall timer doubles at most: an incident nobody can move is told of now and then, not for ever."""
MOST_RELEASED = 80
"""Alarms that the closing transaction removes; DynamoDB takes 100 writes in one, and nobody asks for the rest again."""
REMEMBER = timedelta(days=30)
"""How long deliveries and past actions are remembered."""


def projected(before: Incident | None, after: Incident, entries: Sequence[Entry], stall: timedelta) -> list[Write]:
    """The head, timers, alarms, the claim on the target and the memory of actions, as `entries` leave them.

    And the mark that there is something to anchor; `archive` takes it off.
    """
    return [
        _head(after),
        _moved(after),
        *_timers(before, after, stall),
        *(write for entry in entries for write in _from_fact(before, after, entry)),
    ]


def listing(incident: Incident) -> dict[str, object]:
    """The incident in one line, as lists show it."""
    return {
        "incident_id": incident.id,
        "status": incident.status,
        "phase": incident.phase,
        "severity": incident.severity,
        "title": incident.title,
        "service": incident.service,
        "target": incident.target.short if incident.target else "",
        "identity": incident.identity,
        "opened_at": as_text(incident.opened_at),
        "updated_at": as_text(incident.last.at),
        "test": incident.test,
        "firing": bool(incident.firing),
        "escalated": bool(incident.escalated_at),
        "acknowledged_by": incident.acknowledged_by,
        "version": incident.last.seq,
        "hash": incident.last.hash,
    }


def stall_timer(incident: Incident, stall: timedelta) -> dict[str, Timer]:
    """The timer that rings when one of our own stages should have moved and did not."""
    if not incident.our_move:
        return {}
    # What did not help from the last answer on, may have been lost before it: then all is published again.
    since = 1 if incident.stalls else min((incident.answered, *incident.calls))
    fact = facts.IncidentStalled(since=since, times=incident.stalls + 1)
    return {"stall": Timer(incident.last.at + stall * 2 ** min(incident.stalls, LONGEST_STALL), fact)}


def _head(incident: Incident) -> Put:
    place = keys.TESTS if incident.test else f"{incident.status}#{keys.shard(incident.id)}"
    return Put(keys.head(incident.id), listing(incident), listed=(place, as_text(incident.opened_at)))


def _moved(incident: Incident) -> Put:
    value = {"incident_id": incident.id, "seq": incident.last.seq, "hash": incident.last.hash}
    place = keys.moved_list(keys.shard(incident.id))
    return Put(keys.moved(incident.id), value, listed=(place, as_text(incident.opened_at)))


def _timers(before: Incident | None, after: Incident, stall: timedelta) -> list[Write]:
    old = {**before.timers, **stall_timer(before, stall)} if before else {}
    new = {**after.timers, **stall_timer(after, stall)}
    set_now: list[Write] = [
        Put(
            keys.timer(after.id, name),
            {"incident_id": after.id, "name": name, "due_at": as_text(timer.due_at), "set_by": after.last.seq},
            due=timer.due_at,
        )
        for name, timer in new.items()
        if old.get(name) != timer
    ]
    return [*set_now, *(Release(keys.timer(after.id, name)) for name in old if name not in new)]


def _from_fact(before: Incident | None, incident: Incident, entry: Entry) -> list[Write]:
    match entry.fact:
        case facts.AlertFlapped(fingerprint=fingerprint) if before and before.alarms[fingerprint].flapping:
            return []  # its item goes on beside the timeline, and is newer
        case facts.IncidentOpened(alert=alert, identity=identity):
            return [
                Claim(keys.open_target(identity), {"incident_id": incident.id}),
                _alarm(incident, alert.fingerprint, entry.at),
            ]
        case facts.AlertJoined(alert=alert):
            return [_alarm(incident, alert.fingerprint, entry.at)]
        case (
            facts.AlertResolved(fingerprint=fingerprint)
            | facts.AlertLapsed(fingerprint=fingerprint)
            | facts.AlertFlapped(fingerprint=fingerprint)
        ):
            return [_alarm(incident, fingerprint, entry.at)]
        case facts.AlertRepeated(fingerprint=fingerprint, count=count):
            return [replace(_alarm(incident, fingerprint, entry.at), count=count)]
        case facts.IncidentClosed():
            return [
                Release(keys.open_target(incident.identity)),
                *(
                    Release(keys.alarm(incident.id, fingerprint))
                    for fingerprint in list(incident.alarms)[:MOST_RELEASED]
                ),
            ]
        case facts.ActionStarted() | facts.ActionCompleted() | facts.ActionFailed() | facts.ActionOutcomeUnknown():
            return [_remembered(incident, entry.fact.proposal_id, entry.at)]
        case facts.RecoveryVerified() | facts.RecoveryFailed() | facts.RecoveryInconclusive():
            return [_remembered(incident, entry.fact.proposal_id, entry.at)]
    return []


def _alarm(incident: Incident, fingerprint: str, recorded_at: datetime) -> Put:
    alarm = incident.alarms[fingerprint]
    value = {
        "state": alarm.state,
        "since": as_text(alarm.since),
        "changes": alarm.changes,
        "flapping": alarm.flapping,
        "recorded_at": as_text(recorded_at),
    }
    return Put(keys.alarm(incident.id, fingerprint), value)


def _remembered(incident: Incident, proposal_id: str, now: datetime) -> Put:
    work = incident.work[proposal_id]
    started_at = work.started_at or now
    return Put(
        keys.action(incident.id, proposal_id),
        {
            "incident_id": incident.id,
            "proposal_id": proposal_id,
            "action": work.proposal.action,
            "target": work.proposal.target.key,
            "at": as_text(started_at),
            "standing": work.standing,
        },
        listed=(keys.actions(work.proposal.target.key), as_text(started_at)),
        expires_at=now + REMEMBER,
    )
