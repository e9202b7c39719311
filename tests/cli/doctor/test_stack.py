"""Whatever is broken on AWS is named, and so is its fix; one thing at a time."""

import json
from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from cli.doctor import bus, functions, mail, queues, seals, tables, topics
from cli.doctor.finding import Finding, looked
from cli.doctor.identity import account_of, identity
from cli.doctor.stack import Stack
from local.aws.embedded import EmbeddedAws
from local.aws.moto_server import Fault
from shared.settings import Settings
from tests.cli.doctor.deployed import ENVIRONMENT, FUNCTIONS, RECIPIENT, SENDER, Client

Deployed = tuple[Stack, Client]
Break = Callable[[Client, Stack], object]
SPECS = {spec.name: spec for spec in FUNCTIONS}


def examined(client: Client, stack: Stack) -> list[Finding]:
    """Everything on AWS that an alarm has to come through."""
    looks: list[Callable[[], Iterable[Finding]]] = [
        lambda: tables.timeline(client, stack),
        lambda: tables.state(client, stack),
        lambda: bus.bus(client, stack),
        lambda: queues.dead_letters(client, f"{stack.prefix}-undelivered", ""),
        lambda: topics.operators(client, stack),
        lambda: seals.seal(client, stack, "approval-seal"),
        lambda: seals.seal(client, stack, "decision-seal"),
    ]
    for spec in stack.functions:
        looks += [
            lambda spec=spec: functions.function(client, stack, spec),  # type: ignore[misc]
            lambda spec=spec: functions.fed(client, stack, spec),  # type: ignore[misc]
            lambda spec=spec: topics.alarms(client, stack, spec),  # type: ignore[misc]
        ]
        if spec.trigger.queue:
            looks.append(lambda spec=spec: bus.rules(client, stack, spec))  # type: ignore[misc]
            looks.append(lambda spec=spec: queues.queue(client, stack, spec))  # type: ignore[misc]
        if not spec.trigger.http:
            dead = stack.dead_letters(spec.name)
            looks.append(lambda dead=dead: queues.dead_letters(client, dead, "/aws/lambda/x"))  # type: ignore[misc]
    return [finding for look in looks for finding in looked("check", look)]


def mapping(client: Client, source: str) -> str:
    (found,) = client("lambda").list_event_source_mappings(EventSourceArn=source)["EventSourceMappings"]
    return str(found["UUID"])


def dead_letter(client: Client, stack: Stack) -> None:
    url = client("sqs").get_queue_url(QueueName=stack.dead_letters("relay"))["QueueUrl"]
    client("sqs").send_message(QueueUrl=url, MessageBody="{}")


def no_redrive(client: Client, stack: Stack) -> None:
    url = client("sqs").get_queue_url(QueueName=stack.name("investigation"))["QueueUrl"]
    client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": ""})


def delete_queue(name: str) -> Break:
    def broken(client: Client, stack: Stack) -> None:
        url = client("sqs").get_queue_url(QueueName=f"{stack.prefix}-{name}")["QueueUrl"]
        client("sqs").delete_queue(QueueUrl=url)

    return broken


def fewer_facts(client: Client, stack: Stack) -> None:
    pattern = {"source": ["middlewatch"], "detail-type": ["IncidentOpened"]}
    client("events").put_rule(
        Name="investigation", EventBusName=stack.settings.bus_name, EventPattern=json.dumps(pattern)
    )


def no_target(client: Client, stack: Stack) -> None:
    client("events").remove_targets(Rule="investigation", EventBusName=stack.settings.bus_name, Ids=["queue"])


def no_dead_letters(client: Client, stack: Stack) -> None:
    target = {"Id": "queue", "Arn": stack.arn("sqs", stack.name("investigation"))}
    client("events").put_targets(Rule="investigation", EventBusName=stack.settings.bus_name, Targets=[target])


def disable_alarms(client: Client, stack: Stack) -> None:
    client("events").disable_rule(Name=f"{stack.name('alert_intake')}-1")


def disable_queue(client: Client, stack: Stack) -> None:
    uuid = mapping(client, stack.arn("sqs", stack.name("investigation")))
    client("lambda").update_event_source_mapping(UUID=uuid, Enabled=False)


def delete_mapping(client: Client, stack: Stack) -> None:
    table = client("dynamodb").describe_table(TableName=stack.settings.timeline_table)["Table"]
    client("lambda").delete_event_source_mapping(UUID=mapping(client, table["LatestStreamArn"]))


