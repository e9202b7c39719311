import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.investigation.keep import KINDS, MOST, digest_of, keep, kept_gaps
from functions.investigation.reading import Draft
from shared.assessment import Gap
from shared.redaction import redact


def a_draft(kind: str = "logs.lines", **data: object) -> Draft:
    return Draft(kind, "logs", "q", "found", data)


def same(text: str) -> str:
    return text


def test_items_are_numbered_in_one_order_whatever_came_first() -> None:
    drafts = [a_draft("logs.lines"), a_draft("alert"), a_draft("ecs.events")]
    assert [(item.id, item.kind) for item in keep(drafts, same)] == [
        (item.id, item.kind) for item in keep(reversed(drafts), same)
    ] == [("e1", "alert"), ("e2", "ecs.events"), ("e3", "logs.lines")]  # fmt: skip


@given(st.permutations([a_draft(kind, n=n) for n, kind in enumerate(KINDS)]))
def test_the_digest_does_not_depend_on_what_was_read_first(drafts: list[Draft]) -> None:
    items = keep(drafts, same)
    assert digest_of(items, ()) == digest_of(keep(sorted(drafts, key=lambda each: each.kind), same), ())


def test_one_changed_value_or_gap_makes_another_digest() -> None:
    one, other = keep([a_draft(n=1)], same), keep([a_draft(n=2)], same)
    gap = Gap(source="ecs", query="q", reason="slow")
    assert len({digest_of(one, ()), digest_of(other, ()), digest_of(one, [gap])}) == 3


def test_secrets_are_taken_out_of_every_text() -> None:
    secret = "password=hunter2-canary"
    draft = Draft("logs.lines", "logs", f"q {secret}", secret, {"lines": [{"deep": [secret]}], secret: 1})
    (item,) = keep([draft], redact)
    (gap,) = kept_gaps([Gap(source="ecs", query="q", reason="failed", detail=secret)], redact)
    assert "hunter2-canary" not in item.model_dump_json() + gap.model_dump_json()


def test_what_no_reader_could_see_is_taken_out_of_every_text() -> None:
    """A log line may hold half of a surrogate pair, which no entry can, and escapes that a terminal would obey."""
    hostile = "half \ud83d, \x1b[2J gone"
    (item,) = keep([Draft("logs.lines", "logs", hostile, hostile, {"lines": [hostile]})], same)
    (gap,) = kept_gaps([Gap(source="ecs", query=hostile, reason="failed", detail=hostile)], same)
    assert {item.query, item.found, item.data["lines"][0], gap.query, gap.detail} == {"half  ,  [2J gone"}


def test_what_was_cut_says_how_much_there_was() -> None:
    (item,) = keep([a_draft(shapes=[{"text": f"{n}" * 300} for n in range(100)])], same)
    assert item.data["cut"] == {"shapes": 100}
    assert 0 < len(item.data["shapes"]) < 100
    assert item.data["shapes"][0]["text"].startswith("0")


@settings(deadline=None)
@given(st.lists(st.text(max_size=3000), max_size=30), st.text(max_size=3000), st.integers(1, 40))
def test_evidence_never_takes_more_than_its_share_of_an_entry(texts: list[str], text: str, drafts: int) -> None:
    data = {"group": text, "title": text, "reason": text, "shapes": [{"text": text} for text in texts]}
    draft = Draft("logs.lines", "logs", text, text, data, link="https://x.example/" + "%F0" * len(text))
    kept = keep([draft] * drafts, same)
    assert sum(len(rfc8785.dumps(item.model_dump(mode="json"))) for item in kept) <= MOST
    assert len(kept) == drafts


def test_long_texts_leave_room_for_what_comes_after_them() -> None:
    """Five alerts in a script of four bytes a letter took four times what an entry has for all evidence."""
    wide = "😀" * 4000
    link = "https://x.example/" + "a" * 1900
    drafts = [
        Draft(kind, "cloudwatch", wide, wide, {"title": wide, "reason": wide, "rule": wide}, link=link)
        for kind in ("alert", "cloudwatch.alarm", "cloudwatch.metric")
        for _ in range(5)
    ]
    kept = keep(drafts, same)
    assert sum(len(rfc8785.dumps(item.model_dump(mode="json"))) for item in kept) <= MOST
    assert all(item.found and item.query for item in kept)
