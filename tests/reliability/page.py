"""docs/reliability.md: the promises, what was measured of them, and the 84 ways to fail with what shows each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from tests.reliability.checks import CHECKS

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
MEASURED = HERE / "measured.json"
SCENARIOS = HERE / "scenarios.yaml"
PAGE = ROOT / "docs" / "reliability.md"
FRAME = HERE / "page.md"


def written() -> str:
    """The page, from page.md, what was measured, and the scenarios."""
    text = FRAME.read_text("utf-8")
    return text.replace("{measured}", _measured()).replace("{scenarios}", _scenarios())


def scenarios() -> list[dict[str, Any]]:
    """The 84, in their order; each has `tests` or `not`, and says what is `open` or takes an `account`."""
    return [each for each in _read() if "fails" in each]


def _read() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(SCENARIOS.read_text("utf-8"))
    return found


def _measured() -> str:
    kept = json.loads(MEASURED.read_text("utf-8"))
    lines = [
        "| check | what was tried | how many | violations | seconds | remark |",
        "| --- | --- | ---: | ---: | ---: | --- |",
    ]
    for name in CHECKS:
        for row in kept.get(name, {"rows": []})["rows"]:
            figures = f"{row['tried']:,} | {row['violations']} | {row['seconds']:.1f}"
            lines.append(f"| {name} | {row['what']} | {figures} | {row['remark']} |")
    lines += ["", "| check | at the size of | on | of commit | seed |", "| --- | --- | --- | --- | ---: |"]
    for name in CHECKS:
        if of := kept.get(name):
            size = "`make reliability-long`" if of["long"] else "`make reliability`"
            lines.append(f"| {name} | {size} | {of['on']} | {of['commit']} | {of['seed']} |")
    return "\n".join(lines)


def _scenarios() -> str:
    lines: list[str] = []
    number = 0
    for each in _read():
        if "part" in each:
            lines += [
                "",
                f"### {each['part']}",
                "",
                "| | what goes wrong | what shows that it is harmless |",
                "| ---: | --- | --- |",
            ]
            continue
        number += 1
        lines.append(f"| {number} | {each['fails']} | {_shown(each)} |")
    return "\n".join(lines).strip()


def _shown(scenario: dict[str, Any]) -> str:
    parts = [f"does not apply: {scenario['not']}"] if "not" in scenario else []
    parts += [_link(test) for test in scenario.get("tests", ())]
    parts += [f"`{run}`" for run in scenario.get("runs", ())]
    parts += [f"**open:** {scenario['open']}"] if "open" in scenario else []
    parts += [f"**only on an account:** {scenario['account']}"] if "account" in scenario else []
    return "; ".join(parts)


def _link(test: str) -> str:
    path, name = test.split("::")
    words = name.removeprefix("test_").replace("_", " ")
    return f"[{words}](../tests/{path})"
