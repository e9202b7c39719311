"""What the resources of an account wire to our functions, read from them as anybody could who asks AWS."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from local.aws.policies import allows
from local.aws.wiring import Beat, Feed, Wired

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from local.aws.embedded import EmbeddedAws

_HANDLER = re.compile(r"functions\.(\w+)\.handler\.handler")
_LAMBDA = re.compile(r"arn:aws:lambda:[^:]+:\d+:function:([^:/]+)(?::([^:/]+))?")
_TO_POLL = {
    "sqs": ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
    "dynamodb": ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"),
}
"""What a function's role must allow, so that Lambda may read its queue or stream (Lambda developer guide)."""


class Unreachable(Exception):
    """Something is wired in a way that AWS would refuse, or that is not played here; says each."""


class Resources:
    """Wires what event source mappings, schedules and the HTTP API of the account say, each with its permission.

    A function runs with the variables, time-out and memory of the version that is called, under its own role, from
    `<packages>/<function>` where that is given. Raises Unreachable.
    """

    def __init__(self, packages: Path | None = None) -> None:
        self._packages = packages
        self._sessions: dict[str, dict[str, str]] = {}

    def __call__(self, aws: EmbeddedAws) -> list[Wired]:
        """Read the account of an embedded AWS."""
        account = Account(aws)
        problems: list[str] = []
        found = [self._function(account, name, problems) for name in account.functions()]
        problems += account.undelivered()
        if problems:
            raise Unreachable("\n".join(problems))
        return found

    def _function(self, account: Account, function: str, problems: list[str]) -> Wired:
        callers = Callers(account, function)
        problems += callers.problems
        configuration = account.configuration(function, callers.qualifier)
        handler = str(configuration["Handler"])
        named = _HANDLER.fullmatch(handler)
        if named is None or named[1] not in account.aws.specs:
            raise Unreachable(f"{function} runs {handler}, which is none of our functions")
        variables: dict[str, str] = configuration.get("Environment", {}).get("Variables", {})
        role = str(configuration["Role"])
        problems += account.not_assumed(role, "lambda.amazonaws.com", function)
        if role not in self._sessions:
            self._sessions[role] = account.session(role, function)
        return Wired(
            name=named[1],
            handler=handler,
            arn=":".join(filter(None, (f"{account.functions_arn}:{function}", callers.qualifier))),
            timeout=float(configuration["Timeout"]),
            memory=int(configuration["MemorySize"]),
            environment=variables | self._sessions[role],
            package=(self._packages / named[1]).resolve() if self._packages else None,
            queues=tuple(callers.queues),
            streams=tuple(callers.streams),
            schedules=tuple(callers.schedules),
            routes=tuple(callers.routes),
        )


@dataclass(frozen=True)
class Key:
    """A KMS key: its ARN, its policy and the names of its aliases."""

    arn: str
    policy: dict[str, Any]
    aliases: list[str]


