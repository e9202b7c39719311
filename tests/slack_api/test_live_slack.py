"""Story 2 over HTTP: the real slack-sdk posts to the stand-in for Slack, which sends signed clicks to the real API."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from aws_lambda_powertools import Logger

from functions.approval.decide_click import Deciding, decide_click
from functions.notification.notify import Telling, notify
from functions.slack_api.app import Needs, create_app
from local.standins.serving import listen, serving, url_of
from local.standins.slack.app import build
from local.standins.slack.clicks import Clicks
from local.standins.slack.workspace import Workspace
from shared import facts
from shared.entry import Entry
from shared.integrations.slack import SlackChat
from tests.builders import INCIDENT, a_config, a_person, a_service, opened, requested
from tests.fakes.chat import MemoryClicks
from tests.fakes.seals import MemorySeals
from tests.fakes.store import MemoryStore
from tests.notification.story import ALERT, CONFIG, EVIDENCE, PAYMENTS, PROPOSAL, VERDICT, append, pointer

BO_WITHOUT_GROUP = a_person(id="bo", name="Bo", slack=({"user": "U0BO", "team": "T0SHOP"},), groups=())
LOGGER = Logger(service="test", level="CRITICAL")


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Evening:
    """A channel, the API behind its buttons, and the functions behind both."""

    url: str
    chat: SlackChat
    clicks: MemoryClicks
    store: MemoryStore
    config: Any = field(
        default_factory=lambda: a_config(
            services=(a_service(name="payments", target=PAYMENTS, tier="critical", mention="<!subteam^S0PAYMENTS>"),),
            people=(a_person(), BO_WITHOUT_GROUP),
            slack_app=CONFIG.slack_app,
        )
    )

    def tell(self, *entries: Entry) -> None:
        telling = Telling(
            config=self.config,
            timeline=self.store,
            state=self.store,
            clock=now,
            dead_after=timedelta(seconds=90),
            chat=self.chat,
            mail=None,
            recorded=lambda _: None,
            warn=pytest.fail,
            nobody_told=lambda entry: pytest.fail(entry.id),
        )
        for entry in entries:
            notify(pointer(entry), telling)

    def decide(self) -> None:
        for click in self.clicks.clicks:
            decide_click(click, Deciding(self.config, self.store, self.chat, now, LOGGER))
        self.clicks.clicks.clear()

    def act(self, what: str, **asked: Any) -> dict[str, Any]:
        answer: dict[str, Any] = httpx.post(f"{self.url}/_standin/{what}", json=asked, timeout=10).json()
        assert "error" not in answer, answer
        return answer

    def held(self) -> dict[str, Any]:
        held: dict[str, Any] = httpx.get(f"{self.url}/_standin/messages").json()
        return held

    def ephemeral(self) -> str:
        return str(self.held()["ephemerals"][-1]["text"])


@pytest.fixture
def evening() -> Iterator[Evening]:
    space = Workspace.load(None, None, ["incidents"])
    listener = listen()
    clicks, store = MemoryClicks(), MemoryStore()
    chat = SlackChat(lambda: "xoxb-token", f"{url_of(listener)}/api/")
    evening = Evening(url_of(listener), chat, clicks, store)
    needs = Needs(evening.config, lambda _: "shh", clicks, chat, store, store, now, LOGGER, MemorySeals())
    with serving(create_app(needs)) as api:
        people = Clicks(space, "shh", f"{api}/slack/actions", f"{api}/slack/commands", url_of(listener))
        with serving(build(space, people, "xoxb-token"), listener):
            yield evening


@pytest.fixture
def asked(evening: Evening) -> Evening:
    """A channel in which a question waits."""
    evening.tell(*append(evening.store, "alert_intake", [opened(alert=ALERT, service="payments")]))
    evening.tell(*append(evening.store, "investigation", [EVIDENCE]))
    later = PROPOSAL.model_copy(update={"expires_at": now() + timedelta(minutes=30)})
    proposed = facts.ActionProposed(proposal=later, proposal_hash=later.hash)
    append(evening.store, "ai_assessment", [VERDICT, proposed])
    question = requested(proposal=later, expires_at=later.expires_at)
    evening.tell(*append(evening.store, "policy_gate", [question]))
    return evening


def test_a_click_becomes_an_approval_and_the_buttons_give_way(asked: Evening) -> None:
    assert asked.act("click", user="U0ANA", action_id="approve")["status"] == 200
    asked.decide()
    assert "Your yes to restart_service on shop/payments counts" in asked.ephemeral()
    entries = asked.store.read(INCIDENT).entries
    (given,) = [entry for entry in entries if isinstance(entry.fact, facts.ApprovalGiven)]
    asked.tell(given)
    messages = [message for channel in asked.held()["messages"].values() for message in channel]
    assert not any("'action_id': 'approve'" in str(message.get("blocks")) for message in messages)
    assert any("approved by Ana" in str(message.get("blocks")) for message in messages)


def test_a_second_click_a_strangers_and_one_of_another_group_each_do_nothing_and_say_why(asked: Evening) -> None:
    for user in ("U0ANA", "U0ANA", "U0EVE", "U0BO"):
        asked.act("click", user=user, action_id="approve")
    asked.decide()
    said = [each["text"] for each in asked.held()["ephemerals"]]
    assert "counts" in said[0]
    assert "you already approved this" in said[1]
    assert "you are not in config/people.yaml" in said[2]
    assert "may decide: on-call" in said[3]


def test_a_no_with_a_reason_goes_through_the_dialog(asked: Evening) -> None:
    asked.act("click", user="U0ANA", action_id="reject")
    (view,) = asked.held()["views"].values()
    values = {"reason": {"reason": {"type": "plain_text_input", "value": "a deploy is coming"}}}
    assert asked.act("submit", user="U0ANA", view_id=view["id"], values=values)["open"] is False
    asked.decide()
    (refused,) = [e.fact for e in asked.store.read(INCIDENT).entries if isinstance(e.fact, facts.ApprovalRefused)]
    assert refused.reason == "a deploy is coming"


def test_the_timeline_opens_within_three_seconds(asked: Evening) -> None:
    began = time.monotonic()
    assert asked.act("click", user="U0BO", action_id="timeline")["status"] == 200
    assert time.monotonic() - began < 3
    (view,) = asked.held()["views"].values()
    assert "payments-5xx" in str(view["blocks"])


def test_the_command_answers_who_typed_it(asked: Evening) -> None:
    asked.act("command", user="U0ANA", text="/middlewatch open")
    assert "*payments* critical, awaiting approval" in asked.ephemeral()


def test_each_new_message_is_in_the_channel_once(asked: Evening) -> None:
    asked.tell(*[entry for entry in asked.store.read(INCIDENT).entries if not entry.actor.startswith("notification")])
    calls = asked.held()["calls"]
    assert calls["chat.postMessage"] == 4
