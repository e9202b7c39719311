"""The log of a function: one JSON object a line, in ASCII, without secrets that we know by their form."""

from json import dumps
from typing import IO, Any

from aws_lambda_powertools import Logger

from shared.redaction import redact


def log_of(service: str, *, stream: IO[str] | None = None) -> Logger:
    """The log of the function `service`, on stdout or into `stream`."""
    return Logger(service=service, stream=stream, json_serializer=written)


def written(record: dict[str, Any]) -> str:
    """One line: nothing that breaks lines, moves a cursor or reorders text is in it as such."""
    return dumps(_told(record), default=str, separators=(",", ":"))


def _told(value: Any) -> Any:  # noqa: ANN401 - any JSON
    match value:
        case str():
            return redact(value)
        case dict():
            return {redact(str(name)): _told(inner) for name, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_told(inner) for inner in value]
        case bool() | int() | float() | None:
            return value
    return redact(str(value))
