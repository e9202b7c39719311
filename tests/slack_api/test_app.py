import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from aws_lambda_powertools import Logger
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.slack_api.app import Needs, create_app
from shared import keys
from shared.click import Click
from shared.errors import Refused, Unavailable
from shared.history import History
from shared.integrations.slack import signature
from shared.ports import Item
from shared.seal import is_genuine
from shared.writes import Put
from tests.builders import INCIDENT, T0, Clock, a_config, a_history, a_person, an_approval
from tests.fakes.chat import MemoryChat, MemoryClicks
from tests.fakes.seals import MemorySeals
from tests.fakes.store import MemoryStore

SECRET = "signing-secret"
APP = "A0MIDDLEWATCH"
STAMP = str(int(T0.timestamp()))


@dataclass
class Slack:
    """Slack's side of the API."""

    clicks: MemoryClicks = field(default_factory=MemoryClicks)
    chat: MemoryChat = field(default_factory=MemoryChat)
    store: MemoryStore = field(default_factory=MemoryStore)
    clock: Clock = field(default_factory=Clock)
    config: dict[str, Any] = field(default_factory=dict)
    seals: MemorySeals = field(default_factory=MemorySeals)
    secret: Callable[[str], str] = lambda _: SECRET

    def client(self) -> TestClient:
        store = self.store
        config = a_config(**({"slack_app": APP} | self.config))
        logger = Logger(service="test", level="CRITICAL")
        needs = Needs(config, self.secret, self.clicks, self.chat, store, store, self.clock, logger, self.seals)
        return TestClient(create_app(needs))

    def send(self, path: str, fields: dict[str, str]) -> Any:
        body = urlencode(fields).encode()
        headers = {"x-slack-request-timestamp": STAMP, "x-slack-signature": signature(STAMP, body, SECRET)}
        return self.client().post(path, content=body, headers=headers)

    def press(self, action: str = "approve", **changes: Any) -> Any:
        return self.send("/slack/actions", {"payload": json.dumps(a_payload(action) | changes)})

    def type(self, words: str, user: str = "U0ANA") -> str:
        fields = {"api_app_id": APP, "team_id": "T0SHOP", "user_id": user, "command": "/middlewatch", "text": words}
        answer = self.send("/slack/commands", fields)
        assert answer.status_code == 200
        assert answer.json()["response_type"] == "ephemeral"
        return str(answer.json()["text"])


def a_payload(action: str = "approve", value: str = f"{INCIDENT}/5") -> dict[str, Any]:
    return {
        "type": "block_actions",
        "api_app_id": APP,
        "team": {"id": "T0SHOP"},
        "user": {"id": "U0ANA", "team_id": "T0SHOP"},
        "trigger_id": "trigger",
        "channel": {"id": "C0INCIDENTS"},
        "container": {"message_ts": "1.0"},
        "actions": [{"action_id": action, "value": value, "action_ts": "1700000000.1"}],
    }


@pytest.fixture
def slack() -> Slack:
    return Slack()


def test_a_signed_click_is_queued_with_who_clicked_what_and_where(slack: Slack) -> None:
    assert slack.press().status_code == 200
    (click,) = slack.clicks.clicks
    assert click.model_dump(exclude={"id"}) == {
        "user": "U0ANA",
        "team": "T0SHOP",
        "channel": "C0INCIDENTS",
        "message_ts": "1.0",
        "button": "approve",
        "value": f"{INCIDENT}/5",
        "reason": "",
        "clicked_at": T0,
        "proposal_hash": "",
        "seal": "",
    }


@pytest.mark.parametrize(
    "value",
    [f"{INCIDENT}/5#{'a' * 64}&user=U0BOSS", '{"user": {"id": "U0BOSS"}}', f"{INCIDENT}/5#U0BOSS", "user=U0BOSS"],
)
def test_who_is_named_anywhere_but_where_slack_says_who_pressed_is_nobody(slack: Slack, value: str) -> None:
    boss = {"id": "U0BOSS", "team_id": "T0SHOP"}
    button = {"action_id": "approve", "value": value, "action_ts": "1.1", "user": boss, "user_id": "U0BOSS"}
    elsewhere = {"user_id": "U0BOSS", "userId": "U0BOSS", "approver": boss, "message": {"user": "U0BOSS"}}
    fields = {"payload": json.dumps(a_payload() | elsewhere | {"actions": [button]}), "user_id": "U0BOSS"}

    assert slack.send("/slack/actions", fields).status_code == 200

    (click,) = slack.clicks.clicks
    assert (click.user, click.team) == ("U0ANA", "T0SHOP")


