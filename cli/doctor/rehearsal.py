"""The test of everything together: an alarm of our own is set, and followed until its incident has resolved again.

Nobody may put `aws.*` events on a bus, but whoever may call SetAlarmState can make CloudWatch do it.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

from cli.doctor import functions
from cli.doctor.finding import DEPLOY, Aws, Finding, note, ok, wrong
from cli.doctor.stack import Stack
from shared import facts, keys
from shared.entry import Entry
from shared.ports import State, Timeline

REASON = "middlewatch doctor looks whether an alarm crosses every stage"
AGAIN_SECONDS = 2.0
"""Between two looks at the timeline."""
UNDER_WAY_SECONDS = 600.0
"""A test that the canary began is over by then: two holds of two minutes, and the beats of the timekeeper."""


@dataclass(frozen=True, slots=True)
class Step:
    """What has to be on the timeline next, by whom, and within how many seconds."""

    told: str
    function: str
    seconds: float
    is_it: Callable[[Entry], bool]


def _dry(stage: str) -> Callable[[Entry], bool]:
    return lambda entry: isinstance(entry.fact, facts.DryRunCompleted) and entry.fact.stage == stage


RISING = (
    Step("evidence", "investigation", 120, lambda entry: isinstance(entry.fact, facts.EvidenceCollected)),
    Step("assessment", "ai_assessment", 120, lambda entry: isinstance(entry.fact, facts.AssessmentMade)),
    Step("policy", "policy_gate", 90, _dry("policy_gate")),
    Step(
        "message",
        "notification",
        90,
        lambda entry: isinstance(entry.fact, facts.MessageSent | facts.MessageFailed) or _dry("notification")(entry),
    ),
)
"""After the alarm rang, beside the opening."""
CLEARING = (
    Step("all-clear", "alert_intake", 180, lambda entry: isinstance(entry.fact, facts.AlertResolved)),
    Step("resolution", "lifecycle", 360, lambda entry: isinstance(entry.fact, facts.IncidentResolved)),
)
"""After it was set back; an incident of a test is held for two minutes."""
OPENING_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Watch:
    """Time, as the doctor waits through it; seconds."""

    now: Callable[[], float]
    sleep: Callable[[float], None]


def rehearse(aws: Aws, stack: Stack, timeline: Timeline, state: State, watch: Watch) -> Iterator[Finding]:
    """Sets the alarm, follows its incident stage by stage, and leaves the alarm OK whatever happens."""
    check, cloudwatch = "test alarm", aws("cloudwatch")
    found = cloudwatch.describe_alarms(AlarmNames=[stack.test_alarm], AlarmTypes=["MetricAlarm"])["MetricAlarms"]
    if not found:
        yield wrong(check, f"there is no alarm {stack.test_alarm}", "run `make deploy`, or correct TEST_ALARM")
        return
    said = functions.variables(aws, stack, "alert_intake")
    if said.get("TEST_ALARM") != stack.test_alarm or said.get("AWS_ACCOUNT_ID") != stack.account:
        told = f"not set: alert_intake would take {stack.test_alarm} for a real alarm"
        yield wrong(check, told, f"{DEPLOY}; its TEST_ALARM and AWS_ACCOUNT_ID have to name this alarm and account")
        return
    if _under_way(state):
        yield note(check, "another test is under way; waiting for its end")
    if late := _awaited(state, watch):
        fix = f"`middlewatch incidents timeline {late}` shows where it hangs"
        yield wrong(check, f"{late}, a test that began before, does not end", fix)
        return
    known = _tests(state)
    try:
        cloudwatch.set_alarm_state(AlarmName=stack.test_alarm, StateValue="OK", StateReason=REASON)
        cloudwatch.set_alarm_state(AlarmName=stack.test_alarm, StateValue="ALARM", StateReason=REASON)
        began = watch.now()
        incident = _opened(state, known, watch)
        if incident is None:
            yield wrong(
                f"{check}: opening", f"no incident within {OPENING_SECONDS:.0f} s", _look("alert_intake", stack)
            )
            return
        yield ok(f"{check}: opening", f"{incident} after {watch.now() - began:.0f} s")
        if (yield from _followed(timeline, incident, RISING, stack, watch)):
            cloudwatch.set_alarm_state(AlarmName=stack.test_alarm, StateValue="OK", StateReason=REASON)
            yield from _followed(timeline, incident, CLEARING, stack, watch)
    finally:
        cloudwatch.set_alarm_state(AlarmName=stack.test_alarm, StateValue="OK", StateReason=REASON)


def _followed(
    timeline: Timeline, incident: str, steps: tuple[Step, ...], stack: Stack, watch: Watch
) -> Generator[Finding, None, bool]:
    """Whether every step came, in time; the first that did not ends it."""
    for step in steps:
        began = watch.now()
        while (entry := _of(timeline, incident, step)) is None:
            if watch.now() - began >= step.seconds:
                said = f"{step.function} has not answered in {incident} within {step.seconds:.0f} s"
                yield wrong(f"test alarm: {step.told}", said, _look(step.function, stack))
                return False
            watch.sleep(AGAIN_SECONDS)
        check, took = f"test alarm: {step.told}", f"after {watch.now() - began:.0f} s"
        if isinstance(entry.fact, facts.MessageFailed):
            yield wrong(check, f"{entry.fact.channel}: {entry.fact.why}", "mend what it says")
        elif isinstance(entry.fact, facts.DryRunCompleted) and step.function == "notification":
            fix = "to see tests on Slack, name a channel under `canary` in config/services.yaml"
            yield note(check, f"{took}, not sent anywhere", fix)
        else:
            yield ok(check, took)
    return True


def _of(timeline: Timeline, incident: str, step: Step) -> Entry | None:
    return next((entry for entry in timeline.read(incident).entries if step.is_it(entry)), None)


def _opened(state: State, known: dict[str, str], watch: Watch) -> str | None:
    began = watch.now()
    while not (new := [each for each in _tests(state) if each not in known]):
        if watch.now() - began >= OPENING_SECONDS:
            return None
        watch.sleep(AGAIN_SECONDS)
    return new[0]


def _awaited(state: State, watch: Watch) -> str:
    """Waits for tests under way to close: until then the alarm would join them. One that does not, or nothing."""
    began = watch.now()
    while late := _under_way(state):
        if watch.now() - began >= UNDER_WAY_SECONDS:
            return late
        watch.sleep(AGAIN_SECONDS)
    return ""


def _under_way(state: State) -> str:
    return next((incident for incident, status in _tests(state).items() if status != "closed"), "")


def _tests(state: State) -> dict[str, str]:
    """The latest tests: each incident's status by its id."""
    page = state.listed(keys.TESTS, limit=10)
    return {str(item.value["incident_id"]): str(item.value["status"]) for item in page.items}


def _look(function: str, stack: Stack) -> str:
    name = stack.name(function)
    return f"see what is said of {function} above, then the log group /aws/lambda/{name} and the queue {name}-dlq"
