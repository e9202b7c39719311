"""What a deployment uses: idle, from its plan and its manifests; in an incident, from what `make bench` measured."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from local.aws.spec import minutes_of
from shared.keys import SHARDS
from shared.telemetry import COUNTED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

HOURS = 730
"""A month, as AWS's calculator has it."""
POLLERS = 5
"""Connections with which Lambda waits at an idle queue, from memory; each asks anew after SQS's longest wait, 20 s."""
SECONDS = 0.3
"""An idle run of a scheduled function, at most."""
LOGGED = 700
"""Bytes of log of an idle run: START, END and REPORT, and what CloudWatch adds to a line."""
LOOKS = 101
"""Anchors that a run of the archive reads: one that it wrote, and those that it holds against the timelines again."""
TIMELINE = 8
"""Read units of a test's timeline, 30 KB at most."""
KEY_HELD = 12
"""Times an hour at most that DynamoDB asks KMS for each caller: it keeps a table's key for five minutes."""
SEALS = 5
"""Requests to KMS for the seals of an action that one person approved: 2 made, 3 checked (shared/seal.py)."""
INCIDENT_METRICS = len(COUNTED) + 3
"""The metrics that incidents publish, with their own number and the two times (shared/telemetry.py)."""

Amounts = dict[str, float]
"""How much of what has a price (infra/cost/prices.py)."""


def resources(plan: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Type and values of every resource that the plan (`terraform show -json`) makes."""

    def inside(module: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for resource in module.get("resources", ()):
            if resource["mode"] == "managed":
                yield resource["type"], resource["values"]
        for child in module.get("child_modules", ()):
            yield from inside(child)

    return inside(plan["planned_values"]["root_module"])


def idle(
    plans: Sequence[Mapping[str, Any]], manifests: Mapping[str, Mapping[str, Any]], incident: Mapping[str, float]
) -> dict[str, Amounts]:
    """What stands and runs in a month without an incident, by who uses it; `incident` is what a test incident takes."""
    there = [each for plan in plans for each in resources(plan)]
    count = Counter(kind for kind, _ in there)
    used: dict[str, Amounts] = {
        "secrets": {"Secrets": count["aws_secretsmanager_secret"]},
        "keys": {"KMS keys": count["aws_kms_key"]},
        "alarms": total(_alarm(values) for kind, values in there if kind == "aws_cloudwatch_metric_alarm"),
        "dashboard": {"CloudWatch dashboards": count["aws_cloudwatch_dashboard"]},
        "queues": _polled(sum("queue" in manifest["trigger"] for manifest in manifests.values())),
    }
    for name, manifest in manifests.items():
        if schedule := manifest["trigger"].get("schedule"):
            used[name] = _scheduled(manifest, 60 * HOURS / minutes_of(schedule), incident)
    return used


def measured(page: str) -> dict[str, dict[str, float]]:
    """What each story took, from the table in docs/benchmarks.md; raises ValueError where there is none."""
    head, *rows = page[page.index("\n| | ") + 1 :].split("\n\n", 1)[0].splitlines()
    stories = [cell.strip() for cell in head.split("|")[2:-3]]
    used: dict[str, dict[str, float]] = {story: {} for story in stories}
    for row in rows[1:-1]:
        what, *cells = (cell.strip() for cell in row.split("|")[1:-3])
        for story, cell in zip(stories, cells, strict=True):
            used[story][what] = float(cell.replace(",", ""))
    return used


def deployed(used: Mapping[str, float]) -> Amounts:
    """What the emulator does not count, added: a trace for each invocation, a use of the key for each thing sent.

    The uses of keys are counted as if nobody kept a data key; EventBridge, SQS and DynamoDB do.
    """
    sent = used["EventBridge custom events"] + used["SQS requests"]
    return {**used, "X-Ray traces": used["Lambda requests"], "KMS requests": sent + SEALS}


def total(parts: Iterable[Mapping[str, float]]) -> Amounts:
    """The sum of amounts."""
    whole: Amounts = {}
    for part in parts:
        for what, amount in part.items():
            whole[what] = whole.get(what, 0) + amount
    return whole


def _alarm(values: Mapping[str, Any]) -> Amounts:
    queries = values.get("metric_query") or ()
    metrics = sum(bool(query.get("metric")) for query in queries)
    if queries and not metrics:
        return {"CloudWatch alarm queries": 1}
    return {"CloudWatch alarm metrics": metrics or 1}


def _polled(queues: int) -> Amounts:
    return {"SQS requests": queues * POLLERS * HOURS * 3600 / 20}


def _scheduled(manifest: Mapping[str, Any], runs: float, incident: Mapping[str, float]) -> Amounts:
    calls = [(action, call["on"]) for call in manifest["calls"] for action in call["actions"]]
    tables = {on for _, on in calls if on in {"timeline", "state"}}
    one = {
        "Scheduler invocations": 1,
        "Lambda requests": 1,
        "Lambda GB-seconds": SECONDS * manifest["memory"] / 1024,
        "X-Ray traces": 1,
        "Log bytes": LOGGED,
        "KMS requests": min(1, HOURS * KEY_HELD / runs) * len(tables),
        "DynamoDB read request units": SHARDS / 2 * (("dynamodb:Query", "state") in calls),
        "CloudWatch API requests": sum(action.startswith("cloudwatch:") for action, _ in calls),
    }
    if any(on == "audit" for _, on in calls):
        # The test of every hour moved, so that there is something to anchor; all of it takes two seconds at most.
        one |= {
            "S3 writes": 2,
            "S3 reads": LOOKS,
            "DynamoDB read request units": one["DynamoDB read request units"] + LOOKS * (TIMELINE + 1),
            "DynamoDB write request units": 10,
            "Lambda GB-seconds": 2 * manifest["memory"] / 1024,
        }
    tested = deployed(incident) if any(on == "canary" for _, on in calls) else {}
    return {what: runs * amount for what, amount in total([one, tested]).items() if amount}
