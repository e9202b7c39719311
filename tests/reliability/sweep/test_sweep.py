"""A seeded share of the sweep in every run of the tests, and the list of call sites held against the source."""

import ast
from pathlib import Path

import pytest

from local.stack import ROOT
from tests.reliability.share import SEED
from tests.reliability.sweep.calls import FAULTS, Call
from tests.reliability.sweep.run import run
from tests.reliability.sweep.sites import _named, uncovered
from tests.reliability.sweep.teller import choose

CASES = 60


def test_every_call_site_of_the_source_is_reached_by_a_story_or_is_listed_with_a_reason() -> None:
    assert uncovered() == []


@pytest.mark.parametrize(
    ("source", "site"),
    [
        ("def f(client): client.put_events(Entries=[])", ("f", "put_events")),
        ("class A:\n def f(self): return self.client.get_paginator('scan')", ("A.f", "get_paginator")),
        ("def f(self):\n ask = self.client.search_issues\n return ask('x')", ("f", "search_issues")),
        ("def f(chat): return [chat.chat_postMessage() for _ in ()]", ("f", "chat_postMessage")),
    ],
)
def test_a_new_call_is_found_in_the_source(source: str, site: tuple[str, str]) -> None:
    assert site in list(_named(ast.parse(source), ()))


def test_what_asks_nobody_is_no_call_site() -> None:
    source = Path("shared/proposal.py").read_text("utf-8")

    assert list(_named(ast.parse(source), ())) == []


def test_a_share_comes_to_every_place_before_it_comes_to_any_twice() -> None:
    calls = [Call("relay", "shared/a.py:f", "Query", number) for number in range(1, 30)]
    calls.append(Call("relay", "shared/b.py:g", "PutEvents", 1))

    chosen = choose(calls, 4, SEED)

    assert {call.site for call, _ in chosen[:2]} == {"shared/a.py:f", "shared/b.py:g"}
    assert chosen == choose(calls, 4, SEED)
    assert len(choose(calls, None, SEED)) == len(calls) * len(FAULTS)


@pytest.mark.xdist_group("sweep")
def test_with_one_thing_wrong_at_any_call_every_promise_holds_and_the_incident_ends_as_it_should(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(ROOT))  # for the processes that are spawned
    told: list[str] = []

    rows = run(CASES, SEED, say=told.append)

    assert sum(row.tried for row in rows) > CASES
    assert sum(row.violations for row in rows) == 0, "\n".join(told)
