import json
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.alert import Alert
from shared.alerts.parse import MAX_BYTES, Confirmation, as_json, parse
from shared.alerts.parsed import Parsed, fingerprint
from shared.errors import Refused
from shared.target import Target

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SAMPLES = Path(__file__).parents[3] / "events" / "alerts"


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text())


def only(payload: object, source: str = "auto") -> Alert:
    (alert,) = parse(payload, source, NOW).alerts
    return alert


def group(**said: Any) -> dict[str, Any]:
    alert = {"status": "firing", "labels": {"alertname": "A"}, "startsAt": "2026-05-04T02:10:00Z", **said}
    return {"version": "4", "status": "firing", "alerts": [alert]}


def test_one_alarm_is_one_alert_whichever_way_it_comes() -> None:
    ways = ["metric_alarm", "lambda_action", "sns_bare", "sns_http_envelope", "sns_records", "sns_in_sqs"]
    alerts = [only(sample(f"cloudwatch_{way}")) for way in ways]
    assert len({(alert.identity, alert.delivery, alert.external_id) for alert in alerts}) == 1


def test_an_alarm_that_clears_is_the_same_alert_in_another_state() -> None:
    rang, cleared = only(sample("cloudwatch_metric_alarm")), only(sample("cloudwatch_metric_ok"))
    assert rang.fingerprint == cleared.fingerprint
    assert rang.delivery != cleared.delivery
    assert cleared.starts_at == rang.starts_at < cleared.changed_at


def test_a_subscription_is_reported_and_its_address_left_alone() -> None:
    parsed = parse(sample("cloudwatch_sns_subscription_confirmation"), "auto", NOW)
    assert parsed.alerts == ()
    assert parsed.confirmation
    assert parsed.confirmation.topic_arn == "arn:aws:sns:eu-west-1:123456789012:middlewatch-alarms"
    assert parsed.confirmation.token.startswith("2336412f")


@pytest.mark.parametrize("source", ["grafana", "alertmanager", "generic"])
def test_a_source_cannot_speak_as_another(source: str) -> None:
    with pytest.raises(Refused):
        parse(sample("cloudwatch_metric_alarm"), source, NOW)


def test_a_source_that_we_do_not_know_is_refused() -> None:
    with pytest.raises(Refused, match="the source must be one of auto, cloudwatch"):
        parse({}, "nagios", NOW)


def test_one_crash_loop_is_one_alert_however_many_tasks_it_takes() -> None:
    first, second = sample("ecs_task_exited_with_error"), sample("ecs_task_exited_with_error")
    second["detail"]["taskArn"] += "0"
    second["detail"]["stoppedAt"] = "2026-05-04T02:20:00Z"
    assert only(first).fingerprint == only(second).fingerprint
    assert only(first).delivery != only(second).delivery


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        ([], "the payload must be an object, not an array"),
        ("x", "the payload must be an object, not text"),
        ({}, "the payload is none that we know"),
        ({"Records": [{"eventSource": "aws:dynamodb"}]}, r"Records\[0\] has neither Sns nor a body"),
        ({"Records": [{"body": "{"}]}, "the payload is not JSON"),
        ({"Type": "Notification", "TopicArn": "t", "Message": "hello"}, "Message holds no alarm: .* not JSON"),
        ({"Type": "Notification", "TopicArn": "t", "Message": '{"a":1,"a":2}'}, "'a' stands twice"),
        ({"Type": "Notification", "TopicArn": "t"}, "Message is missing"),
        ({"AlarmName": "x", "NewStateValue": "ON"}, "NewStateValue must be ALARM, OK or INSUFFICIENT_DATA, not 'ON'"),
        ({"AlarmName": 7, "NewStateValue": "OK"}, "AlarmName must be text, not a number"),
        ({"AlarmName": " ", "NewStateValue": "OK"}, "AlarmName is missing"),
        ({"source": "aws.cloudwatch", "detail-type": "x"}, "detail-type must be 'CloudWatch Alarm State Change'"),
        ({"source": "aws.ecs", "detail-type": "ECS Service Action", "detail": {}}, "detail.eventName is missing"),
        ({"detail": {}}, "detail needs a service_name, a summary or"),
        ({"detail": {"service_name": 5}}, "detail.service_name must be text, not a number"),
        ({"detail": {"summary": "x", "state": "bad"}}, "detail.state must be firing, resolved or unknown, not 'bad'"),
        ({"detail": {"summary": "x", "time": "yesterday"}}, "detail.time is not an RFC 3339 time: 'yesterday'"),
        ({"detail": {"summary": "x", "time": "2026-05-04T02:10:00"}}, "detail.time has no time zone"),
        ({"detail": {"Trigger": {"Dimensions": {}, "x": 1}, "summary": "x"}, "incident_id": []}, "incident_id must be"),
        ({"detail": {"Trigger": {"Dimensions": [7]}}}, r"detail.Trigger.Dimensions\[0\] must be an object"),
        (
            {"detail": {"Trigger": {"Dimensions": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}}},
            "'A' is given twice",
        ),
        ({"alerts": {}}, "alerts must be an array, not an object"),
        (group(status="pending"), r"alerts\[0\].status must be firing or resolved, not 'pending'"),
        (group(startsAt="0001-13-01T00:00:00Z"), r"alerts\[0\].startsAt is not an RFC 3339 time"),
        (group(startsAt=7), r"alerts\[0\].startsAt must be text, not a number"),
        (group(labels=["a"]), r"alerts\[0\].labels must be an object, not an array"),
        (group(labels={"a": {}}), r"alerts\[0\].labels.a must be text, not an object"),
        (group(labels=None), r"alerts\[0\].labels is missing"),
        ({"ruleId": 1, "state": "alerting", "evalMatches": []}, "legacy alerting; switch the rule to unified"),
    ],
)
def test_what_is_wrong_is_refused_by_the_name_of_its_field(payload: object, why: str) -> None:
    with pytest.raises(Refused, match=why):
        parse(payload, "auto", NOW)


