"""Events of ECS: what failed is an alert, what ECS does all day is none.

Sources: docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_events.html, .../ecs_task_events.html,
.../ecs_service_deployment_events.html, .../stopped-task-error-codes.html. ECS never says that a failure is over.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.alert import Alert, Severity
from shared.alerts.fields import (
    EXTERNAL_ID,
    SUMMARY,
    TITLE,
    bounded,
    listing,
    mapping,
    moment,
    number,
    safe,
    safe_labels,
    text,
)
from shared.alerts.parsed import Parsed, fingerprint
from shared.alerts.targets import as_account, as_region, ecs_target, read_arn
from shared.errors import Refused

_ACTIONS = {
    "SERVICE_DEPLOYMENT_FAILED": "the deployment failed",
    "SERVICE_TASK_START_IMPAIRED": "tasks do not start reliably",
    "SERVICE_TASK_PLACEMENT_FAILURE": "a task cannot be placed",
    "SERVICE_TASK_CONFIGURATION_FAILURE": "a task cannot be configured",
    "SERVICE_DAEMON_PLACEMENT_CONSTRAINT_VIOLATED": "a daemon task no longer fits its instance",
    "SERVICE_DISCOVERY_INSTANCE_UNHEALTHY": "service discovery has an unhealthy task",
    "VPC_LATTICE_TARGET_UNHEALTHY": "VPC Lattice has an unhealthy task",
    "ECS_OPERATION_THROTTLED": "ECS throttles the scheduler",
    "SERVICE_DISCOVERY_OPERATION_THROTTLED": "Cloud Map throttles the scheduler",
    "VPC_LATTICE_OPERATION_THROTTLED": "VPC Lattice throttles the scheduler",
}
_LEVELS: dict[str, Severity] = {"ERROR": "high", "WARN": "medium"}
_ROUTINE_STOPS = ("UserInitiated", "SpotInterruption", "TerminationNotice")
_STOPPED = (137, 143)
"""SIGKILL and SIGTERM: beside a container that ended well, how ECS ended the others."""
_FAILED_CHECKS = ("failed ELB health checks", "failed container health checks", "failed Service Connect health checks")


def read(event: Mapping[str, Any], now: datetime) -> Parsed:
    """The alert of an ECS event, or the word why it is none."""
    said = text(event.get("detail-type"), "detail-type")
    detail = mapping(event.get("detail"), "detail")
    if said in ("ECS Deployment State Change", "ECS Service Action"):
        return _action(event, detail, now)
    if said == "ECS Task State Change":
        return _task(event, detail, now)
    if said.startswith("ECS "):
        return Parsed(note=f"{said[:80]} is not about a service or its tasks")
    raise Refused(f"detail-type must be one of ECS's, not {said[:80]!r}")


@dataclass(frozen=True, slots=True)
class _Failure:
    """What failed, in one word (by which it is known again) and in a few; where, when, and ECS's own reason."""

    what: str
    why: str
    reason: str
    service: str
    cluster: str
    at: datetime | None
    labels: dict[str, str]
    severity: Severity = "unknown"


def _action(event: Mapping[str, Any], detail: Mapping[str, Any], now: datetime) -> Parsed:
    name = text(detail.get("eventName"), "detail.eventName")
    level = text(detail.get("eventType"), "detail.eventType")
    if not name:
        raise Refused("detail.eventName is missing; it says what happened")
    if name not in _ACTIONS and level not in _LEVELS:
        return Parsed(note=f"{name[:80]} is routine")
    resources = listing(event.get("resources") or [], "resources")
    failure = _Failure(
        what=name,
        why=_ACTIONS.get(name, name),
        reason=text(detail.get("reason"), "detail.reason"),
        service=text(resources[0], "resources[0]") if resources else "",
        cluster=text(detail.get("clusterArn"), "detail.clusterArn"),
        at=moment(detail.get("createdAt") or detail.get("updatedAt"), "detail.createdAt"),
        labels={"event": name, "deployment": text(detail.get("deploymentId"), "detail.deploymentId")},
        severity=_LEVELS.get(level, "unknown"),
    )
    return Parsed((_alert(failure, event, now),))


