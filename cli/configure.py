"""The configuration and its policy, checked and tried before anybody relies on them."""

from pathlib import Path

from cli import show
from cli.alerts import content
from cli.environment import configured
from cli.failure import Failed
from functions.policy_gate.policy import Policy, PolicyError, run_tests
from shared.alerts.safe_json import loads
from shared.configuration import POLICY, ConfigError, load


def check(folder: Path, *, as_json: bool) -> None:
    """Everything that is wrong, each with its file and line; the policy has to compile, too."""
    try:
        config = load(folder)
        problems = [
            {"file": POLICY, "line": 1, "field": "", "text": fault} for fault in [Policy.of(config).fault()] if fault
        ]
    except ConfigError as error:
        config = None
        problems = [
            {"file": each.file, "line": each.line, "field": each.field, "text": each.text} for each in error.problems
        ]
    if as_json:
        show.json({"problems": problems, "digest": config.digest if config else ""})
    else:
        for each in problems:
            show.line(f"{folder / str(each['file'])}:{each['line']}: {each['field']} {each['text']}")
    if problems or config is None:
        raise Failed(f"{folder} cannot be used: {len(problems)} problems", 1)
    if not as_json:
        counted = f"{len(config.services)} services, {len(config.people)} people, {len(config.sources)} sources"
        show.line(f"{folder} is fine: {counted}; digest {config.digest[:12]}")


def attempt(file: str, folder: Path | None, *, as_json: bool) -> None:
    """What the policy says to the input in the file."""
    document = loads(content(file))
    if not isinstance(document, dict):
        raise Failed("the input of a policy is a JSON object")
    verdict = Policy.of(configured(folder)).decide(document)
    if as_json:
        show.json(verdict.model_dump(mode="json"))
        return
    show.fields([(name, _text(value)) for name, value in verdict.model_dump(mode="json").items()])


def tests(folder: Path, *, as_json: bool) -> None:
    """The policy's own tests."""
    try:
        results = run_tests(folder / POLICY)
    except PolicyError as error:
        raise Failed(str(error), 1) from error
    failed = [each for each in results if each.failure]
    if as_json:
        show.json({"tests": [{"name": each.name, "failure": each.failure} for each in results]})
    else:
        for each in results:
            show.line(f"{'FAILED' if each.failure else 'passed'} {each.name} {each.failure}")
    if failed or not results:
        raise Failed(f"{len(failed)} of {len(results)} tests of the policy failed", 1)


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
