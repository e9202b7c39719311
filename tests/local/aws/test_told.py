"""What was said of a resource is told again, so that a second plan finds it as it was written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from local.aws.embedded import EmbeddedAws

if TYPE_CHECKING:
    from collections.abc import Iterator

REGION = "eu-west-1"


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    with EmbeddedAws(tmp_path_factory.mktemp("no-functions"), region=REGION) as aws:
        yield aws


def test_a_queue_tells_whose_dead_letters_it_takes(aws: EmbeddedAws) -> None:
    sqs = aws.client("sqs")
    takes = json.dumps({"redrivePermission": "denyAll"})

    url = sqs.create_queue(QueueName="dead", Attributes={"RedriveAllowPolicy": takes})["QueueUrl"]
    plain = sqs.create_queue(QueueName="plain")["QueueUrl"]

    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]["RedriveAllowPolicy"] == takes
    asked = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedriveAllowPolicy"])
    assert asked["Attributes"] == {"RedriveAllowPolicy": takes}
    assert "RedriveAllowPolicy" not in sqs.get_queue_attributes(QueueUrl=plain, AttributeNames=["All"])["Attributes"]


def test_an_archive_tells_its_key(aws: EmbeddedAws) -> None:
    events = aws.client("events")
    bus = events.create_event_bus(Name="ours")["EventBusArn"]

    events.create_archive(ArchiveName="kept", EventSourceArn=bus, KmsKeyIdentifier="alias/ours")
    events.create_archive(ArchiveName="plain", EventSourceArn=bus)

    assert events.describe_archive(ArchiveName="kept")["KmsKeyIdentifier"] == "alias/ours"
    assert "KmsKeyIdentifier" not in events.describe_archive(ArchiveName="plain")


def test_a_bus_with_an_archive_delivers(aws: EmbeddedAws) -> None:
    events, sqs = aws.client("events"), aws.client("sqs")
    bus = events.create_event_bus(Name="archived")["EventBusArn"]
    events.create_archive(ArchiveName="all", EventSourceArn=bus)
    url = sqs.create_queue(QueueName="told")["QueueUrl"]
    events.put_rule(Name="told", EventBusName="archived", EventPattern=json.dumps({"source": ["middlewatch"]}))
    target = {"Id": "queue", "Arn": f"arn:aws:sqs:{REGION}:{aws.account}:told"}
    events.put_targets(Rule="told", EventBusName="archived", Targets=[target])

    entry = {"Source": "middlewatch", "DetailType": "NoteAdded", "Detail": "{}", "EventBusName": "archived"}
    assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0

    assert len(sqs.receive_message(QueueUrl=url)["Messages"]) == 1


def test_every_version_of_a_function_tells_where_it_logs(aws: EmbeddedAws) -> None:
    functions = aws.client("lambda")
    logging = {"LogFormat": "Text", "LogGroup": "/aws/lambda/ours"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    role = aws.client("iam").create_role(RoleName="ours", AssumeRolePolicyDocument=trust)["Role"]["Arn"]

    made = functions.create_function(
        FunctionName="ours", Handler="a.b", Role=role, Runtime="python3.13", Code={"ZipFile": b"zip"},
        LoggingConfig=logging, Publish=True,
    )  # fmt: skip
    functions.create_alias(FunctionName="ours", Name="live", FunctionVersion=made["Version"])

    assert made["LoggingConfig"] == logging
    for qualifier in ("$LATEST", "1", "live"):
        told = functions.get_function(FunctionName="ours", Qualifier=qualifier)["Configuration"]
        assert told["LoggingConfig"] == logging, qualifier


def test_a_bucket_tells_the_tags_that_it_was_created_with(aws: EmbeddedAws) -> None:
    s3 = aws.client("s3")

    tags = [{"Key": "application", "Value": "middlewatch"}]
    s3.create_bucket(Bucket="tagged", CreateBucketConfiguration={"LocationConstraint": REGION, "Tags": tags})
    s3.create_bucket(Bucket="plain", CreateBucketConfiguration={"LocationConstraint": REGION})

    assert s3.get_bucket_tagging(Bucket="tagged")["TagSet"] == tags
    with pytest.raises(ClientError, match="NoSuchTagSet"):
        s3.get_bucket_tagging(Bucket="plain")


def test_a_configuration_set_tells_whether_it_sends(aws: EmbeddedAws) -> None:
    ses = aws.client("sesv2")

    ses.create_configuration_set(ConfigurationSetName="plain")

    told = ses.get_configuration_set(ConfigurationSetName="plain")
    assert told["SendingOptions"] == {"SendingEnabled": True}
    assert not {"SuppressionOptions", "TrackingOptions", "VdmOptions"} & set(told)


def test_an_identity_tells_its_tags(aws: EmbeddedAws) -> None:
    ses = aws.client("sesv2")
    tags = [{"Key": "application", "Value": "middlewatch"}]

    ses.create_email_identity(EmailIdentity="us@shop.example", Tags=tags)

    arn = f"arn:aws:ses:{REGION}:{aws.account}:identity/us@shop.example"
    assert ses.list_tags_for_resource(ResourceArn=arn)["Tags"] == tags


def test_a_queue_keeps_its_policy_when_something_else_is_said_of_it(aws: EmbeddedAws) -> None:
    sqs = aws.client("sqs")
    policy = json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*"}]})
    url = sqs.create_queue(QueueName="kept", Attributes={"Policy": policy})["QueueUrl"]
    redrive = f'{{"deadLetterTargetArn":"arn:aws:sqs:{REGION}:{aws.account}:kept","maxReceiveCount":5}}'

    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": redrive})

    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (told["Policy"], told["RedrivePolicy"]) == (policy, redrive)
