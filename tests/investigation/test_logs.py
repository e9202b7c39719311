from datetime import timedelta
from typing import Any

from botocore.stub import Stubber

from functions.investigation import logs
from functions.investigation.logs import PAGES, Window, by_shape, said
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
    assert draft.found == "3 lines of trouble in 1 shapes; 3 times: ERROR boom"
    assert draft.data["trouble"] is True


def test_where_nothing_tells_of_trouble_the_last_words_are_read_all_the_same() -> None:
    (draft,) = read(stubbed({"events": []}, {"events": [a_line("bye")]})).drafts
    assert draft.data["trouble"] is False
    assert "bye" in draft.found


def test_silence_is_found_too() -> None:
    assert read(stubbed({"events": []}, {"events": []})).drafts[0].found == "Nothing was logged."


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
