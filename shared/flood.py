"""What a source says beyond all bounds: counted in one incident of its own for the hour, and told as one.

Such an alert is about nothing that the inventory knows, or one of hundreds about one target. People are called once and
see how many there were; what each said is kept beside the timeline, on the list `keys.counted_in`, and is not counted
again when it is told again. No delivery is remembered: an hour later the source has its share again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared import facts, keys
from shared.alert import Alert, AlertState, as_text
from shared.decide import settle
from shared.facts import Fact
from shared.history import History
from shared.ports import Clock, Item, State, Timeline
from shared.projection import REMEMBER
from shared.writes import Put


@dataclass(frozen=True, slots=True)
class Flood:
    """Where floods are counted; one that stays away for `hold` is over."""

    timeline: Timeline
    state: State
    clock: Clock
    actor: str
    config_digest: str
    hold: timedelta

    def count(self, alert: Alert, why: str, incident_id: str) -> str:
        """Counts `alert` in the incident of its source's flood, and gives its id; `incident_id` is for a new one.

        O(1) however many came before. Raises Conflict where another one did the same at this moment.
        """
        now = self.clock()
        identity = f"flood:{alert.origin}/{now:%Y-%m-%dT%H}"
        held = self.state.get(keys.open_target(identity))
        if held is None:
            self._open(alert, why, incident_id, identity, now)
            return incident_id
        incident_id = str(held.value["incident_id"])
        known = self.state.get(keys.alarm(incident_id, identity))
        if known:
            self._again(alert, incident_id, identity, known, now)
        return incident_id

    def _open(self, alert: Alert, why: str, incident_id: str, identity: str, now: datetime) -> None:
        flood = Alert(
            source=alert.source,
            state="firing",
            title=f"More alerts of {alert.origin or 'nobody that we know'} than can be looked into",
            summary=f"They are counted and kept, and nothing else is done. The first: {alert.title}",
            severity=alert.severity,
            starts_at=now,
            changed_at=now,
            external_id=identity,
            fingerprint=identity,
            origin=alert.origin,
        )
        opened = facts.IncidentOpened(
            alert=flood,
            identity=identity,
            target=None,
            service="",
            title=flood.title,
            severity=flood.severity,
            config_digest=self.config_digest,
            unattended=why,
        )
        called = facts.IncidentEscalated(reason=why)
        self.timeline.append(
            History(incident_id),
            [opened, self._flaps(identity, flood.title, 1, now, "resolved"), called],
            actor=self.actor,
            caused_by=identity,
            now=now,
            also=[_kept(alert, incident_id, now)],
        )

    def _again(self, alert: Alert, incident_id: str, identity: str, known: Item, now: datetime) -> None:
        """Records it at every tenfold count, or where the flood was over; what was told before is not counted again."""
        told = self.state.get(keys.counted(incident_id, alert.fingerprint))
        new = told is None or told.value != _said(alert)
        count = known.count + new
        value = {**known.value, "since": as_text(now), "changes": count}  # another value for each count
        also = [Put(known.key, value, count=count, when=known.value), _kept(alert, incident_id, now)]
        if known.value["flapping"] and not (new and power_of_ten(count)):
            self.state.write(*also)
            return

        def answer(history: History, at: datetime) -> Sequence[Fact]:
            title = history.incident.title
            if history.incident.status == "resolved":
                return [self._flaps(identity, title, count, at, "firing")]
            return [facts.AlertRepeated(fingerprint=identity, title=title, count=count, changed_at=at)]

        cause = f"{identity}/{alert.delivery}"
        settle(incident_id, answer, self.timeline, self.clock, actor=self.actor, caused_by=cause, also=also)

    def _flaps(self, fingerprint: str, title: str, changes: int, now: datetime, state: AlertState) -> Fact:
        """A flood comes and goes like an alert that flaps: the hold asks whether it has stayed away."""
        return facts.AlertFlapped(
            fingerprint=fingerprint,
            title=title,
            state=state,
            changed_at=now,
            changes=changes,
            look_again_at=now + self.hold,
        )


def power_of_ten(count: int) -> bool:
    """Whether it is 1, 10, 100 and so on."""
    return set(str(count)) <= {"1", "0"} and str(count).count("1") == 1


def _kept(alert: Alert, incident_id: str, now: datetime) -> Put:
    listed = (keys.counted_in(incident_id), as_text(now))
    return Put(keys.counted(incident_id, alert.fingerprint), _said(alert), listed=listed, expires_at=now + REMEMBER)


def _said(alert: Alert) -> dict[str, str]:
    """What the alert said, in a line."""
    return {
        "title": alert.title,
        "state": alert.state,
        "target": alert.target.short if alert.target else alert.beyond,
        "changed_at": as_text(alert.changed_at),
    }
