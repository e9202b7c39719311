"""What no event told: alarms that ring without an incident, and alarms that cleared while their incident stays open."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Protocol, TypeVar

from aws_lambda_powertools import Logger

from functions.sweep.described import alert_of, changed_at
from shared.alert import DEFAULT_BUS, Alert
from shared.errors import MiddlewatchError, Refused, Unavailable
from shared.incident import Incident
from shared.intake import Intake, heard, receive, told_by
from shared.integrations.cloudwatch import is_ours, name_of
from shared.listing import incidents
from shared.ports import Page
from shared.writes import Put

T = TypeVar("T")

PAGES = 10
"""Pages of ringing alarms of one prefix that one run reads, 100 alarms each; the next run goes on behind them."""
INCIDENTS = 50
"""Open incidents whose alarms one run looks at; the next run goes on behind them."""
MOST = 200
"""Alerts that one run has taken in, about 50 ms each; the next run finds the rest."""
PLACE = "sweep"
"""The item that says where among the open incidents the next run begins."""


class Alarms(Protocol):
    """CloudWatch's alarms, as DescribeAlarms describes them."""

    def ringing(self, prefix: str, after: str) -> tuple[Sequence[Mapping[str, Any]], str]:
        """A page of those in ALARM whose name begins so, and where the next one begins (empty: this was the last).

        Raises Refused where the place `after` is not known any more.
        """
        ...

    def named(self, names: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        """Those of these names that there are."""
        ...


@dataclass(frozen=True, slots=True)
class Sweep:
    """What a sweep needs. `prefixes` are what names of alarms begin with (none: any), `own` how ours do.

    A state that is younger than `grace` is left to its own event.
    """

    intake: Intake
    alarms: Alarms
    prefixes: Sequence[str]
    own: str
    grace: timedelta
    logger: Logger


def sweep(sweep: Sweep) -> dict[str, int]:
    """One run; how many alerts were taken in because they rang, and because they cleared.

    One alarm or timeline that cannot be read holds up no other. Raises Unavailable where CloudWatch cannot be asked,
    and in the end where anything else that was asked did not answer: nobody else would notice.
    """
    away: list[Unavailable] = []
    told = {"rang": _all(_unheard(sweep, away), sweep, away), "cleared": _all(_cleared(sweep, away), sweep, away)}
    if away:
        raise away[0]
    return told


def _all(alerts: Iterator[Alert], sweep: Sweep, away: list[Unavailable]) -> int:
    taken = 0
    for alert in alerts:
        if taken == MOST:
            sweep.logger.warning("more than one run can take in", extra={"most": MOST})
            break
        taken += bool(_tried(partial(_taken, alert, sweep), sweep, away))
    return taken


def _taken(alert: Alert, sweep: Sweep) -> bool:
    """Whether nobody had told us of it. What we read at CloudWatch ourselves is as good as the bus's word."""
    alert = alert if alert.origin else told_by(alert, DEFAULT_BUS)
    if heard(alert, sweep.intake):
        return False
    received = receive(alert, sweep.intake)
    missed = received.outcome in {"opened", "joined", "resolved"}
    if missed:
        extra = {"incident_id": received.incident_id, "outcome": received.outcome, "alert": alert.title}
        sweep.logger.warning("no event told us", extra=extra)
    return missed


def _unheard(sweep: Sweep, away: list[Unavailable]) -> Iterator[Alert]:
    """The alerts of all alarms that have been ringing for long enough for us to have heard."""
    now = sweep.intake.clock()
    for prefix in sweep.prefixes or ("",):
        for alarm in _ringing(prefix, sweep):
            if alarm["AlarmName"].startswith(sweep.own) or now - changed_at(alarm) < sweep.grace:
                continue
            if alert := _tried(partial(alert_of, alarm, now), sweep, away):
                yield alert


def _ringing(prefix: str, sweep: Sweep) -> Iterator[Mapping[str, Any]]:
    """Those of the next so many pages, from where the last run ended; says so where there are more."""
    state, place = sweep.intake.state, f"{PLACE}#{prefix}"
    held = state.get(place)
    after = str(held.value["after"]) if held else ""
    for _ in range(PAGES):
        try:
            page, following = sweep.alarms.ringing(prefix, after)
        except Refused as refusal:
            sweep.logger.warning("from the beginning again", extra={"why": str(refusal), "prefix": prefix})
            page, following = sweep.alarms.ringing(prefix, "")
        yield from page
        after = following
        if not after:
            break
    if after:
        sweep.logger.warning("more alarms ring than one run reads", extra={"prefix": prefix, "pages": PAGES})
    if after or held:
        state.write(Put(place, {"after": after}))


def _cleared(sweep: Sweep, away: list[Unavailable]) -> Iterator[Alert]:
    """The all-clear of all alarms that some open incidents hold for ringing, and that are OK by now."""
    now = sweep.intake.clock()
    rings: dict[str, list[Alert]] = {}
    for head in _some(sweep).items:
        incident = _tried(partial(_incident, str(head.value["incident_id"]), sweep), sweep, away)
        for alarm in incident.firing if incident else ():
            if is_ours(alarm.alert, sweep.intake.account, sweep.intake.region):
                rings.setdefault(name_of(alarm.alert), []).append(alarm.alert)
    for described in sweep.alarms.named(sorted(rings)) if rings else ():
        at = changed_at(described)
        if described["StateValue"] == "OK" and now - at >= sweep.grace:
            for alert in rings.get(described["AlarmName"], ()):
                yield alert.model_copy(update={"state": "resolved", "changed_at": at})


def _some(sweep: Sweep) -> Page:
    """The next so many open incidents; from the beginning again behind the last."""
    state = sweep.intake.state
    held = state.get(PLACE)
    try:
        page = incidents(state, ["open"], limit=INCIDENTS, cursor=held.value["cursor"] if held else "")
    except Refused:  # an earlier release wrote it
        page = incidents(state, ["open"], limit=INCIDENTS)
    if page.next or (held and held.value["cursor"]):
        state.write(Put(PLACE, {"cursor": page.next}))
    return page


def _incident(incident_id: str, sweep: Sweep) -> Incident:
    return sweep.intake.timeline.read(incident_id).incident


def _tried(work: Callable[[], T], sweep: Sweep, away: list[Unavailable]) -> T | None:
    """What the work gives; None, and a line in the log, where it cannot be done this time. Keeps who was away."""
    try:
        return work()
    except (MiddlewatchError, ValueError, KeyError) as error:
        sweep.logger.warning("left out", extra={"why": repr(error)})
        away += [error] if isinstance(error, Unavailable) else []
        return None
