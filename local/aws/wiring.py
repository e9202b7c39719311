"""Which functions there are and what calls them: said by their manifests, or by resources that somebody deployed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from local.aws.embedded import EmbeddedAws
    from local.aws.spec import FunctionSpec

    Wiring = Callable[[EmbeddedAws], Iterable["Wired"]]

STREAM_BATCH = 100
"""Records of one stream batch; the default of an event source mapping."""


@dataclass(frozen=True)
class Feed:
    """A queue or a table's stream, by name, that calls a function with up to `batch` messages or records.

    With `partial` the answer names those that failed. Of several `filters` (EventBridge patterns in JSON) one has to
    match; what matches none is dropped.
    """

    name: str
    batch: int
    partial: bool = True
    filters: tuple[str, ...] = ()


@dataclass(frozen=True)
class Beat:
    """A schedule by name and expression, and what it hands to the function instead of the scheduler's own event."""

    name: str
    expression: str
    event: str | None = None


@dataclass(frozen=True)
class Wired:
    """One function and what calls it. `timeout` is in seconds, `memory` in MB.

    `package` is the folder of its own package; without one it runs from the repository. `environment` holds the
    variables of its own, `routes` are keys such as `POST /alert`.
    """

    name: str
    handler: str
    arn: str
    timeout: float = 3
    memory: int = 128
    environment: Mapping[str, str] = field(default_factory=dict)
    package: Path | None = None
    queues: tuple[Feed, ...] = ()
    streams: tuple[Feed, ...] = ()
    schedules: tuple[Beat, ...] = ()
    routes: tuple[str, ...] = ()


def by_manifests(aws: EmbeddedAws, packages: Path | None = None) -> Iterable[Wired]:
    """Wire what the manifests say, to resources of the names that `Provisioner` gives them.

    A function runs from `<packages>/<function>` where that is given.
    """
    specs, names = aws.specs.values(), aws.names
    common = {
        "ENVIRONMENT": "local",
        "TIMELINE_TABLE": names.timeline,
        "STATE_TABLE": names.state,
        "BUS_NAME": names.bus,
        "AUDIT_BUCKET": names.audit(aws.account, aws.region),
        **{f"{spec.name.upper()}_QUEUE_URL": aws.queue_url(spec.name) for spec in specs if _direct(spec)},
    }
    tables = {"timeline": names.timeline, "state": names.state}
    for spec in specs:
        trigger, queue = spec.trigger, names.queue(spec.name)
        yield Wired(
            spec.name,
            spec.handler,
            f"arn:aws:lambda:{aws.region}:{aws.account}:function:{queue}",
            spec.timeout,
            spec.memory,
            common | ({"QUEUE_URL": aws.queue_url(spec.name)} if trigger.queue else {}),
            packages / spec.name if packages else None,
            queues=(Feed(queue, trigger.queue.batch_size),) if trigger.queue else (),
            streams=(Feed(tables.get(trigger.stream, trigger.stream), STREAM_BATCH),) if trigger.stream else (),
            schedules=(Beat(queue, trigger.schedule),) if trigger.schedule else (),
            routes=trigger.http,
        )


def _direct(spec: FunctionSpec) -> bool:
    return spec.trigger.queue is not None and spec.trigger.queue.direct
