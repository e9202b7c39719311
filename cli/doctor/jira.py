"""Jira: whether the account gets in, and finds the projects and kinds of issue that the configuration names."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from jira import JIRA, JIRAError
from requests import RequestException

from cli.doctor.finding import Finding, ok, wrong
from shared.config import Config, Jira
from shared.errors import Unavailable

T = TypeVar("T")
CHECK = "jira"


class JiraRefused(Exception):
    """Jira's answer: its HTTP status."""


class Site(Protocol):
    """Jira as the doctor asks it; raises JiraRefused, or Unavailable."""

    def myself(self) -> str:
        """The name of the account."""
        ...

    def kinds(self, project: str) -> frozenset[str]:
        """The kinds of issue that the project has."""
        ...


@dataclass(frozen=True, slots=True)
class JiraSite:
    """Jira's REST API."""

    client: Callable[[], JIRA]

    def myself(self) -> str:
        """See Site."""
        return _asked(lambda: str(self.client().myself().get("displayName", "")))

    def kinds(self, project: str) -> frozenset[str]:
        """See Site."""
        return _asked(lambda: frozenset(str(each.name) for each in self.client().project(project).issueTypes))


def jira(site: Site, config: Config) -> Iterator[Finding]:
    """The account, and every project that a service's tickets go to."""
    try:
        name = site.myself()
    except JiraRefused as refused:
        fix = (
            "`middlewatch secrets set jira_user` (the account's e-mail address) and `… set jira_token` (its API token)"
        )
        yield wrong(CHECK, f"the account is refused: {refused}", fix)
        return
    yield ok(CHECK, f"signed in as {name}")
    given = {config.default_jira, *(service.jira for service in config.services)} - {None}
    for project, kind in sorted((each.project, each.type) for each in given if isinstance(each, Jira)):
        yield from _project(site, project, kind)


def _project(site: Site, project: str, kind: str) -> Iterator[Finding]:
    check = f"jira project {project}"
    try:
        kinds = site.kinds(project)
    except JiraRefused as refused:
        fix = "correct `jira` in config/services.yaml, or give the account access to the project"
        yield wrong(check, f"cannot be seen: {refused}", fix)
        return
    if kind not in kinds:
        fix = f"take one of {', '.join(sorted(kinds)) or 'none'} in config/services.yaml"
        yield wrong(check, f"has no issues of the type {kind}", fix)
    else:
        yield ok(check, f"takes issues of the type {kind}")


def _asked(ask: Callable[[], T]) -> T:
    try:
        return ask()
    except JIRAError as error:
        status = int(error.status_code or 0)
        if not 400 <= status < 500 or status == 429:  # noqa: PLR2004 - HTTP's own numbers
            raise Unavailable(f"Jira did not answer ({status})") from error
        raise JiraRefused(str(status)) from error
    except (RequestException, ValueError, LookupError, AttributeError) as error:
        raise Unavailable(f"Jira did not answer: {error}") from error
