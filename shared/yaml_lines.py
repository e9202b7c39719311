"""YAML that remembers where everything stood, and says what is wrong with it in words for the one who wrote it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's safe loader where it is there; ten times as fast."""
Where = tuple[str | int, ...]
"""The way from a file's top to a value: keys and list positions."""
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong, where, and how to put it right; `line` counts from 1."""

    file: str
    line: int
    field: str
    text: str

    def __str__(self) -> str:
        """`services.yaml:12: services[0].mode: ...`."""
        return f"{self.file}:{self.line}: " + (f"{self.field}: " if self.field else "") + self.text


@dataclass(frozen=True, slots=True)
class Document:
    """One file's content, the line of every value in it, and what is wrong with it as YAML."""

    file: str
    content: Any
    lines: dict[Where, int]
    problems: tuple[Problem, ...] = ()

    def problem(self, where: Where, text: str) -> Problem:
        """What is wrong at `where`, with the line of it or of the nearest thing around it that was written."""
        written = where
        while written and written not in self.lines:
            written = written[:-1]
        return Problem(self.file, self.lines.get(written, 1), _dotted(where), text)

    def validated(self, model: type[Model]) -> tuple[Model | None, tuple[Problem, ...]]:
        """The content as `model`, in which no key is unknown; or all that is wrong."""
        if self.problems:
            return None, self.problems
        try:
            return model.model_validate(self.content, extra="forbid"), ()
        except ValidationError as error:
            return None, tuple(self.problem(each["loc"], _explained(each, model)) for each in error.errors())


def parse(file: str, text: bytes) -> Document:
    """The document in `text`; a key that stands twice is a problem, since YAML would silently take the last."""
    try:
        loader = Loader(text)
        node = loader.get_single_node()
        lines = dict(_lines(node, ())) if node else {}
        twice = tuple(_twice(file, node, ())) if node else ()
        return Document(file, loader.construct_document(node) if node else None, lines, twice)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        return Document(file, None, {}, (Problem(file, line, "", f"not YAML: {error.problem or error.context}"),))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        return Document(file, None, {}, (Problem(file, 1, "", f"not YAML: {error}"),))


def _lines(node: yaml.Node, where: Where) -> Iterator[tuple[Where, int]]:
    yield where, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*where, str(key.value))
            yield from _lines(value, inner)
            yield inner, key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _lines(value, (*where, number))


def _twice(file: str, node: yaml.Node, where: Where) -> Iterator[Problem]:
    if isinstance(node, yaml.MappingNode):
        first: dict[str, int] = {}
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in first:
                text = f"stands twice (first in line {first[name]}); remove one"
                yield Problem(file, line, _dotted((*where, name)), text)
            first.setdefault(name, line)
            yield from _twice(file, value, (*where, name))
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _twice(file, value, (*where, number))


def _dotted(where: Where) -> str:
    text = ""
    for step in where:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


def _explained(error: ErrorDetails, model: type[BaseModel]) -> str:
    """Pydantic's error in words that say what to write instead."""
    name = str(error["loc"][-1]) if error["loc"] else ""
    match error["type"]:
        case "extra_forbidden":
            known = sorted(_fields(model, error["loc"][:-1]))
            close = get_close_matches(name, known, n=1)
            return "unknown key; " + (f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}")
        case "missing":
            return f"is missing; add `{name}: ...`"
        case "string_type":
            return f"must be text, not {error['input']!r}; put it in quotes"
        case "tuple_type":
            return f"must be a list, not {error['input']!r}; put each item behind a dash or all in [ ]"
        case "model_type" | "dict_type":
            return f"must hold keys and values, not {error['input']!r}"
        case "string_pattern_mismatch" | "string_too_short":
            return f"must be a name, not empty and without spaces or wildcards, not {error['input']!r}"
        case "literal_error":
            return f"must be {error['ctx']['expected']}, not {error['input']!r}"
    return f"{error['msg'][0].lower()}{error['msg'][1:]} (it is {error['input']!r})"


def _fields(model: type[BaseModel], where: Iterable[str | int]) -> set[str]:
    """The keys that the model at the end of `where` knows."""
    for step in where:
        if isinstance(step, str) and step in model.model_fields:
            model = next(iter(_models(model.model_fields[step].annotation)), model)
    return set(model.model_fields)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - an annotation may be anything
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from _models(inner)
