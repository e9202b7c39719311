"""AWS's public list prices that Middlewatch meets, as data: US East (N. Virginia)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

REGION = "us-east-1"
AS_OF = "2026-11-21"
"""When the table was last gone over. The prices themselves are as old as their sources say."""

MEMORY = "from memory, not looked up"


class Price(NamedTuple):
    """What one costs in dollars, what is counted, and where that is said.

    `free` is how many a month an account never pays for (not the offers of its first year).
    """

    dollars: float
    how: str
    source: str
    free: float = 0


PRICES: dict[str, Price] = {
    "Secrets": Price(0.40, "a month, for each that is stored", "hivebook.wiki, AWS Secrets Manager"),
    "KMS keys": Price(1.00, "a month; each of the first two yearly rotations adds $1", "cloudburn.io, KMS, 2026-03"),
    "KMS requests": Price(3e-6, "those for seals (HMAC) too", "cloudburn.io, KMS, 2026-03", 20_000),
    "CloudWatch alarm metrics": Price(
        0.10, "a month, for each metric of each alarm", "c3x.dev; free: aws.amazon.com/cloudwatch/pricing", 10
    ),
    "CloudWatch alarm queries": Price(
        0.10, "a month, for each metric that a Metrics Insights query finds; one is counted for each query", MEMORY
    ),
    "CloudWatch dashboards": Price(
        3.00, "a month; free up to 50 metrics", "factualminds.com, 2026-06; free: aws.amazon.com/cloudwatch/pricing", 3
    ),
    "CloudWatch custom metrics": Price(
        0.30, "a month, by the hour in which it is published", "signoz.io, 2026-02; free: aws.amazon.com", 10
    ),
    "CloudWatch metrics read": Price(10e-6, "GetMetricData, per metric", MEMORY),
    "CloudWatch API requests": Price(
        10e-6, "DescribeAlarms, SetAlarmState", f"{MEMORY}; free: aws.amazon.com/cloudwatch/pricing", 1_000_000
    ),
    "Log bytes": Price(
        0.50e-9, "CloudWatch Logs, ingestion", "factualminds.com, 2026-06; free: aws.amazon.com/cloudwatch/pricing", 5e9
    ),
    "X-Ray traces": Price(5e-6, "one for each invocation at our rates", "aws.amazon.com/xray/pricing", 100_000),
    "Scheduler invocations": Price(1e-6, "", "cloudburn.io, EventBridge, 2026-03", 14_000_000),
    "SQS requests": Price(
        0.40e-6, "send, receive (of nothing, too) and delete", "cloudburn.io, SQS, 2026-03", 1_000_000
    ),
    "Lambda requests": Price(0.20e-6, "", "cloudchipr.com, Lambda, 2024", 1_000_000),
    "Lambda GB-seconds": Price(13.3334e-6, "arm64", "cloudchipr.com, Lambda, 2024", 400_000),
    "DynamoDB write request units": Price(
        0.625e-6, "on demand; a transaction counts double, each index once more", "airbyte.com, DynamoDB, 2025-07"
    ),
    "DynamoDB read request units": Price(
        0.125e-6, "on demand; 4 KB strongly consistent, half for an index", "airbyte.com, DynamoDB, 2025-07"
    ),
    "S3 writes": Price(5e-6, "a PUT or a LIST", MEMORY),
    "S3 reads": Price(0.4e-6, "a GET", MEMORY),
    "EventBridge custom events": Price(
        1.00e-6,
        "64 KB each; events of AWS services and deliveries to SQS are free",
        "cloudburn.io, EventBridge, 2026-03",
    ),
    "HTTP API requests": Price(1.00e-6, "", "docs.aws.amazon.com, whitepaper on private APIs"),
    "SES messages": Price(100e-6, "", MEMORY),
    "Fargate vCPU hours": Price(0.03238, "arm64, on demand; Spot is about 70 % less", "vantage.sh, Fargate"),
    "Fargate GB hours": Price(0.00356, "the same", "vantage.sh, Fargate"),
    "Public address hours": Price(0.005, "IPv4", MEMORY),
}
"""By what is counted."""

LEFT_OUT = (
    "storage and backups (cents a month per thousand incidents)",
    "what stands anyway: docs/cost.md",
    "cold starts, retries, data transfer, Slack and Jira, and a language model (none is asked by default)",
)


def dollars(used: Mapping[str, float], *, free: bool = False) -> float:
    """The list price of these amounts; with `free`, of what an account pays a month that has nothing else.

    Raises KeyError for what has no price.
    """
    return sum(cost(what, amount, free=free) for what, amount in used.items())


def cost(what: str, amount: float, *, free: bool = False) -> float:
    """The same for one amount."""
    price = PRICES[what]
    return max(0, amount - price.free * free) * price.dollars