def test_a_click_that_slack_sends_again_is_the_same_click(slack: Slack) -> None:
    slack.press()
    slack.clock.forward(seconds=4)
    slack.press()
    assert len({click.id for click in slack.clicks.clicks}) == 1


HASH = "a" * 64


def approve(slack: Slack, **changes: Any) -> Click:
    """The click that comes of a press of the button for a yes, as a message of ours has it."""
    value = {"action_id": "approve", "value": f"{INCIDENT}/5#{HASH}", "action_ts": "1700000000.1"}
    slack.press(**({"actions": [value]} | changes))
    return slack.clicks.clicks[-1]


def test_a_yes_of_somebody_we_know_is_sealed_with_what_they_were_shown(slack: Slack) -> None:
    click = approve(slack)
    assert (click.value, click.proposal_hash) == (f"{INCIDENT}/5", HASH)
    assert is_genuine(INCIDENT, an_approval(proposal_hash=HASH, given_at=T0, seal=click.seal), slack.seals)


@pytest.mark.parametrize("action", ["reject", "take"])
def test_nothing_but_a_yes_is_sealed(slack: Slack, action: str) -> None:
    slack.chat.fails = [Refused("expired_trigger_id")]
    value = {"action_id": action, "value": f"{INCIDENT}/5#{HASH}", "action_ts": "1700000000.1"}
    slack.press(actions=[value])
    assert (slack.clicks.clicks[-1].seal, slack.seals.asked) == ("", [])


def test_the_yes_of_a_stranger_is_not_sealed(slack: Slack) -> None:
    assert approve(slack, user={"id": "U0EVE", "team_id": "T0SHOP"}).seal == ""
    assert approve(slack, user={"id": "U0ANA", "team_id": "T0OTHER"}).seal == ""


def test_a_button_of_an_older_release_gets_no_seal(slack: Slack) -> None:
    slack.press()
    assert slack.clicks.clicks[0].seal == ""


def test_a_yes_that_cannot_be_sealed_is_told_so_and_goes_nowhere(slack: Slack) -> None:
    slack.seals.down = True
    value = {"action_id": "approve", "value": f"{INCIDENT}/5#{HASH}", "action_ts": "1700000000.1"}
    assert slack.press(actions=[value]).status_code == 200
    assert slack.clicks.clicks == []
    assert "did not reach us and changed nothing" in slack.chat.whispers[-1][2]


def test_a_guest_from_another_workspace_keeps_their_own_team(slack: Slack) -> None:
    slack.press(user={"id": "U0ANA", "team_id": "T0OTHER"})
    assert slack.clicks.clicks[0].team == "T0OTHER"


def test_a_click_that_cannot_be_queued_is_told_so_and_never_taken_for_a_yes(slack: Slack) -> None:
    slack.clicks.down = True
    assert slack.press().status_code == 200
    assert slack.chat.whispers == [
        ("C0INCIDENTS", "U0ANA", "Your click did not reach us and changed nothing. Press it again.")
    ]


def test_a_click_that_can_neither_be_queued_nor_told_fails_visibly_in_slack(slack: Slack) -> None:
    slack.clicks.down = True
    slack.chat.fails = [Unavailable("Slack is busy")]
    assert slack.press().status_code == 503


@pytest.mark.parametrize(
    "changes",
    [{"team": {"id": "T0OTHER"}}, {"api_app_id": "A0OTHER"}, {"team": None}],
    ids=["another workspace", "another app", "no workspace"],
)
def test_a_click_from_elsewhere_is_refused(slack: Slack, changes: dict[str, Any]) -> None:
    assert slack.press(**changes).status_code == 403
    assert not slack.clicks.clicks


