"""What people read: an incident as a message that is understood in ten seconds on a phone; pure.

Every message is at most 12 lines. Whatever comes from outside goes through `safe`; buttons carry an opaque id.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared import facts
from shared.alert import Alert
from shared.assessment import Assessment, EvidenceItem, as_prose
from shared.buttons import take, timeline, yes_or_no
from shared.config import Config, Service
from shared.configuration import entitled, name_of, service_named
from shared.entry import Entry
from shared.history import History
from shared.incident import Incident, Work
from shared.mrkdwn import Block, actions, fitting, link, moment, safe, section
from shared.ports import Post
from shared.sentences import figure, sentence

MOST_LINES = 12
MEMBERS = 4
"""So many of a group are named."""
CITED = 3
LINKED = 250
"""Pieces of evidence cited by one line, and characters of a link, so that all lines fit into one section."""
_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_LABELLED = re.compile(r"<[^>|]*\|([^>]*)>")
_ADDRESSED = re.compile(r"<(?:!(?!date)|@)[^>]*> ?")
_SIGNS = {
    "GreaterThanThreshold": ">",
    "GreaterThanOrEqualToThreshold": "≥",
    "LessThanThreshold": "<",
    "LessThanOrEqualToThreshold": "≤",
}
_VERBS = {
    "restart_service": "Restart",
    "rollback_service": "Roll back",
    "scale_service": "Scale",
    "notify_team": "Tell the team about",
    "ignore": "Leave alone",
}
_OUTCOMES = {
    "verified": "it helped",
    "unproved": "it was not proved to help",
    "failed": "it failed",
    "completed": "not yet known whether it helped",
    "started": "outcome unknown",
    "unknown": "outcome unknown",
}


@dataclass(frozen=True, slots=True)
class Scene:
    """All that a message is made of: the timeline, the configuration, the time, and earlier actions on the target."""

    history: History
    config: Config
    now: datetime
    past: Sequence[Mapping[str, Any]] = field(default=())

    @property
    def incident(self) -> Incident:
        """What the timeline says."""
        return self.history.incident

    @property
    def service(self) -> Service | None:
        """The incident's service, where the inventory has it."""
        return service_named(self.config, self.incident.service)

    @property
    def channel(self) -> str:
        """Where this incident is told."""
        return self.service.channel if self.service else self.config.default_channel

    @property
    def mention(self) -> str:
        """Who is on call: a team's word in the configuration, never text from outside; else whoever is there."""
        return self.service.mention if self.service and self.service.mention else "<!here>"

    def name(self, person: str) -> str:
        """What a person (or a group) is called."""
        return name_of(self.config, person)

    def members(self, approver: str) -> str:
        """A person's name, or a group's with those whom it holds: `on-call (Ana, Cy)`."""
        ids = entitled(self.config, (approver,)) - {approver}
        names = [safe(each.name, 40) for each in self.config.people if each.id in ids]
        more = f" and {len(names) - MEMBERS} more" if len(names) > MEMBERS else ""
        return safe(self.name(approver), 40) + (f" ({', '.join(names[:MEMBERS])}{more})" if names else "")


def card(scene: Scene) -> Post:
    """The one message that is kept current."""
    incident = scene.incident
    lines = [
        f"{_dot(scene)} *{_name(scene)}: {_status(scene)}* ({_weight(scene)})",
        *_situation(scene),
        *_course(scene),
    ]
    return _post(lines, [*take(incident), timeline(incident)])


def ask(scene: Scene, asked: Entry, *, reminds: bool = False) -> Post:
    """What needs a yes or a no; once it is decided, what became of it stands where the buttons were."""
    request = _request(asked)
    work = scene.incident.work[request.proposal_id]
    undecided = _undecided(scene, work)
    head = ("still needs" if reminds else "needs") + " your yes or no" if undecided else "asked for a yes or no"
    mention = "" if scene.incident.acknowledged_by or not undecided else f"{scene.mention} "
    lines = [
        f"{'🔴' if undecided else '⚪'} {mention}*{_name(scene)} {head}* ({_weight(scene)})",
        f"*{_what(work)}*",
        *_situation(scene, asking=True),
    ]
    if not undecided:
        return _post([*lines, f"*{_decided(scene, work)}*"], [timeline(scene.incident)])
    buttons = [*_yes_or_no(work, asked), timeline(scene.incident), *take(scene.incident)]
    return _post([*lines, *_rules(scene, work, request)], buttons)


