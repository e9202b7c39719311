"""The services of the demo world, what can go wrong with them, and the alarms that watch them: plain data."""

from __future__ import annotations

from dataclasses import dataclass, field

ACCOUNT = "123456789012"
REGION = "eu-west-1"
CLUSTER = "shop"


@dataclass(frozen=True, slots=True)
class Death:
    """How an afflicted task stops: `after` seconds of running, or instead of ever running."""

    reason: str
    after: float = 0.4
    stop_code: str = "EssentialContainerExited"
    exit_code: int | None = 1
    container_reason: str = ""

    @property
    def at_start(self) -> bool:
        """Say that the task never runs."""
        return self.stop_code == "TaskFailedToStart"


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong: whom it afflicts, how that shows, and what would cure it.

    `share` of the running tasks is afflicted at once; `contagious` afflicts tasks started later too (so that a
    restart is no cure); `new_release` comes with a deployment and afflicts its revision alone (so that a rollback is
    the cure). `loses` is the share of tasks that is gone at once. `flaps` and `lasts` are seconds at speed 1.
    """

    name: str
    story: str
    share: float = 1.0
    contagious: bool = False
    new_release: bool = False
    death: Death | None = None
    loses: float = 0.0
    unplaceable: bool = False
    flaps: float | None = None
    lasts: float | None = None
    unhealthy: bool = False
    error_rate: float = 0.0
    latency: float = 1.0
    cpu: float | None = None
    memory: float | None = None
    event: str = ""
    lines: tuple[tuple[str, str], ...] = ()


UNHEALTHY_EVENT = (
    "(service {service}) (port 8080) is unhealthy in (target-group {target_group_arn}) due to "
    "(reason Health checks failed with these codes: [503])."
)

FAULTS: dict[str, Fault] = {
    fault.name: fault
    for fault in (
        Fault(
            name="stuck_workers",
            story="three quarters of the workers hang on a lost lock; a restart heals",
            share=0.75,
            unhealthy=True,
            error_rate=0.35,
            latency=4.0,
            cpu=7.0,
            event=UNHEALTHY_EVENT,
            lines=(
                ("WARN", "worker {worker} made no progress for {wait} s, still waiting for lock order-sequence"),
                ("ERROR", "GET /healthz 503: worker queue is full (512 of 512), oldest job waits {wait} s"),
                (
                    "ERROR",
                    "order {order} of customer {email} failed after {wait} s: WorkerTimeout: no worker took the job",
                ),
            ),
        ),
        Fault(
            name="pool_exhausted",
            story="connections to the database leak until the pool is empty; a restart heals",
            error_rate=0.22,
            latency=18.0,
            event="",
            lines=(
                ("ERROR", "HikariPool-1 - Connection is not available, request timed out after 30000ms"),
                (
                    "ERROR",
                    "payment {order} failed: connection pool exhausted (size 20, active 20, idle 0, waiting {wait})",
                ),
                (
                    "WARN",
                    "retrying with postgresql://payments:Wq7rT2-hunter2@payments-db.internal:5432/payments for {email}",
                ),
            ),
        ),
        Fault(
            name="dependency_down",
            story="the index that the service asks is down; no restart heals",
            contagious=True,
            error_rate=0.6,
            latency=9.0,
            lines=(
                ("ERROR", "ConnectionRefusedError: [Errno 111] connect to search-index.internal:9200 refused"),
                (
                    "ERROR",
                    "query q={order} failed: dependency search-index unavailable, circuit breaker open for {wait} s",
                ),
                ("WARN", "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzZWFyY2gifQ.c2lnbmF0dXJl"),
            ),
        ),
        Fault(
            name="crash_loop",
            story="a new revision exits at its start; a rollback heals",
            new_release=True,
            error_rate=0.4,
            death=Death(reason="Essential container in task exited", exit_code=1),
            lines=(
                ("INFO", "starting app, revision {revision}"),
                ("ERROR", "KeyError: 'ORDERS_TABLE' at /app/settings.py line 41: refusing to start"),
            ),
        ),
        Fault(
            name="out_of_memory",
            story="every task is killed for its memory after a while; no restart heals for long",
            contagious=True,
            error_rate=0.3,
            latency=3.0,
            memory=98.0,
            death=Death(
                reason="OutOfMemoryError: Container killed due to memory usage",
                after=2.0,
                exit_code=137,
                container_reason="OutOfMemoryError: Container killed due to memory usage",
            ),
            lines=(("WARN", "heap at 97 %, {wait} full collections in the last minute"),),
        ),
        Fault(
            name="cannot_pull",
            story="tasks were lost and the image's tag is gone, so that none comes back",
            contagious=True,
            share=0.0,
            loses=0.5,
            death=Death(
                reason="CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve "
                "ref {image}: {image}: not found",
                stop_code="TaskFailedToStart",
                exit_code=None,
                container_reason="CannotPullContainerError: failed to resolve ref {image}: not found",
            ),
        ),
        Fault(
            name="no_capacity",
            story="tasks were lost and there is no room to place new ones",
            share=0.0,
            loses=0.5,
            unplaceable=True,
            event="(service {service}) was unable to place a task because no container instance met all of its "
            "requirements. The closest matching (container-instance 5f2a9c41e08b4d7c9d1e3b60c7a8f214) has "
            "insufficient memory available. For more information, see the Troubleshooting section.",
        ),
        Fault(
            name="flapping",
            story="breaks and recovers by itself, again and again",
            contagious=True,
            flaps=3.0,
            unhealthy=True,
            error_rate=0.3,
            latency=5.0,
            event=UNHEALTHY_EVENT,
            lines=(("ERROR", "upstream connect error or disconnect/reset before headers, retried {wait} times"),),
        ),
        Fault(
            name="blip",
            story="breaks once and is well again before anybody could act",
            lasts=2.5,
            unhealthy=True,
            error_rate=0.3,
            latency=5.0,
            event=UNHEALTHY_EVENT,
            lines=(("ERROR", "GET /healthz 503: warming up"),),
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Measure:
    """One input of an alarm: a metric with its statistic, or an expression over others."""

    id: str
    metric: str = ""
    stat: str = ""
    expression: str = ""
    label: str = ""
    returned: bool = True


@dataclass(frozen=True, slots=True)
class AlarmSpec:
    """A CloudWatch alarm on one service; `period` is what the API shows (seconds, 10 is high resolution)."""

    name: str
    description: str
    measures: tuple[Measure, ...]
    comparison: str
    threshold: float
    treat_missing: str = "missing"
    period: int = 10


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """A service as its team deployed it, some days ago."""

    name: str
    tier: str
    desired: int
    fault: str
    requests: float
    latency: float
    alarms: tuple[AlarmSpec, ...]
    release_age_days: float
    revision: int = 42
    cluster: str = CLUSTER
    cpu: float = 34.0
    memory: float = 51.0
    circuit_breaker: bool = False
    tags: dict[str, str] = field(default_factory=dict)


def unhealthy_hosts(service: str) -> AlarmSpec:
    """Alarm on any target that the load balancer finds unhealthy."""
    return AlarmSpec(
        name=f"{service}-unhealthy-hosts",
        description=f"Targets of {service} fail their health checks",
        measures=(Measure("m1", "UnHealthyHostCount", "Maximum"),),
        comparison="GreaterThanOrEqualToThreshold",
        threshold=1.0,
    )


def errors(service: str, threshold: float) -> AlarmSpec:
    """Alarm on the number of server errors; none is no data, as the load balancer has it."""
    return AlarmSpec(
        name=f"{service}-5xx",
        description=f"{service} answers with server errors",
        measures=(Measure("m1", "HTTPCode_Target_5XX_Count", "Sum"),),
        comparison="GreaterThanThreshold",
        threshold=threshold,
        treat_missing="notBreaching",
    )


def error_rate(service: str, percent: float) -> AlarmSpec:
    """Alarm on the percentage of requests that fail, by metric math."""
    return AlarmSpec(
        name=f"{service}-5xx-rate",
        description=f"Share of requests to {service} that fail, in percent",
        measures=(
            Measure("e1", expression="FILL(m1, 0)/m2*100", label="5xx rate"),
            Measure("m1", "HTTPCode_Target_5XX_Count", "Sum", returned=False),
            Measure("m2", "RequestCount", "Sum", returned=False),
        ),
        comparison="GreaterThanThreshold",
        threshold=percent,
        treat_missing="notBreaching",
    )


def slow(service: str, seconds: float) -> AlarmSpec:
    """Alarm on the 95th percentile of the response time."""
    return AlarmSpec(
        name=f"{service}-latency-p95",
        description=f"95 % of the requests to {service} should take less than {seconds} s",
        measures=(Measure("m1", "TargetResponseTime", "p95"),),
        comparison="GreaterThanThreshold",
        threshold=seconds,
    )


def memory(service: str) -> AlarmSpec:
    """Alarm on memory, by the service's own ECS metric."""
    return AlarmSpec(
        name=f"{service}-memory",
        description=f"{service} is close to its memory limit",
        measures=(Measure("m1", "MemoryUtilization", "Average"),),
        comparison="GreaterThanThreshold",
        threshold=90.0,
    )