def test_no_click_counts_while_the_configuration_names_no_app() -> None:
    slack = Slack(config={"slack_app": ""})
    assert slack.press().status_code == 403
    assert slack.press(api_app_id="").status_code == 403


@pytest.mark.parametrize(
    "payload",
    ["", "{", "[]", "null", "{}", '{"type": "block_actions"}', "[" * 5000],
)
def test_a_signed_payload_that_is_none_is_a_400(slack: Slack, payload: str) -> None:
    assert slack.send("/slack/actions", {"payload": payload}).status_code == 400


def test_other_interactions_are_acknowledged_and_change_nothing(slack: Slack) -> None:
    assert slack.send("/slack/actions", {"payload": '{"type": "shortcut"}'}).status_code == 200
    assert slack.press("some_other_button").status_code == 200
    assert not slack.clicks.clicks


def test_rejecting_asks_for_a_reason_first_and_queues_the_no_with_it(slack: Slack) -> None:
    slack.press("reject")
    assert not slack.clicks.clicks
    ((view_id, view),) = slack.chat.views.items()
    shown = view | {"id": view_id, "state": {"values": {"reason": {"reason": {"value": "a deploy is running"}}}}}
    submission = {**a_payload(), "type": "view_submission", "view": shown}
    assert slack.send("/slack/actions", {"payload": json.dumps(submission)}).status_code == 200
    (click,) = slack.clicks.clicks
    assert (click.button, click.reason, click.value) == ("reject", "a deploy is running", f"{INCIDENT}/5")
    assert (click.channel, click.message_ts) == ("C0INCIDENTS", "1.0")


def test_a_no_needs_no_reason(slack: Slack) -> None:
    slack.press("reject")
    ((view_id, view),) = slack.chat.views.items()
    shown = view | {"id": view_id, "state": {"values": {"reason": {"reason": {"value": None}}}}}
    slack.send("/slack/actions", {"payload": json.dumps({**a_payload(), "type": "view_submission", "view": shown})})
    assert slack.clicks.clicks[0].reason == ""


def test_a_no_counts_even_if_the_dialog_does_not_open(slack: Slack) -> None:
    slack.press("reject", trigger_id="")
    assert [click.button for click in slack.clicks.clicks] == ["reject"]


def test_view_timeline_opens_a_dialog_and_fills_it(slack: Slack) -> None:
    a_history(store=slack.store)
    slack.press("timeline")
    (view,) = slack.chat.views.values()
    assert "Opened about ecs:shop/orders" in json.dumps(view)


def test_a_slow_table_leaves_a_dialog_that_says_so(slack: Slack) -> None:
    class Slow(MemoryStore):
        def read(self, incident_id: str) -> History:
            raise Unavailable(incident_id)

    slack.store = Slow()
    slack.press("timeline")
    (view,) = slack.chat.views.values()
    assert "cannot be read right now" in json.dumps(view)


def test_a_dialog_that_cannot_be_opened_is_acknowledged_all_the_same(slack: Slack) -> None:
    slack.chat.fails = [Refused("expired_trigger_id")]
    assert slack.press("timeline").status_code == 200


def test_open_lists_the_open_incidents(slack: Slack) -> None:
    assert slack.type("open") == "No incident is open."
    a_history(store=slack.store)
    assert "*orders* high, investigating: orders-5xx" in slack.type("open")


def test_anybody_on_call_may_stop_everything_and_only_named_people_may_resume(slack: Slack) -> None:
    slack.config = {
        "people": (
            a_person(),
            a_person(id="bo", name="Bo", slack=({"user": "U0BO", "team": "T0SHOP"},), may_resume=True),
        )
    }
    assert slack.type("stop payments looks odd").startswith("Stopped")
    switch = slack.store.get(keys.KILL_SWITCH)
    assert switch is not None
    assert switch.value == {
        "stopped": True,
        "person": "ana",
        "reason": "payments looks odd",
        "at": "2026-11-21T03:00:00.000Z",
    }
    assert slack.type("resume") == "You may not resume; it stays as it was. May resume: Bo."
    assert "*Everything is stopped* by Ana since" in slack.type("open")
    assert slack.type("resume", user="U0BO").startswith("Resumed")
    switch = slack.store.get(keys.KILL_SWITCH)
    assert switch is not None
    assert switch.value["stopped"] is False