def call(scene: Scene, cause: Entry) -> Post:
    """A new message for whatever needs a person and is no question."""
    incident = scene.incident
    live = incident.status == "open" and not incident.acknowledged_by
    mention = f"{scene.mention} " if live else ""
    lines = [
        f"{_dot(scene)} {mention}*{_name(scene)} {_need(cause)}* ({_weight(scene)})",
        f"Why: {_why(cause)}",
        *_situation(scene, calling=True),
        *_course(scene, brief=True),
    ]
    return _post(lines, [*take(incident), timeline(incident)])


def brief(scene: Scene, asked: Entry) -> tuple[list[str], list[Block]]:
    """A question in a few lines, as one of many, and its buttons; what became of it once it is decided."""
    request = _request(asked)
    work = scene.incident.work[request.proposal_id]
    head = f"*{_name(scene)}* ({_weight(scene)}): {_ringing(scene.incident)}"
    if not _undecided(scene, work):
        return [f"⚪ {head}", f"*{_decided(scene, work)}*"], []
    who, *_ = _rules(scene, work, request)
    return [f"🔴 {head}", f"*{_what(work)}*", who], [*_yes_or_no(work, asked), timeline(scene.incident)]


def mention(scene: Scene, about: Entry) -> str:
    """The incident in one short line, as one of many, and how to see it."""
    match about.fact:
        case facts.ApprovalRequested() | facts.ApprovalReminded():
            need = "needs your yes or no"
        case facts.IncidentOpened():
            need = "rings"
        case _:
            need = _need(about)
    tier = f"{scene.service.tier}" if scene.service else "not in the inventory"
    return f"• *{_name(scene)}* {need} ({tier}) `/middlewatch show {safe(scene.incident.id, 30)}`"


def detail(entry: Entry) -> Post:
    """One line of what happened, or the evidence and the reasoning in full, for the incident's thread."""
    match entry.fact:
        case facts.EvidenceCollected(items=items, gaps=gaps):
            lines = [f"*{safe(sentence(entry.fact))}*"]
            lines += [f"`{safe(i.id, 20)}` {_source(i)}: {safe(i.found, 300)}" for i in items]
            lines += [f"Not seen: {safe(g.source, 60)} ({g.reason}) {safe(g.detail, 120)}" for g in gaps]
        case facts.AssessmentMade(assessment=verdict):
            lines = [f"*{safe(sentence(entry.fact))}*", *([] if _is_said(verdict) else [safe(verdict.diagnosis, 1000)])]
            lines += [f"• {safe(claim.text, 300)} [{safe(', '.join(claim.evidence), 40)}]" for claim in verdict.claims]
            lines += [f"Try: {safe(fix)}" for fix in verdict.suggested_fixes]
            lines += [f"To know more: {safe(need)}" for need in verdict.info_needed]
            lines += [link(url, url) for url in verdict.links]
        case facts.RecoveryVerified() | facts.RecoveryFailed() | facts.RecoveryInconclusive() as recovery:
            lines = [f"*{safe(sentence(recovery))}*", *(_measured(measure) for measure in recovery.measures)]
        case _:
            lines = [safe(sentence(entry.fact))]
    return Post(safe(sentence(entry.fact)), (section(lines),))


def _post(lines: Sequence[str], buttons: Iterable[Block]) -> Post:
    shown = [line for line in lines if line][:MOST_LINES]
    return Post(_one_line(shown), (section(shown), *actions(buttons)))


def _one_line(lines: Sequence[str]) -> str:
    """The fallback text, which a lock screen shows: the same in one line, without anybody's mention."""
    words = (_LABELLED.sub(r"\1", _ADDRESSED.sub("", line)).replace("*", "").removeprefix("• ") for line in lines)
    return " · ".join(fitting(words, 1500))


def _dot(scene: Scene) -> str:
    incident = scene.incident
    if incident.status != "open":
        return "🟢"
    handled = _recovered(incident) or _deciding(scene) or incident.phase in {"acting", "verifying", "held"}
    waits = incident.phase == "awaiting approval" or incident.escalated_at
    return "🔴" if waits and not handled else "🟠"