class Account:
    """What there is in an account, as its APIs tell."""

    def __init__(self, aws: EmbeddedAws) -> None:
        self.aws = aws
        self.functions_arn = f"arn:aws:lambda:{aws.region}:{aws.account}:function"

    def pages(self, service: str, operation: str, key: str, **asked: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - boto3's parameters
        """Everything that an operation lists."""
        client = self.aws.client(service)
        if not client.can_paginate(operation):
            return list(getattr(client, operation)(**asked)[key])
        return [each for page in client.get_paginator(operation).paginate(**asked) for each in page.get(key, [])]

    def functions(self) -> list[str]:
        """The names of all Lambda functions."""
        return sorted(each["FunctionName"] for each in self.pages("lambda", "list_functions", "Functions"))

    def configuration(self, function: str, qualifier: str) -> dict[str, Any]:
        """A version's configuration, or the alias's; without a qualifier that of $LATEST."""
        asked = {"Qualifier": qualifier} if qualifier else {}
        return dict(self.aws.client("lambda").get_function_configuration(FunctionName=function, **asked))

    def session(self, role: str, function: str) -> dict[str, str]:
        """The variables by which a function signs as its role, as Lambda hands them over."""
        given = self.aws.client("sts").assume_role(RoleArn=role, RoleSessionName=function)["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
            "AWS_SESSION_TOKEN": given["SessionToken"],
        }

    @cached_property
    def mappings(self) -> list[dict[str, Any]]:
        """The event source mappings that are on."""
        found = self.pages("lambda", "list_event_source_mappings", "EventSourceMappings")
        return [each for each in found if each["State"] == "Enabled"]

    @cached_property
    def schedules(self) -> list[dict[str, Any]]:
        """The schedules that are on."""
        scheduler = self.aws.client("scheduler")
        listed = self.pages("scheduler", "list_schedules", "Schedules")
        full = [scheduler.get_schedule(Name=each["Name"], GroupName=each["GroupName"]) for each in listed]
        return [each for each in full if each["State"] == "ENABLED"]

    @cached_property
    def routes(self) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
        """Id of its API, route and integration of every route that a stage serves."""
        client = self.aws.client("apigatewayv2")
        found = []
        for api in self.pages("apigatewayv2", "get_apis", "Items"):
            asked = {"ApiId": api["ApiId"]}
            stages = [each["StageName"] for each in self.pages("apigatewayv2", "get_stages", "Items", **asked)]
            if api["ProtocolType"] != "HTTP" or "$default" not in stages:
                continue
            for route in self.pages("apigatewayv2", "get_routes", "Items", **asked):
                integration = route["Target"].rpartition("/")[2]
                found.append((api["ApiId"], route, client.get_integration(IntegrationId=integration, **asked)))
        return found

    def role_policies(self, role: str) -> list[dict[str, Any]]:
        """The policies of a role (ARN), its own and those attached."""
        iam, name = self.aws.client("iam"), role.rpartition("/")[2]
        own = iam.list_role_policies(RoleName=name)["PolicyNames"]
        found = [iam.get_role_policy(RoleName=name, PolicyName=each)["PolicyDocument"] for each in own]
        for each in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
            version = iam.get_policy(PolicyArn=each["PolicyArn"])["Policy"]["DefaultVersionId"]
            policy = iam.get_policy_version(PolicyArn=each["PolicyArn"], VersionId=version)["PolicyVersion"]
            found.append(policy["Document"])
        return found

    def not_assumed(self, role: str, service: str, who: str) -> Iterator[str]:
        """Why a service may not act as a role (ARN) for `who`; nothing if it may."""
        trust = self.aws.client("iam").get_role(RoleName=role.rpartition("/")[2])["Role"]["AssumeRolePolicyDocument"]
        context = {"aws:SourceAccount": self.aws.account}
        if not allows([trust], "sts:AssumeRole", role, context, service=service):
            yield f"{service} may not act as {role} for {who}"

    def function_policy(self, function: str, qualifier: str) -> list[dict[str, Any]]:
        """Who else may call a function; none where nobody said."""
        client = self.aws.client("lambda")
        asked = {"Qualifier": qualifier} if qualifier else {}
        try:
            return [json.loads(client.get_policy(FunctionName=function, **asked)["Policy"])]
        except client.exceptions.ResourceNotFoundException:
            return []

    def queue(self, arn: str) -> dict[str, str]:
        """The attributes of a queue; none where there is no such queue."""
        sqs = self.aws.client("sqs")
        try:
            url = sqs.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
        except ClientError:
            return {}
        return dict(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"])

    def undead(self, queue: str) -> Iterator[str]:
        """Why the dead letters of a queue (ARN) would not be kept."""
        redrive = json.loads(self.queue(queue).get("RedrivePolicy", "{}"))
        if not redrive:
            yield f"{queue} has no queue for its dead letters"
            return
        takes = self.queue(redrive["deadLetterTargetArn"]).get("RedriveAllowPolicy")
        allowed = json.loads(takes) if takes else {"redrivePermission": "allowAll"}
        if allowed["redrivePermission"] != "allowAll" and queue not in allowed.get("sourceQueueArns", ()):
            yield f"{redrive['deadLetterTargetArn']} takes no dead letters from {queue}"

    def key(self, name: str) -> Key:
        """A key that is named by id, ARN or alias."""
        kms = self.aws.client("kms")
        found = kms.describe_key(KeyId=name)["KeyMetadata"]
        policy = json.loads(kms.get_key_policy(KeyId=found["KeyId"], PolicyName="default")["Policy"])
        aliases = self.pages("kms", "list_aliases", "Aliases", KeyId=found["KeyId"])
        return Key(found["Arn"], policy, [each["AliasName"] for each in aliases])

    def undelivered(self) -> Iterator[str]:
        """Why what a rule or a topic sends would not arrive in its queue."""
        buses = self.aws.client("events")
        for bus in self.pages("events", "list_event_buses", "EventBuses"):
            for rule in self.pages("events", "list_rules", "Rules", EventBusName=bus["Name"]):
                for target in buses.list_targets_by_rule(Rule=rule["Name"], EventBusName=bus["Name"])["Targets"]:
                    yield from self._target(rule, target)
        for each in self.pages("sns", "list_subscriptions", "Subscriptions"):
            if each["Protocol"] == "sqs":
                yield from self.unsendable("sns.amazonaws.com", each["TopicArn"], each["Endpoint"])

    def _target(self, rule: Mapping[str, Any], target: Mapping[str, Any]) -> Iterator[str]:
        queues = [target["Arn"], target.get("DeadLetterConfig", {}).get("Arn", "")]
        if {"Input", "InputPath", "InputTransformer"} & set(target) and ":sqs:" in target["Arn"]:
            yield f"rule {rule['Name']} rewrites its events, which is not played here"
        for arn in queues:
            if ":sqs:" in arn:
                yield from self.unsendable("events.amazonaws.com", rule["Arn"], arn)

    def unsendable(self, service: str, source: str, queue: str) -> Iterator[str]:
        """Why a service may not send to a queue (ARN) for a rule or topic (ARN)."""
        attributes = self.queue(queue)
        if not attributes:
            yield f"{source} sends to {queue}, which does not exist"
            return
        context = {"aws:SourceArn": source, "aws:SourceAccount": self.aws.account, "aws:SecureTransport": "true"}
        policy = json.loads(attributes.get("Policy") or '{"Statement": []}')
        if not allows([policy], "sqs:SendMessage", queue, context, service=service):
            yield f"the policy of {queue} does not let {service} send what comes from {source}"
        if name := attributes.get("KmsMasterKeyId"):
            key = self.key(name)
            for action in ("kms:GenerateDataKey", "kms:Decrypt"):
                if not allows([key.policy], action, key.arn, {}, service=service):
                    yield f"the policy of the key of {queue} does not let {service} use {action}"


class Callers:
    """What calls one function, and what of that AWS would refuse (`problems`)."""

    def __init__(self, account: Account, function: str) -> None:
        self._account, self._function = account, function
        self._qualifiers: set[str] = set()
        self.problems: list[str] = []
        self.queues: list[Feed] = []
        self.streams: list[Feed] = []
        self.schedules = list(self._schedules())
        self.routes = list(self._routes())
        mappings = [each for each in account.mappings if self._is_called(each["FunctionArn"])]
        if len(self._qualifiers) > 1:
            self.problems.append(f"{function} is called by more than one name: {sorted(self._qualifiers)}")
        self.qualifier = max(self._qualifiers, default="")
        for mapping in mappings:
            self._map(mapping)

    def _is_called(self, arn: str) -> bool:
        """Whether an ARN (or one in which it stands) is of this function; remembers by which version or alias."""
        called = _LAMBDA.search(arn)
        if called is None or called[1] != self._function:
            return False
        self._qualifiers.add(called[2] or "")
        return True

    def _map(self, mapping: Mapping[str, Any]) -> None:
        source = mapping["EventSourceArn"]
        service = source.split(":")[2]
        feed = Feed(
            source.split("/")[1] if service == "dynamodb" else source.rpartition(":")[2],
            mapping["BatchSize"],
            partial="ReportBatchItemFailures" in mapping.get("FunctionResponseTypes", ()),
            filters=tuple(each["Pattern"] for each in mapping.get("FilterCriteria", {}).get("Filters", ())),
        )
        (self.streams if service == "dynamodb" else self.queues).append(feed)
        configuration = self._account.configuration(self._function, self.qualifier)
        policies = self._account.role_policies(configuration["Role"])
        needed = [(action, source) for action in _TO_POLL[service]]
        if failures := mapping.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"):
            needed.append(("sqs:SendMessage", failures))
        for action, resource in needed:
            if not allows(policies, action, resource):
                self.problems.append(f"the role of {self._function} does not allow {action} on {resource}")
        if service == "sqs":
            self.problems += self._account.undead(source)
        if name := self._encrypted_with(service, source, feed.name):
            key = self._account.key(name)
            via = f"{service}.{self._account.aws.region}.amazonaws.com"
            context = {"kms:ViaService": via, "kms:ResourceAliases": key.aliases}
            if not allows(policies, "kms:Decrypt", key.arn, context):
                self.problems.append(f"the role of {self._function} does not allow kms:Decrypt for {source}")

    def _encrypted_with(self, service: str, source: str, name: str) -> str:
        """The key of our own with which a queue or table is encrypted, if it is."""
        if service == "sqs":
            return self._account.queue(source).get("KmsMasterKeyId", "")
        table = self._account.aws.client("dynamodb").describe_table(TableName=name)["Table"]
        return str(table.get("SSEDescription", {}).get("KMSMasterKeyArn", ""))

    def _schedules(self) -> Iterator[Beat]:
        for schedule in self._account.schedules:
            target = schedule["Target"]
            if not self._is_called(target["Arn"]):
                continue
            yield Beat(schedule["Name"], schedule["ScheduleExpression"], target.get("Input"))
            role = target["RoleArn"]
            self.problems += self._account.not_assumed(role, "scheduler.amazonaws.com", schedule["Name"])
            if not allows(self._account.role_policies(role), "lambda:InvokeFunction", target["Arn"]):
                self.problems.append(f"{role} may not call {target['Arn']} for schedule {schedule['Name']}")

    def _routes(self) -> Iterator[str]:
        for api, route, integration in self._account.routes:
            called = _LAMBDA.search(integration["IntegrationUri"])
            if called is None or not self._is_called(called[0]):
                continue
            key = route["RouteKey"]
            yield key
            aws = self._account.aws
            source = f"arn:aws:execute-api:{aws.region}:{aws.account}:{api}/$default/{key.replace(' ', '')}"
            policies = self._account.function_policy(self._function, called[2] or "")
            context = {"aws:SourceArn": source, "aws:SourceAccount": aws.account}
            if not allows(policies, "lambda:InvokeFunction", called[0], context, service="apigateway.amazonaws.com"):
                self.problems.append(f"the HTTP API may not call {called[0]} for {key}")
            if route.get("AuthorizationType", "NONE") != "NONE":
                self.problems.append(f"{key} has an authorizer, which is not played here")
            if integration["IntegrationType"] != "AWS_PROXY" or integration.get("PayloadFormatVersion") != "2.0":
                self.problems.append(f"{key} is not handed over in payload format 2.0, which alone is played here")
