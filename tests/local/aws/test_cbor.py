"""CloudWatch answers those who speak CBOR as it answers those who speak JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from local.aws.embedded import EmbeddedAws

if TYPE_CHECKING:
    from collections.abc import Iterator

CBOR = "smithy-rpc-v2-cbor"
MODEL = ServiceModel(Loader().load_service_model("cloudwatch", "service-2"), "cloudwatch")
ALARM = {
    "AlarmName": "waiting",
    "ComparisonOperator": "GreaterThanThreshold",
    "EvaluationPeriods": 2,
    "Threshold": 0.5,
    "TreatMissingData": "ignore",
    "Metrics": [{"Id": "m0", "Expression": "SELECT SUM(FailedInvocations) FROM x", "Period": 60, "ReturnData": True}],
}


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with EmbeddedAws(tmp_path_factory.mktemp("no-functions"), region="eu-west-1") as aws:
        yield aws.endpoint


def ask(endpoint: str, operation: str, **parameters: Any) -> dict[str, Any]:
    model = MODEL.operation_model(operation)
    asked = create_serializer(CBOR).serialize_to_request(parameters, model)
    signed = "AWS4-HMAC-SHA256 Credential=AKIALOCALOPERATOR000/20261121/eu-west-1/monitoring/aws4_request, Signature=x"
    headers = {**asked["headers"], "Authorization": signed}
    answer = urllib3.request("POST", endpoint + asked["url_path"], headers=headers, body=asked["body"], retries=False)
    parts = {"status_code": answer.status, "headers": dict(answer.headers), "body": answer.data}
    parsed: dict[str, Any] = create_parser(CBOR).parse(parts, model.output_shape)  # type: ignore[arg-type]  # None is an empty answer
    return parsed


def test_an_alarm_is_there_as_it_was_put(endpoint: str) -> None:
    ask(endpoint, "PutMetricAlarm", **ALARM)

    (alarm,) = ask(endpoint, "DescribeAlarms", AlarmNames=["waiting"])["MetricAlarms"]

    assert {name: alarm[name] for name in ALARM} == ALARM
    assert alarm["AlarmArn"].endswith(":alarm:waiting")
    assert alarm["StateUpdatedTimestamp"].year > 2000


def test_what_is_not_there_is_an_error_with_its_own_code(endpoint: str) -> None:
    answer = ask(endpoint, "GetDashboard", DashboardName="none")

    assert answer["Error"]["Code"] == "ResourceNotFound"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 404