def _task(event: Mapping[str, Any], detail: Mapping[str, Any], now: datetime) -> Parsed:
    if detail.get("lastStatus") != "STOPPED":
        return Parsed(note="the task has not stopped")
    containers = [
        mapping(each, f"detail.containers[{at}]")
        for at, each in enumerate(listing(detail.get("containers") or [], "detail.containers"))
    ]
    reason = text(detail.get("stoppedReason"), "detail.stoppedReason")
    reasons = [text(each.get("reason"), "detail.containers[].reason") for each in containers]
    codes = [int(code) for each in containers if (code := number(each.get("exitCode"))) is not None]
    found = _failure(text(detail.get("stopCode"), "detail.stopCode"), reason, reasons, codes)
    if not found:
        return Parsed(note=f"the task stopped without an error: {reason[:200] or 'no reason given'}")
    group = text(detail.get("group"), "detail.group")
    failure = _Failure(
        what=found[0],
        why=found[1],
        reason="; ".join(dict.fromkeys(filter(None, (reason, *reasons, *(f"exit code {code}" for code in codes))))),
        service=group.removeprefix("service:") if group.startswith("service:") else "",
        cluster=text(detail.get("clusterArn"), "detail.clusterArn"),
        at=moment(detail.get("stoppedAt") or detail.get("updatedAt"), "detail.stoppedAt"),
        labels={
            "task": text(detail.get("taskArn"), "detail.taskArn"),
            "task_definition": text(detail.get("taskDefinitionArn"), "detail.taskDefinitionArn"),
            "group": group,
        },
    )
    return Parsed((_alert(failure, event, now),))


def _failure(stop_code: str, reason: str, reasons: list[str], codes: list[int]) -> tuple[str, str] | None:
    """The failure in one word and in a few, or None where a task was meant to stop or ended well."""
    said = " ".join((reason, *reasons))
    if stop_code in _ROUTINE_STOPS:
        return None
    if "OutOfMemory" in said:
        return "out-of-memory", "a task ran out of memory"
    if "CannotPull" in said:
        return "cannot-pull", "a task cannot pull its image"
    if any(check in reason for check in _FAILED_CHECKS):
        return "unhealthy", "a task failed its health checks"
    if stop_code == "ServiceSchedulerInitiated" or reason.startswith("Scaling activity"):
        return None
    if stop_code == "TaskFailedToStart" or "CannotStart" in said or "ResourceInitializationError" in said:
        return "cannot-start", "a task cannot start"
    failed = [code for code in codes if code not in ((0, *_STOPPED) if 0 in codes else (0,))]
    return ("exited", f"a task exited with code {failed[0]}") if failed else None


def _alert(failure: _Failure, event: Mapping[str, Any], now: datetime) -> Alert:
    """One failure of one service is one alert, however many tasks a crash loop takes."""
    arn = read_arn(failure.service) or read_arn(failure.cluster)
    account = as_account(text(event.get("account"), "account") or (arn.account if arn else ""))
    region = as_region(text(event.get("region"), "region") or (arn.region if arn else ""))
    target = ecs_target(_cluster(failure.service) or failure.cluster, failure.service, account, region)
    subject = target.short if target else failure.service or f"{failure.cluster}/{failure.labels.get('group', '')}"
    external_id = f"{subject}/{failure.what}"
    changed_at = bounded(failure.at or moment(event.get("time"), "time"), now)
    return Alert(
        source="ecs",
        state="firing",
        title=safe(f"{target.service if target else subject.rpartition('/')[2] or 'ECS'}: {failure.why}", TITLE),
        summary=safe(failure.reason or failure.why, SUMMARY),
        severity=failure.severity,
        target=target,
        account=account,
        region=region,
        starts_at=changed_at,
        changed_at=changed_at,
        labels=safe_labels({name: value for name, value in failure.labels.items() if value}),
        external_id=safe(external_id, EXTERNAL_ID),
        fingerprint=fingerprint("ecs", external_id, account, region, target),
    )


def _cluster(service: str) -> str:
    """The cluster in a service's ARN (`.../service/<cluster>/<name>`); the oldest ARNs have none."""
    arn = read_arn(service)
    parts = arn.resource.split("/") if arn else []
    return parts[1] if len(parts) == 3 else ""  # noqa: PLR2004
