"""What somebody deployed says what calls the functions: what is missing there is not made up here."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
import urllib3

from local.aws.deployed import Resources, Unreachable
from local.aws.embedded import EmbeddedAws
from tests.local.aws.conftest import ROOT, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EVERYTHING: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}
REGION = "eu-west-1"


class Deployed:
    """An embedded AWS with resources that are made by hand, each piece of which a test may leave out or spoil."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        environment = {name: str(folder / name.lower()) for name in ("SEEN", "HEALED", "TICKS")}
        self.aws = EmbeddedAws(ROOT, None, environment, region=REGION, tick_seconds=0.2, wiring=Resources())
        self.account = self.aws.account
        self.aws.provision()
        self.iam, self.functions, self.sqs = (self.aws.client(name) for name in ("iam", "lambda", "sqs"))
        self.aws.client("scheduler").delete_schedule(Name="middlewatch-clock")
        for name in ("worker", "web", "clock", "relay"):
            self.role(f"middlewatch-{name}", "lambda.amazonaws.com", EVERYTHING)
            self.function(name)
        self.role("middlewatch-schedule", "scheduler.amazonaws.com", EVERYTHING)
        self.let_in("worker", {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"})

    def arn(self, service: str, name: str) -> str:
        region = "" if service == "iam" else REGION
        return f"arn:aws:{service}:{region}:{self.account}:{name}"

    def role(self, name: str, service: str, policy: dict[str, Any]) -> None:
        trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(EVERYTHING | {"Statement": [trust]}))
        self.allow(name, policy)

    def allow(self, role: str, policy: dict[str, Any]) -> None:
        self.iam.put_role_policy(RoleName=role, PolicyName="all", PolicyDocument=json.dumps(policy))

    def function(self, name: str) -> None:
        variables = {"STATE_TABLE": "middlewatch-state", "QUEUE_URL": self.aws.queue_url(name), "WORKER_SAYS": "hello"}
        self.functions.create_function(
            FunctionName=f"middlewatch-{name}",
            Runtime="python3.13",
            Handler=f"functions.{name}.handler.handler",
            Role=self.arn("iam", f"role/middlewatch-{name}"),
            Code={"ZipFile": b"zip"},
            Timeout=2,
            MemorySize=192,
            Environment={"Variables": variables},
            Publish=True,
        )
        self.functions.create_alias(FunctionName=f"middlewatch-{name}", Name="live", FunctionVersion="1")

    def alias(self, name: str) -> str:
        return self.arn("lambda", f"function:middlewatch-{name}:live")

    def let_in(self, name: str, *statements: dict[str, Any]) -> None:
        policy = json.dumps({"Statement": statements})
        self.sqs.set_queue_attributes(QueueUrl=self.aws.queue_url(name), Attributes={"Policy": policy})

    def map_queue(self, **more: Any) -> None:
        self.functions.create_event_source_mapping(
            EventSourceArn=self.arn("sqs", "middlewatch-worker"), FunctionName=self.alias("worker"), **more
        )

    def map_stream(self) -> None:
        stream = self.aws.client("dynamodb").describe_table(TableName="middlewatch-timeline")["Table"]
        self.functions.create_event_source_mapping(
            EventSourceArn=stream["LatestStreamArn"],
            FunctionName=self.alias("relay"),
            StartingPosition="TRIM_HORIZON",
            FunctionResponseTypes=["ReportBatchItemFailures"],
        )

    def route(self, key: str, *, permitted: bool = True) -> None:
        api = self.aws.client("apigatewayv2")
        made = api.create_api(Name="middlewatch", ProtocolType="HTTP")["ApiId"]
        uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{self.alias('web')}/invocations"
        integration = api.create_integration(
            ApiId=made, IntegrationType="AWS_PROXY", IntegrationUri=uri, PayloadFormatVersion="2.0"
        )["IntegrationId"]
        api.create_route(ApiId=made, RouteKey=key, Target=f"integrations/{integration}", AuthorizationType="NONE")
        api.create_stage(ApiId=made, StageName="$default", AutoDeploy=True)
        self.functions.add_permission(
            FunctionName="middlewatch-web",
            Qualifier="live",
            StatementId="api",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=self.arn("execute-api", f"{made if permitted else 'another'}/*/*"),
        )

    def schedule(self) -> None:
        self.aws.client("scheduler").create_schedule(
            Name="middlewatch-clock",
            ScheduleExpression="rate(1 minute)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": self.alias("clock"), "RoleArn": self.arn("iam", "role/middlewatch-schedule")},
        )

    def send(self, **body: Any) -> str:
        url = self.aws.queue_url("worker")
        return str(self.sqs.send_message(QueueUrl=url, MessageBody=json.dumps(body))["MessageId"])

    def left(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        url = self.aws.queue_url("worker")
        held = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(held[name]) for name in names)

    def notes(self) -> list[dict[str, Any]]:
        items = self.aws.client("dynamodb").scan(TableName="middlewatch-state")["Items"]
        return sorted((json.loads(item["note"]["S"]) for item in items), key=lambda note: note["at"])


