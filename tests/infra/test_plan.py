"""What no scanner asks of the plan: deliveries, retries, protections."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local.aws.policies import allows
from local.aws.provision import MAX_RECEIVES
from local.reference import manifests
from shared.queue import FIRST_DELAY, LONGEST_DELAY
from tests.infra.recorded import STACKS, digest, plan, planned

if TYPE_CHECKING:
    from collections.abc import Iterator

FUNCTIONS = sorted(manifests())
QUEUED = [name for name in FUNCTIONS if "queue" in manifests()[name]["trigger"]]
SCHEDULED = [name for name in FUNCTIONS if "schedule" in manifests()[name]["trigger"]]
DAY = 86_400
QUEUE_TF = Path(__file__).parents[2] / "infra" / "terraform" / "modules" / "function" / "queue.tf"


def of(function: str, resource: str) -> dict[str, Any]:
    """One resource of a function's module."""
    kind = resource.partition(".")[0]
    return planned(kind)[f'module.function["{function}"].{resource}']


def module() -> dict[str, Any]:
    """The expressions of the module that every function is made by, by resource."""
    call = plan("app")["configuration"]["root_module"]["module_calls"]["function"]["module"]
    return {each["address"]: each["expressions"] for each in call["resources"]}


def references(expression: object) -> Iterator[str]:
    """Everything that an expression refers to, however deep."""
    match expression:
        case dict():
            yield from expression.get("references", [])
            for name, inner in expression.items():
                if name != "references":
                    yield from references(inner)
        case list():
            for inner in expression:
                yield from references(inner)


@pytest.mark.parametrize("stack", STACKS)
def test_the_recorded_plan_is_of_these_files(stack: str) -> None:
    assert plan(stack)["made_from"] == digest(), "run `make plan-record` and commit what it writes"


def test_every_function_folder_is_a_function_from_its_own_package() -> None:
    made = planned("aws_lambda_function").values()

    assert sorted(each["handler"] for each in made) == [f"functions.{name}.handler.handler" for name in FUNCTIONS]
    assert {(each["runtime"], *each["architectures"], each["publish"]) for each in made} == {
        ("python3.13", "arm64", True)
    }
    assert {each["filename"] for each in made} == {f"build/{name}.zip" for name in FUNCTIONS}
    assert {each["reserved_concurrent_executions"] for each in made} == {-1}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_logs_to_a_group_of_its_own_that_was_there_before_and_ends(name: str) -> None:
    assert of(name, "aws_cloudwatch_log_group.this")["retention_in_days"] == 365
    assert "aws_cloudwatch_log_group.this" in set(references(module()["aws_lambda_function.this"]["logging_config"])), (
        "the function would make a group that keeps everything for ever"
    )


@pytest.mark.parametrize("name", QUEUED)
def test_a_queue_waits_out_its_function_and_loses_nothing(name: str) -> None:
    queue, dead = of(name, "aws_sqs_queue.this[0]"), of(name, "aws_sqs_queue.dead_letters[0]")

    assert queue["visibility_timeout_seconds"] >= 6 * manifests()[name]["timeout"]
    assert dead["message_retention_seconds"] == 14 * DAY > queue["message_retention_seconds"]


def test_dead_letters_are_kept_as_long_as_sqs_keeps_any_and_longer_than_whatever_they_come_from() -> None:
    kept = {each["name"]: each["message_retention_seconds"] for each in planned("aws_sqs_queue").values()}
    sources = {f"middlewatch-{name}" for name in QUEUED} & set(kept)

    assert {f"middlewatch-{name}-dlq" for name in [*QUEUED, *SCHEDULED, "relay"]} <= set(kept)
    assert {kept[name] for name in set(kept) - sources} == {14 * DAY}
    assert max(kept[name] for name in sources) < 14 * DAY


def test_no_queue_keeps_an_order_that_one_message_could_hold_up() -> None:
    assert {each["fifo_queue"] for each in planned("aws_sqs_queue").values()} == {False}


@pytest.mark.parametrize("name", QUEUED)
def test_a_batch_fails_message_by_message_and_within_a_bound(name: str) -> None:
    mapping = of(name, "aws_lambda_event_source_mapping.queue[0]")

    assert mapping["function_response_types"] == ["ReportBatchItemFailures"]
    assert mapping["batch_size"] == manifests()[name]["trigger"]["queue"]["batch_size"]
    assert mapping["scaling_config"][0]["maximum_concurrency"] >= 2


def test_every_queue_is_encrypted_and_refuses_whatever_comes_without_tls() -> None:
    queues = {address: each for address, each in planned("aws_sqs_queue").items() if each.get("policy")}

    assert len(queues) >= len(planned("aws_sqs_queue")) - 2, "the two of the topic's subscriber are known after apply"
    for address, queue in queues.items():
        statements = json.loads(queue["policy"])["Statement"]
        assert {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sqs:*",
            "Resource": f"arn:aws:sqs:eu-west-1:123456789012:{queue['name']}",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        } in statements, address
    for resource in ("aws_sqs_queue.this", "aws_sqs_queue.dead_letters"):
        assert "var.keys.app_arn" in set(references(module()[resource]["kms_master_key_id"]))


