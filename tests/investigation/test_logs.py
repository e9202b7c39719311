import time
from datetime import timedelta
from typing import Any

from botocore.stub import Stubber

from functions.investigation import logs
from functions.investigation.logs import KEY_LINES, PAGES, Window, by_shape, said, without_keys
from functions.investigation.reading import Reading
from local.world.stage import Stage
from tests.builders import T0

PLACE = {"group": "/ecs/shop/orders", "region": "eu-west-1", "prefix": "app/app/"}
WINDOW = Window(T0, T0 + timedelta(minutes=5))


def a_line(message: str, *, at: int = 1, stream: str = "app/app/1") -> Any:
    return {"message": message, "timestamp": at, "logStreamName": stream}


def read(client: Any) -> Reading:
    (job,) = logs.jobs(lambda _: client, [PLACE], WINDOW, region="eu-west-1")
    return job.read()


def stubbed(*pages: dict[str, Any]) -> Any:
    client = Stage("https://logs.example").client("logs")
    stub = Stubber(client)
    for page in pages:
        stub.add_response("filter_log_events", page)
    stub.activate()
    return client


def test_lines_that_differ_in_numbers_and_ids_alone_are_one_shape() -> None:
    lines = [
        a_line(f"order {n} of ana{n}@shop.example failed after {n}.5 s", at=n, stream=f"s{n % 2}") for n in range(9)
    ]
    (shape,) = by_shape(lines)
    assert (shape["count"], shape["tasks"]) == (9, 2)
    assert shape["text"].startswith("order 8 ")


def test_the_most_frequent_shape_comes_first() -> None:
    assert [shape["count"] for shape in by_shape([a_line("a"), a_line("b"), a_line("b")])] == [2, 1]


def test_a_structured_line_says_its_level_and_message() -> None:
    assert said('{"level": "ERROR", "msg": "boom", "trace": "x"}') == "ERROR boom"
    assert said('{"level": "ERROR"}') == '{"level": "ERROR"}'
    assert said("{ not json") == "{ not json"
    assert said('{"n": ' + "9" * 5000 + "}").startswith('{"n": 9')
    assert len(said("x" * 10_000_000)) == 1000


def test_lines_of_trouble_are_told_and_counted() -> None:
    reading = read(stubbed({"events": [a_line("ERROR boom")] * 3}))
    (draft,) = reading.drafts
    assert draft.found == "3 lines of trouble in 1 shape; 3 times: ERROR boom"
    assert draft.data["trouble"] is True


def test_where_nothing_tells_of_trouble_the_last_words_are_read_all_the_same() -> None:
    (draft,) = read(stubbed({"events": []}, {"events": [a_line("bye")]})).drafts
    assert draft.data["trouble"] is False
    assert "bye" in draft.found


def test_silence_is_found_too() -> None:
    assert read(stubbed({"events": []}, {"events": []})).drafts[0].found == "Nothing was logged."


def test_a_search_that_was_not_finished_says_so_and_claims_nothing() -> None:
    """CloudWatch gives empty pages with a token while it searches a large group."""
    empty = {"events": [], "nextToken": "more"}
    (nothing,) = read(stubbed(*[empty] * PAGES * 2)).drafts
    (some,) = read(stubbed(*[empty] * PAGES, {"events": [a_line("bye")]})).drafts
    assert nothing.found == "No line in the part of the log that could be searched."
    assert some.found == "1 line; not all were searched for trouble; the most frequent: bye"
    assert (nothing.data["whole"], some.data["whole"]) == (False, False)


def test_a_line_without_a_space_takes_no_longer_than_another() -> None:
    """A thousand such lines took as long as all of the evidence may."""
    began = time.process_time()
    by_shape([a_line("x" * 1000)] * 900)
    assert time.process_time() - began < 0.3


def test_an_address_is_left_out_of_a_shape_whatever_it_begins_with() -> None:
    assert len(by_shape([a_line("from 1ana@shop.example"), a_line("from bob@shop.example")])) == 1


def test_more_groups_than_are_read_are_a_gap() -> None:
    found = logs.jobs(lambda _: stubbed(), [PLACE], WINDOW, extra_groups=["/a", "/b", "/c", "/d"], region="r")
    assert [job.query for job in found[:-1]] == [
        "FilterLogEvents /ecs/shop/orders app/app/*",
        "FilterLogEvents /a *",
        "FilterLogEvents /b *",
    ]
    (gap,) = found[-1].read().gaps
    assert gap.detail == "at most 3 log groups are read; left out: /c, /d"


def test_only_so_many_pages_are_read_and_more_is_said_to_be_there() -> None:
    page = {"events": [a_line("ERROR boom")], "nextToken": "more"}
    (draft,) = read(stubbed(*[page] * PAGES)).drafts
    assert draft.data["whole"] is False
    assert draft.found.startswith(f"{PAGES} or more lines")


def test_where_nobody_logs_to_cloudwatch_that_is_a_gap() -> None:
    (job,) = logs.jobs(lambda _: stubbed(), [], WINDOW, region="eu-west-1")
    (gap,) = job.read().gaps
    assert (gap.source, gap.reason) == ("logs", "absent")


def test_a_group_that_both_the_task_and_the_inventory_name_is_read_once() -> None:
    both = logs.jobs(lambda _: stubbed(), [PLACE], WINDOW, extra_groups=[PLACE["group"], "/other"], region="r")
    assert [job.query for job in both] == ["FilterLogEvents /ecs/shop/orders app/app/*", "FilterLogEvents /other *"]


def test_the_window_begins_shortly_before_the_alarm_and_never_long_ago() -> None:
    assert Window.around(T0, T0 + timedelta(minutes=2)).start == T0 - timedelta(minutes=1)
    assert Window.around(T0 - timedelta(days=1), T0).start == T0 - timedelta(minutes=15)


def test_an_alarm_of_a_clock_that_is_ahead_of_ours_still_has_a_window() -> None:
    assert Window.around(T0 + timedelta(minutes=5), T0).start == T0 - timedelta(minutes=1)


def test_a_private_key_that_was_logged_line_by_line_is_told_of_by_its_first_line_only() -> None:
    words = [
        "starting",
        "-----BEGIN RSA PRIVATE KEY-----",
        "MIIEpAIBAAKCAQEA",
        "q83vEjRWeJ",
        "-----END RSA PRIVATE KEY-----",
    ]
    mine = [{"message": text, "timestamp": at, "logStreamName": "a"} for at, text in enumerate([*words, "started"])]
    other = {"message": "MIIEpAIBAAKCAQEA", "timestamp": 2, "logStreamName": "b"}
    kept = without_keys([*mine, other])  # type: ignore[list-item]
    assert [line["message"] for line in kept] == [words[0], words[1], "MIIEpAIBAAKCAQEA", "started"]


def test_a_key_that_never_ends_hides_so_many_lines_and_no_more() -> None:
    texts = ["-----BEGIN PRIVATE KEY-----", *map(str, range(KEY_LINES + 3))]
    lines = [{"message": text, "timestamp": at, "logStreamName": "a"} for at, text in enumerate(texts)]
    assert len(without_keys(lines)) == 4  # type: ignore[arg-type]
