"""Makes the resources that the functions need; where Terraform has made them, this is not called."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from local.aws.spec import FunctionSpec, QueueTrigger

SEALS = ("approval-seal", "decision-seal")
"""What the aliases of the keys for seals end with (shared/seal.py)."""
MAX_RECEIVES = 10
"""Times that a message is tried before it is a dead letter; Terraform says the same (modules/function/queue.tf)."""


@dataclass(frozen=True)
class Names:
    """What the resources are called."""

    timeline: str = "middlewatch-timeline"
    state: str = "middlewatch-state"
    bus: str = "middlewatch"
    prefix: str = "middlewatch"

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Names:
        """Take the names from TIMELINE_TABLE, STATE_TABLE and BUS_NAME where they are set."""
        return cls(
            environment.get("TIMELINE_TABLE", cls.timeline),
            environment.get("STATE_TABLE", cls.state),
            environment.get("BUS_NAME", cls.bus),
        )

    def audit(self, account: str, region: str) -> str:
        """Name the bucket of the anchors."""
        return f"{self.prefix}-audit-{account}-{region}"

    def queue(self, function: str) -> str:
        """Name the queue of a function."""
        return f"{self.prefix}-{function}"

    def dead_letters(self, function: str) -> str:
        """Name the dead-letter queue of a function."""
        return f"{self.prefix}-{function}-dlq"

    def topic(self, name: str) -> str:
        """Name an SNS topic."""
        return f"{self.prefix}-{name}"


class Provisioner:
    """Creates what is missing; safe to run again."""

    def __init__(self, client: Callable[[str], Any], names: Names) -> None:
        """Create through the clients that `client(service)` gives."""
        self._client = cache(client)
        self._names = names

    def provision(self, functions: Iterable[FunctionSpec], environment: Mapping[str, str]) -> None:
        """Create tables, keys, bus, queues, rules, topics, subscriptions, schedules and the e-mail identities."""
        self.tables()
        self.seals()
        self.audit()
        buses = self._client("events")
        if self._names.bus not in {bus["Name"] for bus in buses.list_event_buses()["EventBuses"]}:
            buses.create_event_bus(Name=self._names.bus)
        for function in functions:
            if function.trigger.queue is not None:
                self._queue(function, function.trigger.queue)
            if function.trigger.schedule is not None:
                self._schedule(function, function.trigger.schedule)
        if sender := environment.get("SES_SENDER"):
            self._client("ses").verify_email_identity(EmailAddress=sender)

    def tables(self) -> None:
        """Create the two tables."""
        dynamodb = self._client("dynamodb")
        there = set(dynamodb.list_tables()["TableNames"])
        if self._names.timeline not in there:
            dynamodb.create_table(
                TableName=self._names.timeline,
                KeySchema=[
                    {"AttributeName": "incident_id", "KeyType": "HASH"},
                    {"AttributeName": "seq", "KeyType": "RANGE"},
                ],
                AttributeDefinitions=[
                    {"AttributeName": "incident_id", "AttributeType": "S"},
                    {"AttributeName": "seq", "AttributeType": "N"},
                ],
                BillingMode="PAY_PER_REQUEST",
                StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
            )
        if self._names.state not in there:
            attributes = ("key", "list", "list_at", "due_shard", "due_at")
            indexes = {"by_list": ("list", "list_at"), "by_due": ("due_shard", "due_at")}
            dynamodb.create_table(
                TableName=self._names.state,
                KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in attributes],
                GlobalSecondaryIndexes=[
                    {
                        "IndexName": index,
                        "KeySchema": [
                            {"AttributeName": hashed, "KeyType": "HASH"},
                            {"AttributeName": ranged, "KeyType": "RANGE"},
                        ],
                        "Projection": {"ProjectionType": "ALL"},
                    }
                    for index, (hashed, ranged) in indexes.items()
                ],
                BillingMode="PAY_PER_REQUEST",
            )
            dynamodb.update_time_to_live(
                TableName=self._names.state, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"}
            )

    def seals(self) -> None:
        """Create the keys of the seals."""
        kms = self._client("kms")
        there = {alias["AliasName"] for alias in kms.list_aliases()["Aliases"]}
        for name in SEALS:
            alias = f"alias/{self._names.prefix}-{name}"
            if alias not in there:
                key = kms.create_key(Description=name, KeyUsage="GENERATE_VERIFY_MAC", KeySpec="HMAC_256")
                kms.create_alias(AliasName=alias, TargetKeyId=key["KeyMetadata"]["KeyId"])

    def audit(self) -> None:
        """Create the bucket of the anchors, in which everything is locked for a day."""
        s3 = self._client("s3")
        region = s3.meta.region_name
        name = self._names.audit(self._client("sts").get_caller_identity()["Account"], region)
        if name not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
            place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
            s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True, **place)
            rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
            locked = {"ObjectLockEnabled": "Enabled", "Rule": rule}
            s3.put_object_lock_configuration(Bucket=name, ObjectLockConfiguration=locked)

    def _queue(self, function: FunctionSpec, trigger: QueueTrigger) -> None:
        sqs = self._client("sqs")
        dead = sqs.create_queue(QueueName=self._names.dead_letters(function.name))["QueueUrl"]
        dead_arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        url = sqs.create_queue(QueueName=self._names.queue(function.name))["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": MAX_RECEIVES})
        attributes = {"VisibilityTimeout": str(int(6 * function.timeout)), "RedrivePolicy": redrive}
        sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
        if trigger.facts:
            pattern: dict[str, Any] = {"source": ["middlewatch"], "detail-type": list(trigger.facts)}
            if trigger.matching:
                pattern["detail"] = trigger.matching
            self._rule(self._names.bus, function.name, pattern, arn)
        for number, pattern in enumerate(trigger.default_bus, 1):
            self._rule("default", f"{self._names.prefix}-{function.name}-{number}", pattern, arn)
        if trigger.topic is not None:
            sns = self._client("sns")
            topic = sns.create_topic(Name=self._names.topic(trigger.topic))["TopicArn"]
            sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def _rule(self, bus: str, name: str, pattern: Mapping[str, Any], queue_arn: str) -> None:
        events = self._client("events")
        events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "queue", "Arn": queue_arn}])

    def _schedule(self, function: FunctionSpec, expression: str) -> None:
        scheduler = self._client("scheduler")
        name = self._names.queue(function.name)
        if name not in {schedule["Name"] for schedule in scheduler.list_schedules()["Schedules"]}:
            region = scheduler.meta.region_name
            account = self._client("sts").get_caller_identity()["Account"]
            scheduler.create_schedule(
                Name=name,
                ScheduleExpression=expression,
                FlexibleTimeWindow={"Mode": "OFF"},
                Target={
                    "Arn": f"arn:aws:lambda:{region}:{account}:function:{name}",
                    "RoleArn": f"arn:aws:iam::{account}:role/middlewatch-schedule",
                },
            )
