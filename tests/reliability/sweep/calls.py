"""Every call that leaves a function's process, named by where in our code it is made, and the one that goes wrong."""

import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

ROOT = Path(__file__).parents[3]
OURS = tuple(f"{ROOT / folder}/" for folder in ("shared", "functions"))
Fault = Literal["request lost", "reply lost", "throttle", "5xx", "time-out", "killed"]
FAULTS: tuple[Fault, ...] = get_args(Fault)
"""What may happen to a call, and to each of the SDK's own attempts at it.

`request lost`: it never arrives. `reply lost`: it is carried out, and the connection breaks. `throttle` and `5xx`: the
other side says so and does nothing. `time-out`: nobody answers, and it is carried out once the caller has given up.
`killed`: it is carried out, and the caller's process is no more.
"""


class Killed(BaseException):
    """The process is no more."""


@dataclass(frozen=True, slots=True, order=True)
class Call:
    """The `ordinal`-th call of `operation` that `function` makes at `site` (`file:function`) in one story."""

    function: str
    site: str
    operation: str
    ordinal: int


@dataclass
class Tape:
    """What was called so far; `wrong` is the call that something happens to, `aside` the calls of other threads.

    `branch` is asked at each call of the main thread whether this process is the one in which it goes wrong, and how.
    """

    wrong: tuple[Call, Fault] | None = None
    branch: Callable[[Call], Fault | None] = lambda _: None
    function: str = ""
    dead: bool = False
    struck: bool = False
    calls: list[Call] = field(default_factory=list)
    aside: list[Call] = field(default_factory=list)
    late: list[Callable[[], object]] = field(default_factory=list)
    unanswered: Counter[str] = field(default_factory=Counter)
    lock: Any = field(default_factory=threading.RLock)
    _counted: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def note(self, operation: str) -> Fault | None:
        """A call begins: what will happen to it. Raises Killed in what is left of a dead process."""
        with self.lock:
            if self.dead:
                raise Killed
            place = (self.function, _site(), operation)
            self._counted[place] += 1
            call = Call(*place, self._counted[place])
            self.calls.append(call)
            if threading.current_thread() is not threading.main_thread():
                self.aside.append(call)
            elif (fault := self.branch(call)) is not None:
                self.wrong = call, fault
            if self.wrong is None or self.wrong[0] != call:
                return None
            self.struck = True
            return self.wrong[1]

    def carry(self, fault: Fault | None, name: str, do: Callable[[], Any], fail: Callable[[Fault], Any]) -> Any:
        """Carries a request out, or has it fail as its client sees it: `fail` answers or raises."""
        with self.lock:
            if self.dead:
                raise Killed
            match fault:
                case None:
                    return do()
                case "reply lost":
                    self.unanswered[name] += 1
                    do()
                case "time-out":
                    self.unanswered[name] += 1
                    self.late.append(do)
                case "killed":
                    self.unanswered[name] += 1
                    do()
                    self.dead = True
                    raise Killed
            return fail(fault)


def _site() -> str:
    """The innermost of our own functions that is being run, without what it defines inside."""
    frame: Any = sys._getframe(1)  # noqa: SLF001 - what traceback and inspect are made of
    while frame is not None:
        code = frame.f_code
        if code.co_filename.startswith(OURS):
            return f"{Path(code.co_filename).relative_to(ROOT)}:{plain(code.co_qualname)}"
        frame = frame.f_back
    return "?"


def plain(qualname: str) -> str:
    """A qualified name without `<locals>`, and without the comprehension or lambda that it ends in."""
    return ".".join(part for part in qualname.split(".") if not part.startswith("<"))
