"""The port Chat, held against the fake and, through the real slack-sdk, against the stand-in for Slack."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from local.standins.serving import serving
from local.standins.slack.app import build
from local.standins.slack.clicks import Clicks
from local.standins.slack.workspace import Workspace
from shared.errors import Refused
from shared.integrations.slack import SlackChat
from shared.mrkdwn import section
from shared.ports import Chat, Post
from tests.fakes.chat import MemoryChat

CHANNEL = "C0INCIDENTS"
POST = Post("words", (section(["words"]),))


@dataclass
class Place:
    """A chat, and a trigger that opens dialogs in it."""

    chat: Chat
    trigger: str


@pytest.fixture(params=["memory", "slack"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    if request.param == "memory":
        yield Place(MemoryChat(), "trigger")
        return
    space = Workspace.load(None, None, ["incidents"])
    clicks = Clicks(space, "secret", None, None, "")
    with serving(build(space, clicks, "xoxb-token")) as url:
        yield Place(SlackChat(lambda: "xoxb-token", f"{url}/api/"), space.trigger("U0ANA"))


def test_a_message_is_found_by_its_key(place: Place) -> None:
    posted = place.chat.post(CHANNEL, POST, "key-1")
    place.chat.post(CHANNEL, POST, "key-2")
    assert place.chat.find(CHANNEL, "key-1") == posted
    assert place.chat.find(CHANNEL, "key-3") is None


def test_a_line_in_a_thread_is_found_there_and_not_in_the_channel(place: Place) -> None:
    parent = place.chat.post(CHANNEL, POST, "parent")
    reply = place.chat.post(CHANNEL, POST, "reply", parent)
    assert place.chat.find(CHANNEL, "reply", parent) == reply
    assert place.chat.find(CHANNEL, "reply") is None
    assert place.chat.find(CHANNEL, "other", parent) is None


def test_a_message_can_be_changed_and_keeps_its_key(place: Place) -> None:
    posted = place.chat.post(CHANNEL, POST, "key-1")
    place.chat.update(posted, Post("other words", (section(["other words"]),)))
    assert place.chat.find(CHANNEL, "key-1") == posted


def test_changing_a_message_that_is_gone_is_refused(place: Place) -> None:
    with pytest.raises(Refused):
        place.chat.update(f"{CHANNEL}/1.1", POST)


def test_a_whisper_reaches_a_person_of_the_channel(place: Place) -> None:
    place.chat.whisper(CHANNEL, "U0ANA", "already approved")


def test_a_dialog_opens_once_with_a_trigger_and_can_be_filled(place: Place) -> None:
    view = {"type": "modal", "title": {"type": "plain_text", "text": "Timeline"}, "blocks": [section(["…"])]}
    opened = place.chat.open_view(place.trigger, view)
    place.chat.update_view(opened, {**view, "blocks": [section(["filled"])]})
    with pytest.raises(Refused):
        place.chat.update_view("V0NONE", view)
    with pytest.raises(Refused):
        place.chat.open_view("", view)


def test_a_channels_name_is_as_good_as_its_id() -> None:
    space = Workspace.load(None, None, ["incidents"])
    with serving(build(space, Clicks(space, "secret", None, None, ""), "xoxb-token")) as url:
        chat = SlackChat(lambda: "xoxb-token", f"{url}/api/")
        posted = chat.post("#incidents", POST, "key-1")
        assert chat.find("#incidents", "key-1") == posted
        with pytest.raises(Refused, match="does not see this channel"):
            chat.find("#nowhere", "key-1")