def test_an_outage_of_some_minutes_is_waited_out_and_then_people_have_the_message_within_the_hour() -> None:
    (tries,) = map(int, re.findall(r"dead_after += (\d+) # receipts", QUEUE_TF.read_text("utf-8")))
    longest = [min(LONGEST_DELAY, FIRST_DELAY * 2**failure) for failure in range(tries)]

    assert sum(longest[:-1]) / 2 > 8 * 60, "each delay is jittered, down to its half"
    assert sum(longest) < 3600
    assert tries == MAX_RECEIVES, "the same here and on AWS"


def test_a_message_is_tried_ten_times_and_then_kept_where_only_its_own_queue_puts_any() -> None:
    redrive = set(references(module()["aws_sqs_queue.this"]["redrive_policy"]))

    assert {"aws_sqs_queue.dead_letters", "local.dead_after"} <= redrive
    assert "local.queue_arn" in set(references(module()["aws_sqs_queue.dead_letters"]["redrive_allow_policy"]))


def test_a_rule_tries_for_a_day_and_then_keeps_what_it_could_not_deliver() -> None:
    targets = planned("aws_cloudwatch_event_target")

    assert len(targets) == len(planned("aws_cloudwatch_event_rule")) > 0
    for target in targets.values():
        (policy,) = target["retry_policy"]
        assert policy == {"maximum_event_age_in_seconds": DAY, "maximum_retry_attempts": 185}
    expressions = module()["aws_cloudwatch_event_target.this"]
    assert "aws_sqs_queue.dead_letters" in set(references(expressions["dead_letter_config"]))


def test_ecs_is_heard_of_the_listed_clusters_alone() -> None:
    patterns = [json.loads(rule["event_pattern"]) for rule in planned("aws_cloudwatch_event_rule").values()]
    (ecs,) = (pattern for pattern in patterns if pattern["source"] == ["aws.ecs"])

    assert ecs["resources"] == [
        {"prefix": f"arn:aws:ecs:eu-west-1:123456789012:{kind}/shop/"} for kind in ("service", "task")
    ]


def test_what_tells_that_the_key_is_broken_does_not_need_the_key() -> None:
    root = {
        each["address"]: each.get("expressions", {})
        for each in plan("app")["configuration"]["root_module"]["resources"]
    }

    assert "kms_master_key_id" not in root["aws_sns_topic.operators"]
    assert "kms_master_key_id" not in root["aws_sqs_queue.undelivered"]
    assert planned("aws_sqs_queue")["aws_sqs_queue.undelivered"]["sqs_managed_sse_enabled"] is True


def test_every_fact_that_a_manifest_asks_for_reaches_its_queue() -> None:
    patterns = [json.loads(each["event_pattern"]) for each in planned("aws_cloudwatch_event_rule").values()]

    for name in QUEUED:
        queue = manifests()[name]["trigger"]["queue"]
        if queue.get("facts"):
            wanted = {"source": ["middlewatch"], "detail-type": queue["facts"]}
            assert wanted | ({"detail": queue["matching"]} if queue.get("matching") else {}) in patterns


def test_alarms_of_our_own_do_not_ring_us_but_for_the_one_that_tests() -> None:
    (pattern,) = (
        each
        for each in (json.loads(rule["event_pattern"]) for rule in planned("aws_cloudwatch_event_rule").values())
        if each["source"] == ["aws.cloudwatch"]
    )

    assert pattern["detail"] == {"alarmName": [{"anything-but": {"prefix": "middlewatch-"}}, "middlewatch-canary"]}


def test_the_stream_gives_up_on_one_record_after_an_hour_and_says_so() -> None:
    (name,) = (name for name in FUNCTIONS if "stream" in manifests()[name]["trigger"])
    mapping = of(name, "aws_lambda_event_source_mapping.stream[0]")

    assert mapping["bisect_batch_on_function_error"] is True
    assert mapping["function_response_types"] == ["ReportBatchItemFailures"]
    assert mapping["maximum_record_age_in_seconds"] == 3600
    assert mapping["maximum_retry_attempts"] == 1000
    expressions = module()["aws_lambda_event_source_mapping.stream"]
    assert "aws_sqs_queue.dead_letters" in set(references(expressions["destination_config"]))


@pytest.mark.parametrize("name", SCHEDULED)
def test_a_tick_that_fails_is_kept_and_not_piled_up(name: str) -> None:
    (target,) = of(name, "aws_scheduler_schedule.this[0]")["target"]

    assert target["retry_policy"][0] == {"maximum_event_age_in_seconds": 60, "maximum_retry_attempts": 1}
    assert of(name, "aws_lambda_function_event_invoke_config.this[0]")["maximum_retry_attempts"] == 0
    for resource in ("aws_scheduler_schedule.this", "aws_lambda_function_event_invoke_config.this"):
        assert "aws_sqs_queue.dead_letters" in set(references(module()[resource]))


