"""The HTTP API: whether it answers, guards itself, and runs the configuration that we see here."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import urllib3

from cli.doctor.finding import DEPLOY, Finding, note, ok, wrong
from shared.errors import Unavailable
from shared.ports import Item
from shared.switch import stopped

RESUME = "`middlewatch resume --person ID`"
SECONDS = 15.0
"""A cold start and the answer, with time to spare."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP status, and the JSON object that came with it (empty where none did)."""

    status: int
    said: dict[str, Any]


Ask = Callable[[str, str], Reply]
"""Asks by method and URL; raises Unavailable."""


def ask(method: str, url: str) -> Reply:
    """Asks once, with an empty body."""
    try:
        reply = urllib3.request(method, url, timeout=SECONDS, retries=False, redirect=False)
        said = json.loads(reply.data)
    except urllib3.exceptions.HTTPError as error:
        raise Unavailable(f"{url} did not answer: {error}") from error
    except ValueError:
        said = {}
    return Reply(reply.status, said if isinstance(said, dict) else {})


def health(asking: Ask, url: str, digest: str) -> Iterator[Finding]:
    """What GET /health says; `digest` is that of the configuration here."""
    if not url:
        yield wrong("api", "its address is not known", "set MIDDLEWATCH_API_URL, or run `make deploy` again")
        return
    reply = asking("GET", f"{url}/health")
    checks = reply.said.get("checks")
    told = checks if isinstance(checks, list) else []  # whoever answers there need not be our API
    failing = [str(each.get("name")) for each in told if isinstance(each, dict) and not each.get("ok")]
    if reply.status != 200:  # noqa: PLR2004 - HTTP's OK
        fix = "see the log group of http_api" if failing or reply.status >= 500 else DEPLOY  # noqa: PLR2004 - HTTP's own
        yield wrong("api", f"{url}/health says {reply.status} {' and '.join(failing)}".strip(), fix)
    else:
        yield ok("api", f"{url} is well")
    yield from _configuration(str(reply.said.get("config_digest", "")), digest)


def guarded(asking: Ask, url: str) -> Iterator[Finding]:
    """Whether a request that Slack did not sign is refused by our own code; not asked without an address."""
    if not url:
        return
    reply = asking("POST", f"{url}/slack/actions")
    if reply.status == 401:  # noqa: PLR2004 - HTTP's Unauthorized
        yield ok("slack requests", "without Slack's signature they are refused")
    elif reply.status == 503:  # noqa: PLR2004 - HTTP's own
        fix = "set slack_signing_secret; else see the log group of slack_api"
        yield wrong("slack requests", "slack_api cannot check signatures", fix)
    else:
        yield wrong("slack requests", f"an unsigned one got {reply.status}, not 401", DEPLOY)


def _configuration(deployed: str, here: str) -> Iterator[Finding]:
    if not deployed:
        yield wrong("configuration", "the deployment does not say which it runs", "mend the API first")
    elif deployed != here:
        said = f"deployed is {deployed[:12]}, here is {here[:12]}"
        yield wrong("configuration", said, "deploy (`make build deploy`), or check out what was deployed")
    else:
        yield ok("configuration", f"{here[:12]}, the same as here")


def switch(held: Item | None) -> Iterator[Finding]:
    """The kill switch, as the state table holds it."""
    if not stopped(held):
        yield ok("kill switch", "off: actions may run")
        return
    value = held.value if held else {}
    who, reason = str(value.get("person") or "somebody"), str(value.get("reason") or "")
    yield note("kill switch", f"{who} stopped every action{f': {reason}' if reason else ''}", RESUME)
