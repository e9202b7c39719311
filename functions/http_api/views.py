"""What the API answers."""

from datetime import datetime
from itertools import accumulate
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.entry import Entry, broken_link
from shared.history import History
from shared.incident import Incident, Work
from shared.intake import Outcome
from shared.projection import listing
from shared.sentences import told

LARGEST_PAGE = 1_500_000
"""Bytes of entries; Lambda answers with 6 MB at most, in which what is not ASCII takes up to three times as many."""


class Problem(BaseModel):
    """Why a request was not carried out (RFC 9457); `field` names what to change, where one thing is to be changed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"title": "Unauthorized", "status": 401, "detail": "this key is not known here"}]
        }
    )

    title: str
    status: int
    detail: str
    field: str = ""


class Check(BaseModel):
    """One thing that the API needs, and whether it answers."""

    name: str
    ok: bool
    detail: str = ""


class Health(BaseModel):
    """What can be reached. `stopped` says whether the kill switch is on (None: it could not be read, which is on)."""

    status: Literal["ok", "failing"]
    checks: list[Check]
    stopped: bool | None
    config_digest: str
    environment: str


class About(BaseModel):
    """What answers here."""

    name: str = "Middlewatch"
    summary: str = "Keeps the middle watch: alerts in, incidents out."
    version: str
    health: str = "/health"
    incidents: str = "/incidents"


class AcceptedAlert(BaseModel):
    """What became of one alert of the request; `incident_id` is None where it is part of no incident."""

    title: str
    state: str
    target: str
    external_id: str
    incident_id: str | None
    outcome: Outcome
    note: str = ""


class Accepted(BaseModel):
    """What became of the request, after all of it is durable."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "incident_ids": ["i-20260504-7f3k"],
                    "alerts": [
                        {
                            "title": "orders-5xx",
                            "state": "firing",
                            "target": "ecs:shop/orders",
                            "external_id": "orders-5xx",
                            "incident_id": "i-20260504-7f3k",
                            "outcome": "opened",
                            "note": "",
                        }
                    ],
                    "note": "",
                }
            ]
        }
    )

    incident_ids: list[str]
    alerts: list[AcceptedAlert]
    note: str = ""


class IncidentLine(BaseModel):
    """One incident on a list."""

    incident_id: str
    status: Literal["open", "resolved", "closed"]
    phase: str
    severity: str
    title: str
    service: str
    target: str
    identity: str
    opened_at: datetime
    updated_at: datetime
    escalated: bool
    acknowledged_by: str
    version: int = Field(description="how many entries its timeline has")
    hash: str = Field(description="the hash of its last entry")


class IncidentPage(BaseModel):
    """Incidents, newest first; `next` is the cursor of the next page, empty on the last one."""

    incidents: list[IncidentLine]
    next: str


class AlarmView(BaseModel):
    """One alert of the incident."""

    title: str
    source: str
    state: str
    since: datetime
    severity: str
    external_id: str
    external_reference: str
    links: list[str]
    flapping: bool


class WorkView(BaseModel):
    """One proposed action and what became of it."""

    proposal_id: str
    revision: int
    proposal_hash: str
    action: str
    target: str
    effect: str
    standing: str
    approved_by: list[str]
    why: str


class IncidentView(IncidentLine):
    """One incident."""

    escalations: list[str]
    alerts: list[AlarmView]
    diagnosis: str
    decision: str
    proposals: list[WorkView]
    ticket: str
    recovered_at: datetime | None
    resolved_at: datetime | None


class Line(BaseModel):
    """One entry of a timeline: who said what because of which entry, in a sentence and in full."""

    id: str
    seq: int
    at: datetime
    actor: str
    caused_by: str
    type: str
    sentence: str
    fact: dict[str, Any]
    prev: str
    hash: str


class TimelinePage(BaseModel):
    """Entries in order. `next` goes into `after` (0: nothing more for now); `broken_link` is empty on a whole chain."""

    incident_id: str
    entries: list[Line]
    next: int
    broken_link: str


def incident_view(incident: Incident) -> IncidentView:
    """The incident as the API shows it."""
    verdict = incident.assessment.assessment if incident.assessment else None
    return IncidentView.model_validate(
        {
            **listing(incident),
            "escalations": incident.escalations,
            "alerts": [
                {
                    **alarm.alert.model_dump(include={"title", "source", "severity", "external_id", "links"}),
                    "external_reference": alarm.alert.external_reference,
                    "state": alarm.state,
                    "since": alarm.since,
                    "flapping": alarm.flapping,
                }
                for alarm in incident.alarms.values()
            ],
            "diagnosis": verdict.diagnosis or verdict.message if verdict else "",
            "decision": verdict.decision if verdict else "",
            "proposals": [_work(work) for work in incident.work.values()],
            "ticket": incident.ticket.url if incident.ticket else "",
            "recovered_at": incident.recovered_at,
            "resolved_at": incident.resolved_at,
        }
    )


def timeline_page(history: History, after: int, limit: int) -> TimelinePage:
    """At most `limit` entries behind number `after`, and fewer where they are more than `LARGEST_PAGE` bytes."""
    behind = [entry for entry in history.entries if entry.seq > after]
    sizes = accumulate(len(entry.body.encode()) for entry in behind[:limit])
    entries = [entry for entry, size in zip(behind, sizes, strict=False) if size <= LARGEST_PAGE] or behind[:1]
    return TimelinePage(
        incident_id=history.incident_id,
        entries=[_line(entry) for entry in entries],
        next=entries[-1].seq if len(entries) < len(behind) else 0,
        broken_link=broken_link(history.entries),
    )


def _line(entry: Entry) -> Line:
    return Line.model_validate(
        {
            **told(entry),
            "id": entry.id,
            "seq": entry.seq,
            "caused_by": entry.caused_by,
            "fact": entry.fact.model_dump(mode="json"),
            "prev": entry.prev,
            "hash": entry.hash,
        }
    )


def _work(work: Work) -> dict[str, object]:
    proposal = work.proposal
    return {
        "proposal_id": proposal.id,
        "revision": proposal.revision,
        "proposal_hash": proposal.hash,
        "action": proposal.action,
        "target": proposal.target.short,
        "effect": proposal.effect,
        "standing": work.standing,
        "approved_by": [given.person for given in work.approvals],
        "why": work.why,
    }
