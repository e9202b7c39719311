"""Did it really recover? Yes, no, or it cannot be told; never yes for want of bad news."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean
from typing import Any

from shared import config, facts
from shared.entry import Entry
from shared.facts import Fact
from shared.incident import Incident, Work
from shared.sentences import figure


@dataclass(frozen=True, slots=True)
class Reading:
    """The values of one measure before the action and over the window that ends now; None where it cannot be read."""

    measure: config.Measure
    before: tuple[float, ...]
    after: tuple[float, ...] | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read: the service (see EcsServices.read), each alarm's state by name, the measures, and what was not.

    `told` are the fingerprints of alerts that nothing here can be asked about: they stand as they were told last.
    """

    service: Mapping[str, Any] | None
    alarms: Mapping[str, str]
    readings: tuple[Reading, ...]
    gaps: tuple[str, ...] = ()
    told: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Patience:
    """How long all must be well, how often to look, and when to stop looking."""

    window: timedelta
    every: timedelta
    limit: timedelta


def judge(incident: Incident, cause: Entry, seen: Seen, now: datetime, *, patience: Patience) -> Sequence[Fact]:
    """The verdict on the action whose check is due, or the date of the next look."""
    if not isinstance(cause.fact, facts.CheckDue):
        return []
    work = incident.work[cause.fact.proposal_id]
    if work.standing != "completed" or work.completed_at is None:
        return []
    measures = tuple(measured(reading) for reading in seen.readings)
    doubts = [*_rollout(work, seen, now, patience), *_alarms(incident, seen), *_measures(measures)]
    doubts += [*_unread(seen.readings), *seen.gaps]
    proposal_id = work.proposal.id
    if broken := _broken(work, seen):
        return [facts.RecoveryFailed(proposal_id=proposal_id, measures=measures, seen=broken)]
    if not doubts and work.verification != "auto":
        asked = f"{_well(measures)}; the policy wants a person to confirm it"
        return [facts.RecoveryInconclusive(proposal_id=proposal_id, measures=measures, seen=asked)]
    if not doubts:
        again_at = now + patience.limit
        return [
            facts.RecoveryVerified(
                proposal_id=proposal_id, measures=measures, seen=_well(measures), look_again_at=again_at
            )
        ]
    if now - work.completed_at < patience.limit:
        return [
            facts.RecoveryChecked(
                proposal_id=proposal_id,
                number=cause.fact.number,
                seen="; ".join(doubts),
                check_at=now + patience.every,
            )
        ]
    return [_verdict(incident, proposal_id, measures, seen, "; ".join(doubts))]


def measured(reading: Reading) -> facts.Measure:
    """One measure judged over its whole window."""
    measure = reading.measure
    after = reading.after
    if after is not None and not after and measure.missing == "zero":
        after = (0.0,)
    if after is None:
        ok = None
    elif not after:
        ok = None if measure.missing == "ignore" else False
    else:
        ok = all(_inside(measure, value) for value in after)
    return facts.Measure(
        name=measure.name,
        before=fmean(reading.before) if reading.before else None,
        after=fmean(after) if after else None,
        bound=_bound(measure),
        ok=ok,
        positive=measure.positive,
        detail=reading.why or ("" if after else "no data"),
    )


def _inside(measure: config.Measure, value: float) -> bool:
    return (measure.below is None or value < measure.below) and (measure.above is None or value > measure.above)


def _bound(measure: config.Measure) -> str:
    bounds = [
        f"< {measure.below:g}" if measure.below is not None else "",
        f"> {measure.above:g}" if measure.above is not None else "",
    ]
    return " and ".join(bound for bound in bounds if bound)


def _broken(work: Work, seen: Seen) -> str:
    """What makes recovery impossible, however long one waits."""
    service = seen.service
    if service is None or work.started is None:
        return ""
    if service["rollout"] == "FAILED":
        return "the rollout failed"
    bound = work.proposal.binding.get("task_definition")
    if work.proposal.action == "restart_service" and bound and service["task_definition"] != bound:
        return f"another release took over: {service['task_definition']}"
    return ""


def _rollout(work: Work, seen: Seen, now: datetime, patience: Patience) -> list[str]:
    if seen.service is None:
        return []  # the gap says so
    service = seen.service
    if service["rollout"] != "COMPLETED" or service["running_count"] < service["desired_count"]:
        return [f"the rollout goes on: {service['running_count']} of {service['desired_count']} tasks run"]
    finished = max(datetime.fromisoformat(service["rollout_since"]), work.completed_at or now)
    if now < finished + patience.window:
        return [f"it has been up for {(now - finished).total_seconds():.0f} s of {patience.window.total_seconds():.0f}"]
    return []


def _alarms(incident: Incident, seen: Seen) -> list[str]:
    """What CloudWatch says of our alarms now; all others count by what they last told us."""
    told = [alarm.alert.title for alarm in incident.firing if alarm.alert.fingerprint in seen.told]
    ringing = [name for name, state in seen.alarms.items() if state == "ALARM"]
    unclear = [f"{name} is {state}" for name, state in seen.alarms.items() if state not in {"OK", "ALARM"}]
    still = [f"{' and '.join(ringing)} still {'rings' if len(ringing) == 1 else 'ring'}"] if ringing else []
    return [*still, *unclear, *(f"{title} has not cleared" for title in told)]


def _measures(measures: Sequence[facts.Measure]) -> list[str]:
    bad = [f"{each.name} is {_value(each)}, wants {each.bound}" for each in measures if each.ok is False]
    if not any(each.positive and each.ok and each.after is not None for each in measures):
        bad.append("no measure shows that the service serves")
    return bad


def _unread(readings: Sequence[Reading]) -> list[str]:
    """Which measures could not be read, by why: what one of them would say, no other one can."""
    unread = [reading for reading in readings if reading.after is None]
    names = {why: [each.measure.name for each in unread if each.why == why] for why in (each.why for each in unread)}
    return [f"{' and '.join(group)} {why}" for why, group in names.items()]


def _value(measure: facts.Measure) -> str:
    return measure.detail or "no data" if measure.after is None else figure(measure.after)


def _verdict(
    incident: Incident, proposal_id: str, measures: tuple[facts.Measure, ...], seen: Seen, doubts: str
) -> Fact:
    """Out of time: something is bad (failed), or something is not known (inconclusive)."""
    bad = any(each.ok is False for each in measures) or any(state == "ALARM" for state in seen.alarms.values())
    if bad or any(alarm.alert.fingerprint in seen.told for alarm in incident.firing):
        return facts.RecoveryFailed(proposal_id=proposal_id, measures=measures, seen=doubts)
    return facts.RecoveryInconclusive(proposal_id=proposal_id, measures=measures, seen=doubts)


def _well(measures: Sequence[facts.Measure]) -> str:
    told = [
        f"{each.name} {figure(each.before)} → {figure(each.after)}"
        if each.before is not None
        else f"{each.name} {figure(each.after)}"
        for each in measures
        if each.after is not None
    ]
    return f"rollout complete, alarms clear, {', '.join(told)}"
