"""One ECS service in memory, which can lose a request, lose a reply, or refuse."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.errors import Refused, Unavailable, Unclear
from shared.target import Target
from tests.builders import SEEN


class Died(Exception):
    """The process was killed at this moment."""


@dataclass
class FakeEcs:
    """`fault` is what the next change meets: `lost reply`, `lost request`, `refused`, `busy`, `died before`, `died`."""

    seen: dict[str, Any] = field(default_factory=lambda: dict(SEEN))
    updates: list[str] = field(default_factory=list)
    reads: int = 0
    fault: str = ""
    unreadable: bool = False
    name: str = "shop/orders"

    def read(self, target: Target) -> Mapping[str, Any]:
        self.reads += 1
        if self.unreadable:
            raise Unavailable("ECS did not answer")
        if target.name != self.name:
            raise Refused(f"there is no active ECS service {target.name}")
        return dict(self.seen)

    def restart(self, target: Target) -> Mapping[str, Any]:
        return self._change(target, "restart", {"deployment": f"ecs-svc/{len(self.updates) + 2}"})

    def roll_back(self, target: Target, revision: str) -> Mapping[str, Any]:
        return self._change(target, "rollback", {"deployment": "ecs-svc/r", "task_definition": revision})

    def scale(self, target: Target, desired_count: int) -> Mapping[str, Any]:
        return self._change(target, "scale", {"desired_count": desired_count})

    def _change(self, target: Target, name: str, change: Mapping[str, Any]) -> Mapping[str, Any]:
        assert target.name == self.name
        fault, self.fault = self.fault, ""
        match fault:
            case "lost request":
                raise Unclear("UpdateService got no reply")
            case "refused":
                raise Refused("ECS refused: AccessDenied")
            case "busy":
                raise Unavailable("ECS is busy")
            case "died before":
                raise Died
        self.updates.append(name)
        self.seen |= change
        match fault:
            case "lost reply":
                raise Unclear("UpdateService got no reply")
            case "died":
                raise Died
        return change