def _name(scene: Scene) -> str:
    incident = scene.incident
    return safe(incident.service or (incident.target.short if incident.target else incident.title), 60)


def _weight(scene: Scene) -> str:
    tier = f"{scene.service.tier} service" if scene.service else "not in the inventory"
    severity = scene.incident.severity
    return tier if severity == "unknown" else f"{tier}, severity {severity}"


def _status(scene: Scene) -> str:
    incident = scene.incident
    if incident.status != "open":
        return incident.status
    took = f", taken by {safe(scene.name(incident.acknowledged_by), 60)}" if incident.acknowledged_by else ""
    phase: str = incident.phase
    if _deciding(scene):
        phase = "the policy decides"
    elif _recovered(incident):
        phase = "recovered"
    elif phase == "waiting" and incident.escalated_at and not took:
        phase = "waits for a person"
    return f"{'escalated, ' if incident.escalated_at else ''}{phase}{took}"


def _deciding(scene: Scene) -> bool:
    """Whether the policy has to speak next: about a proposal, or about one that has its approvals."""
    work = scene.incident.proposal
    asked = work is not None and work.standing == "awaiting" and scene.incident.status == "open"
    return work is not None and (work.standing == "proposed" or (asked and not _undecided(scene, work)))


def _recovered(incident: Incident) -> bool:
    return isinstance(incident.recovery, facts.RecoveryVerified) and incident.phase == "waiting" and not incident.firing


def _situation(scene: Scene, *, asking: bool = False, calling: bool = False) -> Iterator[str]:
    """Section 6 of the design, line by line."""
    incident = scene.incident
    yield _ringing(incident)
    if incident.assessment:
        yield safe(incident.assessment.assessment.message)
    if incident.proposal and not asking:
        decided = _decided(scene, incident.proposal)
        yield f"*{decided.removesuffix(f': {safe(incident.proposal.why, 140)}') if calling else decided}*"
    if incident.status != "open":
        return
    yield from _changed(incident)
    yield from _facts_that_matter(incident)
    yield from _not_seen(incident, asking=asking)
    yield from _last_here(scene, asking=asking)


def _ringing(incident: Incident) -> str:
    alarms = incident.firing or tuple(incident.alarms.values())
    first = alarms[0]
    more = f" (and {len(alarms) - 1} more)" if len(alarms) > 1 else ""
    since = "since" if incident.firing else "cleared"
    return f"{safe(first.alert.title, 80)}: {_breach(first.alert)}{since} {moment(first.since)}{more}"


def _breach(alert: Alert) -> str:
    breach = alert.breach
    if breach is None or breach.threshold is None:
        return ""
    value = f"{figure(breach.values[-1])} " if breach.values else "value unknown "
    return f"*{value}{_SIGNS.get(breach.comparison, 'against').translate(_TEXT)} {figure(breach.threshold)}*, "


def _what(work: Work) -> str:
    verb = _VERBS[work.proposal.action]
    return f"{verb} {safe(work.proposal.target.name, 80)}: {safe(work.proposal.effect, 160)}"


def _changed(incident: Incident) -> Iterator[str]:
    items = incident.evidence.items if incident.evidence else ()
    item = next((each for each in items if each.kind == "ecs.deployments"), None)
    if item is None:
        return
    primary = next((each for each in item.data.get("deployments", ()) if each["status"] == "PRIMARY"), None)
    if primary is None:
        yield f"Last change: {safe(item.found, 140)} {_cited((item.id,), incident)}"
        return
    release = safe(primary["task_definition"].rpartition("/")[2], 60)
    at = datetime.fromisoformat(primary["created_at"])
    before = f", {_ago(incident.opened_at - at)} before the alarm" if at < incident.opened_at else ""
    yield f"Last change: {release} deployed {moment(at, day=True)}{before} {_cited((item.id,), incident)}"


def _facts_that_matter(incident: Incident) -> Iterator[str]:
    claims = incident.assessment.assessment.claims if incident.assessment else ()
    for claim in claims[:2]:
        yield f"• {safe(claim.text, 140)} {_cited(claim.evidence, incident)}"
    if not claims and incident.evidence:
        for item in incident.evidence.items[:2]:
            yield f"• {safe(item.found, 140)} {_cited((item.id,), incident)}"


