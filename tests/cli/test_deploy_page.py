"""docs/deploy.md names only what there is: commands, targets, variables, outputs, and the right numbers."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from cli.main import app
from local.aws.spec import read_functions
from shared.settings import Settings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "deploy.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")
TERRAFORM = ROOT / "infra" / "terraform"
SPECS = read_functions(ROOT)
QUEUES = [spec.trigger.queue for spec in SPECS if spec.trigger.queue]
OTHERS = {"may_resume"}
"""Keys of the team's own files."""


def code(page: str) -> list[str]:
    """The lines of code in a page: blocks line by line, and what stands between backticks."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    rest = re.sub(r"^```\w*\n.*?^```", "", page, flags=re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines()] + [
        " ".join(span.split()) for span in re.findall(r"`([^`]+)`", rest)
    ]


def named(kind: str) -> set[str]:
    """The variables, or the outputs, of all folders of Terraform."""
    texts = [path.read_text("utf-8") for path in TERRAFORM.rglob("*.tf")]
    return {name for text in texts for name in re.findall(rf'^{kind} "(\w+)"', text, re.MULTILINE)}


def commands(pages: str) -> list[list[str]]:
    lines = [shlex.split(line, comments=True) for line in code(pages) if line.startswith("middlewatch ")]
    return [line[1:] for line in lines]


def test_pages_name_commands_to_look_at() -> None:
    said = {" ".join(words[:2]) for words in commands(PAGE)}
    assert {"doctor", "demo break", "secrets set", "secrets list", "incidents list"} <= said


@pytest.mark.parametrize("words", commands(PAGE + README), ids=" ".join)
def test_every_command_that_is_named_exists_with_its_options(words: list[str]) -> None:
    command: Any = typer.main.get_command(app)
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    assert not getattr(command, "no_args_is_help", False), f"{words} is no command"
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options
    arguments = [word for word in words if not word.startswith("--")]
    assert (
        not arguments or [each for each in command.params if each.param_type_name == "argument"] or "--" in str(words)
    )


def test_every_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    said = {
        word
        for line in code(PAGE + README)
        if line.startswith("make ")
        for word in line.split("#")[0].split()[1:]
        if "=" not in word
    }
    assert {"build", "plan", "deploy", "destroy"} <= said
    assert said <= targets


def test_every_variable_that_is_named_exists() -> None:
    (table,) = re.findall(r"^\| variable \|.*?\n\n", PAGE, re.DOTALL | re.MULTILINE)
    rows = [row.split("|")[1] for row in table.strip().splitlines()[2:]]
    said = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
    assert {"name", "region", "clusters", "operator_emails", "settings"} <= said
    assert said <= named("variable")


def test_every_other_name_is_that_of_something() -> None:
    known = named("variable") | named("output") | OTHERS
    known |= {spec.name for spec in SPECS} | {secret for spec in SPECS for secret in spec.secrets}
    known |= set(Settings.model_fields)
    said = {span for span in code(PAGE) if re.fullmatch(r"[a-z]+(_[a-z]+)+", span)}
    assert {"slack_request_urls", "alarms_topic_arn", "api_url", "secret_recovery_days"} <= said
    assert said <= known


def test_every_file_that_is_named_is_there() -> None:
    made = {"build/deployment.json", "infra/terraform/app/backend.tf", "docs/cost.md"}
    said = {span for span in code(PAGE) if re.fullmatch(r"(docs|config|infra|local|build)/[\w./-]+", span)}
    assert {"infra/slack-app.yaml", "docs/cost.md"} <= said
    assert [path for path in sorted(said - made) if not (ROOT / path).exists()] == []


def test_the_numbers_of_the_limits_are_those_of_the_manifests() -> None:
    ours = sum(bool(queue.facts) for queue in QUEUES)
    default = sum(len(queue.default_bus) for queue in QUEUES)
    schedules = sum(bool(spec.trigger.schedule) for spec in SPECS)
    longest = max(
        len(json.dumps({"source": ["middlewatch"], "detail-type": list(queue.facts)}, separators=(",", ":")))
        for queue in QUEUES
    )
    assert f"{ours} on our bus, {default} on the default bus" in PAGE
    assert f"each of {len(QUEUES)} queues" in PAGE
    assert f"the stream and {schedules} schedules" in PAGE
    assert f"{longest} in the longest on our bus" in PAGE


def test_the_slack_app_asks_for_the_paths_that_we_answer() -> None:
    manifest = yaml.safe_load((ROOT / "infra" / "slack-app.yaml").read_text("utf-8"))
    (command,) = manifest["features"]["slash_commands"]
    urls = [manifest["settings"]["interactivity"]["request_url"], command["url"]]
    routes = {route.partition(" ")[2] for spec in SPECS for route in spec.trigger.http}
    assert {f"/{url.split('/', 3)[3]}" for url in urls} <= routes
    assert len(manifest["oauth_config"]["scopes"]["bot"]) == 6
    assert "its six scopes" in PAGE


def test_the_readme_stays_short() -> None:
    assert len(README.splitlines()) <= 150
