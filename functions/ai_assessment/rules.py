"""The default assessor: named rules over the evidence. The first that is sure wins; if none is, people are called.

Everything that forbids an action stands before anything that allows one. Log lines can only make an answer more
careful: whoever can write to a log must not be able to have anything done.
"""

from collections.abc import Callable
from typing import Any

from functions.ai_assessment.findings import Findings
from shared.assessment import ActionName, Assessment, Claim, Grade, as_prose

Rule = Callable[[Findings], Assessment | None]
UNSURE = "rules/nobody_is_sure"
"""The assessor of an answer that no rule was sure of."""
CHANGES = 4
"""An alarm that changed its state so often within an incident flaps."""
LOOP = 2
"""So many tasks that ended by themselves within an hour are a loop."""
CHANGING: frozenset[ActionName] = frozenset({"restart_service", "rollback_service", "scale_service"})
"""The actions that change the target."""


def assess(findings: Findings) -> Assessment:
    """What the first sure rule says; ESCALATE where none is sure, where the service is critical, or forbids it."""
    for rule in RULES:
        said = rule(findings)
        if said is not None:
            return careful(said.model_copy(update={"assessor": f"rules/{rule.__name__}"}), findings)
    return _escalate("No rule knows this pattern; a person should look.", confidence=0.3).model_copy(
        update={"assessor": UNSURE, "claims": tuple(_claim(item.found, item.id) for item in findings.metrics)}
    )


def careful(said: Assessment, findings: Findings) -> Assessment:
    """The same answer, but no action that the service does not list, and none without a person on a critical one."""
    service = findings.service
    if said.action not in CHANGING or service is None:
        return said
    if said.action not in service.actions:
        why = f"{said.action} is not allowed on {service.name}. {said.message}"
        return said.model_copy(
            update={"decision": "ESCALATE", "action": "notify_team", "inputs": {}, "message": shortened(why)}
        )
    if service.tier == "critical" and said.decision == "SAFE":
        why = f"Critical service, so a person decides. {said.message}"
        return said.model_copy(update={"decision": "ESCALATE", "message": shortened(why)})
    return said


def shortened(text: str, most: int = 200) -> str:
    """At most `most` characters, an ellipsis where something is missing."""
    return text if len(text) <= most else text[: most - 1] + "…"


# What forbids an action, or makes one pointless


def only_a_test(findings: Findings) -> Assessment | None:
    """Middlewatch tests itself: there is nothing to do, and nobody to call."""
    if not findings.incident.test:
        return None
    said = _claim("Intake knows this alarm as the one that tests us.", *findings.ids("alert", "cloudwatch.alarm"))
    return _answer("SAFE", "ignore", "Only a test of Middlewatch itself.", said, confidence=1, risk="low")


def all_alarms_cleared(findings: Findings) -> Assessment | None:
    """Nothing rings any more: no action, which is not silence."""
    if findings.incident.firing and not findings.clear_again:
        return None
    ids = findings.ids("cloudwatch.alarm", "cloudwatch.metric")
    return _answer(
        "SAFE", "ignore", "The alarm reads clear again; nothing to do.",
        _claim("Every alarm of this incident reads clear.", *ids),
        confidence=0.6 if findings.still_violated else 0.9, risk="low",
    )  # fmt: skip


def acted_before(findings: Findings) -> Assessment | None:
    """An action was done in this incident and it rings again or still: never a second one by ourselves."""
    if not findings.acted:
        return None
    said = f"{findings.acted} was done in this incident and it still rings: a person's turn."
    return _escalate(said, needed=("why the first action did not last",), confidence=0.9, risk="high")


def a_person_has_it(findings: Findings) -> Assessment | None:
    """Somebody took the incident, or said no to an action of ours: nothing is proposed over their head."""
    incident = findings.incident
    refused = next((work for work in incident.work.values() if work.standing == "rejected"), None)
    if refused:
        return _escalate(f"A person has already said no to {refused.proposal.action} in this incident.", confidence=0.9)
    if incident.acknowledged_by:
        return _escalate(f"{incident.acknowledged_by} has taken this incident.", confidence=0.9)
    return None


