"""What a team writes: its services, its people, its policy. Read once at start, never at run time."""

from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from shared.model import Frozen
from shared.target import Target

Mode = Literal["observe", "approve", "auto"]
Tier = Literal["critical", "standard", "best-effort"]
TIERS: tuple[Tier, ...] = get_args(Tier)
Verification = Literal["auto", "human", "both"]
Name = Annotated[str, Field(pattern=r"^[^\s*?]+$")]
"""Something that can be named: never empty, never a pattern."""


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

    project: Name
    type: str = "Task"


class Scale(Frozen):
    """Between how many tasks a service may be scaled."""

    least: int = Field(ge=1)
    most: int = Field(ge=1)


class Service(Frozen):
    """One service of the inventory; what is not in the inventory is never acted on."""

    name: Name
    target: Target
    tier: Tier = "standard"
    owner: str = Field(min_length=1)
    mode: Mode = "approve"
    approvers: tuple[str, ...] = ()
    channel: Name
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

    user: Name
    team: Name


class Person(Frozen):
    """One human being, whatever accounts they have."""

    id: Name
    name: str = Field(min_length=1)
    email: str = ""
    slack: tuple[Slack, ...] = ()
    groups: tuple[str, ...] = ()
    may_resume: bool = False


class Source(Frozen):
    """One HTTP source of alerts: how it authenticates (its secret's name), and which targets it may speak of."""

    name: Name
    kind: Literal["cloudwatch", "grafana", "alertmanager", "generic"]
    authentication: Literal["hmac", "key"]
    secret: Name
    targets: tuple[str, ...]


class Limits(Frozen):
    """The numbers of the policy, `data.limits` in Rego; the defaults are what this release ships.

    Alone, without a person, we act only with at least `confidence` and at most `gaps` in the evidence, and only if
    nothing was done to the target in the last `again_after_hours`. Nothing at all is done beyond so many actions in a
    clock hour. A request for approval stands for `approval_seconds`; `quorum` people of those who may must agree.
    """

    confidence: float = Field(default=0.8, ge=0, le=1)
    gaps: int = Field(default=2, ge=0)
    again_after_hours: float = Field(default=24, gt=0, le=720)
    actions_per_hour: int = Field(default=10, ge=0)
    actions_per_target_per_hour: int = Field(default=2, ge=0)
    approval_seconds: float = Field(default=1800, gt=0)
    quorum: dict[Tier, Annotated[int, Field(ge=1)]] = {"critical": 1, "standard": 1, "best-effort": 1}
    verification: dict[Tier, Verification] = {"critical": "auto", "standard": "auto", "best-effort": "auto"}


class Config(Frozen):
    """The whole configuration and its sha256; see shared/configuration.py for how it is read and asked."""

    services: tuple[Service, ...]
    people: tuple[Person, ...]
    sources: tuple[Source, ...] = ()
    default_channel: str
    default_jira: Jira | None = None
    canary_channel: str = ""
    slack_team: str = ""
    slack_app: str = ""
    allowed_topics: tuple[str, ...] = ()
    policy: dict[str, str]
    policy_data: dict[str, Any] = {}
    digest: str