class StoppedMeanwhile(MemoryStore):
    """Somebody else stops everything right after the switch was read."""

    def get(self, key: str) -> Item | None:
        item = super().get(key)
        if key == keys.KILL_SWITCH:
            self.write(Put(key, {"stopped": True, "person": "cy", "reason": "payments burns", "at": "now"}))
        return item


def test_a_stop_that_comes_while_somebody_resumes_stands(slack: Slack) -> None:
    slack.config, slack.store = {"people": (a_person(may_resume=True),)}, StoppedMeanwhile()
    slack.type("stop")
    assert slack.type("resume").startswith("Somebody moved the switch just now")
    held = slack.store.get(keys.KILL_SWITCH)
    assert held
    assert (held.value["stopped"], held.value["person"]) == (True, "cy")


def test_a_switch_that_says_neither_yes_nor_no_is_on_and_can_be_turned(slack: Slack) -> None:
    """No action runs under it, so it has to be seen, and to be lifted by whoever may."""
    slack.config = {"people": (a_person(may_resume=True),)}
    for value in ({"stopped": None}, {"stopped": True, "at": "at noon"}, {"stopped": True, "at": 5}):
        slack.store.write(Put(keys.KILL_SWITCH, value))
        assert slack.type("open").startswith("*Everything is stopped* by somebody")
    assert slack.type("resume").startswith("Resumed")
    assert slack.type("open") == "No incident is open."


def test_a_stranger_may_not_even_stop(slack: Slack) -> None:
    assert "not in config/people.yaml" in slack.type("stop", user="U0NOBODY")
    assert slack.store.get(keys.KILL_SWITCH) is None


def test_other_words_get_help(slack: Slack) -> None:
    assert "/middlewatch stop" in slack.type("what")
    assert "/middlewatch stop" in slack.type("")


BODY = urlencode({"payload": json.dumps(a_payload())}).encode()
SIGNED = signature(STAMP, BODY, SECRET)


def refused(headers: list[tuple[bytes, bytes]], body: bytes = BODY, clock: Clock | None = None) -> bool:
    slack = Slack(clock=clock or Clock())
    answer = slack.client().post("/slack/actions", content=body, headers=headers)
    assert answer.status_code in {200, 401}
    assert bool(slack.clicks.clicks) == (answer.status_code == 200)
    return answer.status_code == 401


def headers_of(stamp: str | bytes, signed: str | bytes) -> list[tuple[bytes, bytes]]:
    as_bytes = [each.encode() if isinstance(each, str) else each for each in (stamp, signed)]
    return [(b"x-slack-request-timestamp", as_bytes[0]), (b"x-slack-signature", as_bytes[1])]


def test_the_request_that_slack_signed_is_taken_whatever_the_case_of_its_headers() -> None:
    assert not refused(headers_of(STAMP, SIGNED))
    assert not refused([(name.upper(), value) for name, value in headers_of(STAMP, SIGNED)])


@pytest.mark.parametrize(
    "stamp",
    [
        "",
        "abc",
        "-1700000000",
        f"{STAMP}.0",
        f"+{STAMP}",
        f" {STAMP[:-1]}",
        "1e9",
        "٣",
        "32503680000",
        "9" * 400,
        "0x1",
    ],
)
def test_a_time_stamp_that_is_none_is_a_401_even_if_it_is_signed(stamp: str) -> None:
    assert refused(headers_of(stamp, signature(stamp, BODY, SECRET)))


@pytest.mark.parametrize("away", [-301, 301, 86400, -86400])
def test_a_request_from_another_time_is_a_401(away: int) -> None:
    assert refused(headers_of(STAMP, SIGNED), clock=Clock(T0 + timedelta(seconds=away)))


