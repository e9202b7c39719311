"""The promises of design section 8, each asked of a schedule that has come to its end.

Each function returns a line for every way in which its promise was broken. It looks at the rows of the timelines, at
what the world and the channels received, and at what people did; never at what a stage says of itself alone.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from hashlib import sha256
from json import loads

from shared import facts, keys
from shared.alert import as_text
from shared.alerts.fields import SKEW
from shared.alerts.parse import parse
from shared.click import Click
from shared.config import Limits, Service
from shared.configuration import entitled, person_by_slack
from shared.entry import GENESIS, Entry
from shared.errors import Refused
from shared.history import History
from shared.incident import Incident
from shared.intake import told_by
from tests.reliability.simulator.loop import START
from tests.reliability.simulator.play import Event, Played
from tests.reliability.simulator.product import MODEL_CALLS
from tests.reliability.simulator.world import Effect

OUTCOMES = (facts.ActionCompleted, facts.ActionFailed, facts.ActionRefused, facts.ActionOutcomeUnknown)
LONGEST = 60.0
"""Seconds: the time-out of ecs_action."""
UNWELL = 3_600.0
"""Seconds that an alarm must have been clear before an open incident about it is one too many."""


@dataclass(frozen=True)
class Ended:
    """A schedule after its end, as the promises ask it."""

    played: Played

    @cached_property
    def histories(self) -> Mapping[str, History]:
        """Every timeline by its incident."""
        return self.played.histories()

    @property
    def intake_off(self) -> timedelta:
        """How wrong the clock of intake is."""
        return self.played.loop.time("alert_intake") - self.played.loop.time()

    def of(self, effect: Effect) -> tuple[History, facts.ActionApproved | None]:
        """The incident on whose account an effect was made, and the approval that the acting attempt was given."""
        history = self.histories.get(effect.about.partition("/")[0], History(""))
        try:
            fact = history.entry(effect.about).fact
        except Refused:
            fact = None
        return history, fact if isinstance(fact, facts.ActionApproved) else None

    def before(self, effect: Effect, history: History) -> Sequence[Entry]:
        """What stood on the timeline when the effect was made."""
        rows = self.played.dynamo.timelines.get(history.incident_id, {})
        return [entry for entry in history.entries if rows[entry.seq].number <= effect.rows]

    def known(self, effect: Effect, history: History) -> Sequence[Entry]:
        """What stood on the timeline before the acting attempt began."""
        rows = self.played.dynamo.timelines.get(history.incident_id, {})
        return [entry for entry in history.entries if rows[entry.seq].at < effect.began]


Promise = Callable[[Ended], Iterator[str]]


def i1_every_alert_is_answered(ended: Ended) -> Iterator[str]:
    """I1, in four parts, at the end of the schedule.

    Every event in which an alarm rang, and which was sent, is remembered under an incident that exists (or, where its
    time lay too far ahead of intake's clock to be believed, an incident knows the alarm); every incident is resolved,
    closed, escalated or taken by a person; the target of every alarm that still rings has an open incident that was
    escalated or taken; and no incident is open whose alarms have all been clear for an hour.
    """
    for event in ended.played.events:
        if event.state == "ALARM" and not event.unsent and (lost := _unheard(ended, event)):
            yield lost
    for history in ended.histories.values():
        incident = history.incident
        if incident.status == "open" and not (incident.escalated_at or incident.acknowledged_by):
            yield f"{history.incident_id} is open ({incident.phase}), and nobody was called"
    now = ended.played.loop.now
    for service in ended.played.world.services.values():
        known = [each for each in ended.histories.values() if each.incident.service == service.name]
        is_open = [each for each in known if each.incident.status == "open"]
        rings = [alarm for alarm in service.alarms if alarm.state == "ALARM"]
        if rings and not is_open:
            yield f"{rings[0].name} rings, and no incident is open about it"
        if is_open and all(alarm.state == "OK" and alarm.since < now - UNWELL for alarm in service.alarms):
            yield f"{is_open[0].incident_id} is open, though every alarm of {service.name} has long been clear"


def i2_at_most_one_effect_per_approved_proposal(ended: Ended) -> Iterator[str]:
    """I2: among the calls of UpdateService that ECS carried out, no two were made on account of one proposal.

    The proposal is that of the entry which the acting attempt's message points at; a call on account of no approval
    counts as one too many.
    """
    done: Counter[str] = Counter()
    for effect in ended.played.world.effects:
        _, approved = ended.of(effect)
        if approved is None:
            yield f"{effect.change} of {effect.service} at {effect.at:.0f} s on account of {effect.about or 'nothing'}"
        else:
            done[approved.proposal.id] += 1
    yield from (f"{proposal} was carried out {times} times" for proposal, times in done.items() if times > 1)


def i3_nothing_without_permission(ended: Ended) -> Iterator[str]:
    """I3, of every effect, by what stood on its timeline when ECS carried it out, and of every approval.

    `ActionApproved` by policy_gate stands before the effect, for this proposal with its hash, and nothing withdrew the
    proposal between that and the intent; the target is the incident's and the change is the proposed one. Where the
    service is critical, is not in mode `auto`, was assessed ESCALATE, or had an effect within 24 h before, as many
    different people as the quorum says gave an approval of that hash before it expired, each entitled by the
    configuration and each having pressed `approve` in the world; a service in mode `observe` has no effect at all. The
    proposal had not expired when the intent was written. No attempt acts that began after everything was stopped, after
    the timeline said that every alarm had cleared, while a deployment was going on, or while another deployment than
    the proposal is bound to was the service's PRIMARY. People agreed as well where, all the time that the policy could
    have looked, more of the fleet was unhealthy than may be.

    Every `ApprovalGiven` follows from a press of `approve` by that person, who is entitled, on that very question,
    before it expired.
    """
    for effect in ended.played.world.effects:
        history, approved = ended.of(effect)
        if approved is not None:
            yield from _without_permission(ended, effect, history, approved)
    clicks = {f"slack:{click.id}": click for click in ended.played.clicks}
    for history in ended.histories.values():
        for entry in history.entries:
            if isinstance(entry.fact, facts.ApprovalGiven):
                yield from _not_given(ended, history, entry, entry.fact, clicks.get(entry.caused_by))


def i4_timelines_are_whole(ended: Ended) -> Iterator[str]:
    """I4: no row was ever overwritten; each timeline is numbered 1, 2, 3 … and begins with `IncidentOpened`.

    Every row's hash is that of its text, names the hash of the row before it, and no time runs backwards.
    """
    yield from (f"{row} was overwritten" for row in ended.played.dynamo.overwritten)
    for incident_id, rows in ended.played.dynamo.timelines.items():
        prev, at = GENESIS, ""
        if sorted(rows) != list(range(1, len(rows) + 1)):
            yield f"{incident_id} has the rows {sorted(rows)}"
        for seq in sorted(rows):
            body, digest = rows[seq].item["entry"]["S"], rows[seq].item["hash"]["S"]
            said = loads(body)
            if sha256(body.encode()).hexdigest() != digest or said["prev"] != prev:
                yield f"the chain of {incident_id} breaks at {seq}"
            if said["at"] < at or (said["fact"]["type"] == "IncidentOpened") != (seq == 1):
                yield f"{incident_id}/{seq} ({said['fact']['type']} at {said['at']}) cannot follow an entry of {at}"
            prev, at = digest, said["at"]


def i5_intent_before_and_outcome_after(ended: Ended) -> Iterator[str]:
    """I5: before each effect its intent stood on the timeline, and at the end its outcome does.

    The outcome of an effect is `ActionCompleted` or `ActionOutcomeUnknown`, never one that says nothing was done. Every
    intent, with an effect or without, has exactly one outcome; one without an effect is not called completed, unless
    the service was deployed anew by somebody else meanwhile; none is called unknown within the 60 s that the attempt
    which wrote the intent may live. No proposal has two intents.
    """
    effects: dict[str, list[Effect]] = {}
    for effect in ended.played.world.effects:
        history, approved = ended.of(effect)
        if approved is None:
            continue
        effects.setdefault(approved.proposal.id, []).append(effect)
        intents = [entry for entry in ended.before(effect, history) if _is_intent(entry, approved.proposal.id)]
        if not intents:
            yield f"{effect.change} of {effect.service} at {effect.at:.0f} s had no intent before it"
    for history in ended.histories.values():
        started = [entry.fact.proposal_id for entry in history.entries if isinstance(entry.fact, facts.ActionStarted)]
        yield from (f"{proposal} has {n} intents" for proposal, n in Counter(started).items() if n > 1)
        for proposal in dict.fromkeys(started):
            yield from _outcome(ended, history, proposal, effects.get(proposal, []))


def i6_every_call_for_people_is_heard(ended: Ended) -> Iterator[str]:
    """I6: of every `IncidentEscalated` Slack shows a new message, or an e-mail went out.

    So of every `ApprovalRequested`, unless the request was over (expired, withdrawn, answered) when the schedule ended
    without a message. What found no room in its hour is told in a message that tells of many. A message about the
    failure or the ring that an escalation follows from, or about the question that comes with it, is one about the
    escalation.
    """
    keyed = {said.key for said in ended.played.slack.said if not said.thread}
    mailed = {letter.about for letter in ended.played.ses.letters}
    for history in ended.histories.values():
        for entry in history.entries:
            match entry.fact:
                case facts.IncidentEscalated():
                    about = _about(history, entry)
                case facts.ApprovalRequested(proposal_id=proposal_id):
                    about = [entry.id]
                    if history.incident.work[proposal_id].standing != "awaiting" or history.incident.status != "open":
                        continue
                case _:
                    continue
            told = any(keys.sent(history.incident_id, "slack", each) in keyed for each in about)
            together = any(_told_together(ended, history.incident_id, each) for each in about)
            if not told and not together and entry.id not in mailed:
                yield f"nobody heard of {entry.id}, {entry.fact.type}"


def _told_together(ended: Ended, incident_id: str, about: str) -> bool:
    """Whether a message that tells of many stands in Slack under the id that is noted for this one."""
    item = ended.played.dynamo.state.get(keys.sent(incident_id, "slack", about))
    noted = loads(item["value"]["S"]) if item else {}
    many = {f"C0INCIDENTS/{each.ts}" for each in ended.played.slack.said if each.key.startswith("sent#together#")}
    return "together" in noted and noted["external_id"] in many


def i7_budgets_hold(ended: Ended) -> Iterator[str]:
    """I7: from no hour's budget was more taken than the configuration says, and nothing was done without taking.

    An effect takes one action in all and one on its target, in the transaction of its intent; a message in Slack, an
    e-mail and a call of a language model take one each before they are made.
    """
    played, config = ended.played, ended.played.config
    limits, storm = Limits.model_validate(config.policy_data["limits"]), config.storm
    most = {
        "actions": limits.actions_per_hour,
        "target": limits.actions_per_target_per_hour,
        "messages": storm.messages_per_hour,
        "prompts": storm.prompts_per_hour,
        "emails": storm.emails_per_hour,
        "model": MODEL_CALLS,
        "actions@": limits.actions_per_source_per_hour,
        "model@": MODEL_CALLS,
        "rounds@": limits.rounds_per_source_per_hour,
        "reserve@": limits.rounds_reserved,
    }
    taken: Counter[str] = Counter()
    for key, spent in played.dynamo.spent.items():
        _, name, *rest = key.split("#")
        name = "target" if name == "actions" and len(rest) > 1 else "".join(name.partition("@")[:2])
        taken[name] += spent
        if spent > most[name]:
            yield f"{spent} taken from {key}, {most[name]} is the most"
    done = {
        "actions": len(played.world.effects),
        "target": len(played.world.effects),
        "messages": len(played.slack.said),
        "emails": len(played.ses.letters),
    }
    yield from (f"{done[name]} {name}, and {taken[name]} taken" for name in done if done[name] > taken[name])


def nothing_is_said_twice(ended: Ended) -> Iterator[str]:
    """Nothing is told twice without a reason: among new messages, tickets and comments no key comes twice.

    Each may come once more for each request of its kind whose sender never heard what came of it, or died before its
    next request; so may an e-mail, which is told by the entry that it is about.
    """
    played = ended.played
    said = {
        "chat.postMessage": [each.key for each in played.slack.said],
        "SendEmail": [each.about for each in played.ses.letters],
        "issue.create": [each.label for each in played.jira.tickets],
        "issue.comment": [comment.rpartition("\n")[2] for each in played.jira.tickets for comment in each.comments],
    }
    for call, keyed in said.items():
        twice = [key for key, n in Counter(keyed).items() for _ in range(n - 1)]
        if len(twice) > played.loop.unanswered[call]:
            yield f"said more than once, though every {call} was answered: {', '.join(twice[:3])}"


def a_test_of_itself_wakes_nobody(ended: Ended) -> Iterator[str]:
    """A test alarm has an incident; on no test's account is anything proposed, asked, said, mailed or ticketed."""
    tests = [each for each in ended.histories.values() if each.incident.test]
    if ended.played.loop.applied["rehearsed"] and not tests:
        yield "the test alarm rang, and has no incident"
    said = [each.key for each in ended.played.slack.said] + [each.label for each in ended.played.jira.tickets]
    said += [each.about for each in ended.played.ses.letters]
    for history in tests:
        yield from (f"{each} is of the test {history.incident_id}" for each in said if history.incident_id in each)
        if history.incident.work or history.incident.escalated_at:
            yield f"{history.incident_id} is a test, and has proposals, or was escalated"


def what_is_relayed_is_on_the_bus(ended: Ended) -> Iterator[str]:
    """Every stream record that the relay said it had published was taken by the bus by then."""
    yield from (f"{entry} never was on the bus" for entry in ended.played.plumbing.unpublished)


def nothing_unexpected(ended: Ended) -> Iterator[str]:
    """No function met an error that its code does not expect, and nothing was put into quarantine."""
    yield from ended.played.log.wrong[:3]
    for key, item in ended.played.dynamo.state.items():
        if key.startswith("quarantine#"):
            yield f"in quarantine: {loads(item['value']['S'])['reason']}"


PROMISES: Mapping[str, Promise] = {
    "I1": i1_every_alert_is_answered,
    "I2": i2_at_most_one_effect_per_approved_proposal,
    "I3": i3_nothing_without_permission,
    "I4": i4_timelines_are_whole,
    "I5": i5_intent_before_and_outcome_after,
    "I6": i6_every_call_for_people_is_heard,
    "I7": i7_budgets_hold,
    "once": nothing_is_said_twice,
    "tests": a_test_of_itself_wakes_nobody,
    "relay": what_is_relayed_is_on_the_bus,
    "bugs": nothing_unexpected,
}


def broken(played: Played) -> list[tuple[str, str]]:
    """Every promise that does not hold, and how."""
    ended = Ended(played)
    wrong = list(i4_timelines_are_whole(ended))
    if wrong:
        return [("I4", each) for each in wrong]  # what cannot be read cannot be asked anything else
    others = ((name, promise) for name, promise in PROMISES.items() if promise is not i4_timelines_are_whole)
    return [(name, each) for name, promise in others for each in promise(ended)]


def _unheard(ended: Ended, event: Event) -> str:
    changed_at, fingerprint = event.said, _fingerprint(event)
    item = ended.played.dynamo.state.get(keys.delivery(f"{fingerprint}/firing/{as_text(changed_at)}"))
    if item and str(loads(item["value"]["S"])["incident_id"]) in ended.histories:
        return ""
    ahead = changed_at - START - timedelta(seconds=event.at) - ended.intake_off
    if ahead > SKEW and any(fingerprint in each.incident.alarms for each in ended.histories.values()):
        return ""
    return f"{event.alarm} rang at {event.at:.0f} s and belongs to no incident"


_FINGERPRINTS: dict[tuple[str, str], str] = {}


def _fingerprint(event: Event) -> str:
    """What intake calls the alarm of an event, whatever its state."""
    key = event.alarm, event.origin
    if key not in _FINGERPRINTS:
        (alert,) = parse(loads(event.body), "auto", now=START).alerts
        _FINGERPRINTS[key] = told_by(alert, event.origin).fingerprint
    return _FINGERPRINTS[key]


def _without_permission(
    ended: Ended, effect: Effect, history: History, approved: facts.ActionApproved
) -> Iterator[str]:
    proposal, before = approved.proposal, ended.before(effect, history)
    name = f"{effect.change} of {effect.service} at {effect.at:.0f} s"
    intent = next((entry for entry in before if _is_intent(entry, proposal.id)), None)
    gate = [
        entry
        for entry in before
        if entry.actor == "policy_gate"
        and isinstance(entry.fact, facts.ActionApproved)
        and entry.fact.proposal_hash == proposal.hash
    ]
    if not gate or proposal.hash != approved.proposal_hash:
        yield f"{name} without a verdict of the policy on exactly this proposal"
        return
    if intent is None:
        return  # I5 says so
    since = [entry for entry in before if gate[-1].seq < entry.seq < intent.seq]
    if gone := [entry.fact.type for entry in since if _withdraws(entry, proposal.id)]:
        yield f"{name} after {gone[0]}"
    if proposal.target.service != effect.service or not proposal.action.startswith(effect.change):
        yield f"{name} where {proposal.action} of {proposal.target.short} was proposed"
    if intent.at >= proposal.expires_at:
        yield f"{name} after the proposal had expired"
    switched = [is_stopped for at, is_stopped in ended.played.switched if at < effect.began]
    if switched[-1:] == [True] and not any(effect.began <= at <= effect.at for at, _ in ended.played.switched):
        yield f"{name} by an attempt that began after everything was stopped"
    known = ended.known(effect, history)
    if known and not Incident.replay(known).firing and not Incident.replay(before).firing:
        yield f"{name} by an attempt that began after every alarm had cleared"
    if effect.into:
        yield f"{name} into a deployment"
    if effect.primary != proposal.binding["deployment"]:
        yield f"{name}, which ran {effect.primary} when the attempt began; {proposal.binding['deployment']} was bound"
    service = next(each for each in ended.played.config.services if each.name == effect.service)
    if service.mode == "observe":
        yield f"{name}, which is only looked at"
    if _needs_people(ended, effect, service, before) or _storm(ended, history, gate[-1]):
        yield from _unapproved(ended, name, service, before[: intent.seq], approved)


def _not_given(
    ended: Ended, history: History, entry: Entry, given: facts.ApprovalGiven, click: Click | None
) -> Iterator[str]:
    asked = history.entry(click.value).fact if click else None
    person = person_by_slack(ended.played.config, click.team, click.user) if click else None
    if click is None or person is None or (click.button, person.id) != ("approve", given.person):
        yield f"{entry.id} is an approval that nobody gave"
    elif not isinstance(asked, facts.ApprovalRequested) or asked.proposal_hash != given.proposal_hash:
        yield f"{entry.id} approves what was not asked"
    elif person.id not in entitled(ended.played.config, asked.approvers) or click.clicked_at >= asked.expires_at:
        yield f"{entry.id} is of {person.id} at {click.clicked_at}, who may not, or too late ({asked.expires_at})"


def _needs_people(ended: Ended, effect: Effect, service: Service, before: Sequence[Entry]) -> bool:
    assessed = [entry.fact.assessment.decision for entry in before if isinstance(entry.fact, facts.AssessmentMade)]
    earlier = [
        each
        for each in ended.played.world.effects
        if each.service == effect.service and effect.at - 86_400 < each.at < effect.at
    ]
    return service.tier == "critical" or service.mode != "auto" or assessed[-1:] != ["SAFE"] or bool(earlier)


def _storm(ended: Ended, history: History, gate: Entry) -> bool:
    """Whether too much of the fleet was unhealthy, from what the indexes showed when that attempt began to its end."""
    dynamo, config = ended.played.dynamo, ended.played.config
    services = {each.name for each in config.services}
    most = max(config.storm.unhealthy * len(services), config.storm.least - 1)
    if len(services) <= most:
        return False
    decided = dynamo.timelines[history.incident_id][gate.seq]
    shown = decided.began - dynamo.lag
    before = [row for rows in dynamo.timelines.values() for row in rows.values() if row.number < decided.number]
    moments = {row.number for row in before if row.at > shown}
    moments.add(max((row.number for row in before if row.at <= shown), default=0))
    return len(set.intersection(*(_unhealthy(ended, number) for number in moments)) & services) > most


def _unhealthy(ended: Ended, number: int) -> set[str]:
    """The services with an open incident whose alarms fire, when the timelines had so many rows."""
    stood = []
    for history in ended.histories.values():
        rows = ended.played.dynamo.timelines[history.incident_id]
        entries = [entry for entry in history.entries if rows[entry.seq].number <= number]
        stood += [Incident.replay(entries)] if entries else []
    return {each.service for each in stood if each.status == "open" and each.firing}


def _unapproved(
    ended: Ended, name: str, service: Service, before: Sequence[Entry], approved: facts.ActionApproved
) -> Iterator[str]:
    proposal = approved.proposal
    limits = Limits.model_validate(ended.played.config.policy_data["limits"])
    may = entitled(ended.played.config, service.approvers)
    asked = [entry.fact for entry in before if isinstance(entry.fact, facts.ApprovalRequested)]
    pressed = {
        person.id
        for click in ended.played.clicks
        if click.button == "approve"
        and (person := person_by_slack(ended.played.config, click.team, click.user))
        and any(entry.id == click.value and _asks(entry, proposal.id) for entry in before)
    }
    expires = max((each.expires_at for each in asked if each.proposal_id == proposal.id), default=None)
    agreed = {
        entry.fact.person
        for entry in before
        if isinstance(entry.fact, facts.ApprovalGiven)
        and entry.fact.proposal_hash == proposal.hash
        and expires
        and entry.at < expires
    }
    agreeing, quorum = agreed & may & pressed, limits.quorum[service.tier]
    if len(agreeing) < quorum:
        yield f"{name} with {sorted(agreeing)} where {quorum} of {sorted(may)} must agree"


def _outcome(ended: Ended, history: History, proposal: str, effects: Sequence[Effect]) -> Iterator[str]:
    said = [
        entry.fact
        for entry in history.entries
        if isinstance(entry.fact, OUTCOMES) and entry.fact.proposal_id == proposal and _after_intent(history, entry)
    ]
    if len(said) != 1:
        yield f"{proposal} was started and has the outcomes {[each.type for each in said]}"
        return
    unknown = [entry for entry in history.entries if isinstance(entry.fact, facts.ActionOutcomeUnknown)]
    rows = ended.played.dynamo.timelines[history.incident_id]
    intent = next(entry for entry in history.entries if _is_intent(entry, proposal))
    if any(each.fact == said[0] and rows[each.seq].at < rows[intent.seq].began + LONGEST for each in unknown):
        yield f"{proposal} was called unknown while the attempt that started it may have lived"
    if effects and isinstance(said[0], facts.ActionFailed | facts.ActionRefused):
        yield f"{proposal} was carried out, and its outcome is {said[0].type}"
    work = history.incident.work[proposal]
    service = ended.played.world.services[work.proposal.target.service]
    others = service.made - 1 - sum(each.service == service.name for each in ended.played.world.effects)
    if not effects and isinstance(said[0], facts.ActionCompleted) and not others:
        yield f"{proposal} was never carried out, and its outcome is {said[0].type}"


def _after_intent(history: History, entry: Entry) -> bool:
    proposal = getattr(entry.fact, "proposal_id", "")
    return any(_is_intent(each, proposal) for each in history.entries[: entry.seq])


def _is_intent(entry: Entry, proposal: str) -> bool:
    return isinstance(entry.fact, facts.ActionStarted) and entry.fact.proposal_id == proposal


def _asks(entry: Entry, proposal: str) -> bool:
    return isinstance(entry.fact, facts.ApprovalRequested) and entry.fact.proposal_id == proposal


def _withdraws(entry: Entry, proposal: str) -> bool:
    gone = (facts.ProposalVoided, facts.ApprovalRefused, facts.ApprovalExpired, facts.ActionDenied)
    return isinstance(entry.fact, gone) and entry.fact.proposal_id == proposal


def _about(history: History, entry: Entry) -> list[str]:
    """The entries of which a message is one about this escalation too."""
    together = [
        each.id
        for each in history.entries
        if (each.caused_by, each.actor) == (entry.caused_by, entry.actor)
        and isinstance(each.fact, facts.ApprovalRequested)
    ]
    calls = (
        facts.ActionFailed,
        facts.ActionOutcomeUnknown,
        facts.IncidentStalled,
        facts.AlertJoined,
        facts.AlertRepeated,
    )
    behind = [each.id for each in history.entries if each.id == entry.caused_by and isinstance(each.fact, calls)]
    return [entry.id, *together, *behind]
