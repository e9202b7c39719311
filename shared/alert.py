"""An alert, whatever raised it."""

from datetime import UTC, datetime
from typing import Literal

from pydantic import AwareDatetime, Field

from shared.model import Frozen
from shared.target import Target

AlertState = Literal["firing", "resolved", "unknown"]
Severity = Literal["critical", "high", "medium", "low", "unknown"]
SEVERITIES: tuple[Severity, ...] = ("unknown", "low", "medium", "high", "critical")
"""From least to most severe; `unknown` ranks lowest so that it never raises anything."""

DEFAULT_BUS = "default-bus"
"""The origin of what AWS itself puts on our account's default bus, and of what we read from CloudWatch ourselves."""


class Metric(Frozen):
    """One metric that the alarm itself watches, as CloudWatch's GetMetricData wants it.

    `expression` is set for metric math (then `namespace` and `name` are empty); `period` is in seconds.
    """

    id: str
    namespace: str = ""
    name: str = ""
    dimensions: dict[str, str] = {}
    stat: str = ""
    period: int = 60
    expression: str = ""
    label: str = ""
    returns: bool = True


class Breach(Frozen):
    """The condition that the alarm says is violated, and the values it gave as proof."""

    threshold: float | None = None
    comparison: str = ""
    values: tuple[float, ...] = ()
    evaluation_periods: int | None = None
    missing_data: str = ""


class Alert(Frozen):
    """One alert in one state.

    `fingerprint` identifies the alert over its life (source and external id, never its state); `changed_at` is when it
    took this state, `starts_at` when the present episode began (UTC). `external_id` is the name the source gave it.

    `source` is whose format it has; `origin` is who told us: the name of an HTTP source, the ARN of a topic, or
    `DEFAULT_BUS`. `beyond` is the target that it named and that its origin was not given.
    """

    source: str
    state: AlertState
    title: str = Field(max_length=300)
    summary: str = Field(default="", max_length=4000)
    severity: Severity = "unknown"
    target: Target | None = None
    account: str = ""
    region: str = ""
    starts_at: AwareDatetime
    changed_at: AwareDatetime
    labels: dict[str, str] = {}
    links: tuple[str, ...] = ()
    external_id: str
    external_reference: str = ""
    fingerprint: str
    origin: str = ""
    beyond: str = ""
    metrics: tuple[Metric, ...] = ()
    breach: Breach | None = None

    @property
    def identity(self) -> str:
        """The key of the one open incident that this alert belongs to: its target, or else itself."""
        return self.target.key if self.target else f"alert:{self.source}/{self.fingerprint}"

    @property
    def delivery(self) -> str:
        """The business key of this state change; a redelivery has the same one."""
        return f"{self.fingerprint}/{self.state}/{as_text(self.changed_at)}"


def as_text(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds and Z: text order is time order."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
