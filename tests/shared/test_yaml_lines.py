"""YAML that remembers where everything stood: what is wrong, where, and in whose words."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from shared.model import Frozen
from shared.yaml_lines import Problem, parse

TEXT = b"""\
name: shop
parts:
  - kind: a
    tags: [x, y]
  -
    kind: b
more: {deep: {deeper: 1}}
"""


class Deep(Frozen):
    deeper: int
    wide: int = 0


class Part(Frozen):
    kind: Literal["a", "b"]
    tags: tuple[str, ...] = ()
    word: Annotated[str, Field(pattern=r"^[^ ]*$", min_length=1)] = "w"
    size: int | None = Field(default=None, ge=1)


class More(Frozen):
    deep: Deep
    options: dict[str, int] = {}


class Whole(Frozen):
    name: str
    parts: tuple[Part, ...] = ()
    more: More | None = None


def test_every_value_knows_the_line_of_its_key() -> None:
    assert parse("f.yaml", TEXT).lines == {
        (): 1,
        ("name",): 1,
        ("parts",): 2,
        ("parts", 0): 3,
        ("parts", 0, "kind"): 3,
        ("parts", 0, "tags"): 4,
        ("parts", 0, "tags", 0): 4,
        ("parts", 0, "tags", 1): 4,
        ("parts", 1): 6,
        ("parts", 1, "kind"): 6,
        ("more",): 7,
        ("more", "deep"): 7,
        ("more", "deep", "deeper"): 7,
    }


@pytest.mark.parametrize(
    ("where", "line", "field"),
    [
        (("parts", 0, "tags", 1), 4, "parts[0].tags[1]"),
        (("parts", 1, "word"), 6, "parts[1].word"),
        (("nobody", 3, "wrote"), 1, "nobody[3].wrote"),
        ((), 1, ""),
    ],
)
def test_a_problem_stands_where_the_nearest_thing_was_written(
    where: tuple[str | int, ...], line: int, field: str
) -> None:
    assert parse("f.yaml", TEXT).problem(where, "is wrong") == Problem("f.yaml", line, field, "is wrong")


def test_a_problem_of_an_empty_document_stands_in_its_first_line() -> None:
    assert parse("f.yaml", b"").problem(("a",), "is wrong") == Problem("f.yaml", 1, "a", "is wrong")


def test_a_problem_is_told_with_its_file_line_and_field() -> None:
    assert str(Problem("f.yaml", 12, "parts[0].kind", "is wrong")) == "f.yaml:12: parts[0].kind: is wrong"
    assert str(Problem("f.yaml", 1, "", "is wrong")) == "f.yaml:1: is wrong"


def test_what_holds_is_read_as_its_model() -> None:
    document = parse("f.yaml", TEXT)
    assert (document.file, document.problems) == ("f.yaml", ())
    assert document.validated(Whole) == (
        Whole(
            name="shop",
            parts=(Part(kind="a", tags=("x", "y")), Part(kind="b")),
            more=More(deep=Deep(deeper=1)),
        ),
        (),
    )


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("a: 1\nb: 2\na: 3", [(3, "a", "stands twice (first in line 1); remove one")]),
        ("a: {b: 1, b: 2}", [(1, "a.b", "stands twice (first in line 1); remove one")]),
        (
            "a:\n  - b: 1\n  - b: 1\n    b: 2\n    b: 3",
            [(line, "a[1].b", "stands twice (first in line 3); remove one") for line in (4, 5)],
        ),
        ("a: b: c", [(1, "", "not YAML: mapping values are not allowed in this context")]),
        ("a: 1\nb: ]", [(2, "", "not YAML: did not find expected node content")]),
        ("a: !!python/none x", [(1, "", "not YAML: could not determine a constructor for the tag ")]),
        ("a: 1\n---\nb: 2", [(2, "", "not YAML: but found another document")]),
        ("\x00", [(1, "", "not YAML: ")]),
    ],
)
def test_what_is_no_yaml_or_says_something_twice_is_named_by_its_line(
    text: str, problems: list[tuple[int, str, str]]
) -> None:
    document = parse("f.yaml", text.encode())
    assert [(each.file, each.line, each.field) for each in document.problems] == [
        ("f.yaml", line, field) for line, field, _ in problems
    ]
    assert all(each.text.startswith(said) for each, (_, _, said) in zip(document.problems, problems, strict=True))
    assert document.validated(Whole) == (None, document.problems)
    assert document.problem(("nobody",), "is wrong") == Problem("f.yaml", 1, "nobody", "is wrong")


def test_bytes_that_are_no_text_are_no_yaml() -> None:
    document = parse("f.yaml", b"a: \xff")
    (problem,) = document.problems
    assert (problem.line, problem.text[:8]) == (1, "not YAML")
    assert document.problem(("a",), "is wrong") == Problem("f.yaml", 1, "a", "is wrong")


@pytest.mark.parametrize(
    ("text", "line", "field", "said"),
    [
        ("nam: x\nname: y", 1, "nam", "unknown key; did you mean name?"),
        ("name: y\nzzz: x", 2, "zzz", "unknown key; known here: more, name, parts"),
        ("name: y\nparts: [{kind: a, tag: 1}]", 2, "parts[0].tag", "unknown key; did you mean tags?"),
        ("name: y\nparts:\n- kind: a\n  q: 1", 4, "parts[0].q", "unknown key; known here: kind, size, tags, word"),
        ("name: y\nmore: {deep: {deeper: 1, q: 1}}", 2, "more.deep.q", "unknown key; known here: deeper, wide"),
        ("parts: []", 1, "name", "is missing; add `name: ...`"),
        ("name: y\nparts:\n- tags: []", 3, "parts[0].kind", "is missing; add `kind: ...`"),
        ("name: 7", 1, "name", "must be text, not 7; put it in quotes"),
        (
            "name: y\nparts: x",
            2,
            "parts",
            "must be a list, not 'x'; put each item behind a dash or all in [ ]",
        ),
        ("name: y\nparts: [x]", 2, "parts[0]", "must hold keys and values, not 'x'"),
        ("name: y\nmore: {deep: {deeper: 1}, options: 1}", 2, "more.options", "must hold keys and values, not 1"),
        (
            "name: y\nparts: [{kind: a, word: a b}]",
            2,
            "parts[0].word",
            "must be a name, not empty and without spaces or wildcards, not 'a b'",
        ),
        (
            "name: y\nparts: [{kind: a, word: ''}]",
            2,
            "parts[0].word",
            "must be a name, not empty and without spaces or wildcards, not ''",
        ),
        ("name: y\nparts: [{kind: c}]", 2, "parts[0].kind", "must be 'a' or 'b', not 'c'"),
        (
            "name: y\nparts: [{kind: a, size: 0}]",
            2,
            "parts[0].size",
            "input should be greater than or equal to 1 (it is 0)",
        ),
        ("", 1, "", "must hold keys and values, not None"),
    ],
)
def test_a_value_that_cannot_be_is_explained_to_who_wrote_it(text: str, line: int, field: str, said: str) -> None:
    assert parse("f.yaml", text.encode()).validated(Whole) == (None, (Problem("f.yaml", line, field, said),))


def test_everything_that_is_wrong_is_said_at_once() -> None:
    _, problems = parse("f.yaml", b"nam: x\nparts: [{kind: c}]").validated(Whole)
    assert sorted(each.field for each in problems) == ["nam", "name", "parts[0].kind"]


def test_a_key_that_is_a_number_is_told_as_it_is_written() -> None:
    document: Any = parse("f.yaml", b"7: x\n7: y")
    assert [str(each) for each in document.problems] == ["f.yaml:2: 7: stands twice (first in line 1); remove one"]