def _source(item: EvidenceItem) -> str:
    """Where it was read, as a link; where the alert says that something stands, nobody shall click unawares."""
    return safe(item.source) if item.kind == "alert" else link(item.link, item.source)


def _cited(evidence: Sequence[str], incident: Incident) -> str:
    """The evidence's ids in brackets, each a link to where we read it, if that was not the alert's own word."""
    items = incident.evidence.items if incident.evidence else ()
    links = {item.id: item.link for item in items if item.kind != "alert" and len(item.link) <= LINKED}
    shown = [link(links.get(each, ""), each) for each in evidence[:CITED]]
    return f"[{', '.join(shown)}]" if shown else ""


def _not_seen(incident: Incident, *, asking: bool) -> Iterator[str]:
    gaps = incident.evidence.gaps if incident.evidence else ()
    if asking and incident.evidence and not gaps:
        yield "Not seen: nothing is missing, every source answered"
    if gaps:
        more = f" and {len(gaps) - 3} more" if len(gaps) > 3 else ""  # noqa: PLR2004 - the three that are named
        yield "Not seen: " + ", ".join(f"{safe(gap.source, 40)} ({gap.reason})" for gap in gaps[:3]) + more


def _last_here(scene: Scene, *, asking: bool) -> Iterator[str]:
    see = f" · see {_links(scene)}" if asking and _links(scene) else ""
    earlier = [each for each in scene.past if each["incident_id"] != scene.incident.id]
    if earlier:
        last = earlier[0]
        ago = _ago(scene.now - datetime.fromisoformat(last["at"]))
        outcome = _OUTCOMES.get(last["standing"], last["standing"])
        action = safe(_VERBS.get(last["action"], last["action"]).lower(), 40)
        yield f"Last action here: {action} {ago} ago, {safe(outcome, 60)}{see}"
    elif asking:
        yield f"Last action here: none in 30 days{see}"


def _rules(scene: Scene, work: Work, request: facts.ApprovalRequested) -> Iterator[str]:
    who = ", ".join(scene.members(each) for each in request.approvers[:4]) or "nobody (no approver is named)"
    yes = ", ".join(safe(scene.name(each.person), 40) for each in work.approvals)
    need = f" ({request.quorum} needed{f', so far {yes}' if yes else ''})" if request.quorum > 1 else ""
    yield f"May approve: {who}{need}, until {moment(request.expires_at)}"
    if request.reasons:
        yield f"Asked because: {safe(_fewer(request.reasons, 120), 160)}"
    remind = request.remind_at if request.remind_at and request.remind_at > scene.now else None
    reminded = f"reminded at {moment(remind)} and " if remind else ""
    yield f"No click: nothing is done; on call is {reminded}paged again at {moment(request.expires_at)}"


def _fewer(texts: Sequence[str], room: int) -> str:
    """As many of the texts as fit whole into `room` characters, the first one at least, and how many more there are."""
    shown = [text for number, text in enumerate(texts, 1) if number == 1 or len("; ".join(texts[:number])) <= room]
    return "; ".join(shown) + (f"; and {len(texts) - len(shown)} more" if len(texts) > len(shown) else "")


def _yes_or_no(work: Work, asked: Entry) -> list[Block]:
    return yes_or_no(f"{_VERBS[work.proposal.action]} {work.proposal.target.name}", work, asked)


