"""Who may do what: the roles of the recorded plan, against the manifests and against a table written by hand."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from local.aws.policies import allows, listed
from local.reference import manifests
from shared import keys
from tests.agreement.permissions import declared
from tests.infra.recorded import planned

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FUNCTIONS = sorted(manifests())
EVERYBODY = set(FUNCTIONS)
HERE = "eu-west-1:123456789012"
BY_ITSELF = "*"
"""These know no resource: whoever may call them may call them for everything."""
ON: dict[tuple[str, str], set[str]] = {
    ("dynamodb:Query", "timeline"): {"dynamodb:table/middlewatch-timeline"},
    ("dynamodb:PutItem", "timeline"): {"dynamodb:table/middlewatch-timeline"},
    ("dynamodb:GetItem", "state"): {"dynamodb:table/middlewatch-state"},
    ("dynamodb:PutItem", "state"): {"dynamodb:table/middlewatch-state"},
    ("dynamodb:PutItem", "switch"): {"dynamodb:table/middlewatch-state"},
    ("dynamodb:UpdateItem", "state"): {"dynamodb:table/middlewatch-state"},
    ("dynamodb:DeleteItem", "state"): {"dynamodb:table/middlewatch-state"},
    ("dynamodb:Query", "state"): {f"dynamodb:table/middlewatch-state/index/{index}" for index in ("by_due", "by_list")},
    ("events:PutEvents", "bus"): {"events:event-bus/middlewatch"},
    **{
        (f"s3:{action}", "audit"): {"s3:::middlewatch-audit-123456789012-eu-west-1/anchors/*"}
        for action in ("PutObject", "GetObject", "GetObjectRetention")
    },
    ("s3:ListBucket", "audit"): {"s3:::middlewatch-audit-123456789012-eu-west-1"},
    ("sqs:SendMessage", "approval"): {"sqs:middlewatch-approval"},
    ("ses:SendEmail", "email"): {
        *(f"ses:identity/{name}@shop.example" for name in ("middlewatch", "on-call")),
        "ses:configuration-set/middlewatch",
    },
    ("sns:ConfirmSubscription", "alarms"): {"sns:alarms"},
    ("cloudwatch:DescribeAlarms", "alarms"): {BY_ITSELF},
    ("cloudwatch:SetAlarmState", "canary"): {"cloudwatch:alarm:middlewatch-canary"},
    ("cloudwatch:GetMetricData", "anything"): {BY_ITSELF},
    ("logs:FilterLogEvents", "log_groups"): {
        f"logs:log-group:{name}:*" for name in ("/ecs/*", "/ecs/shop/orders", "/ecs/shop/payments", "/ecs/shop/search")
    },
    ("ecs:DescribeServices", "services"): {"ecs:service/shop/*"},
    ("ecs:ListServiceDeployments", "services"): {"ecs:service/shop/*"},
    ("ecs:UpdateService", "services"): {"ecs:service/shop/*"},
    ("ecs:DescribeServiceRevisions", "services"): {"ecs:service-revision/shop/*"},
    ("ecs:DescribeTasks", "tasks"): {"ecs:task/shop/*"},
    ("ecs:ListTasks", "tasks"): {BY_ITSELF},
    ("ecs:DescribeTaskDefinition", "anything"): {BY_ITSELF},
}
"""On which resources of this plan an action is allowed, by the word of function.yaml; without account and region."""
TIMELINE = "dynamodb:table/middlewatch-timeline"
CHANGES: dict[tuple[str, str], set[str]] = {
    ("ecs:UpdateService", "ecs:service/shop/orders"): {"ecs_action"},
    ("events:PutEvents", "events:event-bus/middlewatch"): {"relay"},
    ("sqs:SendMessage", "sqs:middlewatch-approval"): {"slack_api"},
    ("s3:PutObject", "s3:::middlewatch-audit-123456789012-eu-west-1/anchors/0000000001.json"): {"archive"},
    ("ses:SendEmail", "ses:identity/middlewatch@shop.example"): {"notification"},
    ("cloudwatch:SetAlarmState", "cloudwatch:alarm:middlewatch-canary"): {"canary"},
    ("sns:ConfirmSubscription", "sns:alarms"): {"http_api"},
    ("dynamodb:PutItem", TIMELINE): EVERYBODY - {"relay", "slack_api", "canary", "archive"},
    ("dynamodb:PutItem", "dynamodb:table/middlewatch-state"): EVERYBODY - {"relay"},
    ("dynamodb:UpdateItem", "dynamodb:table/middlewatch-state"): {
        *("ai_assessment", "alert_intake", "ecs_action", "http_api", "notification", "sweep")
    },
    ("dynamodb:DeleteItem", "dynamodb:table/middlewatch-state"): EVERYBODY
    - {"relay", "slack_api", "canary", "investigation"},
}
"""Every call that changes something outside the function, and the only ones who may make it."""
NOBODY = [
    *((f"dynamodb:{action}", "dynamodb:table/middlewatch-timeline") for action in (
        "UpdateItem", "DeleteItem", "BatchWriteItem", "PartiQLDelete", "PartiQLUpdate", "PartiQLInsert", "DeleteTable",
        "UpdateTable", "UpdateTimeToLive", "PutResourcePolicy", "Scan",
    )),
    ("dynamodb:Scan", "dynamodb:table/middlewatch-state"),
    ("cloudwatch:SetAlarmState", "cloudwatch:alarm:orders-5xx"),
    ("cloudwatch:DeleteAlarms", "cloudwatch:alarm:middlewatch-canary"),
    ("events:PutEvents", "events:event-bus/default"),
    ("ecs:UpdateService", "ecs:service/other/orders"),
    ("ecs:DeleteService", "ecs:service/shop/orders"),
    ("ecs:RunTask", "ecs:task-definition/orders:1"),
    ("ecs:StopTask", "ecs:task/shop/1"),
    ("ecs:ExecuteCommand", "ecs:task/shop/1"),
    ("iam:PassRole", "iam:role/middlewatch-relay"),
    ("lambda:InvokeFunction", "lambda:function:middlewatch-ecs_action:live"),
    ("lambda:UpdateFunctionCode", "lambda:function:middlewatch-ecs_action"),
    ("secretsmanager:PutSecretValue", "secretsmanager:secret:middlewatch/production/slack_bot_token-AbCdEf"),
    *((f"s3:{action}", "s3:::middlewatch-audit-123456789012-eu-west-1/anchors/0000000001.json") for action in (
        "DeleteObject", "DeleteObjectVersion", "PutObjectRetention", "PutObjectLegalHold", "BypassGovernanceRetention",
    )),
    ("s3:PutObject", "s3:::middlewatch-audit-123456789012-eu-west-1/x"),
    ("s3:PutBucketPolicy", "s3:::middlewatch-audit-123456789012-eu-west-1"),
    ("s3:PutBucketObjectLockConfiguration", "s3:::middlewatch-audit-123456789012-eu-west-1"),
    ("sts:AssumeRole", "iam:role/admin"),
]  # fmt: skip
CONTEXT = {
    "ecs:cluster": f"arn:aws:ecs:{HERE}:cluster/shop",
    "aws:ResourceTag/middlewatch": "allow",
    "events:source": "middlewatch",
    "ses:FromAddress": "middlewatch@shop.example",
}


USES = {"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"}
"""What is done with the keys of what is stored and sent."""
SEALS = {
    ("kms:GenerateMac", "approval-seal"): {"slack_api"},
    ("kms:VerifyMac", "approval-seal"): {"ecs_action", "policy_gate"},
    ("kms:GenerateMac", "decision-seal"): {"policy_gate"},
    ("kms:VerifyMac", "decision-seal"): {"ecs_action"},
}
"""Who may make which seal, who may check it, and nobody else."""


@cache
def policies() -> dict[str, dict[str, Any]]:
    """The policy of every role, by the name behind our prefix."""
    made = planned("aws_iam_role_policy").values()
    return {each["name"].removeprefix("middlewatch-"): json.loads(each["policy"]) for each in made}


def arn(short: str) -> str:
    service, _, rest = short.partition(":")
    if rest.startswith("::"):  # the names of buckets are of no account and region
        return f"arn:aws:{short}"
    return f"arn:aws:{service}:{HERE}:{rest}"


def granted(policy: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a policy allows: action and resource, short."""
    for statement in listed(policy["Statement"]):
        assert statement["Effect"] == "Allow"
        for action in listed(statement["Action"]):
            for resource in listed(statement["Resource"]):
                yield action, resource.removeprefix("arn:aws:").replace(f":{HERE}:", ":", 1)


