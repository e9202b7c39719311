"""How an alert becomes part of an incident: it opens one, joins one, is counted, or clears.

A repeat costs the same however often it rang before: two reads and one transaction that counts it. Only a change of
state reads the timeline.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal

from shared import facts, keys
from shared.alert import DEFAULT_BUS, Alert, as_text
from shared.alerts.fields import SUMMARY, clip
from shared.config import Config, Limits, Service
from shared.configuration import in_cluster, located, may_be_told, service_of
from shared.decide import ATTEMPTS, settle
from shared.errors import Conflict, Exhausted, Taken, Unavailable
from shared.facts import Fact
from shared.flood import Flood, power_of_ten
from shared.history import History
from shared.incident import TEST_HOLD, Incident
from shared.ports import Clock, Item, State, Store, Timeline
from shared.projection import REMEMBER
from shared.settings import Settings
from shared.target import Target
from shared.writes import Claim, Count, Put, Release, Spend, Write

FLAPPING_AFTER = 20
"""Changes of state of one alert within one incident before they are counted and no longer recorded one by one."""
ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
"""Without the letters and digits that are mistaken for one another."""
MOST_ALARMS = 200
"""Different alerts of one source that one incident holds; a timeline must stay short enough to be read at once."""
LOOKED_INTO = ("investigating", "acting", "verifying")
"""Phases in which what runs already sees an alert that joins, so that it costs nothing."""

Outcome = Literal["opened", "joined", "repeated", "resolved", "duplicate", "ignored"]


@dataclass(frozen=True, slots=True)
class Intake:
    """What intake needs: the two ports, the inventory, and the times of the incident's course."""

    timeline: Timeline
    state: State
    config: Config
    clock: Clock
    new_id: Callable[[datetime], str]
    actor: str
    hold: timedelta
    retell: timedelta
    account: str
    region: str
    cluster: str = ""
    limits: Limits = field(default_factory=Limits)

    @classmethod
    def of(cls, settings: Settings, store: Store, config: Config, clock: Clock, *, actor: str) -> "Intake":
        """The intake of a function called `actor`, by its settings."""
        return cls(
            timeline=store,
            state=store,
            config=config,
            clock=clock,
            new_id=new_incident_id,
            actor=actor,
            hold=settings.span("hold"),
            retell=settings.span("retell"),
            account=settings.aws_account_id,
            region=settings.aws_region,
            cluster=settings.ecs_cluster_name,
            limits=config.limits,
        )


@dataclass(frozen=True, slots=True)
class Received:
    """What became of one alert, and in which incident (None: it opened none, and `note` says why)."""

    incident_id: str | None
    outcome: Outcome
    note: str = ""


def told_by(alert: Alert, origin: str) -> Alert:
    """The alert as said by `origin`, under a fingerprint that no other origin can give.

    So nobody can clear, repeat or count beforehand what another raised, whatever ids it sends. What AWS says itself
    keeps its own fingerprint: no other one is without its origin's name and a dot.
    """
    said = alert.fingerprint if origin == DEFAULT_BUS else f"{origin}.{alert.fingerprint}"
    return alert.model_copy(update={"origin": origin, "fingerprint": said})


def new_incident_id(now: datetime) -> str:
    """An id of ours that is easy to say on the phone: the day, and six letters or digits (`INC-261121-K7Q2M4`)."""
    return f"INC-{now:%y%m%d}-{''.join(secrets.choice(ALPHABET) for _ in range(6))}"


def receive(alert: Alert, intake: Intake, *, test: bool = False) -> Received:
    """Makes `alert` part of its incident, durably, once per state change however often it is delivered.

    An alert about a target that its origin (see `told_by`) was not given is told to people as one without a target.
    Only a caller that knows for certain that the alert is Middlewatch's test of itself may say `test`; such an alert
    is about nothing else, and never part of another's incident. Raises Unavailable where that cannot be done now.
    """
    if test:
        return _receive(_as_test(alert), None, intake, test=True)
    alert = _addressed(alert, intake)
    service = service_of(intake.config, alert) if alert.target else None
    received = _receive(alert, service, intake, test=False)
    if alert.state == "firing" and received.incident_id and received.outcome != "repeated":
        _catch_up(alert, received.incident_id, _hold(service, intake, test=False), intake)
    return replace(received, note=_overreach(alert)) if alert.beyond else received


