"""An ECS service, read and changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config as ClientConfig
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
)

from shared.errors import Refused, Unavailable, Unclear
from shared.target import Target

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient

FAILING = 500
"""HTTP status from which on a reply says nothing about whether the request took effect."""
BUSY = frozenset({"ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded"})


@dataclass(frozen=True, slots=True)
class EcsServices:
    """Reads services, and changes them with one attempt per call.

    UpdateService has no client token, so a retry by the SDK could restart a service again.
    """

    client: "ECSClient"

    @classmethod
    def connect(cls, region: str) -> "EcsServices":
        """The services of one region; connecting costs nothing until the first call."""
        config = ClientConfig(retries={"total_max_attempts": 1}, connect_timeout=3, read_timeout=10)
        return cls(boto3.client("ecs", region_name=region, config=config))

    def read(self, target: Target) -> Mapping[str, Any]:
        """The service's state as plain JSON.

        `deployment` (id of the PRIMARY one), `task_definition`, `desired_count`, `running_count`, `pending_count`,
        `rollout` (IN_PROGRESS, COMPLETED, FAILED), `rollout_since` (RFC 3339), `deployments` (how many are active),
        `failed_tasks`. Raises Refused where there is no such service, Unavailable where ECS does not answer.
        """
        try:
            reply = self.client.describe_services(cluster=target.cluster, services=[target.service])
        except BotoCoreError as error:
            raise Unavailable(f"ECS did not answer: {error}") from error
        except ClientError as error:
            raise _reading(error, target) from error
        services = [service for service in reply["services"] if service["status"] == "ACTIVE"]
        if not services:
            raise Refused(f"there is no active ECS service {target.name}")
        service = services[0]
        primary = next((each for each in service["deployments"] if each["status"] == "PRIMARY"), None)
        if primary is None:
            raise Refused(f"{target.name} has no PRIMARY deployment; another deployment controller looks after it")
        return {
            "deployment": primary["id"],
            "task_definition": primary["taskDefinition"],
            "desired_count": service["desiredCount"],
            "running_count": service["runningCount"],
            "pending_count": service["pendingCount"],
            "rollout": primary.get("rolloutState", "COMPLETED" if len(service["deployments"]) == 1 else "IN_PROGRESS"),
            "rollout_since": primary["updatedAt"].isoformat(),
            "deployments": len(service["deployments"]),
            "failed_tasks": primary.get("failedTasks", 0),
        }

    def restart(self, target: Target) -> Mapping[str, Any]:
        """Starts a new deployment of what runs now."""
        return self._update(target, {"forceNewDeployment": True})

    def roll_back(self, target: Target, revision: str) -> Mapping[str, Any]:
        """Deploys the task definition `revision` (an ARN, never 'the previous one')."""
        return self._update(target, {"taskDefinition": revision})

    def scale(self, target: Target, desired_count: int) -> Mapping[str, Any]:
        """Sets the number of tasks (absolute, never 'one more')."""
        return self._update(target, {"desiredCount": desired_count})

    def _update(self, target: Target, change: Mapping[str, Any]) -> Mapping[str, Any]:
        """Raises Refused or Unavailable if nothing was changed, Unclear if that cannot be known."""
        try:
            reply = self.client.update_service(cluster=target.cluster, service=target.service, **change)
        except (ConnectTimeoutError, EndpointConnectionError) as error:
            raise Unavailable(f"ECS could not be reached: {error}") from error
        except BotoCoreError as error:
            raise Unclear(f"UpdateService got no reply: {error}") from error
        except ClientError as error:
            raise _changing(error) from error
        service = reply["service"]
        primary = next((each for each in service["deployments"] if each["status"] == "PRIMARY"), None)
        if primary is None:
            raise Unclear("UpdateService answered without a PRIMARY deployment")
        return {
            "deployment": primary["id"],
            "task_definition": primary["taskDefinition"],
            "desired_count": service["desiredCount"],
        }


def _reading(error: ClientError, target: Target) -> Exception:
    code = error.response["Error"]["Code"]
    if code in BUSY or error.response["ResponseMetadata"]["HTTPStatusCode"] >= FAILING:
        return Unavailable(f"ECS is busy: {error}")
    return Refused(f"ECS does not show {target.name}: {error}")


def _changing(error: ClientError) -> Exception:
    code = error.response["Error"]["Code"]
    if error.response["ResponseMetadata"]["HTTPStatusCode"] >= FAILING:
        return Unclear(f"UpdateService answered {code}, which says neither yes nor no")
    if code in BUSY:
        return Unavailable(f"ECS is busy: {error}")
    return Refused(f"ECS refused: {error}")
