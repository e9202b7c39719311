"""One theatre per test process, kept from test to test until something went wrong on it."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.reliability.theatre import Theatre

if TYPE_CHECKING:
    from collections.abc import Iterator


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests on a theatre talk to what they start, on loopback."""
    for item in items:
        if Path(__file__).parent in item.path.parents and "theatres" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.enable_socket)
            item.add_marker(pytest.mark.emulator)


class Theatres:
    """The theatre that runs, with the settings that it was started with."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        self._factory = factory
        self._running: Theatre | None = None
        self._settings: dict[str, float] = {}

    def open(self, **settings: float) -> Theatre:
        """The theatre with these settings; one that is broken or has other settings is closed first."""
        if self._running is None or self._running.broken or settings != self._settings:
            self.close()
            self._running, self._settings = Theatre(self._factory.mktemp("theatre"), **settings), settings
        return self._running

    def close(self) -> None:
        """Stop what runs."""
        if self._running is not None:
            self._running.stack.stop()
            self._running = None
            gc.collect()  # sockets of what was killed are reported here, not in somebody else's test


@pytest.fixture(scope="session")
def theatres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatres]:
    theatres = Theatres(tmp_path_factory)
    yield theatres
    theatres.close()


@pytest.fixture
def theatre(theatres: Theatres) -> Theatre:
    return theatres.open()