def no_target(findings: Findings) -> Assessment | None:
    """The alert names nothing that could be acted on."""
    if findings.incident.target is not None:
        return None
    said = _claim("The alert names no service, cluster or host.", *findings.ids("alert"))
    return _escalate("The alert names no target, so nothing can be done by us.", said, needed=("what is affected",))


def not_in_inventory(findings: Findings) -> Assessment | None:
    """The target is nobody's: what is not in the inventory is never acted on."""
    if findings.service is not None:
        return None
    target = findings.incident.target
    name = target.short if target else "the target"
    return _escalate(shortened(f"{name} is not in the inventory, so nothing may be done to it."))


def flapping(findings: Findings) -> Assessment | None:
    """The alarm comes and goes: an action would seem to help, or to harm, by chance."""
    shaky = [
        alarm for alarm in findings.incident.alarms.values() if alarm.flapping or alarm.changes >= CHANGES
    ]  # fmt: skip
    if not shaky:
        return None
    worst = max(shaky, key=lambda alarm: alarm.changes)
    said = _claim(f"{worst.alert.title} changed its state {worst.changes} times.", *findings.ids("alert"))
    return _escalate(
        f"The alarm flaps ({worst.changes} changes): no action could be judged.",
        said,
        fixes=("widen the alarm's window",),
    )


def evidence_missing(findings: Findings) -> Assessment | None:
    """What every other rule needs could not be read: no evidence, no action."""
    needed = ("ecs.service", "ecs.deployments", "ecs.stopped_tasks")
    unseen = [kind for kind in needed if not findings.items(kind)]
    if not unseen:
        return None
    gaps = findings.unseen("ecs", "cloudwatch", "logs")
    said = f"Not enough could be read to judge: {', '.join(gaps) or ', '.join(unseen)}."
    return _escalate(shortened(said), needed=tuple(unseen), confidence=0.9)


def cannot_pull_the_image(findings: Findings) -> Assessment | None:
    """New tasks cannot start, so a restart would lose the old ones; a former revision has an image that works."""
    failed = findings.crashed_with("CannotPull")
    if not failed:
        return None
    ids = findings.ids("ecs.stopped_tasks", "ecs.service")
    said = _claim(f"{_tasks(len(failed))} could not start: {failed[0]['reason']}", *ids)
    fix = "put the image back, or repair the role's access to the registry"
    return _back(findings, "New tasks cannot pull their image.", said, fix=fix)


def out_of_memory(findings: Findings) -> Assessment | None:
    """Tasks are killed for their memory, and ECS starts them again anyway: a restart heals nothing for long."""
    killed = findings.crashed_with("OutOfMemory")
    if not killed:
        return None
    said = _claim(
        f"{_tasks(len(killed))} killed for using more memory than allowed.", *findings.ids("ecs.stopped_tasks")
    )
    return _back(findings, "Tasks run out of memory.", said, fix="raise the memory limit, or find the leak")


def crash_loop_after_a_deploy(findings: Findings) -> Assessment | None:
    """Tasks of a fresh release end by themselves, again and again: the revision before it worked."""
    if len(findings.crashes) < LOOP or not findings.released_recently:
        return None
    ids = findings.ids("ecs.stopped_tasks", "ecs.deployments")
    said = _claim(f"{len(findings.crashes)} tasks ended by themselves since the deployment.", *ids)
    return _back(findings, "Tasks crash since the last deployment.", said, fix="repair the release")


def crash_loop(findings: Findings) -> Assessment | None:
    """Tasks end by themselves though nothing was released; ECS restarts them anyway."""
    if len(findings.crashes) < LOOP:
        return None
    said = _claim(
        f"{len(findings.crashes)} tasks ended by themselves, the last: {findings.crashes[0]['reason']}",
        *findings.ids("ecs.stopped_tasks"),
    )
    return _escalate("Tasks crash on a steady release; a restart is what ECS does already.", said, risk="high")


def no_capacity(findings: Findings) -> Assessment | None:
    """ECS finds no room for a task: a restart would lose those that still run."""
    events = findings.events_with("unable to place a task", "unable to consistently start tasks")
    if not events or findings.running >= findings.desired:
        return None
    said = _claim(events[0], *findings.ids("ecs.events"))
    count = _claim(f"{findings.running} of {findings.desired} tasks run.", *findings.ids("ecs.service"))
    return _escalate("There is no room to start tasks; more capacity is needed.", said, count, fixes=("add capacity",))


