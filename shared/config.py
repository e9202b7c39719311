"""What a team writes: its services, its people, its policy. Read once at start, never at run time."""

from math import ceil
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, model_validator

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
    """One source of alerts, and which targets it may speak of.

    An HTTP source authenticates by its secret (its name). What AWS brings is known by its way: the account's
    `default-bus`, or a `topic` of SNS (its ARN); neither has a secret.
    """

    name: Name
    kind: Literal["cloudwatch", "grafana", "alertmanager", "generic", "default-bus", "topic"]
    authentication: Literal["hmac", "key"] = "key"
    secret: str = Field(default="", pattern=r"^[^\s*?]*$")
    topic: str = ""
    targets: tuple[str, ...]

    @property
    def over_http(self) -> bool:
        """Whether it calls us, rather than AWS."""
        return self.kind not in {"default-bus", "topic"}


class Limits(Frozen):
    """The numbers of the policy, `data.limits` in Rego; the defaults are what this release ships.

    Alone, without a person, we act only with at least `confidence` and at most `gaps` in the evidence, and only if
    nothing was done to the target in the last `again_after_hours`. Nothing at all is done beyond so many actions in a
    clock hour, and no more of it because of one source's alerts (an HTTP source, a topic, the default bus) than
    `actions_per_source_per_hour`; `actions_reserved` of it are for critical services alone, which no source's share
    bounds. Of one source's alerts so many have an incident looked into per hour (`rounds_per_source_per_hour`), and
    `rounds_reserved` more for each critical service. A request for approval stands for `approval_seconds`; `quorum`
    people of those who may must agree.
    """

    confidence: float = Field(default=0.8, ge=0, le=1)
    gaps: int = Field(default=2, ge=0)
    again_after_hours: float = Field(default=24, gt=0, le=720)
    actions_per_hour: int = Field(default=10, ge=0)
    actions_per_target_per_hour: int = Field(default=2, ge=0)
    actions_per_source_per_hour: int = Field(default=6, ge=0)
    actions_reserved: int = Field(default=2, ge=0)
    rounds_per_source_per_hour: int = Field(default=100, ge=1)
    rounds_reserved: int = Field(default=5, ge=1)
    approval_seconds: float = Field(default=1800, gt=0)
    quorum: dict[Tier, Annotated[int, Field(ge=1)]] = {"critical": 1, "standard": 1, "best-effort": 1}
    verification: dict[Tier, Verification] = {"critical": "auto", "standard": "auto", "best-effort": "auto"}


class Storm(Frozen):
    """What changes when much goes wrong at once.

    A channel gets at most `messages_per_hour` new Slack messages in a clock hour, of which at most `prompts_per_hour`
    call for somebody; of both, the share `reserve` is kept for critical services. What finds no room is told together
    with all else that waits, in one message at most every `together_seconds`. While more than the share `unhealthy` of
    the services, and at least `least` of them, have an alarm that fires, nothing runs without a person; that ends when
    no more than the share `calm` have, `calm_seconds` after it began at the earliest.
    """

    messages_per_hour: int = Field(default=300, ge=1, description="new Slack messages of a channel, threads included")
    prompts_per_hour: int = Field(default=30, ge=1, description="of these, messages that call for somebody")
    emails_per_hour: int = Field(default=60, ge=1, description="e-mails in all")
    reserve: float = Field(default=0.25, ge=0, lt=1, description="the share that is kept for critical services")
    together_seconds: float = Field(
        default=240, gt=0, le=900, description="what finds no room is told so often at most"
    )
    unhealthy: float = Field(default=0.3, gt=0, le=1, description="more than this share of the services is a storm")
    least: int = Field(default=5, ge=1, description="fewer unhealthy services are none")
    calm: float = Field(default=0.2, ge=0, le=1, description="it ends when no more than this share is unhealthy")
    calm_seconds: float = Field(default=600, ge=0, description="and when it has lasted so long")

    @property
    def together_per_hour(self) -> int:
        """Messages of a clock hour that tell of many at most, and so are kept free for them."""
        return ceil(3600 / self.together_seconds)

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.calm > self.unhealthy:
            raise ValueError(f"calm ({self.calm}) is more than unhealthy ({self.unhealthy}), so a storm could not end")
        if self.messages_per_hour < 2 * self.together_per_hour:
            room = f"together_seconds may take {self.together_per_hour} messages an hour"
            raise ValueError(f"{room}, more than half of messages_per_hour ({self.messages_per_hour})")
        return self


class Config(Frozen):
    """The whole configuration and its sha256; see shared/configuration.py for how it is read and asked."""

    services: tuple[Service, ...]
    people: tuple[Person, ...]
    sources: tuple[Source, ...] = ()
    ways: tuple[Source, ...] = ()
    default_channel: str
    default_jira: Jira | None = None
    canary_channel: str = ""
    slack_team: str = ""
    slack_app: str = ""
    allowed_topics: tuple[str, ...] = ()
    storm: Storm = Storm()
    policy: dict[str, str]
    policy_data: dict[str, Any] = {}
    digest: str

    @property
    def limits(self) -> Limits:
        """The limits that the policy goes by as well."""
        return Limits.model_validate(self.policy_data.get("limits", {}))