def disable_schedule(client: Client, stack: Stack) -> None:
    held = client("scheduler").get_schedule(Name=stack.name("timekeeper"))
    client("scheduler").update_schedule(
        **{name: held[name] for name in ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")},
        State="DISABLED",
    )


def call_another(client: Client, stack: Stack) -> None:
    held = client("scheduler").get_schedule(Name=stack.name("timekeeper"))
    held["Target"]["Arn"] = stack.arn("lambda", f"function:{stack.name('relay')}:live")
    client("scheduler").update_schedule(
        **{name: held[name] for name in ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")},
        State="ENABLED",
    )


def unsubscribe(topic: str) -> Break:
    def broken(client: Client, stack: Stack) -> None:
        arn = stack.arn("sns", f"{stack.prefix}-{topic}")
        for each in client("sns").list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]:
            client("sns").unsubscribe(SubscriptionArn=each["SubscriptionArn"])

    return broken


def delete_topic(topic: str) -> Break:
    return lambda client, stack: client("sns").delete_topic(TopicArn=stack.arn("sns", f"{stack.prefix}-{topic}"))


def unsealed(name: str) -> Break:
    return lambda client, stack: client("kms").delete_alias(AliasName=f"alias/{stack.name(name)}")


def end_key(client: Client, stack: Stack) -> None:
    key = client("kms").describe_key(KeyId=f"alias/{stack.name('approval-seal')}")["KeyMetadata"]["KeyId"]
    client("kms").schedule_key_deletion(KeyId=key, PendingWindowInDays=7)


def other_key(client: Client, stack: Stack) -> None:
    key = client("kms").create_key(KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]["KeyId"]
    client("kms").update_alias(AliasName=f"alias/{stack.name('decision-seal')}", TargetKeyId=key)


def unprotect(client: Client, stack: Stack) -> None:
    client("dynamodb").update_table(TableName=stack.settings.state_table, DeletionProtectionEnabled=False)


def forget_nothing(client: Client, stack: Stack) -> None:
    client("dynamodb").update_time_to_live(
        TableName=stack.settings.state_table,
        TimeToLiveSpecification={"Enabled": False, "AttributeName": "expires_at"},
    )


def drop_index(client: Client, stack: Stack) -> None:
    client("dynamodb").update_table(
        TableName=stack.settings.state_table, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by_due"}}]
    )


def no_recovery(client: Client, stack: Stack) -> None:
    client("dynamodb").update_continuous_backups(
        TableName=stack.settings.timeline_table,
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False},
    )


def no_stream(client: Client, stack: Stack) -> None:
    client("dynamodb").update_table(
        TableName=stack.settings.timeline_table, StreamSpecification={"StreamEnabled": False}
    )


def no_table(client: Client, stack: Stack) -> None:
    client("dynamodb").update_table(TableName=stack.settings.state_table, DeletionProtectionEnabled=False)
    client("dynamodb").delete_table(TableName=stack.settings.state_table)


