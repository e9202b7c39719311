"""What a Jira site holds: projects, issues with their comments, and the workflow To Do, In Progress, Done."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Json = dict[str, Any]
SUMMARY = 255
STATUSES = (("10000", "To Do", "new"), ("3", "In Progress", "indeterminate"), ("10001", "Done", "done"))
CATEGORIES = {"new": "To Do", "indeterminate": "In Progress", "done": "Done"}
TRANSITIONS = (("11", "To Do", 0), ("21", "In Progress", 1), ("31", "Done", 2))
TYPES = (("10001", "Task"), ("10002", "Bug"), ("10003", "Incident"), ("10004", "Story"))
PRIORITIES = (("1", "Highest"), ("2", "High"), ("3", "Medium"), ("4", "Low"), ("5", "Lowest"))


class JiraRefusal(Exception):
    """What Jira answers with a 4xx: messages about the whole, errors by field."""

    def __init__(self, status: int, message: str = "", errors: dict[str, str] | None = None) -> None:
        super().__init__(message or str(errors))
        self.status, self.messages, self.errors = status, [message] if message else [], errors or {}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"


def _misshapen(name: str, value: object) -> str:
    """What Jira says of a field whose value is of the wrong kind; empty where it is of the right one."""
    match name:
        case "project" | "issuetype" | "priority" if not isinstance(value, dict):
            return "data was not an object"
        case "labels" if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            return "data was not an array of strings"
        case "summary" | "description" if not isinstance(value, str | None):
            return "Operation value must be a string"
    return ""


@dataclass(slots=True)
class Site:
    """One Jira site at `url`; kept in `file` if one is given. Searches see an issue `lag` seconds after it changed."""

    url: str
    user: str
    projects: dict[str, str] = field(default_factory=lambda: {"OPS": "Operations"})
    issues: dict[str, Json] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    changed_at: dict[str, float] = field(default_factory=dict)
    lag: float = 0.0
    serial: int = 10000
    file: Path | None = None

    @classmethod
    def load(cls, url: str, user: str, projects: dict[str, str], file: Path | None) -> Site:
        """Return the site that the file holds, or an empty one."""
        site = cls(url=url, user=user, projects=projects, file=file)
        if file and file.exists():
            kept = json.loads(file.read_text())
            site.issues, site.counts, site.serial = kept["issues"], kept["counts"], kept["serial"]
        return site

    def _keep(self, issue: Json) -> None:
        issue["fields"]["updated"] = _now()
        self.changed_at[issue["key"]] = time.monotonic()
        if self.file:
            aside = self.file.with_suffix(".new")
            aside.write_text(json.dumps({"issues": self.issues, "counts": self.counts, "serial": self.serial}))
            aside.replace(self.file)

    # -- what things look like

    def me(self) -> Json:
        """Return the account that calls."""
        return {
            "self": f"{self.url}/rest/api/2/user?accountId=5b10a2844c20165700ede21g",
            "accountId": "5b10a2844c20165700ede21g",
            "accountType": "app",
            "emailAddress": self.user,
            "displayName": "Middlewatch",
            "active": True,
        }

    def project(self, key: str) -> Json:
        """Return a project by key or id; 404."""
        for place, (known, name) in enumerate(self.projects.items()):
            if key in {known, str(10000 + place)}:
                return {
                    "self": f"{self.url}/rest/api/2/project/{10000 + place}",
                    "id": str(10000 + place),
                    "key": known,
                    "name": name,
                    "projectTypeKey": "software",
                    "simplified": False,
                    "issueTypes": self.types(),
                }
        raise JiraRefusal(404, f"No project could be found with key '{key}'.")

    def types(self) -> list[Json]:
        """Return the issue types."""
        return [
            {"self": f"{self.url}/rest/api/2/issuetype/{i}", "id": i, "name": name, "subtask": False}
            for i, name in TYPES
        ]

    def status(self, place: int) -> Json:
        """Return a status of the workflow."""
        ident, name, category = STATUSES[place]
        return {
            "self": f"{self.url}/rest/api/2/status/{ident}",
            "id": ident,
            "name": name,
            "statusCategory": {"key": category, "name": CATEGORIES[category]},
        }

    def priority(self, ident: str, name: str) -> Json:
        """Return a priority."""
        return {"self": f"{self.url}/rest/api/2/priority/{ident}", "id": ident, "name": name}

    def transitions(self) -> list[Json]:
        """Return the transitions, which every status allows."""
        return [
            {"id": ident, "name": name, "to": self.status(place), "isAvailable": True}
            for ident, name, place in TRANSITIONS
        ]

    def issue(self, key: str) -> Json:
        """Return an issue by key or id; 404."""
        for issue in self.issues.values():
            if key.upper() == issue["key"] or key == issue["id"]:
                return issue
        raise JiraRefusal(404, "Issue does not exist or you do not have permission to see it.")

    def searchable(self, reconcile: set[str]) -> list[Json]:
        """Return the issues that the index knows by now; those to reconcile are always among them."""
        since = time.monotonic() - self.lag
        return [i for i in self.issues.values() if self.changed_at.get(i["key"], 0.0) <= since or i["id"] in reconcile]

    # -- changes

    def _checked(self, given: Json, *, new: bool) -> Json:
        errors: dict[str, str] = {}
        fields: Json = {}
        for name, value in given.items():
            if wrong := _misshapen(name, value):
                errors[name] = wrong
                continue
            match name:
                case "project":
                    key = str(value.get("key") or value.get("id") or "")
                    try:
                        project = self.project(key)
                        fields["project"] = {part: project[part] for part in ("self", "id", "key", "name")}
                    except JiraRefusal:
                        errors["project"] = "valid project is required"
                case "issuetype":
                    wanted = {str(value.get("id")), value.get("name")}
                    chosen = next((t for t in self.types() if t["id"] in wanted or t["name"] in wanted), None)
                    if chosen:
                        fields["issuetype"] = chosen
                    else:
                        errors["issuetype"] = "Specify a valid issue type"
                case "summary":
                    if not (value or "").strip():
                        errors["summary"] = "You must specify a summary of the issue."
                    elif "\n" in value or "\r" in value:
                        errors["summary"] = "The summary is invalid because it contains newline characters."
                    elif len(value) > SUMMARY:
                        errors["summary"] = f"Summary must be less than or equal to {SUMMARY} characters."
                    fields["summary"] = value
                case "labels":
                    bad = [label for label in value if re.search(r"\s", label) or len(label) > SUMMARY or not label]
                    if bad:
                        errors["labels"] = f"The label '{bad[0]}' contains spaces which is invalid."
                    fields["labels"] = list(dict.fromkeys(value))
                case "priority":
                    by = {str(value.get("id")), value.get("name")}
                    level = next(((i, n) for i, n in PRIORITIES if i in by or n in by), None)
                    if level:
                        fields["priority"] = self.priority(*level)
                    else:
                        errors["priority"] = "The priority selected is invalid."
                case "description" | "assignee" | "duedate" | "components":
                    fields[name] = value
                case _:
                    errors[name] = f"Field '{name}' cannot be set. It is not on the appropriate screen, or unknown."
        if new:
            for name, sentence in (
                ("project", "valid project is required"),
                ("issuetype", "Specify an issue type"),
                ("summary", "You must specify a summary of the issue."),
            ):
                if name not in given:
                    errors.setdefault(name, sentence)
        if errors:
            raise JiraRefusal(400, errors=errors)
        return fields

    def create(self, given: Json) -> Json:
        """Create an issue; 400 with errors by field."""
        fields = self._checked(given.get("fields") or {}, new=True)
        key = fields["project"]["key"]
        self.counts[key] = self.counts.get(key, 0) + 1
        self.serial += 1
        issue: Json = {
            "id": str(self.serial),
            "key": f"{key}-{self.counts[key]}",
            "self": f"{self.url}/rest/api/2/issue/{self.serial}",
            "fields": {
                "labels": [],
                "description": None,
                "priority": self.priority("3", "Medium"),
                "assignee": None,
                "resolution": None,
                "status": self.status(0),
                "created": _now(),
                "creator": self.me(),
                "reporter": self.me(),
                "comment": {"comments": [], "maxResults": 0, "total": 0, "startAt": 0},
            }
            | fields,
        }
        self.issues[issue["key"]] = issue
        self._keep(issue)
        return {name: issue[name] for name in ("id", "key", "self")}

    def edit(self, key: str, given: Json) -> None:
        """Change fields, or add to and remove from labels; 400 with errors by field."""
        issue = self.issue(key)
        fields = dict(given.get("fields") or {})
        for name, operations in (given.get("update") or {}).items():
            if name == "comment":
                self._comments_of(issue, operations)
                continue
            if name != "labels":
                raise JiraRefusal(400, errors={name: f"Field '{name}' cannot be updated here."})
            labels = list(fields.get("labels", issue["fields"]["labels"]))
            for operation in operations:
                if "add" in operation:
                    labels.append(operation["add"])
                if "remove" in operation:
                    labels = [label for label in labels if label != operation["remove"]]
                if "set" in operation:
                    labels = list(operation["set"])
            fields["labels"] = labels
        issue["fields"] |= self._checked(fields, new=False)
        self._keep(issue)

    def _comments_of(self, issue: Json, operations: list[Json]) -> None:
        for operation in operations:
            if "add" in operation:
                self.comment(issue["key"], operation["add"])

    def comment(self, key: str, given: Json) -> Json:
        """Add a comment; 400 when it has no words."""
        issue, body = self.issue(key), given.get("body")
        if not isinstance(body, str) or not body.strip():
            raise JiraRefusal(400, errors={"comment": "Comment body can not be empty!"})
        self.serial += 1
        comment = {
            "self": f"{issue['self']}/comment/{self.serial}",
            "id": str(self.serial),
            "author": self.me(),
            "updateAuthor": self.me(),
            "body": body,
            "created": _now(),
            "updated": _now(),
        }
        comments = issue["fields"]["comment"]
        comments["comments"].append(comment)
        comments["total"] = comments["maxResults"] = len(comments["comments"])
        self._keep(issue)
        return comment

    def transition(self, key: str, given: Json) -> None:
        """Move an issue along its workflow; Done resolves it. 400 for an unknown transition."""
        issue, wanted = self.issue(key), str((given.get("transition") or {}).get("id", ""))
        place = next((place for ident, _, place in TRANSITIONS if ident == wanted), None)
        if place is None:
            raise JiraRefusal(400, f"It seems that you have tried to perform an illegal workflow operation: {wanted}.")
        fields = dict(given.get("fields") or {})
        fields.pop("resolution", None)
        issue["fields"] |= self._checked(fields, new=False)
        self._comments_of(issue, (given.get("update") or {}).get("comment", []))
        issue["fields"]["status"] = self.status(place)
        done = STATUSES[place][2] == "done"
        resolution = {"self": f"{self.url}/rest/api/2/resolution/10000", "id": "10000", "name": "Done"}
        issue["fields"]["resolution"] = resolution if done else None
        issue["fields"]["resolutiondate"] = _now() if done else None
        self._keep(issue)
