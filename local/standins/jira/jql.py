"""The JQL that looks up tickets: clauses of project, labels, status, key and text joined by AND."""

from __future__ import annotations

import re
from typing import Any

CLAUSE = re.compile(
    r"""\s*(?P<field>[a-zA-Z]+)\s*(?P<how>!=|=|~|\bnot\s+in\b|\bin\b|\bis\s+not\b|\bis\b)\s*
    (?P<value>\([^)]*\)|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s()"']+)\s*""",
    re.VERBOSE | re.IGNORECASE,
)
ORDER = re.compile(r"\border\s+by\s+(\w+)(?:\s+(asc|desc))?\s*$", re.IGNORECASE)
WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\.)*)\'|([^\s,()]+)')


class JqlError(ValueError):
    """A query that Jira would not read, or one that this stand-in cannot."""


FIELDS = {
    "project", "labels", "status", "statuscategory", "key", "issuekey", "id", "issuetype", "type", "summary", "text",
    "resolution",
}  # fmt: skip


def _value(issue: dict[str, Any], field: str) -> list[str]:
    fields = issue["fields"]
    match field:
        case "project":
            return [fields["project"]["key"], fields["project"]["name"], fields["project"]["id"]]
        case "labels":
            return list(fields["labels"])
        case "status":
            return [fields["status"]["name"], fields["status"]["id"]]
        case "statuscategory":
            return [fields["status"]["statusCategory"]["name"]]
        case "key" | "issuekey" | "id":
            return [issue["key"], issue["id"]]
        case "issuetype" | "type":
            return [fields["issuetype"]["name"]]
        case "summary":
            return [fields["summary"]]
        case "text":
            return [fields["summary"], fields["description"] or ""]
    return [fields["resolution"]["name"]] if fields["resolution"] else ["unresolved"]


def _holds(issue: dict[str, Any], field: str, how: str, wanted: list[str]) -> bool:
    have = [value.lower() for value in _value(issue, field)]
    if how == "~":
        return any(word.strip("*") in value for word in wanted for value in have)
    if how in {"is", "is not"}:
        return (not have) == (how == "is")
    return any(word in have for word in wanted) == (how in {"=", "in"})


def search(issues: list[dict[str, Any]], jql: str) -> list[dict[str, Any]]:
    """Return the issues that match, newest first unless ordered otherwise; `JqlError` when it cannot be read."""
    order = ORDER.search(jql)
    rest = jql[: order.start()] if order else jql
    tests = []
    for part in re.split(r"\s+and\s+", rest.strip(), flags=re.IGNORECASE) if rest.strip() else []:
        clause = CLAUSE.fullmatch(part)
        if clause is None:
            raise JqlError(f"Error in the JQL Query: '{part.strip()}' cannot be read here.")
        if clause["field"].lower() not in FIELDS:
            raise JqlError(f"Field '{clause['field']}' does not exist or you do not have permission to view it.")
        words = ["".join(found).replace('\\"', '"').lower() for found in WORD.findall(clause["value"])]
        tests.append((clause["field"].lower(), re.sub(r"\s+", " ", clause["how"].lower()), words))
    found = [issue for issue in issues if all(_holds(issue, *test) for test in tests)]
    ascending = order is not None and (order[2] or "asc").lower() == "asc"
    return sorted(found, key=lambda issue: int(issue["id"]), reverse=not ascending)