BREAKAGES: dict[str, tuple[Break, str, str, str]] = {
    "no table": (no_table, "table", "is not there", "make deploy"),
    "a table that can be deleted": (unprotect, "state", "not protected", "stack `records`"),
    "no recovery": (no_recovery, "timeline", "point-in-time", "stack `records`"),
    "no stream": (no_stream, "timeline", "no stream", "stack `records`"),
    "no expiry": (forget_nothing, "state", "do not expire", "stack `records`"),
    "an index gone": (drop_index, "state", "by_due", "stack `records`"),
    "no bus": (lambda c, s: c("events").delete_event_bus(Name=s.settings.bus_name), "bus", "not there", "make deploy"),
    "a rule of the default bus disabled": (disable_alarms, "alert_intake", "is disabled", "enable-rule"),
    "a rule without its target": (no_target, "investigation", "IncidentOpened, Investi", "make deploy"),
    "a rule that lets less through": (fewer_facts, "investigation", "it InvestigationRequested", "make deploy"),
    "a target without dead letters": (no_dead_letters, "investigation", "dead-letter queue", "make deploy"),
    "no queue": (delete_queue("investigation"), "queue", "hears of nothing", "make deploy"),
    "no dead-letter queue": (delete_queue("timekeeper-dlq"), "queue", "is lost", "make deploy"),
    "no redrive": (no_redrive, "queue", "does not put", "make deploy"),
    "dead letters": (dead_letter, "relay-dlq", "holds 1 that", "redrive"),
    "no function": (
        lambda c, s: c("lambda").delete_function(FunctionName=s.name("relay")), "relay", "no function", "make deploy"
    ),
    "no alias": (
        lambda c, s: c("lambda").delete_alias(FunctionName=s.name("relay"), Name="live"), "relay", "alias", "deploy"
    ),
    "a mapping disabled": (disable_queue, "investigation", "mapping is Disabled", "--enabled"),
    "a mapping gone": (delete_mapping, "relay", "nothing hands it the stream", "make deploy"),
    "a schedule disabled": (disable_schedule, "timekeeper", "is DISABLED", "enable it"),
    "a schedule that calls another": (call_another, "timekeeper", "calls arn:", "make deploy"),
    "a schedule gone": (
        lambda c, s: c("scheduler").delete_schedule(Name=s.name("timekeeper")), "timekeeper", "never runs", "deploy"
    ),
    "alarms unsubscribed": (unsubscribe("alarms"), "alarms", "does not feed", "make deploy"),
    "no topic for alarms": (delete_topic("alarms"), "alarms", "is not there", "make deploy"),
    "nobody to tell": (unsubscribe("operators"), "operators", "tells nobody", "operator_emails"),
    "no key for approvals": (unsealed("approval-seal"), "approval-seal", "is not there", "make deploy"),
    "no key for decisions": (unsealed("decision-seal"), "decision-seal", "is not there", "make deploy"),
    "a key that waits for its end": (end_key, "approval-seal", "PendingDeletion", "cancel-key-deletion"),
    "a key of another kind": (other_key, "decision-seal", "is no key for seals", "make deploy"),
    "no topic for operators": (delete_topic("operators"), "operators", "nobody hears", "make deploy"),
}  # fmt: skip


def test_a_healthy_deployment_has_nothing_wrong(deployed: Deployed) -> None:
    stack, client = deployed
    findings = examined(client, stack)
    assert {each.status for each in findings} == {"ok"}
    assert len(findings) > 20


@pytest.mark.parametrize("name", BREAKAGES)
def test_each_breakage_is_named_with_its_fix(deployed: Deployed, name: str) -> None:
    stack, client = deployed
    broken, check, said, fix = BREAKAGES[name]
    broken(client, stack)
    wrong = [each for each in examined(client, stack) if each.status == "wrong"]
    assert [each for each in wrong if check in each.check and said in each.said and fix in each.fix], wrong
    assert len(wrong) <= (7 if name in {"no bus", "no table"} else 2), wrong


@pytest.mark.parametrize(
    "rule",
    [
        {"ScheduleExpression": "rate(1 minute)"},
        {
            "EventPattern": json.dumps(
                {"source": [{"prefix": "aws."}], "detail-type": ["CloudWatch Alarm State Change"]}
            )
        },
        {"EventPattern": json.dumps({"detail-type": [{"prefix": "CloudWatch"}]})},
    ],
)
def test_another_rule_that_fills_the_queue_is_in_nobodys_way(deployed: Deployed, rule: dict[str, str]) -> None:
    stack, client = deployed
    events, queue = client("events"), stack.arn("sqs", stack.name("alert_intake"))
    events.put_rule(Name=f"{stack.prefix}-by-hand", **rule)
    target = {"Id": "queue", "Arn": queue, "DeadLetterConfig": {"Arn": queue}}
    events.put_targets(Rule=f"{stack.prefix}-by-hand", Targets=[target])
    found = looked("rules", lambda: bus.rules(client, stack, SPECS["alert_intake"]))
    assert [each.status for each in found] == ["ok"]


def test_what_may_not_be_looked_at_is_said_with_the_call(deployed: Deployed, aws: EmbeddedAws) -> None:
    stack, client = deployed

    def denied(identity: object) -> Fault | None:
        return "throttle" if "ListRuleNamesByTarget" in repr(identity) else None

    aws.inject(denied)
    try:
        (finding,) = looked("rules", lambda: bus.rules(client, stack, SPECS["investigation"]))
    finally:
        aws.inject(None)
    assert (finding.check, finding.status) == ("rules", "wrong")
    assert "ListRuleNamesByTarget" in finding.said


def test_a_checkout_of_other_functions_than_those_deployed_is_told() -> None:
    names = frozenset(SPECS)
    assert [each.status for each in functions.deployed(STACK)] == ["ok"]
    assert [each.status for each in functions.deployed(replace(STACK, deployed=names))] == ["ok"]
    (finding,) = functions.deployed(replace(STACK, deployed=names - {"relay"} | {"sql_action"}))
    assert (finding.status, "in relay, sql_action" in finding.said) == ("wrong", True)