def platform(name: str) -> Iterator[tuple[str, str]]:
    """What comes with a trigger, with secrets and with being a function at all; keys are looked at apart."""
    trigger = manifests()[name]["trigger"]
    for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
        yield action, f"logs:log-group:/aws/lambda/middlewatch-{name}:*"
    yield "xray:PutTelemetryRecords", BY_ITSELF
    yield "xray:PutTraceSegments", BY_ITSELF
    if "queue" in trigger:
        for action in ("ChangeMessageVisibility", "DeleteMessage", "GetQueueAttributes", "ReceiveMessage"):
            yield f"sqs:{action}", f"sqs:middlewatch-{name}"
    if "stream" in trigger:
        for action in ("DescribeStream", "GetRecords", "GetShardIterator"):
            yield f"dynamodb:{action}", "dynamodb:table/middlewatch-timeline/stream/2026-01-01T00:00:00Z"
        yield "dynamodb:ListStreams", BY_ITSELF
    if "stream" in trigger or "schedule" in trigger:
        yield "sqs:SendMessage", f"sqs:middlewatch-{name}-dlq"
    for secret in manifests()[name].get("secrets", []):
        yield "secretsmanager:GetSecretValue", f"secretsmanager:secret:middlewatch/production/{secret}-??????"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_role_may_what_its_manifest_says_and_what_its_trigger_needs_and_nothing_else(name: str) -> None:
    asked = {each for each in declared(manifests()[name]) if not each[0].startswith("kms:")}
    said = {(action, resource) for action, on in asked for resource in ON[action, on]}
    may = {each for each in granted(policies()[name]) if not each[0].startswith("kms:")}

    assert may == said | set(platform(name))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_role_uses_our_keys_through_the_services_that_it_speaks_to_alone(name: str) -> None:
    statements = [each for each in policies()[name]["Statement"] if set(each["Action"]) & USES]

    for statement in statements:
        assert set(statement["Action"]) <= USES
        assert statement["Condition"]["StringEquals"]["kms:ViaService"]
        if statement["Resource"][0].endswith("key/*"):
            assert statement["Condition"]["ForAnyValue:StringEquals"] == {"kms:ResourceAliases": ["alias/middlewatch"]}


