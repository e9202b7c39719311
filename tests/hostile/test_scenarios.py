# ruff: noqa: RUF001  # letters that look like others are what this is about
"""Single scenarios of hostile input, each by its own name; the many at once are in test_hostile.py."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools import Logger
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.ai_assessment.propose import propose
from functions.approval.decide_click import Deciding, decide_click
from shared.assessment import ActionName
from shared.config import Scale
from shared.facts import ApprovalGiven
from shared.target import Target
from tests.ai_assessment.evidence import findings
from tests.builders import INCIDENT, T0, TARGET, a_config, a_history, a_person, a_service, an_assessment, proposed
from tests.builders import requested as asked
from tests.fakes.chat import MemoryChat
from tests.fakes.store import MemoryStore
from tests.hostile.alerts import QueueEdge, posted_once
from tests.hostile.egress import guarded
from tests.hostile.slack_edge import APP, TEAM, edge, form_of, pressed, request

KB = 1024
ROOT = Path(__file__).parents[2]
ENTRY = 200 * KB


def an_alert_of(size: int, letter: str) -> bytes:
    """A generic alert of exactly `size` bytes, its summary made of `letter`."""
    frame = json.dumps({"detail": {"service_name": "orders", "cluster_name": "shop", "summary": "", "x": ""}})
    room = size - len(frame.encode())
    filled = letter * (room // len(letter.encode()))
    padding = "x" * (room - len(filled.encode()))
    text = frame.replace('"summary": ""', f'"summary": "{filled}"').replace('"x": ""', f'"x": "{padding}"')
    return text.encode()


@pytest.mark.parametrize("letter", ["x", "ü", "日", "\U0001f600"])
@pytest.mark.parametrize("edge_of", [64, 200, 256, 400, 1024])
@pytest.mark.parametrize("off", [-1, 0, 1])
def test_an_alert_at_the_edge_of_a_limit_is_taken_or_refused_by_its_bytes_and_never_a_bug(
    letter: str, edge_of: int, off: int
) -> None:
    raw = an_alert_of(edge_of * KB + off, letter)
    assert len(raw) == edge_of * KB + off
    queue = QueueEdge()
    assert queue.turn(raw) == []
    taken = edge_of < 1024 or off < 1
    assert (len(queue.store.timelines) == 1) is taken
    assert queue.quarantined == (not taken)
    assert all(len(entry.body.encode()) < ENTRY for each in queue.store.timelines.values() for entry in each)
    assert posted_once(raw) == (202 if len(raw) <= 256 * KB else 413)


def test_a_signed_click_that_somebody_sends_again_within_five_minutes_counts_once() -> None:
    store = MemoryStore()
    history = a_history(proposed(), asked(), store=store)
    config = a_config(slack_app=APP, slack_team=TEAM, people=(a_person(),), services=(a_service(mode="approve"),))
    with edge() as door:
        captured = request("/slack/actions", form_of(pressed()))
        for seconds in (0, 100, 299, 301):
            door.clock.now = T0 + timedelta(seconds=seconds)
            assert door.by_gateway(captured, encoded=False) == (200 if seconds <= 300 else 401)
        clicks = door.clicks.clicks
    for click in clicks:
        decide_click(click, Deciding(config, store, MemoryChat(), lambda: T0, Logger(service="hostile")))
    given_ = [e for e in store.read(history.incident_id).entries if isinstance(e.fact, ApprovalGiven)]
    assert len(clicks) == 3
    assert len(given_) == 1


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=30),
    st.lists(st.text(max_size=5), max_size=3),
)
NEARLY = ["shop/order", "shop/orders-db", "shop/оrders", "SHOP/orders", "shop/orders/x", "prod/orders", "shop/payments"]


@settings(max_examples=300)
@given(
    action=st.sampled_from(["restart_service", "rollback_service", "scale_service", "notify_team", "ignore"]),
    inputs=st.dictionaries(st.sampled_from(["desired_count", "task_definition", "target", "x"]), ANYTHING),
    about=st.sampled_from([TARGET.name, *NEARLY]),
    account=st.sampled_from([TARGET.account, "999999999999", ""]),
)
def test_whatever_an_assessment_says_only_the_inventorys_target_is_proposed_within_its_bounds(
    action: ActionName, inputs: dict[str, Any], about: str, account: str
) -> None:
    actions = ("restart_service", "rollback_service", "scale_service")
    service = a_service(actions=actions, scale=Scale(least=2, most=6))
    found = findings(service=service)
    target = Target(kind="ecs", account=account, region=TARGET.region, name=about)
    found = replace(found, incident=replace(found.incident, target=target))
    verdict = an_assessment(action=action, inputs=inputs)
    proposal = propose(verdict, found, a_config(services=(service,)), T0, timedelta(minutes=30))
    if proposal is None:
        return
    assert (proposal.target, target) == (TARGET, TARGET)
    assert proposal.action == action
    assert action in actions
    assert set(proposal.inputs) <= {"desired_count", "task_definition"}
    if action == "scale_service":
        assert type(proposal.inputs["desired_count"]) is int
        assert 2 <= proposal.inputs["desired_count"] <= 6
    if action == "rollback_service":
        assert proposal.inputs["task_definition"] == found.last_steady


@pytest.mark.parametrize(
    "address",
    [
        "http://169.254.169.254/latest/meta-data/iam/security-credentials/", "http://[::ffff:169.254.169.254]/",
        "http://2852039166/", "http://localhost:9001/", "file:///etc/passwd", "https://hooks.slack.com@evil.example/x",
        "https://evil.example/redirect", "gopher://evil.example/_x", "https://hooks.slack.com/actions/T0/1/2",
    ],
)  # fmt: skip
def test_no_address_that_comes_with_a_click_is_ever_followed(address: str) -> None:
    payload = pressed(response_url=address, response_urls=[{"response_url": address}])
    with edge() as door, guarded() as reached:
        assert door.by_gateway(request("/slack/actions", form_of(payload)), encoded=False) == 200
    assert reached == []
    assert len(door.clicks.clicks) == 1


def test_no_code_of_ours_reads_an_address_that_slack_sends_along() -> None:
    sources = [path.read_text("utf-8") for folder in ("functions", "shared") for path in (ROOT / folder).rglob("*.py")]
    assert len(sources) > 50
    assert not [text for text in sources if "response_url" in text]


def test_an_incident_is_known_by_an_id_of_ours_whatever_a_click_names() -> None:
    with edge() as door:
        for value in ("*", "", "../x/1", f"{INCIDENT}\n/1"):
            door.by_gateway(request("/slack/actions", form_of(pressed("timeline", value))), encoded=False)
        assert all("There is no such incident" in json.dumps(view) for view in door.chat.views.values())
