"""A function as its callers see it: give it an event, get its answer; processes come and go behind it."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psutil

from local.aws.sandbox import LARGEST_PAYLOAD, Invocation, Sandbox, error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from local.aws.wiring import Wired

SECOND_PROCESS_AFTER = 0.05
"""Seconds that an event waits for a busy process before another one is started."""


SPARE_SECONDS = 5.0
"""Seconds after which a second process that has nothing to do is ended."""


@dataclass(frozen=True)
class Outcome:
    """What came of an event: the result, or the error, as the function wrote it (JSON)."""

    failed: bool
    payload: bytes

    def result(self) -> Any:  # noqa: ANN401 - JSON
        """Give the result or the error as Python."""
        return json.loads(self.payload) if self.payload else None


class Function:
    """One function with up to `concurrency` processes, started when an event needs them and kept warm."""

    def __init__(
        self,
        wired: Wired,
        *,
        root: Path,
        environment: Mapping[str, str],
        log: Path,
        on_log: Callable[[str, str], None] | None = None,
        concurrency: int = 2,
    ) -> None:
        """Start nothing yet. `root` is the repository; `log` gets every line, `on_log(function, line)` too."""
        self.wired = wired
        self._root = root
        self._environment = environment
        self._log = log
        self._on_log = on_log
        self._most = concurrency
        self._free: list[Sandbox] = []
        self._all: set[Sandbox] = set()
        self._starting = 0
        self._changed = threading.Condition()
        self._open = True
        self._shedding: threading.Timer | None = None

    @property
    def account(self) -> str:
        """The account's number."""
        return self.wired.arn.split(":")[4]

    def invoke(self, event: object) -> Outcome:
        """Have the function answer an event (JSON-able), within its own time; blocks until then."""
        body = json.dumps(event, ensure_ascii=False).encode()
        if len(body) > LARGEST_PAYLOAD:
            return Outcome(
                failed=True,
                payload=error("RequestTooLargeException", f"{len(body)} byte payload is too large for the Event"),
            )
        sandbox = self._take()
        if sandbox is None:
            return Outcome(failed=True, payload=error("ServiceException", "the embedded AWS is stopping"))
        invocation = Invocation(body, self.wired.timeout, self.wired.arn)
        self._line(f"START RequestId: {invocation.id} Version: $LATEST")
        sandbox.invoke(invocation)
        took = (time.monotonic() - invocation.started) * 1000
        memory = self._give_back(sandbox)
        self._line(f"END RequestId: {invocation.id}")
        used = f"Memory Size: {self.wired.memory} MB Max Memory Used: {memory >> 20} MB"
        self._line(f"REPORT RequestId: {invocation.id} Duration: {took:.2f} ms {used}")
        return Outcome(invocation.failed, invocation.payload)

    def warm(self) -> None:
        """Start a process now, as provisioned concurrency does, unless there is one; do not wait for it."""
        with self._changed:
            self._bury()
            if not self._open or self._all or self._starting:
                return
            self._starting += 1
        sandbox = self._begin()
        if sandbox is not None:
            with self._changed:
                self._free.append(sandbox)
                self._changed.notify()

    def kill(self) -> int:
        """Kill the processes there are, as a failing host would, and say how many; the next event starts new ones."""
        with self._changed:
            doomed = list(self._all)
        for sandbox in doomed:
            sandbox.kill()
        return len(doomed)

    def stop(self) -> None:
        """Kill the processes and start no more."""
        with self._changed:
            self._open = False
            if self._shedding is not None:
                self._shedding.cancel()
            self._changed.notify_all()
        self.kill()

    def processes(self) -> list[int]:
        """Give the ids of the processes that live."""
        with self._changed:
            return [sandbox.process.pid for sandbox in self._all if sandbox.alive]

    def _take(self) -> Sandbox | None:
        patience = time.monotonic() + SECOND_PROCESS_AFTER
        with self._changed:
            while self._open:
                self._bury()
                if self._free:
                    return self._free.pop()
                running = len(self._all) + self._starting
                left = patience - time.monotonic()
                if running == 0 or (running < self._most and left <= 0):
                    self._starting += 1
                    break
                self._changed.wait(left if running < self._most else None)
            else:
                return None
        return self._begin()

    def _begin(self) -> Sandbox | None:
        sandbox = Sandbox(
            self.wired.handler,
            self.wired.package or self._root,
            self._environment,
            self._line,
            alone=self.wired.package is not None,
        )
        with self._changed:
            self._starting -= 1
            self._all.add(sandbox)
            if self._open:
                return sandbox
        sandbox.kill()
        return None

    def _give_back(self, sandbox: Sandbox) -> int:
        """Keep the process warm if it lives; give its resident memory in bytes."""
        memory = 0
        if sandbox.alive:
            try:
                memory = psutil.Process(sandbox.process.pid).memory_info().rss
            except psutil.NoSuchProcess:
                memory = 0
        with self._changed:
            if sandbox.alive:
                self._free.append(sandbox)
                if len(self._free) > 1:
                    self._shed_later()
            else:
                self._all.discard(sandbox)
            self._changed.notify()
        return memory

    def _bury(self) -> None:
        self._free = [sandbox for sandbox in self._free if sandbox.alive]
        self._all = {sandbox for sandbox in self._all if sandbox.alive}

    def _shed_later(self) -> None:
        if self._shedding is None:
            self._shedding = threading.Timer(SPARE_SECONDS, self._shed)
            self._shedding.daemon = True
            self._shedding.start()

    def _shed(self) -> None:
        """End the processes beyond the first that have nothing to do; memory is what the machine has least of."""
        with self._changed:
            self._shedding = None
            spare, self._free = self._free[1:], self._free[:1]
            self._all.difference_update(spare)
        for sandbox in spare:
            sandbox.kill()

    def _line(self, line: str) -> None:
        with self._log.open("a", encoding="utf-8") as log:
            log.write(f"{datetime.now(UTC).isoformat(timespec='milliseconds')} {line}\n")
        if self._on_log is not None:
            self._on_log(self.wired.name, line)