@pytest.mark.parametrize(("action", "resource"), CHANGES, ids=[" ".join(each) for each in CHANGES])
def test_what_changes_something_is_done_by_those_alone_who_are_named_here(action: str, resource: str) -> None:
    may = {name for name, policy in policies().items() if allows([policy], action, arn(resource), CONTEXT)}

    assert may == CHANGES[action, resource]


def key_policy(seal: str) -> dict[str, Any]:
    (made,) = (each for each in planned("aws_kms_key").values() if each["description"] == f"middlewatch: {seal}")
    assert (made["key_usage"], made["customer_master_key_spec"]) == ("GENERATE_VERIFY_MAC", "HMAC_256")
    policy: dict[str, Any] = json.loads(made["policy"])
    return policy


@pytest.mark.parametrize(("action", "seal"), SEALS, ids=[" ".join(each) for each in SEALS])
def test_a_seal_is_made_and_checked_by_those_alone_who_are_named_here(action: str, seal: str) -> None:
    context: dict[str, Any] = {"kms:ResourceAliases": [f"alias/middlewatch-{seal}"]}
    by_role = {
        name for name, policy in policies().items() if allows([policy], action, arn("kms:key/0-0"), context | CONTEXT)
    }
    by_key = [each for each in key_policy(seal)["Statement"] if allows([unbound(each)], action, "*")]

    assert by_role == SEALS[action, seal]
    assert [each["Condition"]["ArnEquals"]["aws:PrincipalArn"] for each in by_key] == [
        sorted(f"arn:aws:iam::123456789012:role/middlewatch-{name}" for name in SEALS[action, seal])
    ]


def unbound(statement: dict[str, Any]) -> dict[str, Any]:
    """A policy of this statement alone, for whoever asks and under no condition."""
    return {"Statement": [{name: statement[name] for name in ("Effect", "Action", "Resource")}]}