def deployment_in_progress(findings: Findings) -> Assessment | None:
    """Somebody is changing the service right now: never act into a deployment."""
    if not findings.deploying:
        return None
    said = _claim("A deployment has not come to an end.", *findings.ids("ecs.deployments"))
    return _escalate("A deployment is in progress; nothing is done into it.", said, risk="medium")


def tasks_missing(findings: Findings) -> Assessment | None:
    """Fewer tasks run than should, for no reason that is known: replacing those that run makes it worse."""
    if findings.running >= findings.desired:
        return None
    said = _claim(f"{findings.running} of {findings.desired} tasks run.", *findings.ids("ecs.service"))
    return _escalate(f"Only {findings.running} of {findings.desired} tasks run.", said)


def breach_not_confirmed(findings: Findings) -> Assessment | None:
    """We did not read the breach ourselves: an alert alone is not evidence enough for an action."""
    if findings.evidence.breach_confirmed:
        return None
    told = "We read no breach where the alarm says there is one." if findings.evidence.breach_confirmed is False else (
        "The breach could not be read, so it rests on the alert's word alone."
    )  # fmt: skip
    said = _claim(told, *findings.ids("cloudwatch.metric", "alert"))
    if findings.unhealthy:
        more = _claim("ECS reports failed health checks.", *findings.ids("ecs.events"))
        return _escalate(told, said, more, action="restart_service", confidence=0.5)
    return _escalate(told, said)


def replaced_and_still_failing(findings: Findings) -> Assessment | None:
    """The tasks are fresh (restarted, not released) and fail like the old ones: it is not the tasks."""
    if not findings.deployed_recently or findings.released_recently:
        return None
    said = _claim(
        "The tasks were replaced within the last hour, with the same release.", *findings.ids("ecs.deployments")
    )
    more = _others(findings)
    return _escalate("Fresh tasks fail as well; look at what the service depends on.", said, *more, confidence=0.8)


def failing_after_a_deploy(findings: Findings) -> Assessment | None:
    """It fails since a release that ECS thinks well of: back to the revision before it, if a person agrees."""
    if not findings.released_recently or not findings.failing:
        return None
    said = _claim("A release was deployed within the hour before the alarm.", *findings.ids("ecs.deployments"))
    return _back(findings, "It fails since the last deployment.", said, *_breaches(findings), fix="repair the release")


# What an action may help


def logs_not_seen(findings: Findings) -> Assessment | None:
    """The logs exist and could not be read: what speaks against a restart may stand there."""
    gaps = findings.unseen("logs")
    if not gaps or not findings.failing:
        return None
    told = f"It fails on a steady release, but not all could be read: {', '.join(gaps)}."
    return _escalate(
        shortened(told), *_breaches(findings), action="restart_service", needed=("the logs",), confidence=0.5
    )


def connections_exhausted(findings: Findings) -> Assessment | None:
    """The pool of connections is empty: a restart frees it, and may drown the database that it reconnects to."""
    if not findings.pool_lines or not findings.failing:
        return None
    said = _claim(f"The log says: {shortened(findings.pool_lines[0], 160)}", *findings.ids("logs.lines"))
    return _escalate(
        "Connections ran out. A restart frees them, but look at the database first.",
        said, *_breaches(findings), action="restart_service", risk="medium", confidence=0.7,
        fixes=("find what holds the connections", "bound the time that a connection may be held"),
        needed=("whether the database is well",),
    )  # fmt: skip


