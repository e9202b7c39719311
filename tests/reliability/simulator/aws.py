"""What boto3's clients of ECS, CloudWatch, its logs, SES, SQS, KMS and EventBridge answer in a schedule's world."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import digest
from typing import Any

from botocore.exceptions import ClientError

from tests.reliability.simulator.loop import START, Loop
from tests.reliability.simulator.tables import boto_failure
from tests.reliability.simulator.world import Service, World


def _moment(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class Ecs:
    """The client `ecs`; `rows` says how many rows the timelines have at this moment."""

    loop: Loop
    world: World
    rows: Callable[[], int]
    name: str = "ecs"

    def failure(self, how: str, call: str) -> Exception:
        """See Port."""
        return boto_failure(how, call)

    def describe_services(self, *, cluster: str, services: Sequence[str]) -> dict[str, Any]:
        """The services of these names."""
        assert cluster == "shop"
        return self.loop.call(
            self, "DescribeServices", lambda: {"services": [self._shown(name) for name in services], "failures": []}
        )

    def update_service(self, *, cluster: str, service: str, **change: Any) -> dict[str, Any]:
        """Starts a deployment; every call does, there is no token that makes two of them one."""
        assert cluster == "shop"
        return self.loop.call(self, "UpdateService", lambda: self._update(service, change))

    def list_tasks(self, **_: Any) -> dict[str, Any]:
        """No task stopped."""
        return self.loop.call(self, "ListTasks", lambda: {"taskArns": []})

    def list_service_deployments(self, *, service: str, **_: Any) -> dict[str, Any]:
        """The releases that went well."""
        return self.loop.call(self, "ListServiceDeployments", lambda: self._releases(self.world.services[service]))

    def describe_service_revisions(self, *, serviceRevisionArns: Sequence[str]) -> dict[str, Any]:  # noqa: N803
        """What each of them ran."""
        found = [
            {"serviceRevisionArn": arn, "taskDefinition": arn.partition("@")[0], "containerImages": []}
            for arn in serviceRevisionArns
        ]
        return self.loop.call(self, "DescribeServiceRevisions", lambda: {"serviceRevisions": found})

    def describe_task_definition(self, *, taskDefinition: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        """One container that logs to CloudWatch."""
        options = {"awslogs-group": "/ecs/shop", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "app"}
        container = {
            "name": "app",
            "image": "shop:7",
            "logConfiguration": {"logDriver": "awslogs", "options": options},
        }
        return self.loop.call(
            self,
            "DescribeTaskDefinition",
            lambda: {"taskDefinition": {"taskDefinitionArn": taskDefinition, "containerDefinitions": [container]}},
        )

    def _shown(self, name: str) -> dict[str, Any]:
        service = self.world.services[name]
        return {
            "serviceName": name,
            "status": "ACTIVE",
            "desiredCount": 4,
            "runningCount": 4,
            "pendingCount": 0,
            "events": [],
            "deployments": [
                {
                    "id": each.id,
                    "status": each.status,
                    "taskDefinition": each.definition,
                    "rolloutState": each.rollout,
                    "desiredCount": 4,
                    "runningCount": 4,
                    "pendingCount": 0,
                    "failedTasks": 0,
                    "createdAt": _moment(each.made_at),
                    "updatedAt": _moment(each.changed_at),
                }
                for each in service.deployments
            ],
        }

    def _update(self, name: str, change: Mapping[str, Any]) -> dict[str, Any]:
        service = self.world.services[name]
        definition = str(change.get("taskDefinition", service.primary.definition))
        word = "rollback" if "taskDefinition" in change else "restart" if "forceNewDeployment" in change else "scale"
        self.world.change(service, word, definition, self.rows())
        return {"service": self._shown(name)}

    def _releases(self, service: Service) -> dict[str, Any]:
        return {
            "serviceDeployments": [
                {
                    "targetServiceRevisionArn": f"{definition}@{at}",
                    "startedAt": _moment(at - 90),
                    "finishedAt": _moment(at),
                }
                for definition, at in service.released[:5]
            ]
        }


@dataclass(frozen=True, slots=True)
class CloudWatch:
    """The client `cloudwatch`."""

    loop: Loop
    world: World
    name: str = "cloudwatch"

    def failure(self, how: str, call: str) -> Exception:
        """See Port."""
        return boto_failure(how, call, "Throttling")

    def describe_alarms(
        self,
        *,
        AlarmNames: Sequence[str] | None = None,  # noqa: N803 - boto3's names
        AlarmNamePrefix: str = "",  # noqa: N803
        StateValue: str = "",  # noqa: N803
        **_: Any,
    ) -> dict[str, Any]:
        """How the alarms of these names stand, or which whose name begins so are in that state."""
        return self.loop.call(
            self,
            "DescribeAlarms",
            lambda: {"MetricAlarms": self._alarms(AlarmNames, AlarmNamePrefix, StateValue), "CompositeAlarms": []},
        )

    def get_metric_data(
        self,
        *,
        MetricDataQueries: Sequence[Mapping[str, Any]],  # noqa: N803 - boto3's names
        StartTime: datetime,  # noqa: N803
        EndTime: datetime,  # noqa: N803
        **_: Any,
    ) -> dict[str, Any]:
        """The values of each metric, of whichever service its dimensions name."""
        return self.loop.call(
            self,
            "GetMetricData",
            lambda: {"MetricDataResults": [self._result(each, StartTime, EndTime) for each in MetricDataQueries]},
        )

    def _alarms(self, names: Sequence[str] | None, prefix: str, state: str) -> list[dict[str, Any]]:
        return [
            {
                "AlarmName": alarm.name,
                "AlarmArn": alarm.arn,
                "AlarmDescription": "severity=high",
                "StateValue": alarm.state,
                "StateReason": "Threshold Crossed",
                "StateTransitionedTimestamp": alarm.said or _moment(alarm.since),
                "Namespace": "Shop",
                "MetricName": alarm.metric,
                "Dimensions": [
                    {"Name": "ClusterName", "Value": "shop"},
                    {"Name": "ServiceName", "Value": service.name},
                ],
                "Statistic": "Sum",
                "Period": 60,
                "EvaluationPeriods": 1,
                "Threshold": 5.0,
                "ComparisonOperator": "GreaterThanThreshold",
            }
            for service in self.world.watched
            for alarm in service.alarms
            if (alarm.name in names if names is not None else alarm.state == state and alarm.name.startswith(prefix))
        ]

    def _result(self, query: Mapping[str, Any], start: datetime, end: datetime) -> dict[str, Any]:
        metric = query["MetricStat"]["Metric"]
        about = " ".join(each["Value"] for each in metric["Dimensions"])
        service = next(each for each in self.world.watched if each.name in about)
        found = self.world.values(service, metric["MetricName"], start, end)
        return {"Id": query["Id"], "Timestamps": [at for at, _ in found], "Values": [value for _, value in found]}


@dataclass(frozen=True, slots=True)
class Logs:
    """The client `logs`: nothing in them tells of trouble."""

    loop: Loop
    name: str = "cloudwatch"

    def failure(self, how: str, call: str) -> Exception:
        """See Port."""
        return boto_failure(how, call)

    def filter_log_events(self, **_: Any) -> dict[str, Any]:
        """No line."""
        return self.loop.call(self, "FilterLogEvents", lambda: {"events": []})


class WrongMac(ClientError):
    """KMS's word that a code was not made of that message under that key."""