def test_whoever_makes_an_approvals_seal_cannot_write_to_a_timeline_and_nobody_makes_what_they_check() -> None:
    assert not SEALS["kms:GenerateMac", "approval-seal"] & CHANGES["dynamodb:PutItem", TIMELINE]
    for seal in ("approval-seal", "decision-seal"):
        assert not SEALS["kms:GenerateMac", seal] & SEALS["kms:VerifyMac", seal]


@pytest.mark.parametrize("alias", ["alias/middlewatch", "alias/middlewatch-records", "alias/aws/sqs", "alias/other"])
def test_no_other_key_makes_or_checks_seals(alias: str) -> None:
    for action in ("kms:GenerateMac", "kms:VerifyMac"):
        context = {"kms:ResourceAliases": [alias]} | CONTEXT
        assert [name for name in FUNCTIONS if allows([policies()[name]], action, arn("kms:key/0-0"), context)] == []


def test_every_action_that_changes_something_is_in_the_table() -> None:
    reads = ("Describe", "Get", "List", "Query", "Filter", "Decrypt", "Receive")
    own = {each for name in FUNCTIONS for each in platform(name)}
    writes = {
        action
        for name in FUNCTIONS
        for action, resource in granted(policies()[name])
        if not action.partition(":")[2].startswith(reads) and (action, resource) not in own
    }

    assert {each for each in writes if not each.startswith("kms:")} == {action for action, _ in CHANGES}


@pytest.mark.parametrize(("action", "resource"), NOBODY, ids=[" ".join(each) for each in NOBODY])
def test_what_nobody_may(action: str, resource: str) -> None:
    assert [name for name in FUNCTIONS if allows([policies()[name]], action, arn(resource), CONTEXT)] == []


@pytest.mark.parametrize(
    "without",
    [{"aws:ResourceTag/middlewatch": "deny"}, {"aws:ResourceTag/middlewatch": ()}, {"ecs:cluster": "arn:aws:ecs:x"}],
    ids=["another value of the tag", "no tag", "another cluster"],
)
def test_a_service_is_changed_only_where_it_was_opted_in_and_its_cluster_is_listed(without: dict[str, Any]) -> None:
    request = {key: value for key, value in (CONTEXT | without).items() if value}
    service = arn("ecs:service/shop/orders")

    assert allows([policies()["ecs_action"]], "ecs:UpdateService", service, CONTEXT)
    assert not allows([policies()["ecs_action"]], "ecs:UpdateService", service, request)


def test_the_door_for_people_writes_nothing_but_the_kill_switch() -> None:
    def may(key: str) -> bool:
        asked = CONTEXT | {"dynamodb:LeadingKeys": [key]}
        return allows([policies()["slack_api"]], "dynamodb:PutItem", arn("dynamodb:table/middlewatch-state"), asked)

    assert may(keys.KILL_SWITCH)
    assert not any(may(key) for key in (keys.STORM, keys.head("INC-1"), keys.sent("INC-1", "slack", "card"), "switch#"))


def test_the_relay_puts_events_in_our_name_alone() -> None:
    bus = arn("events:event-bus/middlewatch")

    assert not allows([policies()["relay"]], "events:PutEvents", bus, CONTEXT | {"events:source": "aws.cloudwatch"})


def test_the_scheduler_calls_the_scheduled_functions_and_nothing_else() -> None:
    scheduled = [name for name in FUNCTIONS if "schedule" in manifests()[name]["trigger"]]
    may = {each for each in granted(policies()["scheduler"]) if not each[0].startswith("kms:")}

    assert may == {
        *(("lambda:InvokeFunction", f"lambda:function:middlewatch-{name}:live") for name in scheduled),
        *(("sqs:SendMessage", f"sqs:middlewatch-{name}-dlq") for name in scheduled),
    }
    assert set(policies()) == {*FUNCTIONS, "scheduler"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_role_is_taken_on_by_lambda_alone(name: str) -> None:
    roles = planned("aws_iam_role").values()
    (trust,) = (json.loads(each["assume_role_policy"]) for each in roles if each["name"] == f"middlewatch-{name}")

    assert [each["Principal"] for each in trust["Statement"]] == [{"Service": "lambda.amazonaws.com"}]
