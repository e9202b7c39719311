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


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a & b < c > d", "a &amp; b &lt; c &gt; d"),
        ("`code` *bold* ~struck~", "'code' \u2217bold\u2217 \u223cstruck\u223c"),
        ("_italic_ snake_case", "\u02cditalic\u02cd snake_case"),
        (">> quoted > not", "\u203a quoted &gt; not"),
        ("x" * 201, "x" * 199 + "…"),
    ],
)
def test_what_would_be_markup_is_shown_as_what_looks_alike(text: str, shown: str) -> None:
    assert safe(text) == shown


def test_a_text_is_cut_before_it_is_escaped() -> None:
    assert safe("&&&", 2) == "&amp;…"


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


def test_the_label_of_a_link_ends_no_link() -> None:
    assert link("https://aws.example", "a|b>*c*") == "<https://aws.example|a/b&gt;\u2217c\u2217>"
    assert link("x", "a|*b*") == "a|\u2217b\u2217"


def test_a_link_takes_at_most_half_of_a_section() -> None:
    url = "https://aws.example/".ljust(1500, "a")
    assert (link(url, "here"), link(f"{url}a", "here")) == (f"<{url}|here>", "here")


def test_a_link_keeps_its_query() -> None:
    assert link("https://aws.example/a?b=1&c=2#d", "here") == "<https://aws.example/a?b=1&amp;c=2#d|here>"


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        (["a" * 69], ["a" * 69]),
        (["a" * 70], ["… 1 more left out"]),
        (["a" * 34, "b" * 34], ["a" * 34, "b" * 34]),
        (["a" * 34, "b" * 35, "c"], ["a" * 34, "… 2 more left out"]),
        ([], []),
    ],
)
def test_a_line_that_does_not_fit_is_left_out_with_all_that_follow(lines: list[str], kept: list[str]) -> None:
    assert fitting(lines, 100) == kept
    assert section(lines) == {
        "type": "section",
        "text": {"type": "mrkdwn", "text": "\n".join(lines), "verbatim": True},
    }


def test_a_button_carries_its_id_and_its_question() -> None:
    asked = confirm("t" * 101, "w" * 301, "y" * 31, "n" * 31)
    assert asked == {
        "title": {"type": "plain_text", "text": "t" * 99 + "…"},
        "text": {"type": "plain_text", "text": "w" * 299 + "…"},
        "confirm": {"type": "plain_text", "text": "y" * 29 + "…"},
        "deny": {"type": "plain_text", "text": "n" * 29 + "…"},
    }
    made = button("l" * 76, "approve", "INC-1/3", style="primary", confirm=asked)
    assert actions([made]) == [
        {
            "type": "actions",
            "elements": [
                {
                    "type": "button",
                    "text": {"type": "plain_text", "text": "l" * 74 + "…"},
                    "action_id": "approve",
                    "value": "INC-1/3",
                    "style": "primary",
                    "confirm": asked,
                }
            ],
        }
    ]


def test_a_question_without_words_asks_all_the_same() -> None:
    asked = confirm("\u200b", "", "Yes", "No")
    assert (asked["title"]["text"], asked["text"]["text"]) == ("?", "?")


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
    assert moment(at, seconds=True) == "<!date^1795230479^{time_secs}|03:07:59 UTC>"
    assert (
        moment(at, day=True, seconds=True) == "<!date^1795230479^{date_short_pretty} {time_secs}|21 Nov 03:07:59 UTC>"
    )