def heard(alert: Alert, intake: Intake) -> bool:
    """Whether the open incident of its target knows the alert in this state, or in a newer one."""
    alert = _addressed(alert, intake)
    held = intake.state.get(keys.open_target(alert.identity))
    known = intake.state.get(keys.alarm(str(held.value["incident_id"]), alert.fingerprint)) if held else None
    if known is None:
        return False
    return bool(known.value["state"] == alert.state) or alert.changed_at < datetime.fromisoformat(known.value["since"])


def _addressed(alert: Alert, intake: Intake) -> Alert:
    alert = located(intake.config, in_cluster(alert, intake.cluster), account=intake.account, region=intake.region)
    return alert if alert.target is None or may_be_told(intake.config, alert) else _beyond(alert, alert.target)


def _beyond(alert: Alert, target: Target) -> Alert:
    """The alert about nothing, for people to read: nothing is done, joined or cleared because of it."""
    apart = f"{alert.fingerprint}.beyond"  # what the same source says of its own target is another alert
    alert = alert.model_copy(update={"target": None, "beyond": target.short, "fingerprint": apart})
    return alert.model_copy(update={"summary": clip(f"{_overreach(alert)}\n{alert.summary}".strip(), SUMMARY)})


def _overreach(alert: Alert) -> str:
    return f"Says so of {alert.beyond}, which it was not given ({alert.origin or 'nobody that we know'})."


def _receive(alert: Alert, service: Service | None, intake: Intake, *, test: bool) -> Received:
    for _ in range(ATTEMPTS):
        held = intake.state.get(keys.open_target(alert.identity))
        try:
            if held is None:
                return _first(alert, service, intake, test=test)
            return _next(alert, service, str(held.value["incident_id"]), intake, _hold(service, intake, test=test))
        except Taken as taken:
            counted = intake.state.get(taken.key) if taken.key == keys.delivery(alert.delivery) else None
            if counted and not _counted_in_vain(alert, counted, held, intake):
                return _duplicate(alert, str(counted.value["incident_id"]), intake)
        except Conflict:
            pass
    reason = f"{alert.identity} changed {ATTEMPTS} times while an alert about it came in"
    raise Unavailable(reason)


def _as_test(alert: Alert) -> Alert:
    """The alert under a fingerprint that no parser gives, so that whoever claims to be it meets it nowhere."""
    return alert.model_copy(update={"target": None, "fingerprint": f"test-{alert.fingerprint}"})


def _first(alert: Alert, service: Service | None, intake: Intake, *, test: bool) -> Received:
    """No incident is open for this target."""
    if alert.state != "firing":
        _remember_clear(alert, intake)
        return Received(None, "ignored", f"{alert.state}, and no incident is open for {_subject(alert)}")
    if test:
        return _open(alert, service, intake, test=True)
    return _paid(alert, service, intake, lambda why, spent: _opened(alert, service, intake, why, spent))


def _opened(alert: Alert, service: Service | None, intake: Intake, why: str, spent: Sequence[Write]) -> Received:
    """What is in the inventory has an incident of its own, whoever says how much; anything else is counted in a flood.

    The inventory has an end, and what senders make up has none.
    """
    if why and service is None:
        return _flooded(alert, intake, why)
    return _open(alert, service, intake, why, spent)


def _open(
    alert: Alert,
    service: Service | None,
    intake: Intake,
    unattended: str = "",
    spent: Sequence[Write] = (),
    *,
    test: bool = False,
) -> Received:
    now = intake.clock()
    incident_id = intake.new_id(now)
    opened: list[Fact] = [
        facts.IncidentOpened(
            alert=alert,
            identity=alert.identity,
            target=alert.target,
            service=service.name if service else "",
            title=alert.title,
            severity=alert.severity,
            config_digest=intake.config.digest,
            test=test,
            unattended=unattended,
        )
    ]
    if cleared_at := _overtaken_by(alert, intake):
        opened.append(
            facts.AlertResolved(
                fingerprint=alert.fingerprint,
                title=alert.title,
                cleared_at=cleared_at,
                hold_until=now + _hold(service, intake, test=test),
            )
        )
    if unattended:
        opened.append(facts.IncidentEscalated(reason=unattended))
    intake.timeline.append(
        History(incident_id),
        opened,
        actor=intake.actor,
        caused_by=alert.delivery,
        now=now,
        also=[*_remember(alert, incident_id, intake), *spent],
    )
    return Received(incident_id, "opened", unattended)


