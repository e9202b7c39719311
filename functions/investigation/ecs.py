"""What ECS says about one service: how it stands, how it was deployed, and how its tasks ended."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from functions.investigation.reading import Draft, Job, Reading
from shared.alert import as_text
from shared.assessment import Gap
from shared.sentences import when
from shared.target import Target

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_ecs.type_defs import DeploymentTypeDef, ServiceTypeDef, TaskTypeDef

LOOK_BACK = timedelta(hours=1)
"""How old an event or a stopped task may be to count; ECS itself forgets stopped tasks after about an hour."""
EVENTS, STOPPED, RELEASES = 12, 20, 5
"""How many events, stopped tasks and past deployments are looked at, newest first."""
SOURCE = "ecs"

LogJobs = Callable[[Sequence[dict[str, str]]], tuple[Job, ...]]
"""What reads the logs, given each container's `group`, `region` and stream `prefix`."""


def jobs(ecs: "ECSClient", target: Target, now: datetime, logs: LogJobs) -> tuple[Job, ...]:
    """The reads of one ECS service; the task definition and the logs follow from what the service says."""
    name = f"cluster={target.cluster} service={target.service}"
    service = f"DescribeServices {name}"
    stopped = f"DescribeTasks {name} desiredStatus=STOPPED"
    releases = f"ListServiceDeployments {name} status=SUCCESSFUL"
    return (
        Job(SOURCE, service, lambda: _service(ecs, target, service, now, logs)),
        Job(SOURCE, stopped, lambda: _stopped(ecs, target, stopped, now)),
        Job(SOURCE, releases, lambda: _releases(ecs, target, releases)),
    )


def _service(ecs: "ECSClient", target: Target, query: str, now: datetime, logs: LogJobs) -> Reading:
    answer = ecs.describe_services(cluster=target.cluster, services=[target.service])
    found = next((each for each in answer["services"] if each.get("status") == "ACTIVE"), None)
    if found is None:
        why = "; ".join(each.get("reason", "") for each in answer["failures"]) or "no active service of that name"
        return Reading(gaps=(Gap(source=SOURCE, query=query, reason="absent", detail=why),))
    primary = next((each for each in found.get("deployments", []) if each.get("status") == "PRIMARY"), None)
    definition = (primary or {}).get("taskDefinition") or found.get("taskDefinition", "")
    follow = (_definition_job(ecs, target, definition, logs),) if definition else ()
    return Reading(
        drafts=(
            _counts(found, target, query),
            _deployments(found, target, query, now),
            _events(found, target, query, now),
        ),
        binding=_binding(found, primary),
        then=follow,
    )


def _binding(service: "ServiceTypeDef", primary: "DeploymentTypeDef | None") -> dict[str, Any]:
    """Empty for a service that ECS itself does not deploy (CodeDeploy, external): nothing to bind a proposal to."""
    if primary is None:
        return {}
    return {
        "deployment": primary["id"],
        "task_definition": primary["taskDefinition"],
        "desired_count": service["desiredCount"],
        "rollout": primary.get("rolloutState", "COMPLETED"),
    }


def _counts(service: "ServiceTypeDef", target: Target, query: str) -> Draft:
    desired, running, pending = service["desiredCount"], service["runningCount"], service["pendingCount"]
    found = f"{running} of {desired} tasks run" + (f", {pending} are starting" if pending else "")
    data = {"desired": desired, "running": running, "pending": pending, "status": service["status"]}
    return Draft("ecs.service", SOURCE, query, found + ".", data, link=_link(target, "health"))


