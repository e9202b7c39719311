"""What the ECS API answers about the world, and its one change: UpdateService."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.world.clock import digest, moment
from local.world.model import NoSuchServiceError
from local.world.pages import page
from local.world.scenarios import ACCOUNT, REGION
from local.world.wire import AwsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.world.model import World
    from local.world.service import Deployment, Service, Task

PREFIX = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
Result = dict[str, Any]


def cluster_arn(name: str) -> str:
    """Return the ARN of a cluster."""
    return f"{PREFIX}:cluster/{name}"


def service_arn(service: Service) -> str:
    """Return the ARN of a service."""
    return f"{PREFIX}:service/{service.spec.cluster}/{service.name}"


def definition_arn(service: Service, revision: int) -> str:
    """Return the ARN of a task definition."""
    return f"{PREFIX}:task-definition/{service.family}:{revision}"


def task_arn(service: Service, task: Task) -> str:
    """Return the ARN of a task."""
    return f"{PREFIX}:task/{service.spec.cluster}/{task.id}"


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)


def _cluster(world: World, given: Result) -> str:
    name = str(given.get("cluster") or "default").rpartition("/")[2]
    if name not in {service.spec.cluster for service in world.services.values()}:
        code = "ClusterNotFoundException"
        raise AwsError(code, "Cluster not found.")
    return name


def _find(world: World, cluster: str, name: str) -> Service | None:
    try:
        service = world.service(name.rpartition("/")[2])
    except NoSuchServiceError:
        return None
    return service if service.spec.cluster == cluster else None


def _wanted(world: World, given: Result) -> Service:
    service = _find(world, _cluster(world, given), str(given.get("service", "")))
    if service is None:
        code = "ServiceNotFoundException"
        raise AwsError(code, "Service not found.")
    return service


def _tags(tags: dict[str, str]) -> list[Result]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def _deployment(service: Service, deployment: Deployment) -> Result:
    mine = [task for task in service.tasks if task.deployment == deployment.id]
    primary = deployment is service.primary
    return {
        "id": deployment.id,
        "status": "PRIMARY" if primary else "ACTIVE",
        "taskDefinition": definition_arn(service, deployment.revision),
        "desiredCount": service.desired if primary else 0,
        "pendingCount": sum(task.status == "PENDING" for task in mine),
        "runningCount": sum(task.status == "RUNNING" for task in mine),
        "failedTasks": deployment.failed,
        "createdAt": moment(deployment.created),
        "updatedAt": moment(deployment.updated),
        "launchType": "FARGATE",
        "platformVersion": "1.4.0",
        "platformFamily": "Linux",
        "rolloutState": deployment.state,
        "rolloutStateReason": deployment.reason,
    }


def _service(service: Service, include: list[str]) -> Result:
    described: Result = {
        "serviceArn": service_arn(service),
        "serviceName": service.name,
        "clusterArn": cluster_arn(service.spec.cluster),
        "status": "ACTIVE",
        "desiredCount": service.desired,
        "runningCount": len(service.running()),
        "pendingCount": sum(task.status == "PENDING" for task in service.tasks),
        "launchType": "FARGATE",
        "platformVersion": "LATEST",
        "platformFamily": "Linux",
        "schedulingStrategy": "REPLICA",
        "taskDefinition": definition_arn(service, service.primary.revision),
        "deploymentConfiguration": {
            "deploymentCircuitBreaker": {
                "enable": service.spec.circuit_breaker,
                "rollback": service.spec.circuit_breaker,
            },
            "maximumPercent": 200,
            "minimumHealthyPercent": 100,
        },
        "deploymentController": {"type": "ECS"},
        "deployments": [_deployment(service, one) for one in reversed(service.deployments)],
        "events": [{"id": e.id, "createdAt": moment(e.at), "message": e.message} for e in service.events],
        "loadBalancers": [{"targetGroupArn": service.target_group_arn, "containerName": "app", "containerPort": 8080}],
        "serviceRegistries": [],
        "placementConstraints": [],
        "placementStrategy": [],
        "healthCheckGracePeriodSeconds": 60,
        "createdAt": moment(service.created),
        "createdBy": f"arn:aws:iam::{ACCOUNT}:role/deploy",
        "enableECSManagedTags": True,
        "propagateTags": "SERVICE",
        "enableExecuteCommand": False,
    }
    if "TAGS" in include:
        described["tags"] = _tags(service.spec.tags)
    return described


def describe_services(world: World, given: Result) -> Result:
    """Describe up to ten services; what is missing is a failure with the reason MISSING."""
    cluster, names = _cluster(world, given), given.get("services", [])
    if not names:
        message = "Services cannot be empty."
        raise _invalid(message)
    if len(names) > 10:  # noqa: PLR2004
        message = "Services can have at most 10 items."
        raise _invalid(message)
    found, missing = [], []
    for name in names:
        service = _find(world, cluster, name)
        if service is None:
            bare = name.rpartition("/")[2]
            missing.append({"arn": f"{PREFIX}:service/{cluster}/{bare}", "reason": "MISSING"})
        else:
            found.append(_service(service, given.get("include", [])))
    return {"services": found, "failures": missing}


def list_tasks(world: World, given: Result) -> Result:
    """List tasks of a cluster, those that run unless stopped ones are asked for."""
    cluster = _cluster(world, given)
    services = [s for s in world.services.values() if s.spec.cluster == cluster]
    if given.get("serviceName"):
        services = [_wanted(world, {"cluster": cluster, "service": given["serviceName"]})]
    if given.get("family"):
        services = [s for s in services if s.family == given["family"]]
    stopped = given.get("desiredStatus", "RUNNING") == "STOPPED"
    arns = [
        task_arn(service, task)
        for service in services
        for task in sorted(service.tasks, key=lambda task: -task.created)
        if (not task.live) == stopped and given.get("startedBy", task.deployment) == task.deployment
    ]
    items, token = page(arns, given.get("nextToken"), given.get("maxResults", 100), "InvalidParameterException")
    return {"taskArns": items, "nextToken": token}


def _task(service: Service, task: Task) -> Result:
    arn, ended = task_arn(service, task), task.status == "STOPPED"
    host = f"10.0.{int(task.id[:2], 16) % 3}.{int(task.id[2:4], 16)}"
    health = "UNKNOWN" if not task.started or ended else "UNHEALTHY" if _sick(service, task) else "HEALTHY"
    container: Result = {
        "containerArn": f"{arn.replace(':task/', ':container/')}/{digest(task.id, 'container')[:32]}",
        "taskArn": arn,
        "name": "app",
        "image": service.image(task.revision),
        "runtimeId": f"{task.id}-{int(task.id[:8], 16)}",
        "lastStatus": task.status if task.status != "DEACTIVATING" else "RUNNING",
        "networkBindings": [],
        "networkInterfaces": [{"attachmentId": digest(task.id, "eni")[:32], "privateIpv4Address": host}],
        "healthStatus": health,
        "cpu": "0",
    }
    if ended and task.exit_code is not None:
        container["exitCode"] = task.exit_code
    if task.container_reason:
        container["reason"] = task.container_reason
    described: Result = {
        "taskArn": arn,
        "clusterArn": cluster_arn(service.spec.cluster),
        "taskDefinitionArn": definition_arn(service, task.revision),
        "group": f"service:{service.name}",
        "startedBy": task.deployment,
        "lastStatus": task.status,
        "desiredStatus": "RUNNING" if task.live else "STOPPED",
        "healthStatus": health,
        "launchType": "FARGATE",
        "platformVersion": "1.4.0",
        "platformFamily": "Linux",
        "cpu": "512",
        "memory": "1024",
        "availabilityZone": f"{REGION}{'abc'[int(task.id[:2], 16) % 3]}",
        "connectivity": "CONNECTED",
        "createdAt": moment(task.created),
        "containers": [container],
        "version": 3,
    }
    times = {"startedAt": task.started, "stoppingAt": task.stopping, "stoppedAt": task.stopped}
    described |= {key: moment(at) for key, at in times.items() if at is not None}
    if task.stop_code:
        described |= {"stopCode": task.stop_code, "stoppedReason": task.stopped_reason}
    return described


def _sick(service: Service, task: Task) -> bool:
    return task.afflicted and service.fault is not None and service.fault.unhealthy


def describe_tasks(world: World, given: Result) -> Result:
    """Describe up to a hundred tasks by id or ARN."""
    cluster, found, missing = _cluster(world, given), [], []
    tasks = {t.id: (s, t) for s in world.services.values() if s.spec.cluster == cluster for t in s.tasks}
    if not given.get("tasks"):
        message = "Tasks cannot be empty."
        raise _invalid(message)
    for name in given["tasks"]:
        ident = name.rpartition("/")[2]
        if ident in tasks:
            found.append(_task(*tasks[ident]))
        else:
            missing.append({"arn": f"{PREFIX}:task/{cluster}/{ident}", "reason": "MISSING"})
    return {"tasks": found, "failures": missing}


def _revision(world: World, name: str) -> tuple[Service, int]:
    family, _, number = name.rpartition("task-definition/")[2].partition(":")
    service = next((s for s in world.services.values() if s.family == family), None)
    if service is not None:
        revision = int(number) if number.isdigit() else max(service.revisions)
        if revision in service.revisions:
            return service, revision
    code = "ClientException"
    raise AwsError(code, "Unable to describe task definition.")


def describe_task_definition(world: World, given: Result) -> Result:
    """Describe a task definition by family, family:revision or ARN."""
    service, revision = _revision(world, str(given.get("taskDefinition", "")))
    container = {
        "name": "app",
        "image": service.image(revision),
        "cpu": 0,
        "essential": True,
        "portMappings": [{"containerPort": 8080, "hostPort": 8080, "protocol": "tcp"}],
        "environment": [{"name": "RELEASE", "value": f"1.{revision}.0"}],
        "mountPoints": [],
        "volumesFrom": [],
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": service.log_group,
                "awslogs-region": REGION,
                "awslogs-stream-prefix": "app",
            },
        },
    }
    definition = {
        "taskDefinitionArn": definition_arn(service, revision),
        "family": service.family,
        "revision": revision,
        "status": "ACTIVE",
        "containerDefinitions": [container],
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "compatibilities": ["EC2", "FARGATE"],
        "cpu": "512",
        "memory": "1024",
        "executionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/ecs-execution",
        "taskRoleArn": f"arn:aws:iam::{ACCOUNT}:role/{service.name}",
        "volumes": [],
        "placementConstraints": [],
        "registeredAt": moment(service.revisions[revision]),
        "registeredBy": f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy/ci",
    }
    answer: Result = {"taskDefinition": definition}
    if "TAGS" in given.get("include", []):
        answer["tags"] = _tags(service.spec.tags)
    return answer


def list_task_definitions(world: World, given: Result) -> Result:
    """List task definitions by family, oldest first unless DESC is asked for."""
    prefix = given.get("familyPrefix")
    arns = [
        definition_arn(service, revision)
        for service in sorted(world.services.values(), key=lambda s: s.family)
        if prefix in {None, service.family}
        for revision in sorted(service.revisions)
    ]
    if given.get("sort") == "DESC":
        arns.reverse()
    items, token = page(arns, given.get("nextToken"), given.get("maxResults", 100), "InvalidParameterException")
    return {"taskDefinitionArns": items, "nextToken": token}


def list_service_deployments(world: World, given: Result) -> Result:
    """List the deployments of a service, newest first."""
    service = _wanted(world, given)
    states = {"COMPLETED": "SUCCESSFUL", "FAILED": "STOPPED"}
    found = []
    for deployment in reversed(service.past):
        number = deployment.id.removeprefix("ecs-svc/")
        status = states.get(deployment.state, "IN_PROGRESS")
        if status == "IN_PROGRESS" and deployment is not service.primary:
            status = "STOPPED"
        found.append(
            {
                "serviceDeploymentArn": f"{PREFIX}:service-deployment/{service.spec.cluster}/{service.name}/{number}",
                "serviceArn": service_arn(service),
                "clusterArn": cluster_arn(service.spec.cluster),
                "startedAt": moment(deployment.created),
                "createdAt": moment(deployment.created),
                "finishedAt": moment(deployment.finished) if deployment.finished else None,
                "targetServiceRevisionArn": _service_revision_arn(service, deployment),
                "status": status,
                "statusReason": deployment.reason,
            }
        )
    wanted = given.get("status")
    found = [{k: v for k, v in one.items() if v is not None} for one in found if not wanted or one["status"] in wanted]
    items, token = page(found, given.get("nextToken"), given.get("maxResults", 20), "InvalidParameterException")
    return {"serviceDeployments": items, "nextToken": token}


def _service_revision_arn(service: Service, deployment: Deployment) -> str:
    number = int(digest(deployment.id)[:15], 16)
    return f"{PREFIX}:service-revision/{service.spec.cluster}/{service.name}/{number:019d}"


def describe_service_revisions(world: World, given: Result) -> Result:
    """Describe service revisions by ARN."""
    known = {_service_revision_arn(s, d): (s, d) for s in world.services.values() for d in s.past}
    found, missing = [], []
    for arn in given.get("serviceRevisionArns", []):
        if arn not in known:
            missing.append({"arn": arn, "reason": "MISSING"})
            continue
        service, deployment = known[arn]
        image = {"containerName": "app", "image": service.image(deployment.revision)}
        found.append(
            {
                "serviceRevisionArn": arn,
                "serviceArn": service_arn(service),
                "clusterArn": cluster_arn(service.spec.cluster),
                "taskDefinition": definition_arn(service, deployment.revision),
                "launchType": "FARGATE",
                "containerImages": [image],
                "createdAt": moment(deployment.created),
            }
        )
    return {"serviceRevisions": found, "failures": missing}


def update_service(world: World, given: Result) -> Result:
    """Start a deployment, or change the number of tasks; nothing asked for changes nothing."""
    service = _wanted(world, given)
    desired = given.get("desiredCount")
    if desired is not None and desired < 0:
        message = "desiredCount cannot be negative."
        raise _invalid(message)
    revision = None
    if given.get("taskDefinition"):
        try:
            owner, revision = _revision(world, str(given["taskDefinition"]))
        except AwsError:
            code = "ClientException"
            raise AwsError(code, "TaskDefinition not found.") from None
        if owner is not service:
            message = "The container app does not exist in the task definition."
            raise _invalid(message)
    world.update(service.name, force=bool(given.get("forceNewDeployment")), revision=revision, desired=desired)
    return {"service": _service(service, [])}


OPERATIONS: dict[str, Callable[[World, Result], Result]] = {
    "DescribeServices": describe_services,
    "ListTasks": list_tasks,
    "DescribeTasks": describe_tasks,
    "DescribeTaskDefinition": describe_task_definition,
    "ListTaskDefinitions": list_task_definitions,
    "ListServiceDeployments": list_service_deployments,
    "DescribeServiceRevisions": describe_service_revisions,
    "UpdateService": update_service,
}
