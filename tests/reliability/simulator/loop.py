"""One thread, one clock: attempts run as greenlets, and each call that leaves the process may be interfered with.

An attempt is one invocation of one function. It runs until a call is to take time; then everything else goes on until
that time has come. So two attempts may overlap at any call, in an order that the schedule alone decides.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import Any, Protocol, TypeVar

from greenlet import getcurrent, greenlet

from tests.reliability.simulator.schedule import Interleaved, Outage, Skew, Trouble

T = TypeVar("T")
START = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
MOST_STEPS = 12_000
"""What a schedule may take; one that needs more never comes to rest."""


class Killed(BaseException):
    """The attempt's process is no more."""


class NeverQuiet(AssertionError):
    """The schedule does not come to rest."""


class Port(Protocol):
    """A dependency as its callers see it fail."""

    @property
    def name(self) -> str:
        """What outages call it."""
        ...

    def failure(self, how: str, call: str) -> Exception:
        """What its client raises when it is `unreachable`, `time-out`, `5xx` or `throttle`."""
        ...


class Attempt(greenlet):
    """One invocation of a function; `deadline` is when the platform ends it, `ended` hears what came of it."""

    def __init__(
        self, loop: "Loop", function: str, run: Callable[[], Any], deadline: float, ended: Callable[[Any], None]
    ) -> None:
        super().__init__(self._go)
        self.loop, self.function, self.deadline = loop, function, deadline
        self.about = ""
        self.last = ""
        self.began = loop.now
        self._run, self._ended = run, ended
        self.over = False

    def _go(self) -> None:
        result = None
        try:
            result = self._run()
        except Killed:
            self.loop.unanswered[self.last] += 1  # it was answered, and did not live to write it down
        self.over = True
        self._ended(result)

    def resume(self) -> None:
        """Go on where it waits."""
        if not self.over:
            self.switch()

    def kill(self) -> None:
        """End it where it waits."""
        if not self.over:
            self.over = True
            self.throw(Killed)