def _decided(scene: Scene, work: Work) -> str:
    """What became of a proposal, in one line."""
    what = f"{_VERBS[work.proposal.action]} {safe(work.proposal.target.name, 80)}"
    by = ", ".join(safe(scene.name(each.person), 40) for each in work.approvals)
    at = _approved_at(scene.history, work)
    approved = f"approved by {by}{f' at {moment(at)}' if at else ''}" if by else "approved by the policy alone"
    why = safe(work.why, 140)
    if work.standing == "awaiting" and scene.incident.current != work.proposal.id:
        return f"{what}: replaced by a newer proposal"
    match work.standing:
        case "proposed":
            return f"{_what(work)} — proposed"
        case "awaiting":
            return f"{_what(work)} — waits for a yes" if _undecided(scene, work) else f"{what}: {approved}"
        case "approved":
            return f"{what}: {approved}; about to start"
        case "started":
            return f"{what}: {approved}; running"
        case "completed":
            return f"{what}: {approved}; done, checking whether it helped"
        case "held":
            return f"{what}: {approved}; waiting: {why}"
        case "denied":
            return f"{what}: the policy says no: {why}"
        case "rejected":
            who, _, rest = work.why.partition(" said no")
            return f"{what}: {safe(scene.name(who), 40)} said no{safe(rest, 140)}"
        case "expired":
            return f"{what}: nobody answered in time; nothing was done"
        case "voided":
            return f"{what}: withdrawn: {why}"
        case "refused":
            return f"{what}: {approved}, but not done: {why}"
        case "failed":
            return f"{what}: {approved}; it failed and nothing was changed: {why}"
        case "unknown":
            return f"{what}: {approved}; whether it ran is unknown: {why}"
        case "verified":
            return f"{what}: {approved}; it helped: {why}"
        case "unproved" if isinstance(scene.incident.recovery, facts.RecoveryFailed):
            return f"{what}: {approved}; it did not help: {why}"
        case "unproved":
            return f"{what}: {approved}; it is not proved that it helped: {why}"


def _undecided(scene: Scene, work: Work) -> bool:
    needed = work.request.quorum if work.request else 1
    current = scene.incident.current == work.proposal.id and scene.incident.status == "open"
    return current and work.standing == "awaiting" and len(work.approvals) < needed


def _approved_at(history: History, work: Work) -> datetime | None:
    return next(
        (
            entry.at
            for entry in reversed(history.entries)
            if isinstance(entry.fact, facts.ApprovalGiven) and entry.fact.proposal_id == work.proposal.id
        ),
        None,
    )


def _course(scene: Scene, *, brief: bool = False) -> Iterator[str]:
    incident = scene.incident
    if not brief and incident.status == "open":
        yield from _next(scene)
    if links := _links(scene):
        yield f"See {links}"


def _links(scene: Scene) -> str:
    ticket = scene.incident.ticket
    issue = [link(ticket.url, ticket.key)] if ticket else []
    book = [link(scene.service.runbook, "runbook")] if scene.service and scene.service.runbook else []
    return ", ".join([*issue, *book])


def _next(scene: Scene) -> Iterator[str]:
    """What the incident waits for."""
    incident = scene.incident
    if _deciding(scene):
        return
    if not incident.firing and incident.hold_until and incident.phase not in {"acting", "verifying"}:
        yield f"Resolves at {moment(incident.hold_until)} if it stays clear"
    elif _unsaid(incident) and incident.phase not in {"acting", "verifying", "held"} and not _recovered(incident):
        yield f"Needs a person: {safe(incident.escalations[-1], 160)}"


def _unsaid(incident: Incident) -> bool:
    """Whether the reason for the escalation is another than the assessment's, which stands there already."""
    said = incident.assessment.assessment.message if incident.assessment else ""
    return bool(incident.escalations) and incident.escalations[-1] != said


def _need(cause: Entry) -> str:
    match cause.fact:
        case facts.AlertRepeated() | facts.AlertJoined():
            return "still needs a person, and rings again"
        case facts.IncidentStalled():
            return "nothing moves here"
    return "needs a person"


def _why(cause: Entry) -> str:
    match cause.fact:
        case facts.IncidentEscalated(reason=reason):
            return safe(reason)
    return safe(sentence(cause.fact))


def _request(asked: Entry) -> facts.ApprovalRequested:
    if not isinstance(asked.fact, facts.ApprovalRequested):
        message = f"{asked.fact.type} asks nothing"
        raise TypeError(message)
    return asked.fact


def _is_said(verdict: Assessment) -> bool:
    """Whether the diagnosis is only what the claims or the message say again."""
    return verdict.diagnosis in {"", verdict.message, as_prose(verdict.claims)}


def _measured(measure: facts.Measure) -> str:
    said = {True: "inside", False: "outside", None: "cannot be told to be inside"}[measure.ok]
    before = "?" if measure.before is None else figure(measure.before)
    after = "?" if measure.after is None else figure(measure.after)
    return f"• {safe(measure.name, 80)}: {before} → {after}, {said} {safe(measure.bound, 60)}"


def _ago(span: timedelta) -> str:
    """A duration in the one unit that people would say."""
    seconds = max(0, int(span.total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size or (unit == "min" and seconds >= size):
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
