"""A small healthy deployment in moto, as Terraform would have made it, for tests to break."""

import io
import json
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from cli.doctor.stack import Stack
from local.aws.embedded import EmbeddedAws
from local.aws.provision import Names, Provisioner
from local.aws.spec import FunctionSpec, read_functions
from shared.settings import Settings

ROOT = Path(__file__).parents[3]
CHOSEN = ("alert_intake", "investigation", "relay", "timekeeper", "http_api")
"""One of every kind of trigger."""
FUNCTIONS = tuple(spec for spec in read_functions(ROOT) if spec.name in CHOSEN)
CODE = io.BytesIO()
with zipfile.ZipFile(CODE, "w") as package:
    package.writestr("handler.py", "")
SENDER, RECIPIENT = "middlewatch@shop.example", "on-call@shop.example"
ENVIRONMENT = {
    "JIRA_URL": "https://jira.shop.example",
    "SES_SENDER": SENDER,
    "EMAIL_RECIPIENT": RECIPIENT,
    "MODEL": "google:gemini",
}

Client = Callable[[str], Any]


def deploy(aws: EmbeddedAws, prefix: str) -> tuple[Stack, Client]:
    """All that the doctor looks for, and the clients to break it with."""
    client: Client = cache(aws.client)
    settings = Settings(
        timeline_table=f"{prefix}-timeline",
        state_table=f"{prefix}-state",
        bus_name=prefix,
        environment="production",
        aws_region=aws.region,
        secret_prefix=f"{prefix}/production",
    )
    identity = client("sts").get_caller_identity()
    topic = client("sns").create_topic(Name=f"{prefix}-alarms")["TopicArn"]
    variables = {"NAME_PREFIX": prefix, "ALARMS_TOPIC_ARN": topic, "MIDDLEWATCH_API_URL": "https://api.shop.example/"}
    stack = Stack.of(settings, variables, FUNCTIONS, identity)
    _tables(client, stack)
    Provisioner(client, Names(prefix=prefix)).seals()
    client("events").create_event_bus(Name=prefix)
    client("sqs").create_queue(QueueName=f"{prefix}-undelivered")
    role = _role(client)
    for spec in FUNCTIONS:
        _function(client, stack, spec, role)
    operators = client("sns").create_topic(Name=f"{prefix}-operators")["TopicArn"]
    client("sns").subscribe(TopicArn=operators, Protocol="sms", Endpoint="+4915112345678")
    client("cloudwatch").put_metric_alarm(
        AlarmName=stack.test_alarm,
        Namespace=prefix,
        MetricName="Never",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    return stack, client


def _tables(client: Client, stack: Stack) -> None:
    settings = stack.settings
    Provisioner(client, Names(settings.timeline_table, settings.state_table, settings.bus_name, stack.prefix)).tables()
    for table in (settings.timeline_table, settings.state_table):
        client("dynamodb").update_table(TableName=table, DeletionProtectionEnabled=True)
        client("dynamodb").update_continuous_backups(
            TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )


def _role(client: Client) -> str:
    iam = client("iam")
    try:
        role = iam.create_role(RoleName="doctor", AssumeRolePolicyDocument="{}")
    except iam.exceptions.EntityAlreadyExistsException:
        role = iam.get_role(RoleName="doctor")
    return str(role["Role"]["Arn"])


def _function(client: Client, stack: Stack, spec: FunctionSpec, role: str) -> None:
    lambdas, name = client("lambda"), stack.name(spec.name)
    lambdas.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=role,
        Handler=spec.handler,
        Code={"ZipFile": CODE.getvalue()},
        Publish=True,
        Environment={"Variables": ENVIRONMENT},
    )
    alias = lambdas.create_alias(FunctionName=name, Name="live", FunctionVersion="1")["AliasArn"]
    dead = ""
    if not spec.trigger.http:
        dead = stack.arn("sqs", stack.dead_letters(spec.name))
        client("sqs").create_queue(QueueName=stack.dead_letters(spec.name))
    if spec.trigger.queue:
        _queue(client, stack, spec, dead)
        lambdas.create_event_source_mapping(EventSourceArn=stack.arn("sqs", name), FunctionName=alias)
    if spec.trigger.stream:
        table = client("dynamodb").describe_table(TableName=stack.settings.timeline_table)["Table"]
        lambdas.create_event_source_mapping(
            EventSourceArn=table["LatestStreamArn"], FunctionName=alias, StartingPosition="TRIM_HORIZON"
        )
    if spec.trigger.schedule:
        client("scheduler").create_schedule(
            Name=name,
            ScheduleExpression=spec.trigger.schedule,
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": alias, "RoleArn": role},
        )


def _queue(client: Client, stack: Stack, spec: FunctionSpec, dead: str) -> None:
    name = stack.name(spec.name)
    redrive = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 10})
    client("sqs").create_queue(QueueName=name, Attributes={"RedrivePolicy": redrive})
    trigger = spec.trigger.queue
    assert trigger
    if trigger.facts:
        pattern = {"source": ["middlewatch"], "detail-type": list(trigger.facts)}
        _rule(client, stack, stack.settings.bus_name, spec.name, pattern, name, dead)
    for number, pattern in enumerate(trigger.default_bus, 1):
        _rule(client, stack, "default", f"{name}-{number}", pattern, name, dead)
    if trigger.topic:
        client("sns").subscribe(TopicArn=stack.topic, Protocol="sqs", Endpoint=stack.arn("sqs", name))


def _rule(client: Client, stack: Stack, bus: str, rule: str, pattern: dict[str, Any], queue: str, dead: str) -> None:
    events = client("events")
    events.put_rule(Name=rule, EventBusName=bus, EventPattern=json.dumps(pattern))
    target = {"Id": "queue", "Arn": stack.arn("sqs", queue), "DeadLetterConfig": {"Arn": dead}}
    events.put_targets(Rule=rule, EventBusName=bus, Targets=[target])
