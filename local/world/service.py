"""One of the demo's ECS services as plain state: its tasks, deployments, and memory of what happened.

Times are epoch seconds.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass, field

from local.world.clock import digest
from local.world.scenarios import ACCOUNT, REGION, Fault, ServiceSpec

KEPT_EVENTS = 100


@dataclass(frozen=True, slots=True)
class Vitals:
    """What a service's metrics say at one moment; rates are per second, latency in seconds, shares in percent."""

    desired: int
    running: int
    healthy: int
    unhealthy: int
    requests: float
    error_rate: float
    latency: float
    cpu: float
    memory: float


@dataclass(slots=True)
class Task:
    """One task; PENDING, RUNNING, DEACTIVATING or STOPPED."""

    id: str
    deployment: str
    revision: int
    created: float
    status: str = "PENDING"
    started: float | None = None
    stopping: float | None = None
    stopped: float | None = None
    stop_code: str = ""
    stopped_reason: str = ""
    exit_code: int | None = None
    container_reason: str = ""
    afflicted: bool = False

    @property
    def live(self) -> bool:
        """Say whether the task runs or will."""
        return self.status in {"PENDING", "RUNNING"}


@dataclass(slots=True)
class Deployment:
    """One rollout of a revision; the last of a service is its primary."""

    id: str
    revision: int
    created: float
    updated: float
    state: str = "IN_PROGRESS"
    reason: str = ""
    failed: int = 0
    finished: float | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """One call that changed a service: what it asked for and the deployment that it made, if any."""

    at: float
    what: str
    deployment: str | None


@dataclass(frozen=True, slots=True)
class Event:
    """A line of a service's events."""

    id: str
    at: float
    message: str


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line that a task logged; `at` is epoch milliseconds."""

    id: str
    at: int
    stream: str
    message: str


@dataclass(slots=True)
class Service:
    """A service with its tasks, deployments and memory of what happened."""

    spec: ServiceSpec
    desired: int
    created: float
    revisions: dict[int, float]
    deployments: list[Deployment] = field(default_factory=list)
    past: list[Deployment] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=KEPT_EVENTS))
    log: deque[LogLine] = field(default_factory=lambda: deque(maxlen=20_000))
    vitals: deque[tuple[float, Vitals]] = field(default_factory=lambda: deque(maxlen=20_000))
    updates: list[Update] = field(default_factory=list)
    fault: Fault | None = None
    broken_at: float = 0.0
    bad_revision: int | None = None
    next_start: float = 0.0
    next_event: float = 0.0
    serial: int = 0

    @property
    def name(self) -> str:
        """Return the service's name."""
        return self.spec.name

    @property
    def family(self) -> str:
        """Return the family of its task definitions."""
        return f"{self.spec.cluster}-{self.spec.name}"

    @property
    def primary(self) -> Deployment:
        """Return the deployment that the service is or is becoming."""
        return self.deployments[-1]

    @property
    def log_group(self) -> str:
        """Return the log group of its containers."""
        return f"/ecs/{self.spec.cluster}/{self.spec.name}"

    @property
    def load_balancer(self) -> str:
        """Return the load balancer's dimension value."""
        return f"app/{self.spec.cluster}/{digest('alb', self.spec.cluster)[:16]}"

    @property
    def target_group(self) -> str:
        """Return the target group's dimension value."""
        return f"targetgroup/{self.spec.name}/{digest('tg', self.spec.name)[:16]}"

    @property
    def target_group_arn(self) -> str:
        """Return the ARN of the target group."""
        return f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:{self.target_group}"

    def image(self, revision: int) -> str:
        """Return the image that a revision runs."""
        return f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{self.spec.name}:1.{revision}.0"

    def at(self, moment: float) -> Vitals:
        """Return the vitals at a moment; before the world began it was well."""
        place = bisect_right(self.vitals, moment, key=lambda entry: entry[0])
        return self.vitals[max(place - 1, 0)][1]

    def running(self) -> list[Task]:
        """Return the tasks that run."""
        return [task for task in self.tasks if task.status == "RUNNING"]