def _paid(
    alert: Alert,
    service: Service | None,
    intake: Intake,
    take: Callable[[str, Sequence[Write]], Received],
) -> Received:
    """Takes the alert in with what one round of looking into it costs its source, or with why nobody will.

    A critical service has a reserve of its own with each source, which no other alert of that source can use up.
    """
    now, limits, origin = intake.clock(), intake.limits, alert.origin
    shares = [(f"rounds@{origin}", limits.rounds_per_source_per_hour)]
    if service and service.tier == "critical":
        shares.append((f"reserve@{origin}#{service.name}", limits.rounds_reserved))
    for name, most in shares:
        key = keys.budget(name, now)
        spent = intake.state.get(key)
        if spent and spent.count >= most:
            continue  # asked first, so that a flood does not crowd around one item
        try:
            return take("", [Spend(key, most, now + timedelta(hours=2))])
        except Exhausted:
            continue
    why = f"{limits.rounds_per_source_per_hour} alerts of {origin or 'unknown senders'} were looked into this hour"
    return take(f"{why}, so nothing looks into this one", ())


def _flooded(alert: Alert, intake: Intake, why: str) -> Received:
    flood = Flood(intake.timeline, intake.state, intake.clock, intake.actor, intake.config.digest, intake.hold)
    return Received(flood.count(alert, why, intake.new_id(intake.clock())), "repeated", why)


def _next(alert: Alert, service: Service | None, incident_id: str, intake: Intake, hold: timedelta) -> Received:
    """An incident is open for this target."""
    known = intake.state.get(keys.alarm(incident_id, alert.fingerprint))
    if known is None:
        if alert.state != "firing":
            _remember_clear(alert, intake)
            return Received(incident_id, "ignored", f"{alert.state}, but this alert never rang in {incident_id}")
        return _ring(alert, service, incident_id, intake, hold, None)
    late = alert.changed_at < datetime.fromisoformat(known.value["since"])
    changed = alert.state != known.value["state"] and not late
    if changed and alert.state == "unknown":
        changed = known.value["state"] == "resolved" and intake.timeline.read(incident_id).incident.status == "open"
    if not changed:
        return _repeat(alert, known, incident_id, intake, late=late)
    if known.value["flapping"]:
        return _flap_on(alert, known, incident_id, intake)
    if known.value["changes"] + 1 >= FLAPPING_AFTER:
        return _record(alert, incident_id, intake, partial(_flapped, alert, hold, known), "joined", known)
    if alert.state == "unknown":
        return _record(alert, incident_id, intake, partial(_lapsed, alert, hold), "joined", known)
    if alert.state == "firing":
        return _ring(alert, service, incident_id, intake, hold, known)
    return _record(
        alert,
        incident_id,
        intake,
        lambda incident, now: [_resolved(alert, alert.changed_at, incident, now + hold)],
        "resolved",
        known,
    )


def _ring(
    alert: Alert, service: Service | None, incident_id: str, intake: Intake, hold: timedelta, known: Item | None
) -> Received:
    """It rings in this incident: for the first time, or, where it is `known`, once more after it had cleared."""
    cleared_at = _overtaken_by(alert, intake)
    incident = intake.timeline.read(incident_id).incident
    if known is None and sum(each.alert.origin == alert.origin for each in incident.alarms.values()) >= MOST_ALARMS:
        why = f"{alert.origin} has rung with {MOST_ALARMS} different alerts about {_subject(alert)}"
        return _flooded(alert, intake, f"{why}, so more of them are only counted")

    def take(why: str, spent: Sequence[Write]) -> Received:
        joined = facts.AlertJoined(alert=alert, again=known is not None, unattended=why)

        def answer(incident: Incident, now: datetime) -> Sequence[Fact]:
            if known is None and alert.fingerprint in incident.alarms:
                raise Taken(keys.alarm(incident_id, alert.fingerprint))  # another ring of it came first
            return [joined, _resolved(alert, cleared_at, incident, now + hold)] if cleared_at else [joined]

        return _record(alert, incident_id, intake, answer, "joined", known, spent)

    return take("", ()) if incident.phase in LOOKED_INTO else _paid(alert, service, intake, take)