def _deployments(service: "ServiceTypeDef", target: Target, query: str, now: datetime) -> Draft:
    data = [
        {
            "id": each["id"],
            "status": each["status"],
            "task_definition": each["taskDefinition"],
            "rollout": each.get("rolloutState", "COMPLETED"),
            "reason": each.get("rolloutStateReason", ""),
            "desired": each["desiredCount"],
            "running": each["runningCount"],
            "pending": each["pendingCount"],
            "failed_tasks": each.get("failedTasks", 0),
            "created_at": as_text(each["createdAt"]),
            "updated_at": as_text(each["updatedAt"]),
        }
        for each in service.get("deployments", [])
    ]
    lines = [
        f"{each['status']} {revision(each['taskDefinition'])}: {each.get('rolloutState', 'COMPLETED')}, "
        f"made {ago(now - each['createdAt'])} ago"
        + (f", {each['failedTasks']} tasks failed" if each.get("failedTasks") else "")
        for each in service.get("deployments", [])
    ]
    found = "; ".join(lines) or "no deployment of ECS's own"
    return Draft(
        "ecs.deployments", SOURCE, query, found + ".", {"deployments": data}, link=_link(target, "deployments")
    )


def _events(service: "ServiceTypeDef", target: Target, query: str, now: datetime) -> Draft:
    recent = [each for each in service.get("events", []) if each["createdAt"] >= now - LOOK_BACK][:EVENTS]
    data = [{"at": as_text(each["createdAt"]), "message": each["message"]} for each in recent]
    found = f"{len(recent)} event{'' if len(recent) == 1 else 's'} in the last hour"
    if recent:
        found += f"; the newest, {ago(now - recent[0]['createdAt'])} ago: {recent[0]['message']}"
    window = (now - LOOK_BACK, now)
    return Draft("ecs.events", SOURCE, query, found, {"events": data}, window, _link(target, "events"))


def _stopped(ecs: "ECSClient", target: Target, query: str, now: datetime) -> Reading:
    """How tasks ended: of the first hundred that ECS lists, if there are more (`whole` says whether it listed all)."""
    window = (now - LOOK_BACK, now)
    listed = ecs.list_tasks(cluster=target.cluster, serviceName=target.service, desiredStatus="STOPPED")
    arns, whole = listed["taskArns"], "nextToken" not in listed
    tasks = ecs.describe_tasks(cluster=target.cluster, tasks=arns)["tasks"] if arns else []
    ended = [each for each in tasks if each.get("stoppedAt") and each["stoppedAt"] >= window[0]]
    ended.sort(key=lambda each: (each["stoppedAt"], each["taskArn"]), reverse=True)
    data = {"count": len(ended), "whole": whole, "tasks": [_ending(each) for each in ended[:STOPPED]]}
    reasons = Counter(_why(each) for each in ended).most_common(3)
    found = (
        "; ".join(f"{count} task{'' if count == 1 else 's'} stopped: {why}" for why, count in reasons)
        or "No task stopped"
    )
    found += ", in the last hour" + ("." if whole else "; more stopped than could be listed.")
    return Reading((Draft("ecs.stopped_tasks", SOURCE, query, found, data, window, _link(target, "tasks")),))


def _ending(task: "TaskTypeDef") -> dict[str, Any]:
    containers = task.get("containers", [])
    return {
        "task": task["taskArn"].rpartition("/")[2],
        "task_definition": task["taskDefinitionArn"],
        "deployment": task.get("startedBy", ""),
        "code": task.get("stopCode", ""),
        "reason": task.get("stoppedReason", ""),
        "exit_codes": {each["name"]: each["exitCode"] for each in containers if "exitCode" in each},
        "container_reasons": {each["name"]: each["reason"] for each in containers if each.get("reason")},
        "stopped_at": as_text(task["stoppedAt"]),
    }


def _why(task: "TaskTypeDef") -> str:
    codes = sorted({each["exitCode"] for each in task.get("containers", []) if "exitCode" in each})
    exits = f" (exit code {', '.join(map(str, codes))})" if codes else ""
    reason = task.get("stoppedReason", task.get("stopCode", "no reason given"))
    return reason.split("(deployment")[0].strip() + exits


