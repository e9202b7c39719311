r"""CloudWatch Logs filter patterns: terms (`ERROR -debug ?WARN "timed out"`) and JSON (`{ $.level = "ERROR" }`).

Source: docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

Match = Callable[[str], bool]
MISSING = object()
TRUTHS = {"TRUE": True, "FALSE": False, "NULL": None}
TERM = re.compile(r'([-?]?)(?:"((?:[^"\\]|\\.)*)"|(\S+))')
REGEX_TERM = re.compile(r"%(.*)%")
TOKEN = re.compile(
    r"""\s*(?:(?P<op>&&|\|\||!=|<=|>=|[()=<>]) | (?P<text>"(?:[^"\\]|\\.)*") | (?P<path>\$[\w.\[\]\-]*)
    | (?P<regex>%[^%]*%)
    | (?P<word>[^\s()=<>!&|]+))""",
    re.VERBOSE,
)


class PatternError(ValueError):
    """A pattern that cannot be read."""


def compile_pattern(pattern: str) -> Match:
    """Return the test that a pattern is; an empty pattern matches everything."""
    text = pattern.strip()
    if not text:
        return lambda _: True
    if text.startswith("{"):
        if not text.endswith("}"):
            message = "Invalid filter pattern: unclosed {"
            raise PatternError(message)
        return _json_match(text[1:-1])
    if text.startswith("["):
        message = "Space-delimited filter patterns are not known here"
        raise PatternError(message)
    if match := REGEX_TERM.fullmatch(text):
        expression = _regex(match[1])
        return lambda line: expression.search(line) is not None
    return _terms(text)


def _regex(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        message = f"Invalid filter pattern: %{text}% is no regular expression: {error}"
        raise PatternError(message) from None


def _terms(text: str) -> Match:
    needed: list[str] = []
    either: list[str] = []
    never: list[str] = []
    for sign, quoted, bare in TERM.findall(text):
        term = re.sub(r"\\(.)", r"\1", quoted) if quoted else bare
        {"": needed, "?": either, "-": never}[sign].append(term)

    def match(line: str) -> bool:
        return (
            all(term in line for term in needed)
            and not any(term in line for term in never)
            and (not either or bool(needed) or any(term in line for term in either))
        )

    return match


def _json_match(text: str) -> Match:
    tokens = []
    place = 0
    while text[place:].strip():
        found = TOKEN.match(text, place)
        if not found:
            message = f"Invalid filter pattern at: {text[place:].strip()[:40]}"
            raise PatternError(message)
        kind = found.lastgroup or ""
        tokens.append((kind, found[kind]))
        place = found.end()
    parser = _Parser(tokens)
    test = parser.either()
    if parser.tokens:
        message = f"Invalid filter pattern: unexpected {parser.tokens[0][1]}"
        raise PatternError(message)

    def match(line: str) -> bool:
        try:
            return test(json.loads(line))
        except ValueError:
            return False

    return match


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens = tokens

    def next(self) -> tuple[str, str]:
        if not self.tokens:
            message = "Invalid filter pattern: it ends too early"
            raise PatternError(message)
        return self.tokens.pop(0)

    def took(self, value: str) -> bool:
        if self.tokens and self.tokens[0][1] == value:
            self.tokens.pop(0)
            return True
        return False

    def either(self) -> Callable[[Any], bool]:
        tests = [self.both()]
        while self.took("||"):
            tests.append(self.both())
        return lambda value: any(test(value) for test in tests)

    def both(self) -> Callable[[Any], bool]:
        tests = [self.one()]
        while self.took("&&"):
            tests.append(self.one())
        return lambda value: all(test(value) for test in tests)

    def one(self) -> Callable[[Any], bool]:
        if self.took("("):
            test = self.either()
            if not self.took(")"):
                message = "Invalid filter pattern: unclosed ("
                raise PatternError(message)
            return test
        kind, path = self.next()
        if kind != "path":
            message = f"Invalid filter pattern: a selector such as $.level is wanted, not {path}"
            raise PatternError(message)
        return self.condition(path)

    def condition(self, path: str) -> Callable[[Any], bool]:
        _, how = self.next()
        if how.upper() == "IS":
            _, word = self.next()
            if word.upper() not in TRUTHS:
                message = f"Invalid filter pattern: IS {word}"
                raise PatternError(message)
            wanted = TRUTHS[word.upper()]
            return lambda value: _at(value, path) is wanted
        if how.upper() == "EXISTS":
            return lambda value: _at(value, path) is not MISSING
        if how.upper() == "NOT" and self.took("EXISTS"):
            return lambda value: _at(value, path) is MISSING
        kind, raw = self.next()
        if how not in {"=", "!=", "<", ">", "<=", ">="} or kind == "op":
            message = f"Invalid filter pattern: {how} {raw}"
            raise PatternError(message)
        if kind == "regex":
            _regex(raw.strip("%"))
        return lambda value: _compare(_at(value, path), how, kind, raw)


def _at(value: Any, path: str) -> Any:  # noqa: ANN401  # any JSON value
    for name, index in re.findall(r"\.([\w\-]+)|\[(\d+)\]", path):
        if name and isinstance(value, dict) and name in value:
            value = value[name]
        elif index and isinstance(value, list) and int(index) < len(value):
            value = value[int(index)]
        else:
            return MISSING
    return value


def _compare(value: Any, how: str, kind: str, raw: str) -> bool:  # noqa: ANN401  # any JSON value
    if value is MISSING or isinstance(value, dict | list):
        return False
    try:
        if kind == "word" and not isinstance(value, str | bool | None):
            left, right = float(value), float(raw)
            return {
                "=": left == right,
                "!=": left != right,
                "<": left < right,
                ">": left > right,
                "<=": left <= right,
                ">=": left >= right,
            }[how]
    except ValueError:
        return False
    if kind == "regex":
        same = isinstance(value, str) and re.search(raw.strip("%"), value) is not None
    else:
        pattern = json.loads(raw) if kind == "text" else raw
        same = isinstance(value, str) and fnmatchcase(value, pattern.replace("[", "[[]"))
    return same if how == "=" else isinstance(value, str) and not same if how == "!=" else False