def _record(
    alert: Alert,
    incident_id: str,
    intake: Intake,
    answer: Callable[[Incident, datetime], Sequence[Fact]],
    outcome: Outcome,
    known: Item | None = None,
    also: Sequence[Write] = (),
) -> Received:
    """Appends what this change of state means for the incident, if what is `known` of the alert still holds then.

    Raises Taken where the incident closed meanwhile, or another delivery changed what is known.
    """

    def of_an_open_one(history: History, now: datetime) -> Sequence[Fact]:
        if history.incident.status == "closed":
            raise Taken(keys.open_target(history.incident.identity))
        return answer(history.incident, now)

    history = settle(
        incident_id,
        of_an_open_one,
        intake.timeline,
        intake.clock,
        actor=intake.actor,
        caused_by=alert.delivery,
        also=[*_remember(alert, incident_id, intake), *_unchanged(known), *also],
    )
    if history.appended:
        return Received(incident_id, outcome)
    intake.state.write(*_remember(alert, incident_id, intake))  # the timeline knew it for longer than the state
    return Received(incident_id, "duplicate")


def _unchanged(known: Item | None) -> list[Write]:
    return [Put(known.key, known.value, count=known.count, when=known.value)] if known else []


def _flapped(alert: Alert, hold: timedelta, known: Item, _incident: Incident, now: datetime) -> Sequence[Fact]:
    return [
        facts.AlertFlapped(
            fingerprint=alert.fingerprint,
            title=alert.title,
            state=alert.state,
            changed_at=alert.changed_at,
            changes=known.value["changes"] + 1,
            look_again_at=now + hold,
        )
    ]


def _lapsed(alert: Alert, hold: timedelta, incident: Incident, now: datetime) -> Sequence[Fact]:
    """No data is no health: the hold ends, and what still gives none when it would have ended is a person's."""
    if incident.status == "resolved":
        raise Taken(keys.open_target(incident.identity))
    return [
        facts.AlertLapsed(
            fingerprint=alert.fingerprint, title=alert.title, since=alert.changed_at, look_again_at=now + hold
        )
    ]


def _resolved(alert: Alert, cleared_at: datetime, incident: Incident, hold_until: datetime) -> Fact:
    others = [
        alarm for alarm in incident.firing if alarm.alert.fingerprint != alert.fingerprint and not alarm.flapping
    ]  # a flapping one is asked for when the hold is over
    return facts.AlertResolved(
        fingerprint=alert.fingerprint,
        title=alert.title,
        cleared_at=cleared_at,
        hold_until=None if others else hold_until,
    )


def _repeat(alert: Alert, known: Item, incident_id: str, intake: Intake, *, late: bool) -> Received:
    """Counts it; records it at every tenfold count, and after a while so that nobody forgets.

    It says since when its state holds at least, so that a change that it overtook on its way is known to be older.
    """
    now = intake.clock()
    count = known.count + 1
    recorded_at = datetime.fromisoformat(known.value["recorded_at"])
    newer = alert.state == known.value["state"] and not late
    due = power_of_ten(count) or now - recorded_at >= intake.retell
    if newer and due and alert.state == "firing" and not known.value["flapping"]:
        repeated = facts.AlertRepeated(
            fingerprint=alert.fingerprint, title=alert.title, count=count, changed_at=alert.changed_at
        )
        return _record(alert, incident_id, intake, lambda _, __: [repeated], "repeated", known)
    value = {**known.value, "since": as_text(alert.changed_at)}
    counted = Put(known.key, value, count=count, when=known.value) if newer else Count(known.key)
    intake.state.write(*_remember(alert, incident_id, intake), counted)
    return Received(incident_id, "repeated")


def _flap_on(alert: Alert, known: Item, incident_id: str, intake: Intake) -> Received:
    """A flapping alert's state is kept up to date beside the timeline, not on it."""
    value: Mapping[str, Any] = {
        **known.value,
        "state": alert.state,
        "since": as_text(alert.changed_at),
        "changes": known.value["changes"] + 1,
    }
    counted = Put(known.key, value, count=known.count, when=known.value)
    intake.state.write(counted, *_remember(alert, incident_id, intake))
    return Received(incident_id, "repeated", "flapping")


def _counted_in_vain(alert: Alert, counted: Item, held: Item | None, intake: Intake) -> bool:
    """Whether it rings although the incident that counted it has closed; then that delivery is forgotten."""
    if alert.state != "firing" or (held and held.value == counted.value) or _overtaken_by(alert, intake):
        return False
    if intake.timeline.read(str(counted.value["incident_id"])).incident.status != "closed":
        return False
    with suppress(Taken):  # another delivery of it came first, and it is counted anew
        intake.state.write(Release(counted.key, when=counted.value))
    return True