def _releases(ecs: "ECSClient", target: Target, query: str) -> Reading:
    """The deployments that went well, newest first, with what each ran and how long it took."""
    listed = ecs.list_service_deployments(
        cluster=target.cluster, service=target.service, status=["SUCCESSFUL"], maxResults=RELEASES
    )["serviceDeployments"]
    arns = list(dict.fromkeys(each["targetServiceRevisionArn"] for each in listed))
    if not arns:
        return Reading(
            gaps=(Gap(source=SOURCE, query=query, reason="absent", detail="no successful deployment is on record"),)
        )
    described = ecs.describe_service_revisions(serviceRevisionArns=arns)["serviceRevisions"]
    revisions = {each["serviceRevisionArn"]: each for each in described}
    steady = [
        {
            "task_definition": ran["taskDefinition"],
            "images": [image["image"] for image in ran.get("containerImages", []) if image.get("image")],
            "finished_at": as_text(each["finishedAt"]),
            "seconds": round((each["finishedAt"] - each["startedAt"]).total_seconds()),
        }
        for each in listed
        if (ran := revisions.get(each["targetServiceRevisionArn"])) and each.get("finishedAt") and each.get("startedAt")
    ]
    found = "; ".join(
        f"{revision(str(each['task_definition']))} at {when(datetime.fromisoformat(str(each['finished_at'])))}"
        for each in steady
    )
    text = f"Deployed well: {found}." if found else "No finished deployment is on record."
    return Reading((Draft("ecs.releases", SOURCE, query, text, {"steady": steady}, link=_link(target, "deployments")),))


def _definition_job(ecs: "ECSClient", target: Target, definition: str, logs: LogJobs) -> Job:
    query = f"DescribeTaskDefinition {revision(definition)}"
    return Job(SOURCE, query, lambda: _definition(ecs, target, definition, query, logs))


def _definition(ecs: "ECSClient", target: Target, definition: str, query: str, logs: LogJobs) -> Reading:
    described = ecs.describe_task_definition(taskDefinition=definition)["taskDefinition"]
    containers = described.get("containerDefinitions", [])
    images = [each["image"] for each in containers if "image" in each]
    registered = described.get("registeredAt")
    data = {
        "task_definition": definition,
        "images": images,
        "registered_at": as_text(registered) if registered else "",
        "cpu": described.get("cpu", ""),
        "memory": described.get("memory", ""),
    }
    since = f", registered {when(registered)}" if registered else ""
    found = f"{revision(definition)} runs {', '.join(images)}{since}."
    outputs: list[dict[str, str]] = []
    for each in containers:
        log = each.get("logConfiguration")
        if log and log["logDriver"] == "awslogs" and (options := log.get("options", {})).get("awslogs-group"):
            prefix = options.get("awslogs-stream-prefix", "")
            outputs.append(
                {
                    "group": options["awslogs-group"],
                    "region": options.get("awslogs-region", target.region),
                    "prefix": f"{prefix}/{each['name']}/" if prefix else "",
                }
            )
    link = _definition_link(target, definition)
    draft = Draft("ecs.task_definition", SOURCE, query, found, data, link=link)
    return Reading((draft,), then=logs(outputs))


def revision(arn: str) -> str:
    """`shop-orders:42` of a task definition's ARN."""
    return arn.rpartition("/")[2]


def ago(span: timedelta) -> str:
    """A span in the largest unit that says enough: `40 s`, `12 min`, `5 h`, `6 days`."""
    seconds = max(0, round(span.total_seconds()))
    for size, unit, least in ((86400, "days", 2), (3600, "h", 2), (60, "min", 2)):
        if seconds >= size * least:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _link(target: Target, page: str) -> str:
    return (
        f"https://{target.region}.console.aws.amazon.com/ecs/v2/clusters/{target.cluster}"
        f"/services/{target.service}/{page}?region={target.region}"
    )


def _definition_link(target: Target, definition: str) -> str:
    family, _, number = revision(definition).rpartition(":")
    return (
        f"https://{target.region}.console.aws.amazon.com/ecs/v2/task-definitions/{family}/{number}/containers"
        f"?region={target.region}"
    )