class Loop:
    """The clock, what is to happen when, and what goes wrong at which call."""

    def __init__(self) -> None:
        self.now = 0.0
        self.hub = getcurrent()
        self.steps = 0
        self.applied: Counter[str] = Counter()
        self.calm = False
        self.partial = False
        self.unanswered: Counter[str] = Counter()
        self.running: Attempt | None = None
        self._waiting: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0
        self._calls: Counter[tuple[str, str]] = Counter()
        self._troubles: defaultdict[tuple[str, str], dict[int, Trouble]] = defaultdict(dict)
        self._outages: list[Outage] = []
        self._skews: dict[str, float] = {}
        self._dice: random.Random | None = None
        self._most = 0.0

    def disturb(self, disturbance: Trouble | Outage | Skew | Interleaved) -> None:
        """Note something that will go wrong."""
        match disturbance:
            case Trouble(function=function, call=call, nth=nth):
                self._troubles[function, call][nth] = disturbance
            case Outage():
                self._outages.append(disturbance)
            case Skew(function=function, seconds=seconds):
                self._skews[function] = seconds
                self.applied["clock skew"] += 1
            case Interleaved(seed=seed, most=most):
                self._dice, self._most = random.Random(seed), most
                self.applied["interleaved"] += 1

    def at(self, when: float, act: Callable[[], None]) -> None:
        """Has `act` called at that time; at one time, in the order of asking."""
        self._number += 1
        heappush(self._waiting, (max(when, self.now), self._number, act))

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Has `act` called so much later."""
        self.at(self.now + seconds, act)

    def run(self, until: float) -> None:
        """Lets everything happen that is to happen by then, in order."""
        while self._waiting and self._waiting[0][0] <= until:
            self.now, _, act = heappop(self._waiting)
            self.steps += 1
            if self.steps > MOST_STEPS:
                raise NeverQuiet(f"more than {MOST_STEPS} steps")
            act()
        self.now = max(self.now, until)

    def time(self, function: str = "") -> datetime:
        """What that function's clock says."""
        return START + timedelta(seconds=self.now + self._skews.get(function, 0.0))

    @property
    def caller(self) -> str:
        """The function whose call is being carried out."""
        return self.running.function if self.running is not None else ""

    @property
    def began(self) -> float:
        """When the attempt began whose call is being carried out."""
        return self.running.began if self.running is not None else self.now

    def clock(self, function: str) -> Callable[[], datetime]:
        """That function's clock."""
        return lambda: self.time(function)

    def start(self, function: str, run: Callable[[], Any], *, timeout: float, ended: Callable[[Any], None]) -> None:
        """Starts an attempt; `ended` gets its result, None if it died."""
        attempt = Attempt(self, function, run, self.now + timeout, ended)
        attempt.switch()

    def about(self, entry_id: str) -> None:
        """Notes which entry the running attempt has been given."""
        attempt = getcurrent()
        if isinstance(attempt, Attempt):
            attempt.about = entry_id

    def call(self, port: Port, name: str, do: Callable[[], T]) -> T:
        """Makes a call that leaves the process, as the attempt that is running; whoever is none is never disturbed."""
        attempt = getcurrent()
        if not isinstance(attempt, Attempt):
            return do()
        if attempt.over:
            raise Killed
        if self._dice and not self.calm:
            self._wait(attempt, self._dice.random() * self._most)
        trouble = self._trouble(attempt.function, name)
        if trouble:
            self._before(trouble, attempt, port, name, do)
        if self._outages and (how := self._out(port)) is not None:
            self.applied[f"outage of {port.name}"] += 1
            raise port.failure(how, name)
        self.running, attempt.last = attempt, ""
        result = do()
        if trouble:
            self._behind(trouble, attempt, port, name)
        attempt.last = name
        return result

    def _before(self, trouble: Trouble, attempt: Attempt, port: Port, name: str, do: Callable[[], Any]) -> None:
        """What goes wrong before a call is carried out."""
        match trouble.kind:
            case "kill before":
                self._die(attempt)
            case "late":
                self.unanswered[name] += 1
                self.after(trouble.seconds, lambda: self._land(attempt, do))
                self._die(attempt)
            case "slow request":
                self._wait(attempt, trouble.seconds)
            case "throttle" | "refused":
                raise port.failure(trouble.kind, name)
            case "lost request":
                raise port.failure(trouble.how, name)

    def _behind(self, trouble: Trouble, attempt: Attempt, port: Port, name: str) -> None:
        """What goes wrong once it was carried out."""
        match trouble.kind:
            case "kill after":
                self.unanswered[name] += 1
                self._die(attempt)
            case "lost reply":
                self.unanswered[name] += 1
                raise port.failure("time-out" if trouble.how == "unreachable" else trouble.how, name)
            case "slow reply":
                self.unanswered[name] += self.now + trouble.seconds >= attempt.deadline
                self._wait(attempt, trouble.seconds)

    def _trouble(self, function: str, name: str) -> Trouble | None:
        found = None
        self.partial = False
        if self.calm or not self._troubles:
            return None
        for call in ((function, "*"), (function, name)):
            if call in self._troubles:
                self._calls[call] += 1
                found = found or self._troubles[call].get(self._calls[call])
        if found:
            self.applied[found.kind] += 1
            self.partial = found.kind == "partial"
        return found

    def _out(self, port: Port) -> str | None:
        if self.calm:
            return None
        for outage in self._outages:
            if outage.dependency == port.name and outage.start <= self.now < outage.start + outage.seconds:
                return outage.how
        return None

    def _die(self, attempt: Attempt) -> None:
        attempt.over = True
        raise Killed

    def _wait(self, attempt: Attempt, seconds: float) -> None:
        """Lets everything else go on; an attempt that would wait beyond its deadline dies there."""
        if self.now + seconds >= attempt.deadline:
            self.applied["timed out"] += 1
            self.at(attempt.deadline, attempt.kill)
        else:
            self.after(seconds, attempt.resume)
        self.hub.switch()
        if attempt.over:
            raise Killed

    def _land(self, attempt: Attempt, do: Callable[[], Any]) -> None:
        """A request whose sender is dead: nobody hears what came of it."""
        self.running = attempt
        with suppress(Exception):
            do()