@pytest.fixture
def deployed(tmp_path: Path) -> Iterator[Deployed]:
    made = Deployed(tmp_path)
    yield made
    made.aws.stop()


def test_each_caller_that_was_deployed_calls_its_function(deployed: Deployed) -> None:
    deployed.map_queue(BatchSize=1)
    deployed.map_stream()
    deployed.route("GET /incidents/{id}")
    deployed.schedule()
    deployed.aws.start()

    deployed.send(hello=1)
    item = {"incident_id": {"S": "i"}, "seq": {"N": "1"}}
    deployed.aws.client("dynamodb").put_item(TableName="middlewatch-timeline", Item=item)
    answer = urllib3.request("GET", f"{deployed.aws.api_url}/incidents/7", retries=False)

    (note,) = until(deployed.notes)
    until((deployed.folder / "seen").exists)
    until((deployed.folder / "ticks").exists)
    assert json.loads(answer.data)["routeKey"] == "GET /incidents/{id}"
    assert note["env"]["WORKER_SAYS"] == "hello"
    assert note["env"]["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "192"
    assert 1000 < note["left"] <= 2000
    assert note["arn"] == deployed.alias("worker")
    assert {call.function for call in deployed.aws.calls if call.operation == "PutItem"} == {"worker", None}


def test_what_nobody_wired_is_not_called(deployed: Deployed) -> None:
    deployed.aws.start()

    deployed.send(hello=1)
    time.sleep(0.5)

    assert deployed.notes() == []
    assert not (deployed.folder / "ticks").exists()
    assert urllib3.request("GET", f"{deployed.aws.api_url}/plain", retries=False).status == 404


def test_a_message_that_no_filter_wants_is_dropped(deployed: Deployed) -> None:
    deployed.map_queue(BatchSize=1, FilterCriteria={"Filters": [{"Pattern": '{"body": {"hello": [2]}}'}]})
    deployed.aws.start()

    deployed.send(hello=1)
    deployed.send(hello=2)

    (note,) = until(deployed.notes)
    assert note["body"] == {"hello": 2}


def test_without_report_batch_item_failures_nobody_reads_which_message_failed(deployed: Deployed) -> None:
    deployed.map_queue(BatchSize=1)
    deployed.aws.start()

    deployed.send(do="partial")
    until(deployed.notes)

    until(lambda: deployed.left() == 0)


@pytest.mark.parametrize(
    ("forbidden", "said"),
    [
        ("sqs:ReceiveMessage", "the role of middlewatch-worker does not allow sqs:ReceiveMessage"),
        ("dynamodb:GetRecords", "the role of middlewatch-relay does not allow dynamodb:GetRecords"),
        ("lambda:InvokeFunction", "may not call .*middlewatch-clock:live for schedule middlewatch-clock"),
    ],
)
def test_what_a_role_does_not_allow_is_said_before_anything_runs(deployed: Deployed, forbidden: str, said: str) -> None:
    deny = {"Effect": "Deny", "Action": forbidden, "Resource": "*"}
    for role in ("worker", "relay", "schedule"):
        deployed.allow(f"middlewatch-{role}", EVERYTHING | {"Statement": [*EVERYTHING["Statement"], deny]})
    deployed.map_queue()
    deployed.map_stream()
    deployed.schedule()

    with pytest.raises(Unreachable, match=said):
        deployed.aws.start()


def test_a_rule_needs_the_queues_consent(deployed: Deployed) -> None:
    deployed.let_in("worker")
    deployed.map_queue()

    with pytest.raises(
        Unreachable, match=r"does not let events.amazonaws.com send what comes from .*rule/middlewatch/"
    ):
        deployed.aws.start()


def test_a_route_needs_the_functions_consent(deployed: Deployed) -> None:
    deployed.route("GET /plain", permitted=False)

    with pytest.raises(Unreachable, match=r"the HTTP API may not call .*middlewatch-web:live for GET /plain"):
        deployed.aws.start()


def test_a_function_may_do_what_its_role_allows_and_others_everything(deployed: Deployed) -> None:
    deployed.map_queue(BatchSize=1)
    deployed.aws.start()
    deployed.allow(
        "middlewatch-worker", EVERYTHING | {"Statement": [{**EVERYTHING["Statement"][0], "Action": "sqs:*"}]}
    )
    deployed.aws.enforce(permissions=True)

    deployed.send(hello=1)
    denied = until(lambda: [call for call in deployed.aws.calls if call.status == 403])
    deployed.allow("middlewatch-worker", EVERYTHING)
    (note,) = until(deployed.notes, 20)

    assert (denied[0].function, denied[0].operation) == ("worker", "PutItem")
    assert note["count"] > 1
