"""What Slack posts, read into the little that we use of it. Source: docs.slack.dev/reference/interaction-payloads."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from json import dumps
from typing import Any, cast, get_args
from urllib.parse import parse_qs

from shared.alerts.safe_json import loads
from shared.click import SHOWN, Button, Click
from shared.errors import Refused
from shared.redaction import redact

REASON = 1000
"""Characters of a reason."""
REJECTION = "rejection"
"""The callback id of the dialog that asks for a reason."""


@dataclass(frozen=True, slots=True)
class Who:
    """The app and the workspace that a payload comes from, and the user and their own workspace."""

    app: str
    team: str
    user: str
    user_team: str
    trigger: str


@dataclass(frozen=True, slots=True)
class Press:
    """A button pressed in a message, or the dialog that asks for a reason sent off."""

    who: Who
    action: str
    value: str
    stamp: str
    channel: str = ""
    message_ts: str = ""
    reason: str = ""
    submitted: bool = False

    def click(self, button: Button, now: datetime) -> Click:
        """What is queued; its id is the same whenever Slack sends this press again."""
        whole = f"{self.who.user_team}|{self.who.user}|{self.stamp}|{button}|{self.value}"
        value, _, proposal_hash = self.value.partition(SHOWN)
        return Click(
            id=sha256(whole.encode()).hexdigest()[:32],
            user=self.who.user,
            team=self.who.user_team,
            channel=self.channel,
            message_ts=self.message_ts,
            button=button,
            value=value,
            reason=self.reason,
            clicked_at=now,
            proposal_hash=proposal_hash,
        )


@dataclass(frozen=True, slots=True)
class Command:
    """`/middlewatch <words>`, typed by somebody."""

    app: str
    team: str
    user: str
    words: str


def form(body: bytes) -> Mapping[str, str]:
    """The fields of a form, the first of each name; raises Refused for what is no form."""
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, strict_parsing=bool(body), max_num_fields=100)
    except ValueError as error:
        raise Refused(f"not a form: {error}") from error
    return {name: values[0] for name, values in fields.items()}


def read_press(fields: Mapping[str, str]) -> Press | None:
    """The press in a form's `payload`, None for other interactions; raises Refused, naming what is wrong with it."""
    try:
        payload = loads(fields["payload"])
        if payload["type"] == "block_actions":
            return _pressed(payload)
        if payload["type"] == "view_submission" and payload["view"]["callback_id"] == REJECTION:
            return _submitted(payload)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise Refused(f"payload lacks what it should have: {error!r}") from error
    return None


def read_command(fields: Mapping[str, str]) -> Command:
    """The command in a form, without secrets; raises Refused, naming the field that is missing."""
    try:
        words = redact(fields.get("text", "")).strip()
        return Command(fields["api_app_id"], fields["team_id"], fields["user_id"], words)
    except KeyError as error:
        raise Refused(f"the command lacks {error}") from error


def button_of(press: Press) -> Button | None:
    """Which of the buttons that are decided in the queue this is."""
    return cast("Button", press.action) if press.action in get_args(Button) else None


def reason_dialog(press: Press) -> dict[str, Any]:
    """Asks why somebody says no; they need not say."""
    kept = {"value": press.value, "channel": press.channel, "message_ts": press.message_ts}
    return {
        "type": "modal",
        "callback_id": REJECTION,
        "private_metadata": dumps(kept),
        "title": {"type": "plain_text", "text": "Reject"},
        "submit": {"type": "plain_text", "text": "Reject"},
        "close": {"type": "plain_text", "text": "Not yet"},
        "blocks": [
            {
                "type": "input",
                "block_id": "reason",
                "optional": True,
                "label": {"type": "plain_text", "text": "Why not? (shown on the timeline)"},
                "element": {"type": "plain_text_input", "action_id": "reason", "max_length": REASON, "multiline": True},
            }
        ],
    }


def _pressed(payload: Mapping[str, Any]) -> Press:
    action = payload["actions"][0]
    return Press(
        _who(payload),
        action=str(action["action_id"]),
        value=str(action.get("value", "")),
        stamp=str(action["action_ts"]),
        channel=str((payload.get("channel") or {}).get("id", "")),
        message_ts=str((payload.get("container") or {}).get("message_ts", "")),
    )


def _submitted(payload: Mapping[str, Any]) -> Press:
    view = payload["view"]
    kept = loads(view["private_metadata"])
    reason = view["state"]["values"].get("reason", {}).get("reason", {}).get("value")
    return Press(
        _who(payload),
        action="reject",
        value=str(kept["value"]),
        stamp=str(view["id"]),
        channel=str(kept["channel"]),
        message_ts=str(kept["message_ts"]),
        reason=redact(str(reason or ""))[:REASON],
        submitted=True,
    )


def _who(payload: Mapping[str, Any]) -> Who:
    """A person of another workspace (Slack Connect) has another team than the place where they click."""
    team = str((payload.get("team") or {}).get("id", ""))
    user = payload["user"]
    return Who(
        app=str(payload["api_app_id"]),
        team=team,
        user=str(user["id"]),
        user_team=str(user.get("team_id") or team),
        trigger=str(payload.get("trigger_id", "")),
    )
