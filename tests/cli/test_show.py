import io
import json
from contextlib import redirect_stdout

import pytest

from cli import show


@pytest.mark.parametrize("text", ["\x9b31m", "\u202eevil", "a\u2028b", "\x7f", "\x85"])
def test_json_moves_no_cursor_and_still_says_the_same(text: str) -> None:
    with redirect_stdout(io.StringIO()) as printed:
        show.json({"title": text})
    assert text not in printed.getvalue()
    assert json.loads(printed.getvalue()) == {"title": text}
