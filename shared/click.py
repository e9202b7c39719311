"""A click, as it waits in the approval queue."""

from typing import Literal

from pydantic import AwareDatetime, Field

from shared.model import Frozen

Button = Literal["approve", "reject", "take"]
CHANNEL = "slack"
"""What facts call the way by which a click came."""
SHOWN = "#"
"""In the value of the button for a yes, between the question's id and the hash of the proposal that was shown."""


class Click(Frozen):
    """Who pressed which button where, and when we heard of it; `value` is the opaque id that the button carried.

    `id` is the same for every delivery of one click. User, team and channel are Slack's immutable ids. A yes says which
    proposal was shown (its hash), and carries the seal of the door that heard it where it knew the person.
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
    proposal_hash: str = ""
    seal: str = ""