def test_envelopes_in_envelopes_come_to_an_end() -> None:
    payload: dict[str, Any] = {"Records": [{"body": "{}"}]}
    for _ in range(6):
        payload = {"Records": [{"body": json.dumps(payload)}]}
    with pytest.raises(Refused, match="more than 4 envelopes"):
        parse(payload, "auto", NOW)


def test_gos_zero_time_means_not_ended() -> None:
    alert = only(group(status="resolved", endsAt="0001-01-01T00:00:00Z"))
    assert alert.changed_at == NOW


def test_a_time_far_ahead_is_the_time_of_receipt_and_a_little_ahead_stays() -> None:
    ahead = NOW + timedelta(minutes=9)
    assert only(group(startsAt="2126-01-01T00:00:00Z")).changed_at == NOW
    assert only(group(startsAt=ahead.isoformat())).changed_at == ahead


def test_every_time_is_told_in_utc() -> None:
    assert (
        as_json(only(group(startsAt="2026-05-04T04:10:00.123456789+02:00")))["starts_at"] == "2026-05-04T02:10:00.123Z"
    )


@pytest.mark.parametrize(
    ("labels", "severity"),
    [
        ({"severity": "page"}, "critical"),
        ({"severity": "Critical"}, "critical"),
        ({"priority": "P1"}, "critical"),
        ({"severity": "error"}, "high"),
        ({"priority": "p2"}, "high"),
        ({"level": "major"}, "high"),
        ({"severity": "warning"}, "medium"),
        ({"priority": "P3"}, "medium"),
        ({"severity": "minor"}, "medium"),
        ({"Severity": "info"}, "low"),
        ({"priority": "p4"}, "low"),
        ({"severity": "none", "priority": "p2"}, "high"),
        ({"severity": "purple"}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_severity_is_told_in_our_words(labels: dict[str, str], severity: str) -> None:
    assert only(group(labels={"alertname": "A", **labels})).severity == severity


def test_links_are_https_once_each_and_carry_no_secret() -> None:
    alert = only(
        group(
            generatorURL="http://prometheus:9090/graph",
            annotations={
                "a": "https://wiki.example.com/x",
                "b": "https://wiki.example.com/x",
                "c": "javascript:alert(1)",
                "d": "https://user:secret@example.com/",
                "e": "https://example.com/?token=abcdef",
                "f": "https://[bad/",
                "g": "https://example.com/|<!channel>",
                "h": "https://exаmple.com/",  # noqa: RUF001  one letter is Cyrillic
                "i": "https://" + "a" * 3000,
            },
        )
    )
    assert alert.links == ("https://wiki.example.com/x",)


def test_no_secret_reaches_an_alert() -> None:
    secrets = ["hunter2", "AKIAIOSFODNN7EXAMPLE", "bob@example.com", "abcdefghijkl0123"]
    text = f"password={secrets[0]} {secrets[1]} {secrets[2]} Bearer {secrets[3]}"
    alarm = sample("cloudwatch_metric_alarm")
    alarm["detail"]["alarmName"] = alarm["detail"]["configuration"]["description"] = text
    alarm["detail"]["state"]["reason"] = text
    alarm["detail"]["configuration"]["metrics"][0]["metricStat"]["metric"]["dimensions"]["x"] = text
    alarm["resources"] = [f"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:{text}"]
    webhook = group(labels={"alertname": text, "db_password": secrets[0]}, annotations={"summary": text})
    plain = {"incident_id": text, "detail": {"summary": text, "service_name": text}}
    for payload in (alarm, webhook, plain):
        stored = only(payload).model_dump_json()
        assert not [secret for secret in secrets if secret in stored]


def test_terminal_escapes_and_marks_that_reorder_text_are_gone() -> None:
    alert = only(group(labels={"alertname": "a\x1b[31mb\u202ec\x00"}))
    assert alert.title == "a [31mb c"


def test_the_same_text_in_another_unicode_form_is_the_same_alert() -> None:
    composed = {"detail": {"summary": "Caf\u00e9 down"}}
    decomposed = {"detail": {"summary": "Cafe\u0301 down"}}
    assert only(composed).fingerprint == only(decomposed).fingerprint


def test_what_is_too_long_is_cut_in_whole_characters() -> None:
    alert = only({"detail": {"summary": "😀" * 10_000}})
    assert alert.title == "😀" * 299 + "…"
    assert len(alert.summary) == 4000


def test_an_alert_always_fits_in_an_entry() -> None:
    alarm = sample("cloudwatch_metric_math")
    (expression, metric, _) = alarm["detail"]["configuration"]["metrics"]
    expression["expression"] = "é" * 100_000
    for at in range(30):
        metric["metricStat"]["metric"]["dimensions"][f"d{at}"] = "😀" * 1000
    alarm["detail"]["configuration"]["metrics"] = [deepcopy(expression), *(deepcopy(metric) for _ in range(40))]
    labels = {"alertname": "A", **{f"l{at}" * 50: "😀" * 5000 for at in range(500)}}
    for payload in (alarm, group(labels=labels)):
        assert len(only(payload).model_dump_json().encode()) <= MAX_BYTES


def test_two_alerts_under_one_id_of_the_sender_stay_two() -> None:
    first = only({"incident_id": "7", "detail": {"summary": "orders is slow"}})
    second = only({"incident_id": "7", "detail": {"summary": "search is down"}})
    assert first.external_id == second.external_id == "7"
    assert first.fingerprint != second.fingerprint


@pytest.mark.parametrize(
    ("payload", "note"),
    [
        ({"Records": []}, "nothing is in the envelope"),
        ({"Type": "UnsubscribeConfirmation", "TopicArn": "t"}, "nothing is in the envelope"),
        ({"Type": "SubscriptionConfirmation", "TopicArn": "t"}, "the topic t asks to be confirmed"),
        (
            {"source": "aws.cloudwatch", "detail-type": "CloudWatch Alarm Configuration Change"},
            "an alarm was configured; its state did not change",
        ),
    ],
)
def test_what_holds_no_alert_says_why(payload: object, note: str) -> None:
    for source in ("auto", "cloudwatch"):
        parsed = parse(payload, source, NOW)
        assert (parsed.alerts, parsed.note) == ((), note)


def test_an_envelope_of_many_gives_the_alerts_of_all_and_the_notes_of_each() -> None:
    message = {"Type": "SubscriptionConfirmation", "TopicArn": "t", "Token": "1", "SubscribeURL": "u"}
    bodies = [group(), message, sample("generic_resolved"), {"Records": []}, message | {"TopicArn": "t2"}]
    parsed = parse({"Records": [{"body": json.dumps(body)} for body in bodies]}, "auto", NOW)
    assert [alert.source for alert in parsed.alerts] == ["alertmanager", "generic"]
    assert parsed.note == (
        "the topic t asks to be confirmed; nothing is in the envelope; the topic t2 asks to be confirmed"
    )
    assert parsed.confirmation == Confirmation("t", "1", "u")


def test_four_envelopes_are_opened() -> None:
    payload = group()
    for _ in range(4):
        payload = {"Records": [{"body": json.dumps(payload)}]}
    assert only(payload).source == "alertmanager"
    with pytest.raises(Refused, match="more than 4 envelopes"):
        parse({"Records": [{"body": json.dumps(payload)}]}, "auto", NOW)


@pytest.mark.parametrize("source", ["auto", "cloudwatch", "ecs"])
def test_whatever_comes_over_aws_may_come_in_envelopes(source: str) -> None:
    assert parse({"Records": []}, source, NOW) == Parsed(note="nothing is in the envelope")


@pytest.mark.parametrize("source", ["grafana", "alertmanager", "generic"])
def test_only_what_comes_over_aws_comes_in_envelopes(source: str) -> None:
    with pytest.raises(Refused):
        parse({"Records": []}, source, NOW)


@pytest.mark.parametrize(
    ("payload", "source"),
    [
        ({"alarmData": {"alarmName": "a", "state": {"value": "OK"}}}, "cloudwatch"),
        ({"AlarmName": "a", "NewStateValue": "OK"}, "cloudwatch"),
        (sample("cloudwatch_metric_alarm"), "cloudwatch"),
        (sample("ecs_deployment_failed"), "ecs"),
        (group(), "alertmanager"),
        (group(values={}), "grafana"),
        (group() | {"ruleId": 1}, "grafana"),
        ({"detail": {"summary": "x"}, "source": "my.app"}, "generic"),
    ],
)
def test_who_sent_it_is_told_by_its_shape(payload: object, source: str) -> None:
    assert only(payload).source == source
    assert only(payload, source) == only(payload)


def test_a_source_of_any_length_is_refused_in_a_few_words() -> None:
    with pytest.raises(Refused, match=rf"^the source must be one of .*, not {'n' * 40!r}$"):
        parse({}, "n" * 50, NOW)


def test_an_alert_that_fits_is_whole_and_one_that_does_not_keeps_its_first_labels() -> None:
    def alert(letters: int) -> Alert:
        labels = {f"l{at:02}": "x" * 1000 for at in range(62)} | {"l62": "x" * letters, "l63": "x" * 100}
        return only(group(labels=labels))

    spare = 64_000 - len(alert(0).model_dump_json().encode())
    assert 0 < spare < 1000
    assert len(alert(spare).labels) == 64
    assert list(alert(spare + 1).labels) == ["l00", "l01", "l02", "l03", "l04"]


def test_an_alarm_that_does_not_fit_goes_without_its_metrics() -> None:
    alarm = sample("cloudwatch_metric_alarm")
    query = alarm["detail"]["configuration"]["metrics"][0]
    alarm["detail"]["configuration"]["metrics"] = [{**query, "expression": "x" * 4000} for _ in range(20)]
    alert = only(alarm)
    assert alert.metrics == ()
    assert alert == only(sample("cloudwatch_metric_alarm")).model_copy(update={"metrics": ()})


def test_a_fingerprint_is_the_same_however_an_id_is_spaced_and_differs_by_all_else() -> None:
    orders, search = (Target(kind="ecs", name=f"shop/{name}") for name in ("orders", "search"))
    assert fingerprint("a", " b  c\n", "", "", None) == fingerprint("a", "b c", "", "", None)
    known = [("a", "b", "", ""), ("a2", "b", "", ""), ("a", "b2", "", ""), ("a", "b", "1", ""), ("a", "b", "", "1")]
    found = {fingerprint(*each, target) for each in known for target in (None, orders, search)}
    assert len(found) == 15
    assert fingerprint("a", "b", "", "", None) == "c59fbf769846168ca9ae8e52", (
        "an open incident must know its alert after a release"
    )
    elsewhere = orders.model_copy(update={"account": "123456789012", "region": "eu-west-1"})
    assert fingerprint("a", "b", "", "", elsewhere) == fingerprint("a", "b", "", "", orders)


def test_an_alert_is_told_to_scripts_as_one_flat_object() -> None:
    alert = only(
        group(
            labels={"alertname": "Slow", "severity": "page", "namespace": "shop", "pod": "a", "region": "eu-west-1"},
            annotations={"summary": "slow", "runbook": "https://wiki.example/slow"},
            fingerprint="f1",
        )
    )
    assert as_json(alert) == {
        "source": "alertmanager",
        "state": "firing",
        "title": "Slow",
        "summary": "slow",
        "severity": "critical",
        "target": "k8s:shop/pod/a",
        "account": "",
        "region": "eu-west-1",
        "starts_at": "2026-05-04T02:10:00.000Z",
        "changed_at": "2026-05-04T02:10:00.000Z",
        "labels": dict(alert.labels),
        "links": ["https://wiki.example/slow"],
        "external_id": "f1",
        "external_reference": "",
        "fingerprint": alert.fingerprint,
    }
    assert as_json(only(group()))["target"] is None
