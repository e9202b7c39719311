"""The world in a file, so that a restart of everything goes on where it was; only log lines begin anew."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from local.world.alarms import Alarms, State
from local.world.model import Pace, World
from local.world.service import Service

FORGOTTEN = 60.0
"""Seconds of standstill that are lived through at most; a longer one is skipped, as nobody was there to see it."""


@dataclass(slots=True)
class KeptAlarm:
    """What an alarm said last, and before."""

    state: State
    turned: float | None
    history: list[tuple[float, State, State]]


@dataclass(slots=True)
class Kept:
    """Everything that a restart needs."""

    began: float
    now: float
    seed: int
    services: dict[str, Service]
    alarms: dict[str, KeptAlarm]
    unsent: list[dict[str, Any]] = field(default_factory=list)


def save(file: Path, alarms: Alarms, unsent: list[dict[str, Any]]) -> None:
    """Write the world and the alarm events that no bus has taken yet."""
    world = alarms.world
    said = {name: KeptAlarm(one.state, one.turned, list(one.history)) for name, one in alarms.all.items()}
    kept = Kept(world.began, world.now, world.seed, world.services, said, unsent)
    aside = file.with_suffix(".new")
    aside.write_bytes(TypeAdapter(Kept).dump_json(kept, exclude={"services": {"__all__": {"log"}}}))
    aside.replace(file)


def load(file: Path, now: float, pace: Pace) -> tuple[Alarms, list[dict[str, Any]]]:
    """Return the world of a file and its unsent events; ValidationError when the file is not one of ours."""
    kept = TypeAdapter(Kept).validate_json(file.read_bytes())
    world = World(kept.began, pace=pace, seed=kept.seed)
    world.services, world.now = kept.services, max(kept.now, now - FORGOTTEN)
    alarms = Alarms(world)
    for name, said in kept.alarms.items():
        alarm = alarms.all[name]
        alarm.state, alarm.turned = said.state, said.turned
        alarm.history.extend(said.history)
    return alarms, kept.unsent
