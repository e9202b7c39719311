"""What the OpenAPI document says beyond what the code says by itself."""

from functools import cache
from typing import Any

from functions.http_api.authentication import DELIVERY, SIGNATURE, TIMESTAMP
from functions.http_api.views import Problem

SUMMARY = "Alerts in, incidents out. Every incident is the list of facts on its timeline."
SIGNED = (
    f"`v1=` and the hexadecimal HMAC-SHA256, keyed with the source's secret, over `v1:{{{TIMESTAMP}}}:{{{DELIVERY}}}:` "
    f"followed by the raw body. {TIMESTAMP} is Unix seconds, at most five minutes from now; {DELIVERY} is an id of the "
    "sender's own that a redelivery repeats."
)
_TEXT = {"type": "string"}
_TIME = {"type": "string", "format": "date-time"}
_DIMENSION = {"type": "object", "properties": {"name": _TEXT, "value": _TEXT}}
_DETAIL: dict[str, Any] = {
    "type": "object",
    "description": "At least one of service_name, summary and Trigger says what is wrong.",
    "anyOf": [{"required": ["service_name"]}, {"required": ["summary"]}, {"required": ["Trigger"]}],
    "properties": {
        "service_name": _TEXT,
        "cluster_name": _TEXT,
        "summary": _TEXT,
        "state": {**_TEXT, "default": "firing", "description": "firing, resolved or unknown, or CloudWatch's words."},
        "severity": _TEXT,
        "time": _TIME,
        "Trigger": {"type": "object", "properties": {"Dimensions": {"type": "array", "items": _DIMENSION}}},
    },
}
GENERIC: dict[str, Any] = {
    "type": "object",
    "required": ["detail"],
    "properties": {
        "incident_id": {**_TEXT, "description": "Your own reference; kept, never used as our key."},
        "account": {**_TEXT, "description": "The AWS account that it is about, 12 digits."},
        "region": _TEXT,
        "time": _TIME,
        "detail": _DETAIL,
    },
}
EXAMPLES: dict[str, Any] = {
    "generic": {
        "summary": "The generic form",
        "value": {
            "incident_id": "INC-7",
            "detail": {
                "service_name": "orders",
                "cluster_name": "shop",
                "summary": "High error rate detected",
                "Trigger": {
                    "Dimensions": [
                        {"name": "ClusterName", "value": "shop"},
                        {"name": "ServiceName", "value": "orders"},
                    ]
                },
            },
        },
    },
}
ALERTMANAGER: dict[str, Any] = {
    "summary": "Alertmanager's webhook, version 4 (Grafana's is alike)",
    "value": {
        "version": "4",
        "status": "firing",
        "receiver": "middlewatch",
        "groupLabels": {"alertname": "OrdersErrors"},
        "alerts": [
            {
                "status": "firing",
                "labels": {"alertname": "OrdersErrors", "ecs_cluster": "shop", "ecs_service": "orders"},
                "annotations": {"summary": "More than 5 % errors"},
                "startsAt": "2026-05-04T12:00:00Z",
                "endsAt": "0001-01-01T00:00:00Z",
                "fingerprint": "c1f1a2b3d4e5f607",
            }
        ],
    },
}
GENERIC_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": GENERIC, "examples": EXAMPLES}}}
}
ANY_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The source's own webhook: Grafana, Alertmanager, CloudWatch (or SNS), or the generic form.",
        "content": {
            "application/json": {
                "schema": {"type": "object"},
                "examples": {**EXAMPLES, "alertmanager": ALERTMANAGER},
            },
            "text/plain": {"schema": {"type": "string", "description": "An SNS message, which SNS sends as text."}},
        },
    }
}

_MEANS = {
    401: "Who is calling could not be established.",
    404: "There is no such thing.",
    409: "The delivery id was used for another body.",
    413: "The body is too large, or holds too many alerts.",
    422: "The request cannot be understood; the answer names the field.",
    503: "Something that is needed does not answer; try again.",
}


@cache
def _form() -> dict[str, Any]:
    """The schema of a problem, made once: each making takes a millisecond of every cold start."""
    return Problem.model_json_schema()


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The responses of these statuses, all of one form."""
    described: dict[int | str, dict[str, Any]] = {
        status: {
            "description": _MEANS[status],
            "content": {"application/problem+json": {"schema": _form()}},
        }
        for status in statuses
    }
    if 503 in described:  # noqa: PLR2004 - an HTTP status
        described[503]["headers"] = {"Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}}
    if 401 in described:  # noqa: PLR2004 - an HTTP status
        described[401]["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
    return described


SIGNATURE_HEADERS: list[dict[str, Any]] = [
    {"name": TIMESTAMP, "in": "header", "required": False, "schema": {"type": "integer"}},
    {"name": DELIVERY, "in": "header", "required": False, "schema": {"type": "string", "maxLength": 128}},
    {
        "name": SIGNATURE,
        "in": "header",
        "required": False,
        "schema": {"type": "string", "pattern": "^v1=[0-9a-f]{64}$"},
    },
]
