"""Where in our code a call leaves the process: as the source says it, and as the stories reach it.

`sites.txt` holds what the stories reach, `function file:name operation` a line, and is written by
`python -m tests.reliability.sweep --record`; `unreached.yaml` has a reason for each site of the source that is not
there. A place that is in neither is one that no fault was ever tried at.
"""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import yaml
from botocore import xform_name
from botocore.session import Session

from tests.reliability.sweep.calls import ROOT

HERE = Path(__file__).parent
RECORDED, UNREACHED = HERE / "sites.txt", HERE / "unreached.yaml"
AWS = ("dynamodb", "events", "sqs", "sns", "ses", "ecs", "cloudwatch", "logs", "secretsmanager", "kms", "s3", "sts")
OTHERS = frozenset(
    {
        *("create_issue", "search_issues", "enhanced_search_issues", "add_comment", "comments", "transitions"),
        *("transition_issue", "request", "urlopen", "get_paginator", "get_waiter"),
    }
)
"""The jira client's methods that ask Jira, urllib3's, and what hides operations of boto3 behind a name."""
SLACK = ("chat_", "conversations_", "views_", "users_", "reactions_", "files_", "api_")
Place = tuple[str, str, str]
"""Function, call site (`file:name`), operation."""


def in_source() -> dict[str, str]:
    """Each call site of shared/ and functions/ with the operations that are named there: `file:name` -> operations."""
    found: dict[str, set[str]] = {}
    for folder in ("shared", "functions"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for name, operation in _named(ast.parse(path.read_text("utf-8")), ()):
                found.setdefault(f"{path.relative_to(ROOT)}:{name}", set()).add(operation)
    return {site: ", ".join(sorted(operations)) for site, operations in found.items()}


def recorded() -> set[Place]:
    """The places that the stories reached when they were recorded last."""
    lines = RECORDED.read_text("utf-8").splitlines() if RECORDED.exists() else []
    return {(function, site, operation) for function, site, operation in (line.split(" ", 2) for line in lines)}


def record(places: Iterable[Place]) -> None:
    """Writes them down."""
    RECORDED.write_text("".join(f"{' '.join(place)}\n" for place in sorted(set(places))), "utf-8")


def unreached() -> dict[str, str]:
    """Sites of the source that no story reaches while nothing goes wrong, each with the reason."""
    found: dict[str, str] = yaml.safe_load(UNREACHED.read_text("utf-8"))
    return found


def uncovered() -> list[str]:
    """What is wrong with the two lists, by the source as it is now."""
    source, reached, reasons = in_source(), {site for _, site, _ in recorded()}, unreached()
    lines = [
        f"{site} asks for {source[site]}, which no story reaches; tell one that does, or say why in unreached.yaml"
        for site in sorted(set(source) - reached - set(reasons))
    ]
    lines += [f"{site} is in unreached.yaml, and a story reaches it" for site in sorted(set(reasons) & reached)]
    lines += [f"{site} is in unreached.yaml, and not in the source" for site in sorted(set(reasons) - set(source))]
    lines += [f"{site} was reached, and the source names no call there" for site in sorted(reached - set(source))]
    return lines + [f"{site} is in unreached.yaml without a reason" for site, why in reasons.items() if not why]


def changed(places: Iterable[Place]) -> list[str]:
    """How the places that stories reach now differ from those that were recorded."""
    now, then = set(places), recorded()
    lines = [f"{' '.join(place)} is reached now, and was not recorded (--record)" for place in sorted(now - then)]
    return lines + [f"{' '.join(place)} was recorded, and is not reached now" for place in sorted(then - now)]


def _named(node: ast.AST, inside: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Name of the function or class that it stands in, and operation."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _named(child, (*inside, child.name))
            continue
        called = child.func if isinstance(child, ast.Call) else None
        named = called or child
        if isinstance(named, ast.Attribute) and (called or ast.unparse(named.value).endswith("client")):
            yield from ((".".join(inside), each) for each in [named.attr] if _leaves(each))
        if isinstance(child, ast.Call) and isinstance(child.func, ast.Name) and child.func.id == "JIRA":
            yield ".".join(inside), "serverInfo"
        yield from _named(child, inside)


def _leaves(attribute: str) -> bool:
    return attribute in OTHERS or attribute.startswith(SLACK) or attribute in _operations()


@cache
def _operations() -> frozenset[str]:
    """Every operation of the AWS services that functions use, as boto3 names its methods."""
    session = Session()
    return frozenset(
        xform_name(operation) for service in AWS for operation in session.get_service_model(service).operation_names
    )