def test_everything_that_calls_a_function_calls_its_alias() -> None:
    callers = {
        "aws_lambda_event_source_mapping.queue": "function_name",
        "aws_lambda_event_source_mapping.stream": "function_name",
        "aws_scheduler_schedule.this": "target",
        "aws_apigatewayv2_integration.this": "integration_uri",
    }
    for resource, attribute in callers.items():
        assert "aws_lambda_alias.live" in set(references(module()[resource][attribute])), resource


def test_the_api_is_throttled_and_logged() -> None:
    (stage,) = planned("aws_apigatewayv2_stage").values()

    assert stage["default_route_settings"][0]["throttling_burst_limit"] == 100
    assert stage["default_route_settings"][0]["throttling_rate_limit"] == 50
    assert stage["access_log_settings"][0]["format"]


def test_every_route_of_a_manifest_is_there_and_no_other() -> None:
    routes = {each["route_key"] for each in planned("aws_apigatewayv2_route").values()}

    assert routes == {route for name in FUNCTIONS for route in manifests()[name]["trigger"].get("http", [])}


def test_the_records_are_protected_from_a_mistake() -> None:
    for table in planned("aws_dynamodb_table", "records").values():
        assert table["deletion_protection_enabled"] is True
        assert table["point_in_time_recovery"][0]["enabled"] is True
        assert table["server_side_encryption"][0]["enabled"] is True
    timeline = planned("aws_dynamodb_table", "records")["aws_dynamodb_table.timeline"]
    assert timeline["stream_view_type"] == "NEW_AND_OLD_IMAGES"
    assert planned("aws_s3_bucket", "records")["aws_s3_bucket.audit"]["object_lock_enabled"] is True


AUDIT = "arn:aws:s3:::middlewatch-audit-123456789012-eu-west-1"
ANCHOR = f"{AUDIT}/anchors/0000000001.json"


def test_the_audit_bucket_locks_what_is_put_there_and_lets_nobody_overwrite_or_remove_it() -> None:
    (lock,) = planned("aws_s3_bucket_object_lock_configuration", "records").values()
    (versions,) = planned("aws_s3_bucket_versioning", "records").values()

    assert lock["rule"][0]["default_retention"][0]["days"] == 400
    assert lock["rule"][0]["default_retention"][0]["mode"] in {"GOVERNANCE", "COMPLIANCE"}
    assert versions["versioning_configuration"][0]["status"] == "Enabled"


@pytest.mark.parametrize(
    ("action", "context", "may"),
    [
        ("s3:PutObject", {"s3:if-none-match": "*"}, True),
        ("s3:PutObject", {}, False),
        ("s3:DeleteObject", {}, False),
        ("s3:DeleteObjectVersion", {}, False),
        ("s3:BypassGovernanceRetention", {}, False),
        ("s3:GetObject", {}, True),
    ],
)
def test_an_administrator_may_create_and_read_anchors_and_no_more(
    action: str, context: dict[str, str], may: bool
) -> None:
    everything = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    (bucket,) = planned("aws_s3_bucket_policy", "records").values()
    given = {"aws:SecureTransport": "true"} | context

    assert allows([everything, json.loads(bucket["policy"])], action, ANCHOR, given) is may


def test_keys_are_rotated() -> None:
    keys = [*planned("aws_kms_key").values(), *planned("aws_kms_key", "records").values()]
    rotated = [key["enable_key_rotation"] for key in keys if key["key_usage"] == "ENCRYPT_DECRYPT"]
    assert rotated == [True, True], "those that KMS can rotate"


def test_whatever_lies_among_dead_letters_is_told_to_people_by_another_way_than_ours() -> None:
    alarms = planned("aws_cloudwatch_metric_alarm")
    watched = {
        query["metric"][0]["dimensions"].get("QueueName")
        for alarm in alarms.values()
        for query in alarm.get("metric_query") or []
        if query["metric"] and query["metric"][0]["metric_name"] == "ApproximateNumberOfMessagesVisible"
    }
    dead = {
        queue["name"] for queue in planned("aws_sqs_queue").values() if queue["name"].endswith(("-dlq", "-undelivered"))
    }

    assert dead <= watched
    root = plan("app")["configuration"]["root_module"]["resources"]
    (told,) = (each["expressions"] for each in root if each["address"] == "aws_cloudwatch_metric_alarm.this")
    assert "aws_sns_topic.operators" in set(references(told["alarm_actions"]))


def test_no_value_of_a_secret_is_in_a_plan() -> None:
    for stack in STACKS:
        assert planned("aws_secretsmanager_secret_version", stack) == {}
    names = {each["name"] for each in planned("aws_secretsmanager_secret").values()}
    wanted = {secret for name in FUNCTIONS for secret in manifests()[name].get("secrets", [])}
    unused = {"gemini_api_key", *(secret for secret in wanted if secret.startswith("source_"))}
    assert names == {f"middlewatch/production/{secret}" for secret in wanted - unused}