def _duplicate(alert: Alert, incident_id: str, intake: Intake) -> Received:
    """A redelivery; or a source that says the same again because it still holds, which is recorded once a while."""
    known = intake.state.get(keys.alarm(incident_id, alert.fingerprint))
    if alert.state == "firing" and known and known.value["state"] == "firing" and not known.value["flapping"]:
        recorded_at = known.value["recorded_at"]
        if intake.clock() - datetime.fromisoformat(recorded_at) >= intake.retell:
            repeated = facts.AlertRepeated(
                fingerprint=alert.fingerprint, title=alert.title, count=known.count, reason="still firing"
            )
            settle(
                incident_id,
                lambda _, __: [repeated],
                intake.timeline,
                intake.clock,
                actor=intake.actor,
                caused_by=f"{alert.delivery}/{recorded_at}",
            )
    return Received(incident_id, "duplicate")


def _remember(alert: Alert, incident_id: str, intake: Intake) -> list[Write]:
    """That this delivery was counted, and when the alert cleared if it says so."""
    counted = Claim(keys.delivery(alert.delivery), {"incident_id": incident_id}, expires_at=intake.clock() + REMEMBER)
    return [counted, *_clears(alert, intake)]


def _clears(alert: Alert, intake: Intake) -> list[Write]:
    """When it cleared, unless a later time is known: an alarm that its own all-clear overtook must not fire.

    That outlives the incident, whose end forgets its alarms.
    """
    if alert.state != "resolved" or _overtaken_by(alert, intake):
        return []
    at = {"at": as_text(alert.changed_at)}
    return [Put(_cleared(alert), at, expires_at=intake.clock() + REMEMBER)]


def _remember_clear(alert: Alert, intake: Intake) -> None:
    """Keeps when an alert cleared that did not ring yet. Raises Taken where it began to ring in this moment."""
    clears = _clears(alert, intake)
    if not clears:
        return
    intake.state.write(*clears)
    held = intake.state.get(keys.open_target(alert.identity))
    key = keys.alarm(str(held.value["incident_id"]), alert.fingerprint) if held else ""
    if key and intake.state.get(key):
        raise Taken(key)


def _catch_up(alert: Alert, incident_id: str, hold: timedelta, intake: Intake) -> None:
    """Clears an alarm whose all-clear came between what was read about it and what was written.

    The all-clear looks for its alarm once it is remembered, and we for it once the alarm is: one sees the other.
    """
    for _ in range(ATTEMPTS):
        cleared_at = _overtaken_by(alert, intake)
        known = intake.state.get(keys.alarm(incident_id, alert.fingerprint)) if cleared_at else None
        if cleared_at is None or known is None or known.value["state"] == "resolved":
            return
        if datetime.fromisoformat(known.value["since"]) > cleared_at:
            return  # it rang again since, which only the state knows where that was a repeat
        try:
            _clear(alert, cleared_at, incident_id, hold, known, intake)
        except Taken:
            continue
        return
    reason = f"{alert.identity} changed {ATTEMPTS} times while its all-clear was looked for"
    raise Unavailable(reason)


def _clear(alert: Alert, cleared_at: datetime, incident_id: str, hold: timedelta, known: Item, intake: Intake) -> None:
    """Records that it cleared, if what is `known` of the alert still holds then; otherwise raises Taken."""

    def answer(history: History, now: datetime) -> Sequence[Fact]:
        ended = history.incident.status == "closed"
        return [] if ended else [_resolved(alert, cleared_at, history.incident, now + hold)]

    settle(
        incident_id,
        answer,
        intake.timeline,
        intake.clock,
        actor=intake.actor,
        caused_by=f"{alert.delivery}/cleared",
        also=_unchanged(known),
    )


def _overtaken_by(alert: Alert, intake: Intake) -> datetime | None:
    """When this alert cleared, if that is known already and came after it."""
    item = intake.state.get(_cleared(alert))
    cleared_at = datetime.fromisoformat(item.value["at"]) if item else None
    return cleared_at if cleared_at and cleared_at >= alert.changed_at else None


def _cleared(alert: Alert) -> str:
    return f"cleared#{alert.fingerprint}"


def _hold(service: Service | None, intake: Intake, *, test: bool) -> timedelta:
    if test:
        return min(intake.hold, TEST_HOLD)
    return timedelta(seconds=service.hold_seconds) if service and service.hold_seconds else intake.hold


def _subject(alert: Alert) -> str:
    return alert.target.short if alert.target else alert.title
