"""AWS's public list prices that an incident meets, as data: US East (N. Virginia), without free tiers or discounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

REGION = "us-east-1"
AS_OF = "2025"
"""The year of the price lists; compare them again before a decision hangs on them."""

PRICES: dict[str, tuple[float, str]] = {
    "DynamoDB write request units": (0.625e-6, "on demand; a transaction counts double, each index once more"),
    "DynamoDB read request units": (0.125e-6, "on demand; 4 KB strongly consistent, half for an index"),
    "EventBridge custom events": (1.00e-6, "64 KB each; events of AWS services and deliveries to SQS are free"),
    "SQS requests": (0.40e-6, "send, receive and delete of each message"),
    "Lambda requests": (0.20e-6, ""),
    "Lambda GB-seconds": (16.6667e-6, "x86, as long as the emulator's REPORT lines say"),
    "HTTP API requests": (1.00e-6, ""),
    "CloudWatch metrics read": (10e-6, "GetMetricData, per metric"),
    "CloudWatch API requests": (10e-6, "DescribeAlarms"),
    "SES messages": (100e-6, ""),
    "Log bytes": (0.50e-9, "CloudWatch Logs, ingestion"),
}
"""Dollars for one of each, and what is counted."""

LEFT_OUT = (
    "storage and backups (cents a month per thousand incidents)",
    "what stands anyway: the timekeeper's minute, Lambda's polling of empty queues, alarms, custom metrics, secrets",
    "cold starts, retries, data transfer, Slack and Jira, and a language model (none is asked by default)",
)


def dollars(used: Mapping[str, float]) -> float:
    """The list price of these amounts; KeyError for what has none."""
    return sum(amount * PRICES[what][0] for what, amount in used.items())
