"""Writes what the documents say about the code from the code: `make docs`.

docs/lifecycle.md (each fact: who appends it, who consumes it, what it changes), docs/settings.md and the README's
table of functions.
"""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from shared.config import Storm
from shared.entry import chain
from shared.facts import BY_TYPE, read_fact
from shared.incident import Incident
from shared.secrets import KEPT
from shared.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.facts import Fact

ROOT = Path(__file__).parents[1]
SETTINGS = ROOT / "docs" / "settings.md"
LIFECYCLE = ROOT / "docs" / "lifecycle.md"
README = ROOT / "README.md"
BEGIN, END = "<!-- functions: `make docs` -->", "<!-- end of functions -->"
NOT_STATE = {"last", "answered"}
"""Fields of the incident that every fact moves."""


def manifests() -> dict[str, dict[str, Any]]:
    """Every function.yaml by the name of its function."""
    paths = sorted((ROOT / "functions").glob("*/function.yaml"))
    return {path.parent.name: yaml.safe_load(path.read_text("utf-8")) for path in paths}


def consumed(manifest: dict[str, Any]) -> list[str]:
    """The facts that a function's rule lets through."""
    return list((manifest["trigger"].get("queue") or {}).get("facts", []))


def sample(kind: str) -> Fact:
    """The sample of one type of fact."""
    return read_fact(json.loads((ROOT / "events" / "facts" / f"{kind}.json").read_text("utf-8")))


def changes(kind: str) -> list[str]:
    """The fields of the incident that this fact changes, found by applying its sample."""
    now = datetime(2026, 11, 21, 3, tzinfo=UTC)
    base = ["IncidentOpened", "ActionProposed", "ApprovalRequested"]
    if kind in {"HoldElapsed", "IncidentReopened", "AlertLapsed"}:
        base += ["AlertResolved"] if kind != "IncidentReopened" else ["AlertResolved", "IncidentResolved"]
    if kind == "IncidentOpened":
        return ["everything"]
    base = base[: base.index(kind)] if kind in base else base
    story = [sample(each) for each in [*base, kind]]
    entries = chain("INC-261121-K7Q2M4", story, after=None, actor="docs", caused_by="docs", now=now)
    before, after = Incident.replay(entries[:-1]), Incident.replay(entries)
    return [
        field.name
        for field in fields(Incident)
        if field.name not in NOT_STATE and getattr(before, field.name) != getattr(after, field.name)
    ]


def lifecycle() -> str:
    """The text of docs/lifecycle.md."""
    said = manifests()
    rows = [
        "| fact | what it says | appended by | consumed by | changes in the incident |",
        "| --- | --- | --- | --- | --- |",
    ]
    for kind, model in BY_TYPE.items():
        appended_by = ", ".join(f"`{name}`" for name, each in said.items() if kind in each["appends"])
        consumed_by = ", ".join(f"`{name}`" for name, each in said.items() if kind in consumed(each))
        changed = ", ".join(changes(kind))
        sentence = " ".join((model.__doc__ or "").split("\n\n")[0].split()).replace("|", "\\|")
        rows.append(f"| `{kind}` | {sentence} | {appended_by or '-'} | {consumed_by or '-'} | {changed or '-'} |")
    return "\n".join([
        "# Every fact, and what becomes of it",
        "",
        "Made by `make docs` from `shared/facts.py`, `shared/incident.py`, the manifests of the functions and the",
        "samples in `events/facts/`; a test fails when it is out of date. A fact that nobody consumes is read in the",
        "timeline, by the functions that replay it and by people.",
        "",
        *rows,
        "",
    ])  # fmt: skip


def settings() -> str:
    """The text of docs/settings.md."""
    rows = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        default = "needed" if field.is_required() else f"`{field.default}`" if str(field.default) else "-"
        rows.append(f"| `{name.upper()}` | {default} | {field.description} |")
    readers: dict[str, list[str]] = {}
    for name, manifest in manifests().items():
        for secret in manifest["secrets"]:
            readers.setdefault(secret, []).append(f"`{name}`")
    storm = ["| setting | default | meaning |", "| --- | --- | --- |"]
    storm += [f"| `{name}` | `{field.default}` | {field.description} |" for name, field in Storm.model_fields.items()]
    secrets = ["| secret | environment variable | read by |", "| --- | --- | --- |"]
    secrets += [f"| `{name}` | `{name.upper()}` | {', '.join(readers[name])} |" for name in sorted(readers)]
    return "\n".join([
        "# Settings and secrets",
        "",
        "Made by `make docs` from `shared/settings.py` and the manifests of the functions. Times are in seconds.",
        "",
        *rows,
        "",
        "A secret is the value of `<SECRET_PREFIX>/<name>` in Secrets Manager (without that setting,",
        "`middlewatch/<environment>/<name>`), or what the JSON object in the one secret `SECRET_BUNDLE` holds under",
        f"its name; a function that has read it reads it anew after {KEPT // 60} minutes. Where the variable of its",
        "name is set, that wins; with `ENVIRONMENT=local` nothing else is asked. `middlewatch secrets` sets and lists",
        "them.",
        "",
        *secrets,
        "",
        "What changes when much goes wrong at once stands under `storm` in `config/services.yaml`:",
        "",
        *storm,
        "",
        "Beside these: `JIRA_URL`, `SES_SENDER` and `EMAIL_RECIPIENT` (comma separated) switch their channel on,",
        "`SLACK_API_URL` points at another Slack API, `MODEL` names a model of any provider, `MODEL_SECONDS` (20) and",
        "`MODEL_DOLLARS_PER_HOUR` (2) bound it, and `AWS_ENDPOINT_URL*` are boto3's own.",
        "",
    ])  # fmt: skip


def _trigger(manifest: dict[str, Any]) -> Iterator[str]:
    trigger = manifest["trigger"]
    yield from trigger.get("http", [])
    if "stream" in trigger:
        yield f"the {trigger['stream']}'s stream"
    if "schedule" in trigger:
        yield f"every {trigger['schedule'].removeprefix('rate(').removeprefix('1 ').rstrip(')')}"
    queue = trigger.get("queue") or {}
    if queue.get("default_bus"):
        yield "alarm events"
    if queue.get("topic"):
        yield "SNS"
    if queue.get("direct"):
        yield "clicks"
    yield from (f"`{kind}`" for kind in queue.get("facts", []))


def _short(words: list[str], most: int = 5) -> str:
    return ", ".join(words if len(words) <= most else [*words[: most - 1], f"{len(words) - most + 1} more"])


def functions() -> str:
    """The README's table of functions."""
    rows = ["| function | trigger | does |", "| --- | --- | --- |"]
    for name, manifest in manifests().items():
        rows.append(f"| `{name}` | {_short(list(_trigger(manifest)))} | {manifest['summary']} |")
    return "\n".join(rows)


def readme(text: str) -> str:
    """The README with its table of functions as it should be."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{functions()}\n{END}{after}"


def main() -> None:
    """Write all of it."""
    LIFECYCLE.parent.mkdir(exist_ok=True)
    SETTINGS.write_text(settings(), "utf-8")
    LIFECYCLE.write_text(lifecycle(), "utf-8")
    README.write_text(readme(README.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
