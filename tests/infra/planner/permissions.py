"""Roles as moto's IAM understands them, and every call that a function made held against the policies as they are."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from local.aws.policies import allows, listed
from tests.agreement.permissions import PARTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from local.aws.calls import Identity
    from local.aws.deployed import Account

    Policy = Mapping[str, Any]
    Need = tuple[str, str, Mapping[str, object]]

WRITES = {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:ConditionCheckItem"}


def for_moto(policy: Policy, without: str = "") -> dict[str, Any]:
    """A role's policy as moto understands it, but for the action `without`.

    moto asks for the transaction's own name, knows resources of SQS alone, and no conditions.
    """
    statements = []
    for statement in listed(policy["Statement"]):
        actions = [action for action in listed(statement["Action"]) if action != without]
        if not actions:
            continue
        if WRITES & set(actions):
            actions.append("dynamodb:TransactWriteItems")
        known = all(action.startswith("sqs:") for action in actions)
        resource = statement["Resource"] if known else "*"
        statements.append({"Effect": statement["Effect"], "Action": actions, "Resource": resource})
    return {"Version": "2012-10-17", "Statement": statements}


@contextmanager
def understood(account: Account, roles: Iterable[str], without: Mapping[str, str] | None = None) -> Iterator[None]:
    """Have moto judge by the roles' policies for as long as the block runs; `without` takes an action from a role."""
    iam = account.aws.client("iam")
    named = [(role, name) for role in roles for name in iam.list_role_policies(RoleName=role)["PolicyNames"]]
    written = {each: iam.get_role_policy(RoleName=each[0], PolicyName=each[1])["PolicyDocument"] for each in named}
    try:
        for (role, name), policy in written.items():
            translated = for_moto(policy, (without or {}).get(role, ""))
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(translated))
        account.aws.enforce(permissions=True)
        yield
    finally:
        account.aws.enforce(permissions=False)
        for (role, name), policy in written.items():
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(policy))


def needs(identity: Identity, account: Account) -> Iterator[Need]:
    """What a request needs: each action with the resource (ARN) and what IAM knows of the request besides."""
    asked, operation = identity.request, identity.operation
    match identity.service:
        case "dynamodb" if operation == "TransactWriteItems":
            for item in asked["TransactItems"]:
                for kind, part in item.items():
                    table = _arn(account, "dynamodb", f"table/{part['TableName']}")
                    yield f"dynamodb:{PARTS[kind]}", table, {"dynamodb:LeadingKeys": _keys(part)}
        case "dynamodb":
            index = f"/index/{asked['IndexName']}" if "IndexName" in asked else ""
            yield f"dynamodb:{operation}", _arn(account, "dynamodb", f"table/{asked['TableName']}{index}"), {}
        case "sqs":
            yield f"sqs:{operation}", _arn(account, "sqs", asked["QueueUrl"].rpartition("/")[2]), {}
        case "events":
            for entry in asked["Entries"]:
                bus = _arn(account, "events", f"event-bus/{entry.get('EventBusName', 'default')}")
                yield f"events:{operation}", bus, {"events:source": [entry["Source"]]}
        case "s3" if operation == "ListObjectsV2":
            yield "s3:ListBucket", f"arn:aws:s3:::{asked['Bucket']}", {}
        case "s3":
            yield f"s3:{operation}", f"arn:aws:s3:::{asked['Bucket']}/{asked['Key']}", {}
        case "secretsmanager":
            described = account.aws.client("secretsmanager").describe_secret(SecretId=asked["SecretId"])
            yield f"secretsmanager:{operation}", described["ARN"], {}
        case "kms":
            key = account.key(asked["KeyId"])
            context = {"kms:ResourceAliases": key.aliases}
            yield f"kms:{operation}", key.arn, context
        case "ses":
            sender = asked.get("Source") or asked["FromEmailAddress"]
            address = sender.rpartition("<")[2].rstrip(">")
            yield f"ses:{operation}", _arn(account, "ses", f"identity/{address}"), {"ses:FromAddress": address}
        case other:
            raise AssertionError(f"nobody here knows what {other}:{operation} needs")


def _keys(part: Mapping[str, Any]) -> list[str]:
    """The partition key of what a part of a transaction writes."""
    item = part.get("Item") or part["Key"]
    return [(item.get("key") or item["incident_id"])["S"]]


def _arn(account: Account, service: str, name: str) -> str:
    return f"arn:aws:{service}:{account.aws.region}:{account.aws.account}:{name}"


def of_the_world(operation: str, cluster: str, service: str, account: Account) -> Need:
    """What a request to the world needs, said of one of its services."""
    arn = {
        "ecs:DescribeServices": _arn(account, "ecs", f"service/{cluster}/{service}"),
        "ecs:UpdateService": _arn(account, "ecs", f"service/{cluster}/{service}"),
        "ecs:ListServiceDeployments": _arn(account, "ecs", f"service/{cluster}/{service}"),
        "ecs:DescribeServiceRevisions": _arn(account, "ecs", f"service-revision/{cluster}/{service}/1"),
        "ecs:DescribeTasks": _arn(account, "ecs", f"task/{cluster}/1"),
        "ecs:ListTasks": "*",
        "ecs:DescribeTaskDefinition": "*",
        "cloudwatch:DescribeAlarms": _arn(account, "cloudwatch", "alarm:*"),
        "cloudwatch:SetAlarmState": _arn(account, "cloudwatch", "alarm:middlewatch-canary"),
        "cloudwatch:GetMetricData": "*",
        "logs:FilterLogEvents": _arn(account, "logs", f"log-group:/ecs/{cluster}/{service}:log-stream:"),
    }[operation]
    context = {"ecs:cluster": _arn(account, "ecs", f"cluster/{cluster}"), "aws:ResourceTag/middlewatch": "allow"}
    return operation, arn, context


def refused(policies: Iterable[Policy], wanted: Iterable[Need]) -> list[str]:
    """Which of these a role may not."""
    allowing = list(policies)
    return [f"{action} on {arn}" for action, arn, context in wanted if not allows(allowing, action, arn, context)]
