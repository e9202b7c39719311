"""What goes wrong is told in one line on stderr, with an exit code that a script can act on."""

import sys
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

BAD_INPUT = 2
"""What was given cannot be used; 1 is 'the answer is no' (a broken chain, a failed check)."""


class Failed(Exception):
    """The command ends here, with this line and this exit code."""

    def __init__(self, why: str, code: int = BAD_INPUT) -> None:
        """Say why in words for the person at the terminal."""
        super().__init__(why)
        self.code = code


class Group(TyperGroup):
    """The root of all commands."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - types of the click inside Typer
        """Runs the command; what we expect to go wrong becomes one line."""
        try:
            return super().invoke(ctx)
        except Failed as failed:
            _end(str(failed), failed.code)
        except Exception as error:
            said = _expected(error)
            if said is None:
                raise
            _end(said, BAD_INPUT)


def _expected(error: Exception) -> str | None:
    """What to say of an error that is nobody's bug here; None for one that may be, and for Typer's own."""
    # Here, so that `--help` does not wait for them.
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    from shared.errors import Refused, Unavailable  # noqa: PLC0415

    match error:
        case Refused():
            return str(error)
        case Unavailable():
            return f"{error} (is `make run` up, or are the credentials and AWS_REGION right?)"
        case BotoCoreError() | ClientError():
            return f"AWS: {error}"
        case OSError():
            return f"{error.filename or 'file'}: {error.strerror or error}"
    return None


def _end(why: str, code: int) -> NoReturn:
    line = " ".join(why.split()) or "failed"
    sys.stderr.write(f"middlewatch: {line}\n")
    raise typer.Exit(code)