def test_a_function_that_is_not_ready_says_why() -> None:
    stack = replace(STACK, functions=())

    def found(**said: str) -> Finding:
        (finding,) = functions.function(lambda _: Lambda(said), stack, SPECS["relay"])
        return finding

    assert found(State="Inactive", LastUpdateStatus="Successful", Version="3").status == "ok"
    assert found(State="Pending").fix == "wait a minute"
    failed = found(State="Failed", StateReason="the key is disabled")
    assert (failed.status, failed.said) == ("wrong", "is Failed: the key is disabled")
    update = found(State="Active", LastUpdateStatus="Failed", LastUpdateStatusReason="no such role")
    assert update.said == "its last update is Failed: no such role"


def test_a_mapping_that_aws_has_trouble_with_is_told() -> None:
    said = {
        "FunctionArn": "arn:aws:lambda:eu-west-1:1:function:middlewatch-investigation:live",
        "State": "Enabled",
        "UUID": "u",
        "LastProcessingResult": "PROBLEM: Function call failed",
    }
    (finding,) = functions.fed(lambda _: Lambda({"EventSourceMappings": [said]}), STACK, SPECS["investigation"])
    assert (finding.status, "Function call failed" in finding.said) == ("wrong", True)


def test_a_subscription_that_nobody_confirmed_is_told_by_its_address() -> None:
    page = {"Subscriptions": [{"SubscriptionArn": "PendingConfirmation", "Endpoint": "ops@shop.example"}]}
    (finding,) = topics.operators(lambda _: Lambda(page), STACK)
    assert (finding.status, "ops@shop.example has not confirmed" in finding.said) == ("wrong", True)
    assert "open the link" in finding.fix


def test_the_wrong_account_is_told() -> None:
    topic = "arn:aws:sns:eu-west-1:123456789012:middlewatch-alarms"
    said = {"Arn": "arn:aws:iam::999999999999:user/ada", "Account": "999999999999"}
    (finding,) = identity(said, "eu-west-1", account_of(topic))
    assert (finding.status, "AWS_PROFILE" in finding.fix) == ("wrong", True)
    assert [each.status for each in identity(said, "eu-west-1", account_of(""))] == ["ok"]


class Lambda:
    """A client that answers everything with one page."""

    class exceptions:  # noqa: N801 - boto3's own name
        class ResourceNotFoundException(Exception):
            pass

        class NotFoundException(Exception):
            pass

    def __init__(self, said: object) -> None:
        self.said = said

    def get_function_configuration(self, **_: object) -> object:
        return self.said

    def list_event_source_mappings(self, **_: object) -> object:
        return self.said

    def get_paginator(self, _: str) -> "Lambda":
        return self

    def paginate(self, **_: object) -> list[object]:
        return [self.said]


class Ses:
    """SES for this account."""

    def __init__(self, identities: dict[str, str], *, production: bool = True, sending: bool = True) -> None:
        self.account = {"ProductionAccessEnabled": production, "SendingEnabled": sending}
        self.identities = identities

    def get_account(self) -> object:
        return self.account

    def get_identity_verification_attributes(self, Identities: list[str]) -> object:  # noqa: N803 - boto3's own name
        held = {name: self.identities[name] for name in Identities if name in self.identities}
        return {"VerificationAttributes": {name: {"VerificationStatus": said} for name, said in held.items()}}


STACK = Stack(
    settings=Settings(timeline_table="t", state_table="s"),
    functions=FUNCTIONS,
    account="1",
)


@pytest.mark.parametrize(
    ("ses", "status", "said"),
    [
        (Ses({"shop.example": "Success"}), "ok", "may send"),
        (Ses({"shop.example": "Pending"}), "wrong", "does not know"),
        (Ses({}), "wrong", "does not know"),
        (Ses({"shop.example": "Success"}, production=False), "note", "sandbox"),
        (Ses({SENDER: "Success"}, production=False), "wrong", RECIPIENT),
        (Ses({"shop.example": "Success"}, sending=False), "wrong", "paused"),
    ],
)
def test_whether_mail_goes_out_is_told(ses: Ses, status: str, said: str) -> None:
    findings = list(mail.mail(lambda _: ses, ENVIRONMENT))
    assert [each for each in findings if each.status == status and said in each.said], findings


def test_mail_that_nobody_set_up_is_no_fault() -> None:
    (finding,) = mail.mail(lambda _: None, {"SES_SENDER": SENDER})
    assert finding.status == "note"
