"""SQS as moto has it, telling which messages changed and never losing one to a race."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from moto.core.utils import unix_time_millis
from moto.sqs.models import Message, Queue, SQSBackend

if TYPE_CHECKING:
    from moto.awslambda.models import EventSourceMapping

    from local.aws.changes import Changes


class WatchedQueue(Queue):
    """A queue that notes each message added or deleted."""

    changes: Changes
    BASE_ATTRIBUTES = [*Queue.BASE_ATTRIBUTES, "RedriveAllowPolicy"]
    redrive_allow_policy: str | None = None
    """Kept by moto and never told."""

    @property
    def lambda_event_source_mappings(self) -> dict[str, EventSourceMapping]:  # type: ignore[override]
        """None: moto would call the functions by itself."""
        return {}

    @property
    def attributes(self) -> dict[str, Any]:
        """What is told of the queue; AWS tells JSON without spaces."""
        told: dict[str, Any] = super().attributes
        if redrive := told.get("RedrivePolicy"):
            told["RedrivePolicy"] = json.dumps(json.loads(redrive), separators=(",", ":"))
        return told

    def _set_attributes(self, attributes: dict[str, Any], now: float | None = None) -> None:
        """Change attributes; moto forgets the policy where nothing is said of it."""
        super()._set_attributes({"Policy": self.policy, **attributes}, now)

    @property
    def messages(self) -> list[Message]:
        """The messages that can be seen now. moto asks the clock twice for each, at every send and receive."""
        now = unix_time_millis()
        return [m for m in self._messages if m.visible_at < now and m.delayed_until <= now]

    @property
    def approximate_number_of_messages_delayed(self) -> int:
        """How many messages wait for their delay to pass."""
        now = unix_time_millis()
        return sum(m.delayed_until > now for m in self._messages)

    @property
    def approximate_number_of_messages_not_visible(self) -> int:
        """How many messages are being worked on."""
        now = unix_time_millis()
        return sum(m.visible_at >= now for m in self._messages)

    def add_message(self, message: Message) -> None:
        """Keep the message and wake whoever waits for this queue."""
        super().add_message(message)
        self.note(message)

    def delete_message(self, receipt_handle: str) -> None:
        """Drop the message that ever had this receipt handle."""
        gone = [message for message in self._messages if message.had_receipt_handle(receipt_handle)]
        super().delete_message(receipt_handle)
        for message in gone:
            self.changes.messages[message.id] = None

    def note(self, message: Message) -> None:
        """Remember that the message changed."""
        self.changes.messages[message.id] = (self.name, message)
        self.changes.touched(f"queue/{self.name}")

    def held(self) -> list[Message]:
        """Give every message of the queue, hidden ones too."""
        return self._messages

    def bring_back(self, message: Message) -> None:
        """Hold a message again as it was before a restart."""
        self._messages.append(message)
        if message.visible_at:
            self._pending_messages.add(message)

    def due_in(self) -> float | None:
        """Say in how many seconds the next hidden message can be seen; None when none is hidden."""
        now = unix_time_millis()
        times = [max(m.visible_at, m.delayed_until) for m in self._messages]
        return max(0.0, (min(times) - now) / 1000 + 0.002) if times else None


class Queues(SQSBackend):
    """All queues of one account and region. Every method is called under the lock of `changes`."""

    changes: Changes

    def create_queue(self, name: str, tags: dict[str, str] | None = None, **attributes: Any) -> Queue:  # noqa: ANN401 - moto's signature
        """Create the queue, or give the one that is there with the same attributes."""
        queue = super().create_queue(name, tags, **attributes)
        queue.__class__ = WatchedQueue  # type: ignore[type-abstract]  # moto makes the queue itself
        self.watched(name).changes = self.changes
        return queue

    def watched(self, name: str) -> WatchedQueue:
        """Give a queue by its name. Raises QueueDoesNotExist."""
        return cast("WatchedQueue", self.get_queue(name))

    def receive_message(
        self,
        queue_name: str,
        count: int,
        wait_seconds_timeout: int,
        visibility_timeout: int,
        message_attribute_names: list[str] | None = None,
    ) -> list[Message]:
        """Take up to `count` visible messages, waiting up to `wait_seconds_timeout` for the first one."""
        queue = self.watched(queue_name)
        give_up = unix_time_millis() + 1000 * int(wait_seconds_timeout or 0)
        while True:
            taken = super().receive_message(queue_name, count, 0, visibility_timeout, message_attribute_names)
            left = (give_up - unix_time_millis()) / 1000
            if taken or left <= 0 or self.changes.closed:
                break
            due = queue.due_in()
            # Waiting on the condition gives the lock to the others.
            self.changes.waiter(f"queue/{queue_name}").wait(left if due is None else min(left, due))
        ids = {message.id for message in taken}
        for message in queue.held():
            if message.id in ids:
                self.changes.messages[message.id] = (queue_name, message)
        return taken

    def change_message_visibility(self, queue_name: str, receipt_handle: str, visibility_timeout: int) -> None:
        """Hide the message for `visibility_timeout` seconds from now."""
        super().change_message_visibility(queue_name, receipt_handle, visibility_timeout)
        queue = self.watched(queue_name)
        for message in queue.held():
            if message.had_receipt_handle(receipt_handle):
                queue.note(message)

    def purge_queue(self, queue_name: str) -> None:
        """Delete every message of the queue."""
        for message in self.watched(queue_name).held():
            self.changes.messages[message.id] = None
        super().purge_queue(queue_name)
