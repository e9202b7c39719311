"""A share of what `python -m tests.hostile` tries: nothing that strangers write gets where it should not."""

import json
import os
import random
import socket

import pytest

from shared.mrkdwn import safe
from tests.builders import Clock
from tests.hostile import readers
from tests.hostile.aws import World
from tests.hostile.canaries import Search, a_canary
from tests.hostile.checks import CHECKS, tried
from tests.hostile.corpus import instructions
from tests.hostile.egress import EgressRefused, guarded
from tests.hostile.house import PLACES, HostileHouse, effects_beyond
from tests.hostile.models import malformed

SEED = int(os.environ.get("RELIABILITY_SEED", "1"))
SIZE = 2_000
"""Mutated Slack requests; all else in proportion, or as much as shows anything."""


@pytest.mark.parametrize("name", CHECKS)
def test_nothing_hostile_gets_through(name: str) -> None:
    ((row, violations),) = tried(SIZE, SEED, name)
    assert violations == []
    assert row.tried > 0


def test_there_are_more_than_two_hundred_instructions_and_no_two_are_the_same() -> None:
    planted = instructions(260, SEED)
    assert len({each.text for each in planted}) == 260
    assert {"restart_service", "rollback_service", "scale_service", "ignore"} <= {
        each.wants["action"] for each in planted
    }
    assert len({each.wants.get("target") for each in planted}) > 15


def test_every_place_that_the_world_has_can_be_written_to() -> None:
    world = World(
        "shop", "orders", Clock(), said={place: f"planted in {place}" for place in PLACES if "error" not in place}
    )
    answers = [
        world.describe_alarms(["x"]), world.get_metric_data([{"Id": "m1"}]),
        world.describe_services("shop", ["orders"]),
        world.describe_tasks(["t"]), world.describe_task_definition(), world.filter_log_events(),
        world.describe_service_revisions(["now"]),
    ]  # fmt: skip
    seen = json.dumps(answers, default=str)
    assert sum(f"planted in {place}" in seen for place in PLACES) >= 16


# What judges has to see what is wrong


@pytest.mark.parametrize(
    "text", ["<!channel>", "<@U0ANA>", "<http://evil.example|OK>", "*b*", "`c`", "~s~", "_i_", "> q"]
)
def test_the_reader_of_slack_sees_markup_and_none_in_what_is_safe(text: str) -> None:
    raw, shown = (readers.mrkdwn(each, verbatim=True) for each in (text, safe(text)))
    assert raw.links or raw.mentions or raw.marks
    assert [*shown.links, *shown.mentions, *shown.marks] == []


def test_the_reader_of_slack_sees_the_links_that_slack_makes_by_itself() -> None:
    assert readers.mrkdwn("see https://evil.example", verbatim=False).links == ["https://evil.example"]


@pytest.mark.parametrize(
    "text",
    [
        "[x|https://evil.example]",
        "{html}",
        "[~admin]",
        "!x.png!",
        "|a|b|",
        "h1. x",
        "*b*",
        "??c??",
        "(/)",
        "mailto:a@b",
    ],
)
def test_the_reader_of_jira_sees_markup(text: str) -> None:
    read = readers.wiki(text)
    assert read.links or read.mentions or read.marks


def test_the_reader_of_pages_sees_tags_attributes_and_comments() -> None:
    read, tags = readers.html('<p onclick="x">a<!-- b --><a href="javascript:c">d</a></p>')
    assert tags == [("p", ("onclick",)), ("a", ("href",))]
    assert (read.links, read.marks, read.text) == (["javascript:c"], ["comment"], "ad")


def test_whoever_looks_for_a_host_is_stopped_and_named() -> None:
    with guarded() as reached, pytest.raises(EgressRefused):
        socket.getaddrinfo("evil.example", 443)
    assert reached == ["evil.example"]


@pytest.mark.parametrize("seed", range(40))
def test_a_canary_is_found_however_it_is_escaped(seed: int) -> None:
    search, canary = Search(), a_canary(random.Random(seed))
    search.planted.append(("a place", canary))
    search.look("plain", canary.written)
    search.look("JSON", json.dumps({"x": canary.written}))
    search.look("nothing", "words")
    assert len(search.found) == 2


def test_an_effect_that_nobody_allowed_is_seen() -> None:
    house = HostileHouse("payments")
    house.rings()
    house.settle()
    assert effects_beyond(house, alone=frozenset({"restart_service"})) == []
    house.ecs.restart(house.target)
    house.ecs.name = "shop/other"
    house.ecs.scale(house.target.model_copy(update={"name": "shop/other"}), 0)
    wrong = effects_beyond(house, alone=frozenset({"restart_service"}))
    assert "restart_service on payments without a person" in wrong
    assert "scale_service on ecs:123456789012:eu-west-1:shop/other, which is not what the alarm is about" in wrong


def test_the_kinds_of_malformed_answers_are_many_and_each_has_its_name() -> None:
    names = [each.name for each in malformed("final_result", random.Random(SEED))]
    assert len(set(names)) > 90
