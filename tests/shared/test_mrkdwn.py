import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.standins.slack.blockkit import problems
from local.standins.slack.mrkdwn import render
from shared.mrkdwn import actions, button, confirm, fitting, link, moment, safe, section

HOSTILE = [
    "<!channel>",
    "<!here|innocent>",
    "<@U0ANA>",
    "<#C0INCIDENTS>",
    "<https://evil.example|OK>",
    "<!subteam^S0PAYMENTS>",
    "<!date^1^{date}^https://evil.example|today>",
    "```rm -rf```",
    "`code`",
    "*bold* _italic_ ~struck~",
    "> quote\n> more",
    "&lt;!channel&gt;",
    "a\r\nb\u2028c\u202ed\x00",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_from_outside_mentions_links_or_marks_up(text: str) -> None:
    shown = str(render(f"said: {safe(text)}", {"U0ANA": "ana"}))
    assert "<" not in shown
    assert "\n" not in safe(text)


@given(st.text(alphabet=st.sampled_from("<>&!@#*_~`|^ a:/\n\\") | st.characters()))
def test_no_text_at_all_makes_markup_of_its_own(text: str) -> None:
    assert not re.search(r"[<>`*~\n\r]", safe(text))
    assert not re.search(r"&(?!(amp|lt|gt);)", safe(text))


def test_a_name_can_be_copied_as_it_is() -> None:
    assert safe("HTTPCode_Target_5XX_Count") == "HTTPCode_Target_5XX_Count"


@pytest.mark.parametrize(
    "url",
    [
        "http://plain.example",
        "http://127.0.0.1.evil.example/",
        "javascript:alert(1)",
        "https://user:pass@evil.example",
        "https://evil.example/|OK>",
        "https://evil.example/<!channel>",
        "https://evil.example/\n",
        "https://" + "a" * 3000,
        "file:///etc/passwd",
        "",
    ],
)
def test_only_plain_https_becomes_a_link(url: str) -> None:
    assert link(url, "here") == "here"


def test_what_runs_on_this_very_machine_may_be_linked_without_tls() -> None:
    assert link("http://127.0.0.1:8082/browse/OPS-1", "OPS-1") == "<http://127.0.0.1:8082/browse/OPS-1|OPS-1>"


def test_a_link_keeps_its_query() -> None:
    assert link("https://aws.example/a?b=1&c=2#d", "here") == "<https://aws.example/a?b=1&amp;c=2#d|here>"


@given(st.lists(st.text(max_size=4000), max_size=80))
def test_lines_are_shown_whole_or_counted_as_left_out(lines: list[str]) -> None:
    kept = fitting(lines)
    assert len("\n".join(kept)) <= 3000
    if kept != lines:
        assert kept[-1] == f"… {len(lines) - len(kept) + 1} more left out"
        assert kept[:-1] == lines[: len(kept) - 1]


@given(st.text(min_size=1).filter(str.strip), st.text(min_size=1, max_size=30).filter(str.strip))
def test_whatever_it_says_slack_takes_it(text: str, label: str) -> None:
    if not safe(text) or not safe(label):
        return
    asked = confirm(text, text, "Yes", "No")
    assert not problems([section([safe(text)]), *actions([button(label, "approve", "INC-1/3", confirm=asked)])])


def test_no_buttons_make_no_block() -> None:
    assert actions([]) == []


def test_a_time_is_the_readers_own_with_utc_to_fall_back_on() -> None:
    at = datetime(2026, 11, 21, 3, 7, 59, tzinfo=UTC)
    assert moment(at) == "<!date^1795230479^{time}|03:07 UTC>"
    assert moment(at, day=True) == "<!date^1795230479^{date_short_pretty} {time}|21 Nov 03:07 UTC>"
