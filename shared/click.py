"""A click, as it waits in the approval queue."""

from typing import Literal

from pydantic import AwareDatetime, Field

from shared.model import Frozen

Button = Literal["approve", "reject", "take"]


class Click(Frozen):
    """Who pressed which button where, and when we heard of it; `value` is the opaque id that the button carried.

    `id` is the same for every delivery of one click. User, team and channel are Slack's immutable ids.
    """

    id: str
    user: str
    team: str
    channel: str = ""
    message_ts: str = ""
    button: Button
    value: str
    reason: str = Field(default="", max_length=1000)
    clicked_at: AwareDatetime