@pytest.mark.parametrize("away", [-300, 300])
def test_five_minutes_are_still_in_time(away: int) -> None:
    assert not refused(headers_of(STAMP, SIGNED), clock=Clock(T0 + timedelta(seconds=away)))


def test_a_missing_or_doubled_header_is_a_401() -> None:
    stamp, signed = headers_of(STAMP, SIGNED)
    for headers in ([], [stamp], [signed], [stamp, stamp, signed], [stamp, signed, signed]):
        assert refused(headers)
    assert refused(headers_of(f"{STAMP},{STAMP}", SIGNED))
    assert refused(headers_of(STAMP, f"{SIGNED},{SIGNED}"))


@pytest.mark.parametrize("signed", ["", "v0=", SIGNED[3:], "v1=" + SIGNED[3:], SIGNED.upper(), SIGNED + "0", "v0=ü"])
def test_a_signature_of_another_form_is_a_401(signed: str) -> None:
    assert refused(headers_of(STAMP, signed))


def test_bytes_that_are_no_text_are_a_401() -> None:
    assert refused(headers_of(STAMP, b"v0=\xff\xfe"))
    assert refused(headers_of(STAMP, SIGNED), b"\xff\xfe" + BODY)


def test_a_signature_with_another_secret_is_a_401() -> None:
    assert refused(headers_of(STAMP, signature(STAMP, BODY, "other")))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_mutation_of_the_body_the_time_or_the_signature_is_a_401(data: st.DataObject) -> None:
    parts = [BODY, STAMP.encode(), SIGNED.encode()]
    which = data.draw(st.integers(0, 2))
    place = data.draw(st.integers(0, len(parts[which]) - 1))
    other = data.draw(st.integers(33, 255).filter(lambda byte: byte != parts[which][place] and byte != 127))
    parts[which] = parts[which][:place] + bytes([other]) + parts[which][place + 1 :]
    assert refused(headers_of(parts[1], parts[2]), parts[0])


def test_while_the_secret_cannot_be_read_nothing_is_believed() -> None:
    def unreadable(name: str) -> str:
        raise Unavailable(name)

    slack = Slack(secret=unreadable)
    assert slack.press().status_code == 503
    assert not slack.clicks.clicks


def test_without_a_secret_nothing_is_believed() -> None:
    slack = Slack(secret=lambda _: "")
    body = b"payload="
    headers = {"x-slack-request-timestamp": STAMP, "x-slack-signature": signature(STAMP, body, "")}
    assert slack.client().post("/slack/actions", content=body, headers=headers).status_code == 401


def test_a_body_beyond_all_reason_is_a_413(slack: Slack) -> None:
    assert slack.send("/slack/actions", {"payload": "x" * 300_000}).status_code == 413


def test_a_click_survives_the_queue(slack: Slack) -> None:
    slack.press()
    (click,) = slack.clicks.clicks
    assert Click.model_validate_json(click.model_dump_json()) == click


def test_half_of_a_letter_is_a_400_and_no_error_of_ours(slack: Slack) -> None:
    assert slack.press(user={"id": "\ud800", "team_id": "T0SHOP"}).status_code == 400


def test_a_secret_in_a_reason_is_gone_before_it_is_queued(slack: Slack) -> None:
    kept = json.dumps({"value": f"{INCIDENT}/5", "channel": "C0INCIDENTS", "message_ts": "1.0"})
    state = {"values": {"reason": {"reason": {"value": "its password=hunter2 leaked"}}}}
    view = {"id": "V1", "callback_id": "rejection", "private_metadata": kept, "state": state}
    submission = {**a_payload(), "type": "view_submission", "view": view}
    assert slack.send("/slack/actions", {"payload": json.dumps(submission)}).status_code == 200
    assert slack.clicks.clicks[0].reason == "its password=[redacted:secret] leaked"


def test_an_answer_is_said_so_that_slack_makes_no_links_of_it(slack: Slack) -> None:
    fields = {"api_app_id": APP, "team_id": "T0SHOP", "user_id": "U0ANA", "text": "open"}
    (block,) = slack.send("/slack/commands", fields).json()["blocks"]
    assert block["text"]["verbatim"]
