"""AWS as it answers about one service of which strangers wrote every text: fakes of the three clients that are read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from botocore.exceptions import ClientError

from functions.investigation.investigate import Aws, Plan, on_aws
from functions.investigation.reading import VENDOR_ERRORS, Job, Reading, gap_of
from shared.config import Config
from tests.builders import SEEN

Story = Literal["failing", "unknown", "pool", "released", "crashing"]
"""What is wrong: errors on a steady release, something no rule knows, no connections left, a release, crashes."""
STORIES: tuple[Story, ...] = ("failing", "unknown", "pool", "released", "crashing")
REGION = "eu-west-1"
ACCOUNT = "123456789012"
CURRENT = str(SEEN["task_definition"])
BEFORE = CURRENT.replace(":7", ":6")
METRIC = {"unknown": "QueueDepth"}


@dataclass
class World:
    """One ECS service and its alarm; `said` holds the text of each place that a stranger can write to."""

    cluster: str
    service: str
    clock: Callable[[], datetime]
    story: Story = "failing"
    said: Mapping[str, str] = field(default_factory=dict)
    seen: Mapping[str, Any] = field(default_factory=lambda: dict(SEEN))
    ring: bool = True

    def plan(self, config: Config) -> Plan:
        """The reads of the real investigation, of this world."""
        return on_aws(Aws(_of(self), _of(self), _of(self), region=REGION, account=ACCOUNT), config)

    def text(self, place: str, usual: str) -> str:
        """What stands in a place."""
        return self.said.get(place, usual)

    # CloudWatch

    def describe_alarms(self, AlarmNames: list[str], **_: object) -> dict[str, Any]:  # noqa: N803 - boto3's names
        self._fails("alarm error")
        alarms = [
            {
                "AlarmName": name,
                "AlarmArn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}",
                "AlarmDescription": self.text("alarm description", ""),
                "StateValue": "ALARM" if self.ring else "OK",
                "StateReason": self.text("alarm reason", "Threshold Crossed"),
                "StateTransitionedTimestamp": self.clock() - timedelta(minutes=2),
                "Namespace": "AWS/ApplicationELB",
                "MetricName": METRIC.get(self.story, "HTTPCode_Target_5XX_Count"),
                "Dimensions": [
                    {"Name": "ClusterName", "Value": self.cluster},
                    {"Name": "ServiceName", "Value": self.service},
                ],
                "Statistic": "Sum",
                "Period": 60,
                "EvaluationPeriods": 1,
                "Threshold": 5.0,
                "ComparisonOperator": "GreaterThanThreshold",
            }
            for name in AlarmNames
        ]
        return {"MetricAlarms": alarms, "CompositeAlarms": []}

    def get_metric_data(self, MetricDataQueries: list[dict[str, Any]], **_: object) -> dict[str, Any]:  # noqa: N803
        now = self.clock()
        times = [now - timedelta(minutes=minute) for minute in (4, 3, 2, 1)]
        return {
            "MetricDataResults": [
                {"Id": each["Id"], "Label": self.text("metric label", ""), "Timestamps": times, "Values": [9.0] * 4}
                for each in MetricDataQueries
            ]
        }

    # ECS

    def describe_services(self, cluster: str, services: list[str]) -> dict[str, Any]:
        self._fails("service error")
        if (cluster, services) != (self.cluster, [self.service]):
            return {"services": [], "failures": [{"reason": "MISSING"}]}
        now = self.clock()
        deployed = now - (timedelta(minutes=20) if self.story == "released" else timedelta(days=3))
        deployment = {
            "id": self.seen["deployment"],
            "status": "PRIMARY",
            "taskDefinition": self.seen["task_definition"],
            "rolloutState": "COMPLETED",
            "rolloutStateReason": self.text("rollout reason", "ECS deployment completed."),
            "desiredCount": self.seen["desired_count"],
            "runningCount": self.seen["desired_count"],
            "pendingCount": 0,
            "failedTasks": 0,
            "createdAt": deployed,
            "updatedAt": deployed,
        }
        events = [
            {
                "createdAt": now - timedelta(minutes=1),
                "message": self.text("service event", "has reached a steady state."),
            }
        ]
        service = {
            "status": "ACTIVE",
            "desiredCount": self.seen["desired_count"],
            "runningCount": self.seen["desired_count"],
            "pendingCount": 0,
            "deployments": [deployment],
            "events": events,
            "taskDefinition": self.seen["task_definition"],
            "tags": [{"key": "note", "value": self.text("service tag", "")}],
        }
        return {"services": [service], "failures": []}

    def list_tasks(self, **_: object) -> dict[str, Any]:
        return {"taskArns": [f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/shop/{number}" for number in range(3)]}

    def describe_tasks(self, tasks: list[str], **_: object) -> dict[str, Any]:
        code = "EssentialContainerExited" if self.story == "crashing" else "ServiceSchedulerInitiated"
        ended = {
            "taskDefinitionArn": self.seen["task_definition"],
            "startedBy": self.seen["deployment"],
            "stopCode": code,
            "stoppedReason": self.text("stopped reason", "Scaling activity initiated by (deployment 1)"),
            "stoppedAt": self.clock() - timedelta(minutes=5),
            "containers": [{"name": "app", "exitCode": 1, "reason": self.text("container reason", "Error")}],
        }
        return {"tasks": [{"taskArn": arn, **ended} for arn in tasks]}

    def list_service_deployments(self, **_: object) -> dict[str, Any]:
        now = self.clock()
        listed = [
            {"targetServiceRevisionArn": name, "startedAt": now - age, "finishedAt": now - age + timedelta(minutes=3)}
            for name, age in (("now", timedelta(days=3)), ("before", timedelta(days=9)))
        ]
        return {"serviceDeployments": listed[1:] if self.story == "released" else listed}

    def describe_service_revisions(self, serviceRevisionArns: list[str]) -> dict[str, Any]:  # noqa: N803
        image = self.text("image of a revision", "shop/orders:6")
        ran = {"now": CURRENT, "before": BEFORE}
        return {
            "serviceRevisions": [
                {"serviceRevisionArn": arn, "taskDefinition": ran[arn], "containerImages": [{"image": image}]}
                for arn in serviceRevisionArns
            ]
        }

    def describe_task_definition(self, **_: object) -> dict[str, Any]:
        container = {
            "name": "app",
            "image": self.text("commit message", "shop/orders:7"),
            "environment": [
                {"name": "NOTE", "value": self.text("task definition environment", "")},
                {"name": self.text("name in the environment", "X"), "value": "1"},
            ],
            "dockerLabels": {"commit": self.text("docker label", "")},
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": "/ecs/shop/app",
                    "awslogs-region": REGION,
                    "awslogs-stream-prefix": "ecs",
                    "note": self.text("log option", ""),
                },
            },
        }
        return {"taskDefinition": {"containerDefinitions": [container], "cpu": "256", "memory": "512"}}

    # Logs

    def filter_log_events(self, **_: object) -> dict[str, Any]:
        self._fails("log error")
        usual = "ERROR connection pool exhausted" if self.story == "pool" else "ERROR upstream sent 502"
        lines = [*self.text("log line", "").split("\n"), self.text("structured log line", ""), usual]
        at = int(self.clock().timestamp() * 1000) - 60_000
        return {
            "events": [
                {"message": line, "timestamp": at + number, "logStreamName": "ecs/app/1"}
                for number, line in enumerate(lines)
                if line
            ]
        }

    def _fails(self, place: str) -> None:
        if place in self.said:
            said: Any = {"Error": {"Code": "InternalFailure", "Message": self.said[place]}}
            raise ClientError(said, "Read")


def _of(world: World) -> Callable[[str], Any]:
    return lambda _region: world


def in_turn(jobs: Any, _seconds: float) -> list[Reading]:
    """What the jobs find, one after the other: the same as side by side, and repeatable."""
    waiting: list[Job] = list(jobs)
    readings = []
    while waiting:
        job = waiting.pop(0)
        try:
            reading = job.read()
        except VENDOR_ERRORS as error:
            reading = Reading(gaps=(gap_of(job.source, job.query, error),))
        readings.append(reading)
        waiting += reading.then
    return readings
