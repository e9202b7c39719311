# ruff: noqa: D101, D102  # the names are Slack's own and described at the source below
"""Block Kit as Slack accepts it: known blocks and elements, required fields, and the published limits.

Source of every limit: docs.slack.dev/reference/block-kit and docs.slack.dev/reference/views
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

MESSAGE_BLOCKS = 50
MODAL_BLOCKS = 100


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


Id = Annotated[str, Field(min_length=1, max_length=255)]
Url = Annotated[str, Field(min_length=1, max_length=3000, pattern=r"^https?://")]


def _plain(limit: int) -> Any:  # noqa: ANN401  # a type made at run time
    class Plain(Part):
        type: Literal["plain_text"]
        text: str = Field(min_length=1, max_length=limit)
        emoji: bool = True

    return Plain


def _text(limit: int) -> Any:  # noqa: ANN401  # a type made at run time
    class Mrkdwn(Part):
        type: Literal["mrkdwn"]
        text: str = Field(min_length=1, max_length=limit)
        verbatim: bool = False

    return Annotated[_plain(limit) | Mrkdwn, Field(discriminator="type")]


Plain24, Plain30, Plain75, Plain100, Plain150, Plain2000 = map(_plain, (24, 30, 75, 100, 150, 2000))
Text75, Text300, Text2000, Text3000 = map(_text, (75, 300, 2000, 3000))


class Confirm(Part):
    title: Plain100  # type: ignore[valid-type]
    text: Text300  # type: ignore[valid-type]
    confirm: Plain30  # type: ignore[valid-type]
    deny: Plain30  # type: ignore[valid-type]
    style: Literal["primary", "danger"] | None = None


class Element(Part):
    action_id: Id | None = None


class Button(Element):
    type: Literal["button"]
    text: Plain75  # type: ignore[valid-type]
    url: Url | None = None
    value: str | None = Field(default=None, max_length=2000)
    style: Literal["primary", "danger"] | None = None
    confirm: Confirm | None = None
    accessibility_label: str | None = Field(default=None, max_length=75)


class Option(Part):
    text: Text75  # type: ignore[valid-type]
    value: str = Field(min_length=1, max_length=150)
    description: Text75 | None = None  # type: ignore[valid-type]
    url: Url | None = None


class Select(Element):
    type: Literal["static_select", "multi_static_select"]
    options: list[Option] = Field(min_length=1, max_length=100)
    placeholder: Plain150 | None = None  # type: ignore[valid-type]
    initial_option: Option | None = None
    initial_options: list[Option] | None = None
    max_selected_items: int | None = None
    confirm: Confirm | None = None
    focus_on_load: bool = False


class UsersSelect(Element):
    type: Literal["users_select", "multi_users_select"]
    placeholder: Plain150 | None = None  # type: ignore[valid-type]
    initial_user: str | None = None
    initial_users: list[str] | None = None
    max_selected_items: int | None = None
    confirm: Confirm | None = None
    focus_on_load: bool = False


class Choices(Element):
    type: Literal["checkboxes", "radio_buttons"]
    options: list[Option] = Field(min_length=1, max_length=10)
    initial_option: Option | None = None
    initial_options: list[Option] | None = None
    confirm: Confirm | None = None
    focus_on_load: bool = False


class Overflow(Element):
    type: Literal["overflow"]
    options: list[Option] = Field(min_length=1, max_length=5)
    confirm: Confirm | None = None


class DatePicker(Element):
    type: Literal["datepicker", "timepicker"]
    initial_date: str | None = None
    initial_time: str | None = None
    placeholder: Plain150 | None = None  # type: ignore[valid-type]
    confirm: Confirm | None = None
    focus_on_load: bool = False


class TextInput(Element):
    type: Literal["plain_text_input"]
    initial_value: str | None = None
    multiline: bool = False
    min_length: int | None = Field(default=None, ge=0, le=3000)
    max_length: int | None = Field(default=None, ge=1, le=3000)
    placeholder: Plain150 | None = None  # type: ignore[valid-type]
    dispatch_action_config: dict[str, Any] | None = None
    focus_on_load: bool = False


class ImageElement(Part):
    type: Literal["image"]
    image_url: Url
    alt_text: str = Field(min_length=1, max_length=2000)


class ContextText(Part):
    type: Literal["mrkdwn", "plain_text"]
    text: str = Field(min_length=1, max_length=2000)
    emoji: bool | None = None
    verbatim: bool | None = None


Interactive = Annotated[Button | Select | UsersSelect | Choices | Overflow | DatePicker, Field(discriminator="type")]
Accessory = Annotated[
    Button | Select | UsersSelect | Choices | Overflow | DatePicker | ImageElement, Field(discriminator="type")
]
Input = Annotated[Select | UsersSelect | Choices | DatePicker | TextInput, Field(discriminator="type")]


class BlockBase(Part):
    block_id: Id | None = None


class Section(BlockBase):
    type: Literal["section"]
    text: Text3000 | None = None  # type: ignore[valid-type]
    fields: list[Text2000] | None = Field(default=None, min_length=1, max_length=10)  # type: ignore[valid-type]
    accessory: Accessory | None = None
    expand: bool = False

    @model_validator(mode="after")
    def says_something(self) -> Section:
        if self.text is None and self.fields is None:
            raise ValueError("missing required field: text or fields")
        return self


class Header(BlockBase):
    type: Literal["header"]
    text: Plain150  # type: ignore[valid-type]


class Divider(BlockBase):
    type: Literal["divider"]


class Context(BlockBase):
    type: Literal["context"]
    elements: list[Annotated[ContextText | ImageElement, Field(discriminator="type")]] = Field(
        min_length=1, max_length=10
    )


class Actions(BlockBase):
    type: Literal["actions"]
    elements: list[Interactive] = Field(min_length=1, max_length=25)

    @model_validator(mode="after")
    def ids_differ(self) -> Actions:
        ids = [element.action_id for element in self.elements if element.action_id]
        if len(ids) != len(set(ids)):
            raise ValueError("action_id must be unique within a block")
        return self


class Image(BlockBase):
    type: Literal["image"]
    image_url: Url
    alt_text: str = Field(min_length=1, max_length=2000)
    title: Plain2000 | None = None  # type: ignore[valid-type]


class InputBlock(BlockBase):
    type: Literal["input"]
    label: Plain2000  # type: ignore[valid-type]
    element: Input
    hint: Plain2000 | None = None  # type: ignore[valid-type]
    optional: bool = False
    dispatch_action: bool = False


class Markdown(BlockBase):
    type: Literal["markdown"]
    text: str = Field(min_length=1, max_length=12000)


Block: TypeAlias = Annotated[
    Section | Header | Divider | Context | Actions | Image | InputBlock | Markdown, Field(discriminator="type")
]


class View(Part):
    type: Literal["modal"]
    title: Plain24  # type: ignore[valid-type]
    blocks: list[Block] = Field(max_length=MODAL_BLOCKS)
    close: Plain24 | None = None  # type: ignore[valid-type]
    submit: Plain24 | None = None  # type: ignore[valid-type]
    private_metadata: str = Field(default="", max_length=3000)
    callback_id: str = Field(default="", max_length=255)
    clear_on_close: bool = False
    notify_on_close: bool = False
    external_id: str = Field(default="", max_length=255)

    @model_validator(mode="after")
    def inputs_can_be_submitted(self) -> View:
        if self.submit is None and any(block.type == "input" for block in self.blocks):
            raise ValueError("missing required field: submit, as there are input blocks")
        return self


BLOCKS: TypeAdapter[list[Block]] = TypeAdapter(
    Annotated[list[Block], Field(max_length=MESSAGE_BLOCKS)], config=ConfigDict(strict=True)
)


def _pointer(payload: Any, place: tuple[int | str, ...]) -> str:  # noqa: ANN401  # any JSON value
    """Return a JSON pointer; pydantic puts the chosen member of a union into the place, which is no part of it."""
    pointer, here = "", payload
    for step in place:
        if isinstance(here, dict) and step not in here and step == here.get("type"):
            continue
        pointer += f"/{step}"
        if isinstance(here, dict):
            here = here.get(str(step))
        elif isinstance(here, list) and isinstance(step, int) and step < len(here):
            here = here[step]
        else:
            here = None
    return pointer


def _sentence(problem: Any) -> str:  # noqa: ANN401  # pydantic's ErrorDetails
    context = problem.get("ctx", {})
    match problem["type"]:
        case "string_too_long":
            return f"must be less than {context['max_length'] + 1} characters"
        case "too_long":
            return f"no more than {context['max_length']} items allowed"
        case "string_too_short":
            return f"must be more than {context['min_length'] - 1} characters"
        case "too_short":
            return f"no fewer than {context['min_length']} items allowed"
        case "missing":
            return f"missing required field: {problem['loc'][-1]}"
        case "extra_forbidden":
            return f"invalid additional property: {problem['loc'][-1]}"
        case "union_tag_invalid":
            return f"unsupported type: {context.get('tag')}"
    return str(problem["msg"]).removeprefix("Value error, ")


def problems(blocks: Any) -> list[str]:  # noqa: ANN401  # what came in
    """Return what Slack would object to in a message's blocks, in its words; nothing when it takes them."""
    return _check(blocks, BLOCKS, "/blocks") or _doubled(blocks)


def view_problems(view: Any) -> list[str]:  # noqa: ANN401  # what came in
    """Return what Slack would object to in a view."""
    return _check(view, TypeAdapter(View), "/view") or _doubled(view["blocks"])


def _check(payload: Any, adapter: TypeAdapter[Any], root: str) -> list[str]:  # noqa: ANN401
    try:
        adapter.validate_python(payload)
    except ValidationError as error:
        return [
            f"[ERROR] {_sentence(one)} [json-pointer:{root}{_pointer(payload, one['loc'])}]" for one in error.errors()
        ]
    return []


def _doubled(blocks: list[dict[str, Any]]) -> list[str]:
    ids = [block["block_id"] for block in blocks if block.get("block_id")]
    return [
        f"[ERROR] block_id already exists: {one} [json-pointer:/blocks]"
        for one in sorted({i for i in ids if ids.count(i) > 1})
    ]
