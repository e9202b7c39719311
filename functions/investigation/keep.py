"""What of a reading is kept: redacted, bounded in bytes, numbered, with digests that anybody can compute again."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from json import dumps
from typing import Any

import rfc8785

from functions.investigation.reading import Draft
from shared.alerts.fields import clean, clip
from shared.assessment import EvidenceItem, Gap

MOST = 32_000
"""Bytes of evidence that stand in one entry; the design's limit of 32 KB."""
SENTENCES, TEXT, DETAIL, LINK = 600, 400, 300, 1000
"""Characters kept of `found`, of any text inside `data`, and of a gap's detail; a longer link is left out."""
LEAST = 40
"""Characters that are kept of a text however little room there is."""
RAW = 4_000
"""Characters of a raw text that are looked at for secrets at all; what is behind them is never kept."""
KINDS = (
    "alert", "cloudwatch.alarm", "cloudwatch.metric", "ecs.service", "ecs.deployments", "ecs.stopped_tasks",
    "ecs.events", "ecs.task_definition", "ecs.releases", "logs.lines",
)  # fmt: skip
"""The order in which evidence is numbered."""
_BYTES = {"logs.lines": 8_000, "ecs.events": 3_500, "ecs.stopped_tasks": 3_500}
_USUAL_BYTES = 1_600

Redact = Callable[[str], str]


def keep(drafts: Iterable[Draft], redact: Redact) -> tuple[EvidenceItem, ...]:
    """The drafts as evidence, in a fixed order, together at most `MOST` bytes (of up to 40 drafts).

    Where a list had to be cut, `data["cut"]` says how many entries it had.
    """
    cleaned = [_cleaned(draft, redact) for draft in drafts]
    ordered = sorted(cleaned, key=lambda draft: (KINDS.index(draft.kind), draft.source, draft.query))
    share = 1.0
    items = _items(ordered, share)
    while _size(items) > MOST and share > 1 / 64:
        share /= 2
        items = _items(ordered, share)
    return items


def kept_gaps(gaps: Iterable[Gap], redact: Redact) -> tuple[Gap, ...]:
    """The gaps in a fixed order, their details redacted and short."""
    ordered = sorted(gaps, key=lambda gap: (gap.source, gap.query, gap.reason))
    return tuple(
        gap.model_copy(update={"query": _text(gap.query, TEXT, redact), "detail": _text(gap.detail, DETAIL, redact)})
        for gap in ordered
    )


def digest_of(items: Sequence[EvidenceItem], gaps: Sequence[Gap]) -> str:
    """sha256 over the canonical JSON of the items' digests and of the gaps."""
    return _sha({"items": [item.digest for item in items], "gaps": [gap.model_dump(mode="json") for gap in gaps]})


def _cleaned(draft: Draft, redact: Redact) -> Draft:
    return replace(
        draft,
        query=_text(draft.query, TEXT, redact),
        found=_text(draft.found, SENTENCES, redact),
        data=_clean(draft.data, redact),
    )


def _items(drafts: Sequence[Draft], share: float) -> tuple[EvidenceItem, ...]:
    return tuple(_item(f"e{number}", draft, share) for number, draft in enumerate(drafts, start=1))


def _item(number: str, draft: Draft, share: float) -> EvidenceItem:
    item = EvidenceItem(
        id=number,
        kind=draft.kind,
        source=draft.source,
        query=clip(draft.query, max(LEAST, int(TEXT * share))),
        window=draft.window,
        found=clip(draft.found, max(LEAST, int(SENTENCES * share))),
        data=_bounded(draft.data, int(_BYTES.get(draft.kind, _USUAL_BYTES) * share)),
        link=draft.link if len(draft.link) <= LINK * share else "",
        digest="",
    )
    return item.model_copy(update={"digest": _sha(item.model_dump(mode="json", exclude={"id", "digest", "link"}))})


def _text(text: str, most: int, redact: Redact) -> str:
    return clip(redact(clean(text[:RAW])), most)


def _clean(value: Any, redact: Redact) -> Any:  # noqa: ANN401 - any JSON
    """The same JSON with every text redacted and short; names of fields are ours."""
    match value:
        case str():
            return _text(value, TEXT, redact)
        case dict():
            return {_text(str(key), TEXT, redact): _clean(inner, redact) for key, inner in value.items()}
        case list() | tuple():
            return [_clean(inner, redact) for inner in value]
    return value


def _bounded(data: Mapping[str, Any], most: int) -> dict[str, Any]:
    """`data` with what takes the most bytes halved (a list from its end) until it takes at most `most` bytes.

    Only numbers, and texts of `LEAST` characters, may still take more.
    """
    cut = dict(data)
    while _length(cut) > most:
        shorter = {name: value for name, value in cut.items() if name != "cut" and _can_be_halved(value)}
        if not shorter:
            break
        longest = max(shorter, key=lambda name: _length(cut[name]))
        half = len(cut[longest]) // 2
        if isinstance(cut[longest], str):
            cut[longest] = clip(cut[longest], max(LEAST, half))
        else:
            cut[longest] = cut[longest][:half]
            cut["cut"] = {**cut.get("cut", {}), longest: len(data[longest])}
    return cut


def _can_be_halved(value: object) -> bool:
    return bool(value) if isinstance(value, list) else isinstance(value, str) and len(value) > LEAST


def _size(items: Sequence[EvidenceItem]) -> int:
    return sum(_length(item.model_dump(mode="json")) for item in items)


def _length(content: Any) -> int:  # noqa: ANN401 - any JSON
    """Bytes that it takes at most: as canonical JSON, but for some numbers that this writes longer."""
    return len(dumps(content, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass"))


def _sha(content: Any) -> str:  # noqa: ANN401 - any JSON
    return sha256(rfc8785.dumps(content)).hexdigest()