def overloaded(findings: Findings) -> Assessment | None:
    """Too little CPU for the load, all tasks at work: more of them, if a person agrees."""
    busy = findings.watches("CPUUtilization")
    if not busy:
        return None
    said = _claim(busy[0].found, busy[0].id)
    scale = findings.service.scale if findings.service else None
    wanted = min(scale.most, findings.desired + max(1, findings.desired // 2)) if scale else 0
    if wanted <= findings.desired:
        return _escalate(
            "The service is out of CPU, and may not be scaled any further.", said, fixes=("raise `scale`",)
        )
    return _escalate(
        f"The service is out of CPU; {wanted} tasks instead of {findings.desired} would share the load.",
        said, action="scale_service", inputs={"desired_count": wanted}, confidence=0.7,
    )  # fmt: skip


def failing_on_a_steady_release(findings: Findings) -> Assessment | None:
    """It fails, we read it ourselves, all tasks run, and nothing was changed for long: a rolling restart is safe.

    Where the log names something else that does not answer, a restart still cures what is stuck to an old address or
    an open circuit breaker, and harms nothing; it is less sure to help.
    """
    if not findings.failing:
        return None
    steady = _claim(
        f"{findings.running} of {findings.desired} tasks run, and nothing was deployed shortly before.",
        *findings.ids("ecs.service", "ecs.deployments"),
    )
    health = _claim("ECS reports failed health checks.", *findings.ids("ecs.events")) if findings.unhealthy else None
    others = _others(findings)
    message = (
        "It fails on a steady release, and a dependency does not answer; a rolling restart may help and does no harm."
        if others
        else "It fails on a steady release with all tasks running; a rolling restart is the usual cure."
    )
    return _answer(
        "SAFE", "restart_service", message,
        *_breaches(findings), steady, *([health] if health else []), *others,
        confidence=0.8 if others else 0.9, risk="low",
        needed=("whether the dependency is well",) if others else (),
    )  # fmt: skip


RULES: tuple[Rule, ...] = (
    only_a_test,
    all_alarms_cleared,
    acted_before,
    a_person_has_it,
    no_target,
    not_in_inventory,
    flapping,
    evidence_missing,
    cannot_pull_the_image,
    out_of_memory,
    crash_loop_after_a_deploy,
    crash_loop,
    no_capacity,
    deployment_in_progress,
    tasks_missing,
    breach_not_confirmed,
    replaced_and_still_failing,
    failing_after_a_deploy,
    logs_not_seen,
    connections_exhausted,
    overloaded,
    failing_on_a_steady_release,
)
"""In the order in which they are asked."""


def _tasks(number: int) -> str:
    return "1 task" if number == 1 else f"{number} tasks"


def _claim(text: str, *evidence: str) -> Claim:
    return Claim(text=text, evidence=evidence)


def _breaches(findings: Findings) -> tuple[Claim, ...]:
    return tuple(_claim(item.found, item.id) for item in findings.failing)


def _others(findings: Findings) -> tuple[Claim, ...]:
    lines = findings.dependency_lines
    return (_claim(f"The log says: {shortened(lines[0], 160)}", *findings.ids("logs.lines")),) if lines else ()


def _back(findings: Findings, message: str, *claims: Claim, fix: str) -> Assessment:
    """A rollback for people to approve, if it came with a release and an earlier one is known to have run well.

    What the release did to data cannot be seen, so it is never done alone.
    """
    if findings.released_recently and findings.last_steady:
        name = findings.last_steady.rpartition("/")[2]
        was = _claim(f"{name} was deployed well before.", *findings.ids("ecs.releases"))
        return _escalate(
            f"{message} {name} ran well before; whether data was migrated cannot be seen.",
            *claims, was, action="rollback_service", inputs={"task_definition": findings.last_steady},
            fixes=(fix,), confidence=0.9,
        )  # fmt: skip
    return _escalate(f"{message} A restart would not help.", *claims, fixes=(fix,), confidence=0.9)


def _escalate(
    message: str,
    *claims: Claim,
    action: ActionName = "notify_team",
    inputs: dict[str, Any] | None = None,
    fixes: tuple[str, ...] = (),
    needed: tuple[str, ...] = (),
    confidence: float = 0.8,
    risk: Grade = "medium",
) -> Assessment:
    answer = _answer("ESCALATE", action, message, *claims, confidence=confidence, risk=risk, needed=needed)
    return answer.model_copy(update={"inputs": inputs or {}, "suggested_fixes": fixes})


def _answer(
    decision: Any,  # noqa: ANN401 - pydantic holds it to the two words
    action: ActionName,
    message: str,
    *claims: Claim,
    confidence: float,
    risk: Grade,
    needed: tuple[str, ...] = (),
) -> Assessment:
    return Assessment(
        decision=decision,
        action=action,
        message=shortened(message),
        diagnosis=shortened(as_prose(claims) or message, 4000),
        claims=claims,
        confidence=confidence,
        risk=risk,
        info_needed=needed,
        assessor="rules",
    )
