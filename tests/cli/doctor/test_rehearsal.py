"""The test alarm, followed: where it stalls is said, and the alarm is never left ringing."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from cli.doctor.finding import Finding
from cli.doctor.rehearsal import Watch, rehearse
from cli.doctor.stack import Stack
from shared import facts
from shared.facts import Fact
from shared.settings import Settings
from tests.builders import T0, an_alert, every_fact, opened
from tests.fakes.store import MemoryStore

STACK = Stack(
    settings=Settings(timeline_table="t", state_table="s"), functions=(), account="1", test_alarm="watch-canary"
)
LATER = T0 + timedelta(minutes=15)
ALERT = an_alert(target=None, title="watch-canary")
SAID = facts.DryRunCompleted(stage="notification", would="told Slack: all is well")
RISING: list[Fact] = [
    opened(ALERT).model_copy(update={"test": True}),
    every_fact()["EvidenceCollected"],
    every_fact()["AssessmentMade"],
    every_fact()["DryRunCompleted"],
    SAID,
]
CLEARING: list[Fact] = [
    facts.AlertResolved(fingerprint=ALERT.fingerprint, title=ALERT.title, cleared_at=T0, hold_until=LATER),
    facts.HoldElapsed(of="clear"),
    facts.IncidentResolved(reason="it stayed clear", close_at=LATER),
]
CLOSED = facts.IncidentClosed(reason="it stayed resolved")


@dataclass
class World:
    """A deployment that answers one fact each time somebody waits, up to where it `stalls`."""

    stalls: str = ""
    there: bool = True
    takes: str = "watch-canary"
    rising: list[Fact] = field(default_factory=lambda: list(RISING))
    store: MemoryStore = field(default_factory=MemoryStore)
    set_to: list[str] = field(default_factory=list)
    to_come: list[Fact] = field(default_factory=list)
    tests: int = 0
    seconds: float = 0

    def get_function_configuration(self, FunctionName: str, Qualifier: str) -> object:  # noqa: N803 - the same
        assert (FunctionName, Qualifier) == ("middlewatch-alert_intake", "live")
        return {"Environment": {"Variables": {"TEST_ALARM": self.takes, "AWS_ACCOUNT_ID": "1"}}}

    def describe_alarms(self, AlarmNames: list[str], AlarmTypes: list[str]) -> object:  # noqa: N803 - boto3's own names
        assert AlarmTypes == ["MetricAlarm"]
        return {"MetricAlarms": [{"AlarmName": name} for name in AlarmNames if self.there]}

    def set_alarm_state(self, AlarmName: str, StateValue: str, StateReason: str) -> None:  # noqa: N803 - boto3's own names
        assert AlarmName == "watch-canary"
        assert StateReason
        before = self.set_to[-1] if self.set_to else "OK"
        self.set_to.append(StateValue)
        if StateValue != before:
            self.tests += StateValue == "ALARM"
            self.to_come += self.rising if StateValue == "ALARM" else CLEARING

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        if self.to_come and self.to_come[0].type != self.stalls:
            self.record(self.to_come.pop(0))

    def record(self, fact: Fact) -> None:
        history = self.store.read(f"INC-{self.tests}")
        now = T0 + timedelta(hours=self.tests, seconds=self.seconds)
        self.store.append(history, [fact], actor="a", caused_by="c", now=now)

    def rehearsed(self) -> list[Finding]:
        watch = Watch(lambda: self.seconds, self.sleep)
        return list(rehearse(lambda _: self, STACK, self.store, self.store, watch))


def test_an_alarm_that_comes_through_is_followed_to_the_end() -> None:
    world = World()
    findings = world.rehearsed()
    assert [(each.check.removeprefix("test alarm: "), each.status) for each in findings] == [
        ("opening", "ok"),
        ("evidence", "ok"),
        ("assessment", "ok"),
        ("policy", "ok"),
        ("message", "note"),
        ("all-clear", "ok"),
        ("resolution", "ok"),
    ]
    assert world.set_to[-1] == "OK"


def test_a_message_that_went_out_is_fine_and_one_that_failed_is_not() -> None:
    sent = facts.MessageSent(channel="slack", about="INC-1/4", external_id="C1/1", summary="tested")
    failed = facts.MessageFailed(channel="slack", about="INC-1/4", why="the bot is not in this channel")
    (good,) = [e for e in World(rising=[*RISING[:-1], sent]).rehearsed() if "message" in e.check]
    (bad,) = [e for e in World(rising=[*RISING[:-1], failed]).rehearsed() if "message" in e.check]
    assert (good.status, bad.status, bad.said) == ("ok", "wrong", "slack: the bot is not in this channel")


@pytest.mark.parametrize(
    ("stalls", "step", "function"),
    [
        ("IncidentOpened", "opening", "alert_intake"),
        ("EvidenceCollected", "evidence", "investigation"),
        ("AssessmentMade", "assessment", "ai_assessment"),
        ("DryRunCompleted", "policy", "policy_gate"),
        ("AlertResolved", "all-clear", "alert_intake"),
        ("HoldElapsed", "resolution", "lifecycle"),
    ],
)
def test_where_it_stalls_is_said_with_what_to_look_at(stalls: str, step: str, function: str) -> None:
    world = World(stalls=stalls)
    last = world.rehearsed()[-1]
    assert (last.check, last.status) == (f"test alarm: {step}", "wrong")
    assert f"/aws/lambda/middlewatch-{function}" in last.fix
    assert f"middlewatch-{function}-dlq" in last.fix
    assert world.set_to[-1] == "OK"


def test_nothing_is_waited_for_without_end() -> None:
    for stalls in ("IncidentOpened", "DryRunCompleted", "IncidentResolved"):
        world = World(stalls=stalls)
        world.rehearsed()
        assert world.seconds < 15 * 60


def test_an_interrupted_test_leaves_no_alarm_ringing() -> None:
    class Interrupted(World):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if self.seconds > 4:
                raise KeyboardInterrupt

    world = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        world.rehearsed()
    assert world.set_to[-2:] == ["ALARM", "OK"]


def test_a_test_that_the_canary_began_is_waited_for() -> None:
    world = World()
    world.set_alarm_state("watch-canary", "ALARM", "canary")
    world.record(world.to_come.pop(0))
    world.set_alarm_state("watch-canary", "OK", "canary")
    world.to_come.append(CLOSED)
    findings = world.rehearsed()
    assert (findings[0].status, "another test" in findings[0].said) == ("note", True)
    assert (findings[1].check, "INC-2" in findings[1].said) == ("test alarm: opening", True)
    assert findings[-1].check == "test alarm: resolution"


def test_a_test_that_never_ends_is_said_and_no_alarm_is_set() -> None:
    world = World(stalls="EvidenceCollected")
    world.set_alarm_state("watch-canary", "ALARM", "canary")
    world.record(world.to_come.pop(0))
    waiting, late = world.rehearsed()
    assert (waiting.status, late.status, late.fix.split()[:4]) == (
        "note",
        "wrong",
        ["`middlewatch", "incidents", "timeline", "INC-1`"],
    )
    assert world.set_to == ["ALARM"]


def test_without_the_alarm_nothing_is_tried() -> None:
    world = World(there=False)
    (finding,) = world.rehearsed()
    assert (finding.status, "there is no alarm watch-canary" in finding.said) == ("wrong", True)
    assert world.set_to == []


def test_an_alarm_that_would_be_taken_for_a_real_one_is_never_set() -> None:
    world = World(takes="")
    (finding,) = world.rehearsed()
    assert (finding.status, "TEST_ALARM" in finding.fix) == ("wrong", True)
    assert world.set_to == []