@dataclass(frozen=True, slots=True)
class Kms:
    """The client `kms`."""

    class exceptions:  # noqa: N801 - boto3's own name
        """As on boto3's client."""

        KMSInvalidMacException = WrongMac

    loop: Loop
    name: str = "kms"

    def failure(self, how: str, call: str) -> Exception:
        """See Port."""
        return boto_failure(how, call)

    def generate_mac(self, *, KeyId: str, Message: bytes, MacAlgorithm: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        """The code of a message."""
        assert MacAlgorithm == "HMAC_SHA_256"
        return self.loop.call(self, "GenerateMac", lambda: {"Mac": _mac(KeyId, Message)})

    def verify_mac(self, *, KeyId: str, Message: bytes, MacAlgorithm: str, Mac: bytes) -> dict[str, Any]:  # noqa: N803
        """Raises WrongMac where it is another one's."""
        assert MacAlgorithm == "HMAC_SHA_256"
        return self.loop.call(self, "VerifyMac", lambda: self._verified(_mac(KeyId, Message) == Mac))

    def _verified(self, holds: bool) -> dict[str, Any]:
        if not holds:
            raise WrongMac({"Error": {"Code": "KMSInvalidMacException", "Message": "invalid"}}, "VerifyMac")
        return {"MacValid": True}


def _mac(key: str, message: bytes) -> bytes:
    return digest(key.encode(), message, sha256)


@dataclass(frozen=True, slots=True)
class Letter:
    """One e-mail that went out, and the message on whose account."""

    at: float
    subject: str
    about: str


class Ses:
    """The client `ses`."""

    name = "mail"

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.letters: list[Letter] = []

    def failure(self, how: str, call: str) -> Exception:
        """See Port."""
        return boto_failure(how, call, "Throttling")

    def send_email(self, *, Message: Mapping[str, Any], **_: Any) -> dict[str, Any]:  # noqa: N803 - boto3's name
        """Sends it, each time anew."""
        return self.loop.call(self, "SendEmail", lambda: self._send(Message["Subject"]["Data"]))

    def _send(self, subject: str) -> dict[str, Any]:
        running = self.loop.running
        self.letters.append(Letter(self.loop.now, subject, running.about if running is not None else ""))
        return {"MessageId": f"mail-{len(self.letters)}"}


@dataclass(frozen=True, slots=True)
class Sqs:
    """The client `sqs` of one function's queue."""

    loop: Loop
    hide: Callable[[str, float], None]
    name: str = "queue"

    def failure(self, how: str, call: str) -> Exception:
        """See Port."""
        return boto_failure(how, call)

    def change_message_visibility(self, *, ReceiptHandle: str, VisibilityTimeout: int, **_: Any) -> dict[str, Any]:  # noqa: N803
        """Hides a message for so long from now on."""
        self.loop.call(self, "ChangeMessageVisibility", lambda: self.hide(ReceiptHandle, VisibilityTimeout))
        return {}


@dataclass(frozen=True, slots=True)
class Events:
    """The client `events`: our bus."""

    loop: Loop
    publish: Callable[[str, str], None]
    name: str = "bus"

    def failure(self, how: str, call: str) -> Exception:
        """See Port."""
        return boto_failure(how, call)

    def put_events(self, *, Entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        """Takes all of them, or, where the schedule says so, every other one."""
        return self.loop.call(self, "PutEvents", lambda: self._put(Entries, every_other=self.loop.partial))

    def _put(self, entries: Sequence[Mapping[str, Any]], *, every_other: bool) -> dict[str, Any]:
        results: list[dict[str, str]] = []
        for place, entry in enumerate(entries):
            if every_other and place % 2 == 0:
                results.append({"ErrorCode": "InternalFailure"})
                continue
            self.publish(entry["DetailType"], entry["Detail"])
            results.append({"EventId": str(place)})
        return {"FailedEntryCount": sum("ErrorCode" in each for each in results), "Entries": results}
