"""What a check found, and the ways in which a look at AWS itself can fail."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from shared.errors import Refused, Unavailable

Status = Literal["ok", "wrong", "note"]
"""`note` is what somebody may want so: told, and no failure."""
Aws = Callable[[str], Any]
"""The boto3 client of a service, by boto3's name for it."""
Check = Callable[[], Iterable["Finding"]]
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"})
DEPLOY = "run `make deploy` (the plan shows what is missing)"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's: what was looked at, how it is, and what to do about it."""

    check: str
    status: Status
    said: str
    fix: str = ""


def ok(check: str, said: str) -> Finding:
    """All is well."""
    return Finding(check, "ok", said)


def note(check: str, said: str, fix: str = "") -> Finding:
    """Somebody may want it so."""
    return Finding(check, "note", said, fix)


def wrong(check: str, said: str, fix: str) -> Finding:
    """Nobody wants it so."""
    return Finding(check, "wrong", said, fix)


def unless(found: Iterable[Finding], check: str, said: str) -> Iterator[Finding]:
    """What was found, or that all is well."""
    findings = list(found)
    yield from findings or [ok(check, said)]


def code_of(error: ClientError) -> str:
    """AWS's word for the error, the same in its older and its newer protocols."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    return code.rpartition(".")[2].rpartition("#")[2]


def looked(check: str, look: Check) -> list[Finding]:
    """What `look` finds; that it could not look is a finding too."""
    found: list[Finding] = []
    try:
        found.extend(look())
    except ClientError as error:
        call, code = error.operation_name, code_of(error)
        if code in DENIED:
            fix = f"let the identity that runs the doctor call {call}, or run it with another one"
            found.append(wrong(check, f"may not look: {call} was denied", fix))
        else:
            found.append(wrong(check, f"cannot look: {error}", "try again; if it stays, see the error's text"))
    except (BotoCoreError, Unavailable, Refused) as error:
        found.append(wrong(check, f"cannot look: {error}", "try again; if it stays, see the error's text"))
    return found
