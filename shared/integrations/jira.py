"""Jira (Cloud or Data Center) over the jira client, without its retries: they would create a ticket twice."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from json import dumps

from jira import JIRA, JIRAError
from requests import ConnectionError as NoConnection
from requests import ConnectTimeout, RequestException
from urllib3.exceptions import MaxRetryError, NewConnectionError

from shared.errors import Refused, Unavailable, Unclear
from shared.sentences import plain

TIMEOUT = (3.0, 10.0)
"""Seconds to connect, and to wait for an answer."""
SUMMARY = 255
"""Characters of a summary; Jira's own limit."""
LONGEST = 30_000
"""Characters of a description or comment; Jira takes 32,767."""
_HOW_TO_FIX = {
    401: "the account or its token is wrong: renew the secrets jira_user and jira_token",
    403: "the account may not do this: give it the permission in the project",
    404: "there is no such project or ticket: correct `jira` in config/services.yaml",
}


@dataclass(frozen=True)
class JiraTickets:
    """The port Tickets over Jira's REST API; user and token are asked for at every call, since they may be new ones."""

    site: str
    secret: Callable[[str], str]
    clients: dict[tuple[str, str], JIRA] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, secret: Callable[[str], str], environment: Mapping[str, str]) -> "JiraTickets | None":
        """Jira at JIRA_URL; None where it is not set."""
        site = environment.get("JIRA_URL", "").strip().rstrip("/")
        return cls(site, secret) if site else None

    @property
    def client(self) -> JIRA:
        """The client of this user and token; a token without a user is a personal access token (Data Center)."""
        user, token = self.secret("jira_user"), self.secret("jira_token")
        if (user, token) not in self.clients:
            auth = {"basic_auth": (user, token)} if user else {"token_auth": token}
            self.clients[user, token] = JIRA(self.site, max_retries=0, timeout=TIMEOUT, **auth)
        return self.clients[user, token]

    def create(self, project: str, kind: str, summary: str, description: str, label: str) -> str:
        """See Tickets."""
        fields = {
            "project": {"key": project},
            "issuetype": {"name": kind},
            "summary": plain(summary, SUMMARY),
            "description": description[:LONGEST],
            "labels": [label],
        }
        with _translated(f"project {project}"):
            return str(self.client.create_issue(fields=fields, prefetch=False).key)

    def find(self, project: str, label: str) -> str | None:
        """See Tickets; Jira Cloud's search may lag a few seconds behind."""
        jql = f"project = {dumps(project)} AND labels = {dumps(label)} ORDER BY created ASC"
        with _translated(f"project {project}"):
            search = self.client.enhanced_search_issues if self.client._is_cloud else self.client.search_issues  # noqa: SLF001 - the client asks itself the same way
            found = search(jql, maxResults=1, fields="key")
        return str(found[0].key) if found else None

    def comment(self, key: str, text: str, mark: str) -> str:
        """See Tickets; the mark is the comment's last line."""
        with _translated(key):
            return str(self.client.add_comment(key, f"{text[:LONGEST]}\n{mark}").id)

    def commented(self, key: str, mark: str) -> str | None:
        """See Tickets."""
        with _translated(key):
            comments = self.client.comments(key)
        return next((str(each.id) for each in comments if each.body.rpartition("\n")[2] == mark), None)

    def move(self, key: str, name: str) -> bool:
        """See Tickets."""
        with _translated(key):
            for each in self.client.transitions(key):
                if name.casefold() in {each["name"].casefold(), each["to"]["name"].casefold()}:
                    self.client.transition_issue(key, each["id"])
                    return True
        return False

    def url(self, key: str) -> str:
        """See Tickets."""
        return f"{self.site}/browse/{key}"


@contextmanager
def _translated(about: str) -> Iterator[None]:
    try:
        yield
    except JIRAError as error:
        raise _of_reply(error, about) from error
    except ConnectTimeout as error:
        raise Unavailable(f"Jira cannot be reached: {error}") from error
    except NoConnection as error:
        cause = error.args[0] if error.args else None
        if isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError):
            raise Unavailable(f"Jira cannot be reached: {cause.reason}") from error
        raise Unclear(f"Jira did not answer: {error}") from error
    except (RequestException, ValueError, LookupError, TypeError, AttributeError) as error:
        # A time-out, or a reply that is not Jira's (a proxy's page, say): the request was on its way.
        raise Unclear(f"Jira did not answer: {error}") from error


def _of_reply(error: JIRAError, about: str) -> Unavailable | Refused:
    status = int(error.status_code or 0)
    if status in {429, 503}:
        after = str(error.response.headers.get("Retry-After", "")) if error.response is not None else ""
        return Unavailable(f"Jira is busy ({status})", retry_after=float(after) if after.isdigit() else None)
    if not 400 <= status < 500:  # noqa: PLR2004 - HTTP's own numbers; a 200 here is one that says nothing of a ticket
        return Unclear(f"Jira failed ({status}); it may have taken effect")
    why = _HOW_TO_FIX.get(status, "Jira does not accept it")
    return Refused(f"Jira, {about}: {why} ({status}: {plain(error.text or '')})")
