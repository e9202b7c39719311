"""What a team writes: its services, its people, its policy. Read once at start, never at run time."""

from typing import Any, Literal

from pydantic import Field

from shared.model import Frozen
from shared.target import Target

Mode = Literal["observe", "approve", "auto"]
Tier = Literal["critical", "standard", "best-effort"]


class Measure(Frozen):
    """One CloudWatch metric that shows whether the service is well: inside `bound` for the whole window.

    `missing` says what no data means; `positive` marks a measure whose presence is the proof of health (requests
    served, healthy hosts): at least one such is needed for a recovery to count as verified.
    """

    name: str
    namespace: str
    metric: str
    dimensions: dict[str, str] = {}
    stat: str = "Average"
    period: int = Field(default=60, ge=1)
    below: float | None = None
    above: float | None = None
    missing: Literal["unhealthy", "zero", "ignore"] = "unhealthy"
    positive: bool = False


class Jira(Frozen):
    """Where a service's escalations are ticketed."""

    project: str
    type: str = "Task"


class Scale(Frozen):
    """Between how many tasks a service may be scaled."""

    least: int = Field(ge=1)
    most: int = Field(ge=1)


class Service(Frozen):
    """One service of the inventory; what is not in the inventory is never acted on."""

    name: str
    target: Target
    tier: Tier = "standard"
    owner: str
    mode: Mode = "approve"
    approvers: tuple[str, ...] = ()
    channel: str
    mention: str = ""
    jira: Jira | None = None
    runbook: str = ""
    alarms: tuple[str, ...] = ()
    actions: tuple[str, ...] = ("restart_service",)
    scale: Scale | None = None
    hold_seconds: float | None = Field(default=None, gt=0)
    measures: tuple[Measure, ...] = ()
    log_groups: tuple[str, ...] = ()


class Slack(Frozen):
    """A person's immutable ids at Slack."""

    user: str
    team: str


class Person(Frozen):
    """One human being, whatever accounts they have."""

    id: str
    name: str
    email: str = ""
    slack: tuple[Slack, ...] = ()
    groups: tuple[str, ...] = ()
    may_resume: bool = False


class Source(Frozen):
    """One HTTP source of alerts: how it authenticates (its secret's name), and which targets it may speak of."""

    name: str
    kind: Literal["cloudwatch", "grafana", "alertmanager", "generic"]
    authentication: Literal["hmac", "key"]
    secret: str
    targets: tuple[str, ...]


class Config(Frozen):
    """The whole configuration and its sha256; see shared/configuration.py for how it is read and asked."""

    services: tuple[Service, ...]
    people: tuple[Person, ...]
    sources: tuple[Source, ...] = ()
    default_channel: str
    default_jira: Jira | None = None
    slack_team: str = ""
    slack_app: str = ""
    allowed_topics: tuple[str, ...] = ()
    policy: dict[str, str]
    policy_data: dict[str, Any] = {}
    digest: str
