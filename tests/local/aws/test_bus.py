"""Rules and topics deliver to queues what AWS would deliver."""

from __future__ import annotations

import json

from tests.local.aws.conftest import Rig, until


def delivered(rig: Rig, mark: str) -> list[dict[str, object]]:
    return [note["body"] for note in rig.notes() if mark in json.dumps(note["body"])]


def test_a_fact_reaches_the_function_whose_pattern_it_matches_as_the_whole_envelope(rig: Rig) -> None:
    fact = {"fact": {"to": "worker", "mark": "message-1"}}
    other = {"fact": {"to": "somebody", "mark": "message-1"}}
    entries = [
        {"EventBusName": "middlewatch", "Source": "middlewatch", "DetailType": "Asked", "Detail": json.dumps(detail)}
        for detail in (other, fact)
    ]
    entries.append({**entries[1], "DetailType": "Answered"})
    entries.append({**entries[1], "Source": "somebody"})
    assert rig.events.put_events(Entries=entries)["FailedEntryCount"] == 0
    (envelope,) = until(lambda: delivered(rig, "message-1"))
    assert envelope["detail"] == fact
    assert set(envelope) == {
        "version",
        "id",
        "detail-type",
        "source",
        "account",
        "time",
        "region",
        "resources",
        "detail",
    }
    assert envelope["account"] == rig.aws.account


def test_alarm_events_of_the_default_bus_reach_the_function(rig: Rig) -> None:
    entry = {
        "Source": "aws.cloudwatch",
        "DetailType": "CloudWatch Alarm State Change",
        "Detail": '{"mark": "message-2"}',
        "Resources": ["arn:x"],
    }
    rig.events.put_events(Entries=[entry])
    (envelope,) = until(lambda: delivered(rig, "message-2"))
    assert envelope["resources"] == ["arn:x"]


def test_a_malformed_entry_fails_alone(rig: Rig) -> None:
    entry = {"Source": "aws.cloudwatch", "DetailType": "CloudWatch Alarm State Change", "Detail": "no json"}
    answer = rig.events.put_events(Entries=[entry, {**entry, "Detail": '{"mark": "message-3"}'}])
    assert answer["FailedEntryCount"] == 1
    assert answer["Entries"][0]["ErrorCode"] == "MalformedDetail"
    until(lambda: delivered(rig, "message-3"))


def test_what_is_published_to_the_topic_arrives_in_its_sns_envelope(rig: Rig) -> None:
    sns = rig.aws.client("sns")
    (topic,) = [t["TopicArn"] for t in sns.list_topics()["Topics"]]
    sns.publish(TopicArn=topic, Message='{"mark": "message-4"}', Subject="ALARM")
    (envelope,) = until(lambda: delivered(rig, "message-4"))
    assert envelope["Type"] == "Notification"
    assert envelope["Message"] == '{"mark": "message-4"}'


def test_provisioning_again_changes_nothing(rig: Rig) -> None:
    rules = rig.events.list_rules(EventBusName="middlewatch")["Rules"]
    rig.aws.provision()
    assert rig.events.list_rules(EventBusName="middlewatch")["Rules"] == rules
    assert [rule["Name"] for rule in rules] == ["worker"]


def test_a_disabled_rule_delivers_nothing(rig: Rig) -> None:
    rig.events.disable_rule(Name="worker", EventBusName="middlewatch")
    detail = json.dumps({"fact": {"to": "worker", "mark": "message-5"}})
    entry = {"EventBusName": "middlewatch", "Source": "middlewatch", "DetailType": "Asked", "Detail": detail}
    rig.events.put_events(Entries=[entry])
    rig.events.enable_rule(Name="worker", EventBusName="middlewatch")
    rig.events.put_events(Entries=[{**entry, "Detail": detail.replace("message-5", "message-6")}])
    until(lambda: delivered(rig, "message-6"))
    assert delivered(rig, "message-5") == []
