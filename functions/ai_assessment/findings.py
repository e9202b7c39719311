"""The evidence as rules ask it: what runs, what was deployed when, what broke, what could not be seen."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from shared.assessment import EvidenceItem
from shared.config import Service
from shared.facts import EvidenceCollected
from shared.incident import Incident, Standing

RECENT = timedelta(hours=1)
"""A deployment this short before the alarm (or after it) may be the cause; an older one is steady."""
ACTED: frozenset[Standing] = frozenset({"started", "completed", "unknown", "verified", "unproved"})
"""How far a proposal came for its action to have touched the target, or perhaps to have."""

_POOL = re.compile(
    r"pool (?:is )?exhausted|connection is not available, request timed out|too many connections|"
    r"remaining connection slots|max(?:imum)? (?:client|number of) connections",
    re.IGNORECASE,
)
_DEPENDENCY = re.compile(
    r"connection ?refused|econnrefused|no route to host|name or service not known|getaddrinfo|"
    r"(?:dependency|upstream) \S+ (?:is )?unavailable|circuit breaker (?:is )?open",
    re.IGNORECASE,
)
_TROUBLED_METRIC = re.compile(r"5xx|error|fail|fault|unhealthy|latency|response_?time|duration|timeout", re.IGNORECASE)
_CRASHED = {"EssentialContainerExited", "TaskFailedToStart"}


@dataclass(frozen=True)
class Findings:
    """One round's evidence about one incident; `service` is None for a target that is not in the inventory."""

    incident: Incident
    service: Service | None
    evidence: EvidenceCollected

    def items(self, kind: str) -> tuple[EvidenceItem, ...]:
        """The evidence of one kind."""
        return tuple(item for item in self.evidence.items if item.kind == kind)

    def item(self, kind: str) -> EvidenceItem | None:
        """The one piece of evidence of a kind, if it is there."""
        return next(iter(self.items(kind)), None)

    def ids(self, *kinds: str) -> tuple[str, ...]:
        """The ids of the evidence of these kinds, to be cited."""
        return tuple(item.id for item in self.evidence.items if item.kind in kinds)

    def _data(self, kind: str) -> dict[str, Any]:
        item = self.item(kind)
        return item.data if item else {}

    def unseen(self, *sources: str) -> tuple[str, ...]:
        """What could not be read of these sources, as `source: reason`; absent sources of logs do not count."""
        return tuple(
            f"{gap.source} ({gap.reason})"
            for gap in self.evidence.gaps
            if gap.source in sources and not (gap.source == "logs" and gap.reason == "absent")
        )

    @property
    def since(self) -> datetime:
        """When the first alarm that still rings began to."""
        alarms = self.incident.firing or tuple(self.incident.alarms.values())
        return min(alarm.alert.starts_at for alarm in alarms)

    @property
    def source(self) -> str:
        """Who told us of the alert that is answered: one whose breach we read, else the first that rings."""
        read = {item.data.get("fingerprint") for item in self.metrics if item.data["breach_read"]}
        rings = self.incident.firing or tuple(self.incident.alarms.values())
        proved = [alarm for alarm in rings if alarm.alert.fingerprint in read]
        return (proved or rings)[0].alert.origin

    @property
    def acted(self) -> str:
        """The action that this incident has already seen on its target; empty if none."""
        done = [work.proposal.action for work in self.incident.work.values() if work.standing in ACTED]
        return done[-1] if done else ""

    @property
    def desired(self) -> int:
        """How many tasks should run."""
        return int(self._data("ecs.service").get("desired", 0))

    @property
    def running(self) -> int:
        """How many tasks do run."""
        return int(self._data("ecs.service").get("running", 0))

    @cached_property
    def primary(self) -> dict[str, Any]:
        """The deployment that the service is, or is becoming; empty where ECS does not deploy it."""
        deployments = self._data("ecs.deployments").get("deployments", [])
        return next((dict(each) for each in deployments if each["status"] == "PRIMARY"), {})

    @property
    def deploying(self) -> bool:
        """Whether a deployment has not come to an end."""
        several = len(self._data("ecs.deployments").get("deployments", [])) > 1
        return several or self.primary.get("rollout") == "IN_PROGRESS"

    @property
    def deployed_recently(self) -> bool:
        """Whether the tasks were replaced shortly before the alarm, or since."""
        created = self.primary.get("created_at")
        return created is not None and datetime.fromisoformat(created) > self.since - RECENT

    @property
    def steady_releases(self) -> list[dict[str, Any]]:
        """The deployments that went well, newest first."""
        return list(self._data("ecs.releases").get("steady", []))

    @property
    def released_recently(self) -> bool:
        """Whether that replacement brought another task definition than the one that ran well before.

        Where no earlier deployment is on record, a replacement is taken for a release.
        """
        if not self.deployed_recently:
            return False
        started = self.primary["created_at"]
        before = [each["task_definition"] for each in self.steady_releases if each["finished_at"] < started]
        return not before or before[0] != self.primary["task_definition"]

    @property
    def last_steady(self) -> str:
        """The ARN of the last revision that was deployed well and is not the present one; empty if none is known."""
        current = self.primary.get("task_definition")
        others = (each["task_definition"] for each in self.steady_releases if each["task_definition"] != current)
        return next(others, "")

    @property
    def rollout_seconds(self) -> int:
        """How long the last good deployment took; 0 where that is not known."""
        return int(self.steady_releases[0]["seconds"]) if self.steady_releases else 0

    @cached_property
    def crashes(self) -> list[dict[str, Any]]:
        """The tasks that ended by themselves (not those that ECS or a person stopped), newest first."""
        return [dict(task) for task in self._data("ecs.stopped_tasks").get("tasks", []) if task["code"] in _CRASHED]

    def crashed_with(self, word: str) -> list[dict[str, Any]]:
        """The crashes whose reason says `word`."""
        return [task for task in self.crashes if word in f"{task['reason']} {task['container_reasons']}"]

    def events_with(self, *words: str) -> list[str]:
        """The messages of ECS that contain one of `words`, newest first."""
        events = self._data("ecs.events").get("events", [])
        return [each["message"] for each in events if any(word in each["message"] for word in words)]

    @property
    def unhealthy(self) -> bool:
        """Whether ECS itself says that tasks fail their health checks."""
        return bool(self.events_with("is unhealthy in", "failed container health checks"))

    @property
    def metrics(self) -> tuple[EvidenceItem, ...]:
        """The alarms' metrics."""
        return self.items("cloudwatch.metric")

    @property
    def clear_again(self) -> bool:
        """Whether every alarm that should ring reads OK at its source by now."""
        states = {item.data["fingerprint"]: item.data["state"] for item in self.items("cloudwatch.alarm")}
        return all(states.get(alarm.alert.fingerprint) == "OK" for alarm in self.incident.firing)

    @property
    def still_violated(self) -> bool:
        """Whether the last whole period of any metric violates its bound."""
        return any(item.data["violates_now"] for item in self.metrics)

    @property
    def failing(self) -> tuple[EvidenceItem, ...]:
        """The metrics with a breach that we read and that tell of failing or slow answers, by their names."""
        return tuple(
            item
            for item in self.metrics
            if item.data["breach_read"] and any(_TROUBLED_METRIC.search(word) for word in _words(item))
        )

    def watches(self, metric: str) -> tuple[EvidenceItem, ...]:
        """The metrics of that name with a breach that we read."""
        return tuple(item for item in self.metrics if item.data["breach_read"] and metric in item.data["metrics"])

    def _shapes(self) -> Iterator[str]:
        for item in self.items("logs.lines"):
            yield from (shape["text"] for shape in item.data["shapes"])

    @cached_property
    def pool_lines(self) -> list[str]:
        """Log lines that tell of an exhausted pool of connections."""
        return [text for text in self._shapes() if _POOL.search(text)]

    @cached_property
    def dependency_lines(self) -> list[str]:
        """Log lines that tell of something else that does not answer."""
        return [text for text in self._shapes() if _DEPENDENCY.search(text)]


def _words(item: EvidenceItem) -> list[str]:
    return [*item.data["metrics"], item.data["label"], item.data["alarm"]]
