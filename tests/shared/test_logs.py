import io
import json
import logging
from datetime import UTC, datetime

import pytest

from shared.logs import log_of

HOSTILE = ["\r\n{x", "\x1b[31m", "\x9b31m", "\u2028", "\u202e", "\x85", "\ud800", "ü"]


@pytest.fixture
def written() -> io.StringIO:
    return io.StringIO()


@pytest.mark.parametrize("text", HOSTILE, ids=[f"{ord(text[0]):x}" for text in HOSTILE])
def test_a_line_is_one_line_of_ascii_and_says_all(text: str, written: io.StringIO) -> None:
    name = f"lines{ord(text[0])}"
    logging.getLogger(name).propagate = False  # half a letter is none that another process could be told
    log_of(name, stream=written).info(text, extra={"why": text, "many": [{text: (text, 1, None)}]})
    (line,) = written.getvalue().splitlines()
    assert line.isascii()
    assert line.isprintable()
    said = json.loads(line)
    assert (said["message"], said["why"], said["many"]) == (text, text, [{text: [text, 1, None]}])


def test_a_secret_is_in_no_line_nor_in_a_trace(written: io.StringIO) -> None:
    logger = log_of("secrets", stream=written)
    try:
        int("postgres://app:hunter2@db:5432")
    except ValueError as error:
        logger.exception("failed", extra={"why": error, "token=hunter2": "password=hunter2"})
    assert "hunter2" not in written.getvalue()
    assert "Traceback" in written.getvalue()


def test_what_is_logged_keeps_its_shape(written: io.StringIO) -> None:
    at = datetime(2026, 11, 21, tzinfo=UTC)
    more = {
        "n": 1,
        "share": 0.5,
        "yes": True,
        "nothing": None,
        "at": at,
        "set": {"a"},
        "frozen": frozenset("b"),
        7: (1, ["x"]),
    }
    log_of("shape", stream=written).info("turn", extra={"more": more})
    (line,) = written.getvalue().splitlines()
    assert ", " not in line.partition('"more"')[2]
    assert json.loads(line)["more"] == {
        "n": 1,
        "share": 0.5,
        "yes": True,
        "nothing": None,
        "at": "2026-11-21 00:00:00+00:00",
        "set": ["a"],
        "frozen": ["b"],
        "7": [1, ["x"]],
    }
    assert json.loads(line)["service"] == "shape"
