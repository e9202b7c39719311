"""docs/cost.md, computed: the text is infra/cost/cost.md, the figures are put in here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.cost.amounts import HOURS, INCIDENT_METRICS, LOOKS, POLLERS, SEALS, SECONDS, deployed, idle, total
from infra.cost.prices import AS_OF, MEMORY, PRICES, REGION, cost, dollars

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.cost.amounts import Amounts

MOST = 15.0
"""Dollars a month that an idle deployment may cost an account that has nothing else."""
TEXT = Path(__file__).with_name("cost.md")
TASK = {"Fargate vCPU hours": 0.25, "Fargate GB hours": 0.5}
"""An hour of the task of infra/terraform/examples/ecs-demo."""
WORTH_SAYING = 0.02
"""Dollars a month below which an amount is in the sum and not in the text."""
SPOT = 0.3
"""The share of the price that Spot asks, about."""

Manifests = dict[str, dict[str, Any]]


def written(
    plans: Sequence[Mapping[str, Any]], manifests: Manifests, stories: Mapping[str, Mapping[str, float]]
) -> str:
    """The page: `plans` of both stacks with their defaults, and what `make bench` measured of each story."""
    parts = idle(plans, manifests, min(stories.values(), key=dollars))
    incidents = {story: deployed(used) for story, used in stories.items()}
    figures = _idle(parts, manifests) | _lower(parts, manifests) | _incidents(incidents) | _task()
    return TEXT.read_text("utf-8").format(
        region=REGION,
        as_of=AS_OF,
        memory=MEMORY,
        pollers=POLLERS,
        seconds=SECONDS,
        again=LOOKS - 1,
        seals=SEALS,
        prices=_prices(),
        **figures,
    )


def _idle(parts: Mapping[str, Amounts], manifests: Manifests) -> dict[str, Any]:
    whole = total(parts.values())
    given = {what: min(amount, PRICES[what].free) for what, amount in whole.items()}
    names = {name: f"`{name}`, {each['trigger'].get('schedule')}" for name, each in manifests.items()}
    rows = [f"| {names.get(name, name)} | {_said(used)} | {dollars(used):.2f} |" for name, used in parts.items()]
    return {
        "idle_rows": "\n".join(rows),
        "idle": dollars(whole),
        "idle_to_pay": dollars(whole, free=True),
        "free": dollars(whole) - dollars(whole, free=True),
        "given": _said(given),
    }


def _lower(parts: Mapping[str, Amounts], manifests: Manifests) -> dict[str, Any]:
    secrets = parts["secrets"]["Secrets"]
    queues = sum("queue" in manifest["trigger"] for manifest in manifests.values())
    poller = cost("SQS requests", parts["queues"]["SQS requests"] / queues)
    jira = {name: manifest for name, manifest in manifests.items() if "jira" in manifest["dependencies"]}
    canary = [
        f"- **The canary less often**: ${dollars(parts[name]):.2f} with {manifests[name]['trigger']['schedule']}, "
        "which is for how long nobody may notice that alarms are no longer heard.\n"
        for name in parts
        if any(call["on"] == "canary" for call in manifests.get(name, {}).get("calls", ()))
    ]
    return {
        "secrets": f"{secrets:.0f}",
        "bundle": cost("Secrets", secrets - 1),
        "bundled": dollars(total(parts.values())) - cost("Secrets", secrets - 1),
        "poller": poller,
        "jira": " and ".join(f"`functions/{name}`" for name in jira),
        "jira_saves": sum(
            poller + cost("CloudWatch alarm metrics", 2) + cost("Secrets", len(manifest["secrets"]))
            for manifest in jira.values()
        ),
        "dashboard": PRICES["CloudWatch dashboards"].dollars,
        "canary": "".join(canary),
    }


def _incidents(incidents: Mapping[str, Amounts]) -> dict[str, Any]:
    counted = [what for what in PRICES if any(used.get(what) for used in incidents.values())]
    rows = [
        ["", *incidents],
        ["---", *("---:" for _ in incidents)],
        *([what, *(f"{1000 * cost(what, used.get(what, 0)):.3f}" for used in incidents.values())] for what in counted),
        ["in all", *(f"**{1000 * dollars(used):.2f}**" for used in incidents.values())],
    ]
    totals = [dollars(used) for used in incidents.values()]
    return {
        "incident_rows": "\n".join(f"| {' | '.join(row)} |" for row in rows),
        "least": 100 * min(totals),
        "most": 100 * max(totals),
        "metrics": INCIDENT_METRICS,
        "metric_hour": cost("CloudWatch custom metrics", INCIDENT_METRICS / HOURS),
        "thousand": 1000 * max(totals) + cost("CloudWatch custom metrics", INCIDENT_METRICS),
    }


def _task() -> dict[str, Any]:
    rest = cost("Public address hours", 1) + cost("CloudWatch custom metrics", 2 / HOURS)
    return {"spot": 100 * (SPOT * dollars(TASK) + rest), "on_demand": 100 * (dollars(TASK) + rest)}


def _prices() -> str:
    return "\n".join(
        f"| {what} | {_each(price.dollars)} | {price.free or '':{',.0f' if price.free else ''}} "
        f"| {price.how} | {price.source} |"
        for what, price in PRICES.items()
    )


def _each(price: float) -> str:
    return f"{price:g}" if price >= 0.001 else f"{price * 1e6:g} a million"  # noqa: PLR2004 - below it nobody reads on


def _said(used: Mapping[str, float]) -> str:
    return ", ".join(f"{amount:,.0f} {what}" for what, amount in used.items() if cost(what, amount) >= WORTH_SAYING)
