"""Incidents as their timelines tell them."""

from collections.abc import Iterator, Sequence

from cli import show
from cli.failure import Failed
from functions.http_api.views import incident_view
from shared import keys
from shared.entry import broken_link
from shared.history import History
from shared.incident import Status
from shared.listing import STATUSES, incidents
from shared.ports import Store
from shared.sentences import told


def listed(store: Store, status: Status | None, limit: int, cursor: str, *, tests: bool = False, as_json: bool) -> None:
    """A page of incidents, newest first; Middlewatch's tests of itself only on demand."""
    page = incidents(store, (status,) if status else STATUSES, limit=limit, cursor=cursor, tests=tests)
    if as_json:
        show.json({"incidents": [item.value for item in page.items], "next": page.next})
        return
    rows = [
        (
            head["incident_id"],
            head["opened_at"][:16].replace("T", " "),
            "-" if head["severity"] == "unknown" else head["severity"],
            head["phase"] + (", escalated" if head["escalated"] else ""),
            f"{head['service'] or head['target'] or 'no target'}: {head['title']}",
        )
        for head in (item.value for item in page.items)
    ]
    show.table(("incident", "opened (UTC)", "severity", "phase", "what"), rows, wraps=("phase",))
    if not rows:
        show.aside("no incidents")
    if page.next:
        show.aside(f"more with --cursor {page.next}")


def shown(store: Store, incident_id: str, *, as_json: bool) -> None:
    """One incident."""
    view = incident_view(_history(store, incident_id).incident)
    if as_json:
        show.json(view.model_dump(mode="json"))
        return
    show.fields(
        [
            ("incident", view.incident_id),
            ("title", view.title),
            ("service", view.service),
            ("target", view.target),
            ("severity", "" if view.severity == "unknown" else view.severity),
            ("phase", view.phase),
            ("opened", f"{view.opened_at:%Y-%m-%d %H:%M:%S} UTC"),
            ("resolved", f"{view.resolved_at:%Y-%m-%d %H:%M:%S} UTC" if view.resolved_at else ""),
            ("taken by", view.acknowledged_by),
            *(("escalated", reason) for reason in view.escalations),
            *(("alert", f"{alert.state}: {alert.title} ({alert.source})") for alert in view.alerts),
            ("decision", f"{view.decision}: {view.diagnosis}" if view.decision else ""),
            *(
                ("action", f"{work.action} on {work.target}: {work.standing}{': ' if work.why else ''}{work.why}")
                for work in view.proposals
            ),
            ("ticket", view.ticket),
        ]
    )


def timeline(store: Store, incident_id: str, *, as_json: bool) -> None:
    """Every entry: when, who, what."""
    entries = _history(store, incident_id).entries
    if as_json:
        for entry in entries:
            show.json({**told(entry), "id": entry.id, "hash": entry.hash, "fact": entry.fact.model_dump(mode="json")})
        return
    lines = [told(entry) for entry in entries]
    days = ["", *(line["at"][:10] for line in lines)]
    show.table(
        ("time (UTC)", "who", "what"),
        [
            (
                f"{'' if line['at'][:10] == day else line['at'][:10]} {line['at'][11:19]}",
                line["actor"],
                line["sentence"],
            )
            for line, day in zip(lines, days, strict=False)
        ],
        right=("time (UTC)",),
    )


def verify(store: Store, incident_ids: Sequence[str], *, as_json: bool) -> None:
    """Whether each timeline is whole: every hash, every link, and its end where the head says it is."""
    found = {incident_id: _fault(store, incident_id) for incident_id in incident_ids or _every(store)}
    broken = {incident_id: fault for incident_id, fault in found.items() if fault}
    if as_json:
        show.json({"checked": len(found), "broken": broken})
    else:
        for incident_id, fault in broken.items():
            show.line(f"BROKEN {incident_id}: {fault}")
        show.line(f"{len(found) - len(broken)} of {len(found)} timelines are whole")
    if broken:
        raise Failed(f"{len(broken)} of {len(found)} timelines are broken", 1)


def _fault(store: Store, incident_id: str) -> str:
    # The head first: a timeline may grow while we look, never shrink.
    head = store.get(keys.head(incident_id))
    try:
        history = store.read(incident_id)
    except (KeyError, ValueError) as error:
        return f"an entry cannot be read: {error}"
    if head is None and not history.entries:
        raise Failed(f"there is no incident {incident_id}")
    if head is None:
        return "its head is missing"
    if fault := broken_link(history.entries):
        return fault
    version = int(head.value["version"])
    if len(history.entries) < version:
        return f"it ends at entry {len(history.entries)}; there were {version}"
    if history.entries[version - 1].hash != head.value["hash"]:
        return f"entry {version} is not the one that the head remembers"
    return ""


def _every(store: Store) -> Iterator[str]:
    cursor = ""
    while True:
        page = incidents(store, STATUSES, limit=100, cursor=cursor, tests=True)
        yield from (item.value["incident_id"] for item in page.items)
        cursor = page.next
        if not cursor:
            return


def _history(store: Store, incident_id: str) -> History:
    history = store.read(incident_id)
    if not history.entries:
        raise Failed(f"there is no incident {incident_id}")
    return history