def running_tasks(service: str, desired: int) -> AlarmSpec:
    """Alarm on fewer running tasks than wanted."""
    return AlarmSpec(
        name=f"{service}-running-tasks",
        description=f"{service} runs fewer tasks than it should",
        measures=(Measure("m1", "RunningTaskCount", "Minimum"),),
        comparison="LessThanThreshold",
        threshold=float(desired),
        treat_missing="breaching",
    )


CANARY = AlarmSpec(
    name="middlewatch-canary",
    description="Middlewatch's own test: rings when it is told to, and is OK again at its next evaluation",
    measures=(Measure("m1", "Canary", "Maximum"),),
    comparison="GreaterThanThreshold",
    threshold=0.0,
    treat_missing="notBreaching",
)
"""An alarm on a metric that nobody publishes."""

SERVICES: tuple[ServiceSpec, ...] = (
    ServiceSpec(
        name="orders",
        tier="standard",
        desired=4,
        fault="stuck_workers",
        requests=48.0,
        latency=0.08,
        release_age_days=6.2,
        revision=42,
        alarms=(unhealthy_hosts("orders"), memory("orders"), running_tasks("orders", 4)),
        tags={"team": "commerce", "tier": "standard"},
    ),
    ServiceSpec(
        name="payments",
        tier="critical",
        desired=3,
        fault="pool_exhausted",
        requests=30.0,
        latency=0.12,
        release_age_days=11.5,
        revision=118,
        alarms=(error_rate("payments", 5.0), memory("payments"), running_tasks("payments", 3)),
        tags={"team": "payments", "tier": "critical"},
    ),
    ServiceSpec(
        name="search",
        tier="standard",
        desired=3,
        fault="dependency_down",
        requests=80.0,
        latency=0.05,
        release_age_days=3.1,
        revision=27,
        alarms=(errors("search", 20.0), slow("search", 0.4), memory("search"), running_tasks("search", 3)),
        tags={"team": "discovery", "tier": "standard"},
    ),
)
