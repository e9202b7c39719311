"""Evidence of a service that was deployed days ago, runs all its tasks, and fails; tests change what they are about."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from functions.ai_assessment.findings import Findings
from shared.alert import as_text
from shared.assessment import EvidenceItem, Gap
from shared.config import Service
from shared.facts import EvidenceCollected, Fact
from tests.builders import ALARM, SEEN, T0, a_history, a_service, more
from tests.fakes.store import MemoryStore

CURRENT = str(SEEN["task_definition"])
AN_ALARM = {"alarm": "orders-5xx", "fingerprint": "f1", "state": "ALARM"}
BEFORE = CURRENT.replace(":7", ":6")


def text(moment: datetime) -> str:
    return as_text(moment)


def a_stop(
    code: str = "EssentialContainerExited", reason: str = "Essential container in task exited"
) -> dict[str, Any]:
    return {"code": code, "reason": reason, "container_reasons": {}, "exit_codes": {"app": 1}}


def a_metric(**changes: Any) -> dict[str, Any]:
    return {
        "alarm": ALARM.rpartition(":alarm:")[2],
        "metrics": ["HTTPCode_Target_5XX_Count"],
        "label": "",
        "violates_now": True,
        "breach_read": True,
    } | changes


def the_data(**changes: Any) -> dict[str, Mapping[str, Any]]:
    """Each kind's data; a change of None leaves the kind out."""
    data: dict[str, Mapping[str, Any]] = {
        "cloudwatch_alarm": AN_ALARM,
        "cloudwatch_metric": a_metric(),
        "ecs_service": {"desired": 4, "running": 4, "pending": 0},
        "ecs_deployments": {"deployments": [a_deployment()]},
        "ecs_stopped_tasks": {"count": 0, "tasks": []},
        "ecs_events": {"events": []},
        "ecs_releases": {
            "steady": [
                {"task_definition": CURRENT, "finished_at": text(T0 - timedelta(days=3)), "seconds": 190},
                {"task_definition": BEFORE, "finished_at": text(T0 - timedelta(days=9)), "seconds": 190},
            ]
        },
        "logs_lines": {"shapes": []},
    }
    return {name: value for name, value in (data | changes).items() if value is not None}


def a_deployment(**changes: Any) -> dict[str, Any]:
    return {
        "id": SEEN["deployment"],
        "status": "PRIMARY",
        "task_definition": CURRENT,
        "rollout": "COMPLETED",
        "created_at": text(T0 - timedelta(days=3)),
    } | changes


def evidence(
    *, gaps: Sequence[Gap] = (), breach: bool | None = True, number: int = 1, **changes: Any
) -> EvidenceCollected:
    items = tuple(
        EvidenceItem(
            id=f"e{place}",
            kind=name.replace("_", ".", 1),
            source=name.partition("_")[0],
            query="q",
            found=f"what {name} says",
            data=dict(data),
            link=f"https://console.example/{name}",
            digest="d",
        )
        for place, (name, data) in enumerate(the_data(**changes).items(), start=1)
    )
    return EvidenceCollected(
        round=number,
        items=items,
        gaps=tuple(gaps),
        binding={"deployment": SEEN["deployment"], "task_definition": CURRENT, "desired_count": 4},
        breach_confirmed=breach,
        digest="e" * 64,
    )


def findings(*happened: Fact, service: Service | None = None, known: bool = True, **changes: Any) -> Findings:
    history = more(a_history(store=(store := MemoryStore())), *happened, store=store)
    return Findings(history.incident, (service or a_service()) if known else None, evidence(**changes))
