"""Messages that could not be handled: why, and handling them again."""

from typing import TYPE_CHECKING

from cli import show
from cli.failure import Failed
from shared.errors import Taken
from shared.ports import Item, State
from shared.writes import Release

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

LIST = "quarantine"
PREFIX = "quarantine#"


def listed(state: State, limit: int, cursor: str, *, as_json: bool) -> None:
    """A page of what is kept, newest first."""
    page = state.listed(LIST, limit=limit, cursor=cursor)
    if as_json:
        show.json({"quarantine": [{"id": _name(item), **item.value} for item in page.items], "next": page.next})
        return
    show.table(
        ("id", "since (UTC)", "why"),
        [(_name(item), item.value["at"][:19].replace("T", " "), item.value["reason"]) for item in page.items],
    )
    if not page.items:
        show.aside("nothing is in quarantine")
    if page.next:
        show.aside(f"more with --cursor '{page.next}'")


def shown(state: State, name: str, *, as_json: bool) -> None:
    """One message, with its body."""
    item = _item(state, name)
    if as_json:
        show.json({"id": name, **item.value})
        return
    show.fields([(key, str(item.value[key])) for key in ("function", "at", "reason", "body")])


def retry(state: State, sqs: "SQSClient", name: str, prefix: str) -> None:
    """Sends the body to the function's queue once more, then forgets it.

    Raises Failed where sending fails, or the function did again meanwhile; then it stays.
    """
    item = _item(state, name)
    function = item.value["function"]
    if not item.value["whole"]:
        raise Failed(f"only the beginning of {name} was kept, so it cannot be sent again", 1)
    url = sqs.get_queue_url(QueueName=f"{prefix}-{function}")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=item.value["body"])
    try:
        state.write(Release(item.key, when=item.value))
    except Taken as taken:
        raise Failed(f"{name} was sent and has failed again; see `middlewatch quarantine show {name}`", 1) from taken
    show.line(f"{name} is on the queue of {function} again")


def _item(state: State, name: str) -> Item:
    item = state.get(PREFIX + name.replace("/", "#"))
    if item is None:
        raise Failed(f"{name} is not in quarantine; see `middlewatch quarantine list`")
    return item


def _name(item: Item) -> str:
    return item.key.removeprefix(PREFIX).replace("#", "/")
