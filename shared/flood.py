"""What a source says beyond all bounds: counted in one incident of its own for the hour, and told as one.

Such an alert is about nothing that the inventory knows, or one of hundreds about one target. People are called once and
see how many there were; what each said is kept beside the timeline, on the list `keys.counted_in`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared import facts, keys
from shared.alert import Alert, as_text
from shared.decide import settle
from shared.facts import Fact
from shared.history import History
from shared.incident import Incident
from shared.ports import Clock, Item, State, Timeline
from shared.writes import Put

KEPT = timedelta(days=30)


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
            [opened, self._flaps(identity, flood.title, 1, now), called],
            actor=self.actor,
            caused_by=identity,
            now=now,
            also=[_kept(alert, incident_id, now)],
        )

    def _again(self, alert: Alert, incident_id: str, identity: str, known: Item, now: datetime) -> None:
        """Records it at every tenfold count, or where the flood was over; it is over once it was away for the hold."""
        count = known.count + 1
        kept = _kept(alert, incident_id, now)
        counted = Put(known.key, {**known.value, "since": as_text(now)}, count=count, when=known.value)
        if known.value["flapping"] and not power_of_ten(count):
            self.state.write(counted, kept)
            return

        def answer(incident: Incident, at: datetime) -> Sequence[Fact]:
            title = incident.title
            if incident.status == "resolved":
                return [self._flaps(identity, title, count, at, state="firing")]
            return [facts.AlertRepeated(fingerprint=identity, title=title, count=count, changed_at=at)]

        grown = settle(
            incident_id,
            lambda history, at: answer(history.incident, at),
            self.timeline,
            self.clock,
            actor=self.actor,
            caused_by=f"{identity}/{alert.delivery}",
            also=[counted, kept],
        )
        if (
            grown.fresh
            and isinstance(grown.fresh[-1].fact, facts.AlertFlapped)
            and (now_known := self.state.get(known.key))
        ):
            quiet = {**now_known.value, "state": "resolved"}  # what reopened the incident may have been the last
            self.state.write(Put(known.key, quiet, count=count, when=now_known.value))

    def _flaps(
        self, fingerprint: str, title: str, changes: int, now: datetime, state: str = "resolved"
    ) -> facts.AlertFlapped:
        """A flood comes and goes like an alert that flaps: the hold asks whether it has stayed away."""
        return facts.AlertFlapped.model_validate(
            {
                "fingerprint": fingerprint,
                "title": title,
                "state": state,
                "changed_at": now,
                "changes": changes,
                "look_again_at": now + self.hold,
            }
        )


def power_of_ten(count: int) -> bool:
    """Whether it is 1, 10, 100 and so on."""
    return set(str(count)) <= {"1", "0"} and str(count).count("1") == 1


def _kept(alert: Alert, incident_id: str, now: datetime) -> Put:
    """What the alert said, in a line."""
    said = {
        "title": alert.title,
        "state": alert.state,
        "target": alert.target.short if alert.target else alert.beyond,
        "changed_at": as_text(alert.changed_at),
    }
    listed = (keys.counted_in(incident_id), as_text(now))
    return Put(keys.counted(incident_id, alert.fingerprint), said, listed=listed, expires_at=now + KEPT)
