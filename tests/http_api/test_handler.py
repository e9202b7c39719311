"""The real function, wired as on AWS, started as a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "AWS_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "TIMELINE_TABLE": "timeline",
    "STATE_TABLE": "state",
    "HTTP_API_KEYS": "reader-1",
    "SOURCE_CLOUDWATCH": "cloudwatch-key",
    "POWERTOOLS_LOG_LEVEL": "INFO",
}
ALARM = {
    "AlarmName": "orders-5xx",
    "AlarmArn": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:orders-5xx",
    "AWSAccountId": "123456789012",
    "NewStateValue": "ALARM",
    "NewStateReason": "Threshold Crossed",
    "StateChangeTime": "2026-05-04T12:00:00.000+0000",
    "Region": "EU (Ireland)",
    "Trigger": {
        "MetricName": "HTTPCode_Target_5XX_Count",
        "Namespace": "AWS/ECS",
        "Dimensions": [{"name": "ClusterName", "value": "shop"}, {"name": "ServiceName", "value": "orders"}],
    },
}
PROGRAM = """
import json, sys
from functions.http_api.handler import handler
for line in sys.stdin:
    print(json.dumps(["answer", handler(json.loads(line), None)]), flush=True)
"""


def ask(*requests: tuple[str, str, str]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The answers to requests of method, path and body, and the log lines."""
    events = [
        {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": "",
            "headers": {"x-api-key": "cloudwatch-key", "host": "api.example"},
            "requestContext": {"http": {"method": method, "path": path, "sourceIp": "127.0.0.1"}, "stage": "$default"},
            "body": body,
            "isBase64Encoded": False,
        }
        for method, path, body in requests
    ]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        cwd=ROOT,
        env=ENVIRONMENT,
        input="".join(json.dumps(event) + "\n" for event in events),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    answers = [line[1] for line in lines if isinstance(line, list)]
    return answers, [line for line in lines if isinstance(line, dict)]


def test_without_a_table_it_starts_says_so_and_takes_nothing_in() -> None:
    alert = json.dumps(ALARM)
    (about, health, sent, stranger), logged = ask(
        ("GET", "/", ""), ("GET", "/health", ""), ("POST", "/alerts/cloudwatch", alert), ("POST", "/alert", alert)
    )
    assert about["statusCode"] == 200
    assert health["statusCode"] == 503
    assert [check["ok"] for check in json.loads(health["body"])["checks"]] == [False, False]
    assert (sent["statusCode"], sent["headers"]["retry-after"]) == (503, "5")
    assert stranger["statusCode"] == 401
    assert [(line["path"], line["status"]) for line in logged if line["message"] == "request"] == [
        ("/", 200),
        ("/health", 503),
        ("/alerts/cloudwatch", 503),
        ("/alert", 401),
    ]
