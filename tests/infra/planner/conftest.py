"""One deployment for all tests; where there is no planner, the reason."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local import reference
from tests.infra.planner.deployment import PACKAGES, Deployment
from tests.infra.planner.terraform import Unusable, tool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.demo.stories import Playhouse


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """These tests talk to what they start, on loopback, and in their order."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.enable_socket)
            item.add_marker(pytest.mark.infra)
            item.add_marker(pytest.mark.xdist_group("infra"))


@pytest.fixture(scope="session", autouse=True)
def asked_for() -> None:
    """Nobody waits for these who only ran the tests."""
    if "INFRA" not in os.environ:
        pytest.skip("takes minutes; `make infra-test` plans, makes, plays on and destroys it")


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Both stacks on an account that was empty."""
    try:
        tool()
        made = Deployment(tmp_path_factory.mktemp("deployment"))
        made.prepare()
    except Unusable as reason:
        pytest.skip(f"no planner: {reason}")
    missing = [name for name in reference.manifests() if not (PACKAGES / name).is_dir()]
    if missing:
        pytest.skip(f"no package of this machine of {', '.join(missing)}: `make infra-test` builds them first")
    with made.stack:
        yield made


@pytest.fixture
def house(deployment: Deployment) -> Iterator[Playhouse]:
    """What the demo's stories are played on."""
    yield from deployment.house()
