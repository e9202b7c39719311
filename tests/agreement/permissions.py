"""Which IAM actions a function used, from the requests that it made."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from local.aws.calls import access_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from local.aws.calls import Call

Used = set[tuple[str, str]]
"""IAM actions, each with what it was used on, in the words of function.yaml."""

PARTS = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
"""A transaction needs no permission of its own but those of its parts (DynamoDB developer guide, 'Transactions')."""
ACTIONS = {
    "dynamodb:Query": "dynamodb:Query",
    "dynamodb:GetItem": "dynamodb:GetItem",
    "dynamodb:PutItem": "dynamodb:PutItem",
    "dynamodb:UpdateItem": "dynamodb:UpdateItem",
    "dynamodb:DeleteItem": "dynamodb:DeleteItem",
    "events:PutEvents": "events:PutEvents",
    "sqs:SendMessage": "sqs:SendMessage",
    "sqs:ChangeMessageVisibility": "sqs:ChangeMessageVisibility",
    "ses:SendEmail": "ses:SendEmail",
    "sns:ConfirmSubscription": "sns:ConfirmSubscription",
    "secretsmanager:GetSecretValue": "secretsmanager:GetSecretValue",
    "kms:GenerateMac": "kms:GenerateMac",
    "kms:VerifyMac": "kms:VerifyMac",
    "cloudwatch:DescribeAlarms": "cloudwatch:DescribeAlarms",
    "cloudwatch:GetMetricData": "cloudwatch:GetMetricData",
    "cloudwatch:SetAlarmState": "cloudwatch:SetAlarmState",
    "logs:FilterLogEvents": "logs:FilterLogEvents",
    "s3:PutObject": "s3:PutObject",
    "s3:GetObject": "s3:GetObject",
    "s3:ListObjectsV2": "s3:ListBucket",
    **{
        f"ecs:{operation}": f"ecs:{operation}"
        for operation in (
            "DescribeServices", "ListServiceDeployments", "DescribeServiceRevisions", "ListTasks", "DescribeTasks",
            "DescribeTaskDefinition", "UpdateService",
        )
    },
}  # fmt: skip
"""The IAM action that a request needs (service authorization reference); a request that is not here fails the test."""
ON = {
    "events:PutEvents": "bus",
    "ses:SendEmail": "email",
    "secretsmanager:GetSecretValue": "secrets",
    "sns:ConfirmSubscription": "alarms",
    "ecs:DescribeServices": "services",
    "ecs:ListServiceDeployments": "services",
    "ecs:DescribeServiceRevisions": "services",
    "ecs:UpdateService": "services",
    "ecs:ListTasks": "tasks",
    "ecs:DescribeTasks": "tasks",
    "cloudwatch:DescribeAlarms": "alarms",
    "cloudwatch:SetAlarmState": "canary",
    "logs:FilterLogEvents": "log_groups",
    "s3:PutObject": "audit",
    "s3:GetObject": "audit",
    "s3:ListBucket": "audit",
    "ecs:DescribeTaskDefinition": "anything",
    "cloudwatch:GetMetricData": "anything",
}
"""On what an action can be allowed, where the request need not say it; `anything` knows no resource."""
NARROWER = {("slack_api", "Put", "state"): "switch"}
"""What is allowed on less than a table; that it is enough, tests/infra/planner asks of every request."""


def declared(manifest: Mapping[str, Any]) -> Used:
    """What a function.yaml allows."""
    return {(action, each["on"]) for each in manifest["calls"] for action in each["actions"]}


def used(calls: Iterable[Call], callers: Mapping[str, Iterable[str]], functions: Iterable[str]) -> dict[str, Used]:
    """What each function used of the embedded AWS (`calls`) and of the world (`callers`, operations by access key)."""
    found: dict[str, Used] = defaultdict(set)
    for call in calls:
        if call.function:
            found[call.function] |= set(_needed(call))
    names = {access_key(name): name for name in functions}
    for key, operations in callers.items():
        if key in names:
            needed = {ACTIONS[operation] for operation in operations}
            found[names[key]] |= {(action, ON[action]) for action in needed}
    return found


def _needed(call: Call) -> Iterable[tuple[str, str]]:
    if call.operation == "TransactWriteItems":
        for part in call.parts:
            kind, _, table = part.partition(" ")
            on = table.removeprefix("middlewatch-")
            yield f"dynamodb:{PARTS[kind]}", NARROWER.get((str(call.function), kind, on), on)
        return
    action = ACTIONS[f"{call.service}:{call.operation}"]
    if action == "s3:GetObject":
        yield "s3:GetObjectRetention", "audit"  # what S3 tells of the lock in the same answer
    yield action, ON.get(action) or call.resource.rpartition("/")[2].removeprefix("middlewatch-")
