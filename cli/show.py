"""What people see: tables without markup of their own, since alerts come from strangers."""

import re
import sys
from collections.abc import Iterable, Sequence
from json import dumps
from typing import Any, Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.sentences import plain

_MOVES = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal obeys and JSON takes as it is: C1 controls, line separators, marks that reorder text."""
LEAST = 16
"""Characters that the last column keeps, however narrow the terminal is."""


def table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[str] = (), wraps: Sequence[str] = ()
) -> None:
    """Prints a table; the last column and those in `wraps` wrap, the others do not; those in `right` end flush."""
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        justify: Literal["left", "right"] = "right" if name in right else "left"
        last = name == columns[-1]
        drawn.add_column(
            name,
            no_wrap=not last and name not in wraps,
            overflow="fold",
            justify=justify,
            min_width=LEAST if last else None,
        )
    for row in rows:
        drawn.add_row(*(Text(plain(cell)) for cell in row))
    Console().print(drawn)


def fields(pairs: Iterable[tuple[str, str]]) -> None:
    """Prints names and values, those without a value left out."""
    drawn = Table(box=None, pad_edge=False, show_header=False)
    drawn.add_column(no_wrap=True, style="bold")
    drawn.add_column(overflow="fold")
    for name, value in pairs:
        if value:
            drawn.add_row(name, Text(plain(value, 4000)))
    Console().print(drawn)


def line(text: str) -> None:
    """Prints one line."""
    Console(highlight=False, markup=False, soft_wrap=True).print(plain(text, 2000))


def aside(text: str) -> None:
    """A word on stderr, where no script reads."""
    sys.stderr.write(f"{plain(text, 500)}\n")


def json(value: Any) -> None:  # noqa: ANN401 - JSON
    """Prints one line of JSON; in ASCII where the terminal can show no more. Nothing in it can move the cursor."""
    ascii_only = (sys.stdout.encoding or "ascii").lower().replace("-", "") != "utf8"
    print(_MOVES.sub(lambda found: f"\\u{ord(found[0]):04x}", dumps(value, ensure_ascii=ascii_only)))
