"""The world without HTTP: what breaks, what heals it, and what the alarms say."""

from __future__ import annotations

from typing import Any

import pytest

from local.world.alarms import Alarms
from local.world.metrics import series
from local.world.model import NoSuchServiceError, World
from local.world.scenarios import FAULTS

START = 1_790_000_000.0


def moved(alarms: Alarms, seconds: float) -> list[tuple[str, str]]:
    """Let time pass; return the alarms that changed and what they say now."""
    events: list[dict[str, Any]] = alarms.advance(alarms.world.now + seconds + 0.01)
    return [(event["detail"]["alarmName"], event["detail"]["state"]["value"]) for event in events]


def test_a_world_that_nobody_breaks_never_rings() -> None:
    """A day of demo would be useless with false alarms; ten minutes stand for it."""
    assert moved(Alarms(World(START)), 600) == []


@pytest.mark.parametrize("service", ["orders", "payments"])
def test_a_restart_heals_stuck_workers_and_an_exhausted_pool(service: str) -> None:
    """One alarm, one restart, one OK; the rollout takes two to four seconds."""
    world = World(START)
    alarms = Alarms(world)
    world.break_(service)
    rang = moved(alarms, 3)
    world.update(service, force=True)
    cleared = moved(alarms, 6)
    rollout = world.service(service).primary

    assert [state for _, state in rang] == ["ALARM"]
    assert cleared == [(rang[0][0], "OK")]
    assert rollout.state == "COMPLETED"
    assert rollout.finished is not None
    assert 1.5 < rollout.finished - rollout.created < 4


def test_a_restart_does_not_help_when_the_dependency_is_down() -> None:
    """The new tasks fail like the old ones, until the cause is repaired."""
    world = World(START)
    alarms = Alarms(world)
    world.break_("search")
    moved(alarms, 3)
    world.update("search", force=True)
    after_restart = moved(alarms, 15)
    world.heal("search")

    assert after_restart == []
    assert world.service("search").primary.state == "COMPLETED"
    assert {state for _, state in moved(alarms, 3)} == {"OK"}


def test_a_rolling_restart_never_runs_fewer_tasks_than_wanted() -> None:
    """Tasks are replaced one after another, the new one first."""
    world = World(START)
    world.update("orders", force=True)
    running = []
    for step in range(60):
        world.advance(START + step * 0.1)
        running.append(len(world.service("orders").running()))

    assert min(running) == 4


def test_a_crash_loop_after_a_deployment_is_healed_by_the_former_revision_only() -> None:
    """The bad revision stays bad when it is restarted."""
    world = World(START)
    alarms = Alarms(world)
    service = world.service("orders")
    world.break_("orders", "crash_loop")
    rang = moved(alarms, 4)
    world.update("orders", force=True)
    restarted = moved(alarms, 8)
    exits = {task.exit_code for task in service.tasks if task.revision == 43 and task.status == "STOPPED"}
    world.update("orders", revision=42)

    assert rang == [("orders-running-tasks", "ALARM")]
    assert restarted == []
    assert 1 in exits
    assert service.primary.failed == 0
    assert moved(alarms, 8) == [("orders-running-tasks", "OK")]
    assert service.primary.state == "COMPLETED"


@pytest.mark.parametrize(
    ("fault", "code", "reason", "exit_code"),
    [
        ("out_of_memory", "EssentialContainerExited", "OutOfMemoryError", 137),
        ("cannot_pull", "TaskFailedToStart", "CannotPullContainerError", None),
        ("crash_loop", "EssentialContainerExited", "Essential container in task exited", 1),
    ],
)
def test_a_dying_task_says_why_it_stopped(fault: str, code: str, reason: str, exit_code: int | None) -> None:
    """Stop code, reason and exit code are those that ECS gives."""
    world = World(START)
    world.break_("orders", fault)
    world.advance(START + 10)
    stopped = [task for task in world.service("orders").tasks if reason in task.stopped_reason]

    assert stopped
    assert {(task.stop_code, task.exit_code) for task in stopped} == {(code, exit_code)}


def test_without_capacity_no_task_is_placed_and_the_events_say_so() -> None:
    """Desired stays, running does not."""
    world = World(START)
    alarms = Alarms(world)
    world.break_("orders", "no_capacity")
    rang = moved(alarms, 5)
    service = world.service("orders")

    assert ("orders-running-tasks", "ALARM") in rang
    assert len(service.running()) == 2
    assert any("unable to place a task" in event.message for event in service.events)


def test_a_flapping_service_rings_and_clears_again_and_again() -> None:
    """Nobody does anything."""
    world = World(START)
    world.break_("orders", "flapping")

    assert [state for _, state in moved(Alarms(world), 12)][:4] == ["ALARM", "OK", "ALARM", "OK"]


def test_a_blip_is_over_by_itself() -> None:
    """Nothing is wrong any more when somebody looks."""
    world = World(START)
    world.break_("orders", "blip")

    assert [state for _, state in moved(Alarms(world), 12)] == ["ALARM", "OK"]
    assert world.service("orders").fault is None


def test_only_an_update_that_changes_something_counts() -> None:
    """The same task definition, the same count and nothing forced is no update."""
    world = World(START)
    world.update("orders")
    world.update("orders", desired=4, revision=42)
    world.update("orders", desired=6)
    world.update("orders", force=True)

    assert [update.what for update in world.service("orders").updates] == ["desiredCount=6", "forceNewDeployment"]


def test_a_changed_count_is_reached_without_a_new_deployment() -> None:
    """Up and down, by the primary deployment."""
    world = World(START)
    before = world.service("orders").primary.id
    world.update("orders", desired=6)
    world.advance(START + 5)
    more = len(world.service("orders").running())
    world.update("orders", desired=2)
    world.advance(START + 10)

    assert more == 6
    assert len(world.service("orders").running()) == 2
    assert world.service("orders").primary.id == before


def test_a_fault_has_shown_in_the_metrics_for_a_while_when_it_begins() -> None:
    """An alarm is late, so whoever reads the ten-second periods before it finds whole ones in breach."""
    world = World(START)
    world.advance(START + 60)
    world.break_("search")
    service = world.service("search")
    errors = series(world, service, "HTTPCode_Target_5XX_Count", "Sum", 10, (START, world.now))
    breaching = [time for time, count in errors.items() if count > 20]

    assert len(breaching) >= 2
    assert min(breaching) >= START + 30


def test_the_same_seed_makes_the_same_world_however_often_it_is_looked_at() -> None:
    """Ticks, not looks, move it."""
    once, often = World(START, seed=3), World(START, seed=3)
    for world in (once, often):
        world.break_("orders")
        world.update("orders", force=True)
    once.advance(START + 5)
    for step in range(501):
        often.advance(START + step / 100)

    assert [task.id for task in once.service("orders").tasks] == [task.id for task in often.service("orders").tasks]
    assert list(once.service("orders").log) == list(often.service("orders").log)


def test_every_fault_has_a_story_and_can_be_healed() -> None:
    """After the cause is repaired every alarm is OK again."""
    for name, fault in FAULTS.items():
        world = World(START)
        alarms = Alarms(world)
        world.break_("orders", name)
        moved(alarms, 5)
        world.heal("orders")
        moved(alarms, 10)

        assert fault.story
        assert {alarm.state.value for alarm in alarms.all.values()} == {"OK"}, name


def test_what_nobody_deployed_cannot_be_broken() -> None:
    """A typing error in a demo should say so."""
    with pytest.raises(NoSuchServiceError):
        World(START).break_("order")
