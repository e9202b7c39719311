"""The bench measures what it says, and says what it measured."""

import json
from pathlib import Path

import pytest

from infra.cost.prices import PRICES, dollars
from local.aws.calls import Identity, access_key
from local.aws.embedded import EmbeddedAws
from local.aws.spec import read_functions
from local.bench import page, turns
from local.bench.incidents import Cost
from local.bench.measure import bounded, percentile, ratio
from local.bench.meter import Meter, item_size, units
from local.bench.probe import imports
from local.bench.twins import TIMELINE, TWINS, Twins
from local.stack import ROOT
from shared.facts import Fact, read_fact

KEY = access_key("lifecycle")


def sample(kind: str) -> Fact:
    return read_fact(json.loads((ROOT / "events" / "facts" / f"{kind}.json").read_text()))


def transaction(*actions: dict[str, object]) -> Identity:
    return Identity("dynamodb", "TransactWriteItems", KEY, {"TransactItems": list(actions)})


def put(table: str, **item: str) -> dict[str, object]:
    return {"Put": {"TableName": table, "Item": {name: {"S": text} for name, text in item.items()}}}


def test_the_ratio_is_the_median_of_what_was_measured_side_by_side() -> None:
    assert ratio([2.0, 30.0, 6.0], [1.0, 10.0, 3.0]) == 2.0
    assert percentile([1.0, 2.0, 3.0], 50) == 2.0


def test_a_bound_that_is_passed_is_said_to_be() -> None:
    assert bounded(1, "x", 1.2, 1.3, "").met
    assert not bounded(1, "x", 1.4, 1.3, "").met


def test_what_the_product_writes_stands_on_the_twin_tables_too_and_no_more() -> None:
    with EmbeddedAws(ROOT) as aws:
        figures = turns.measure([sample("IncidentOpened"), sample("ActionProposed"), sample("RecoveryFailed")], 2)
        twins = Twins(aws)
        twins.both(lambda: twins.store.read("INC-1"))
        called = [(call.operation, call.resource) for call in aws.calls if call.operation == "Query"]
    assert called == [("Query", TIMELINE), ("Query", TWINS[TIMELINE])]
    assert [figure.remark.partition(";")[0] for figure in figures] == [
        "get_item, get_item, get_item, transact_write_items, get_item",
        "query, transact_write_items",
    ]


def test_a_transaction_counts_double_and_an_index_once_more() -> None:
    meter = Meter(read_functions(ROOT), TIMELINE)
    meter.request(transaction(put(TIMELINE, incident_id="INC-1", entry="x" * 1500)))
    assert meter.used["DynamoDB write request units"] == 4
    meter.request(transaction(put("state", key="head", value="{}", list="open", list_at="1")))
    assert meter.used["DynamoDB write request units"] == 4 + 3


def test_a_stranger_s_calls_cost_nothing_and_neither_do_the_minutes_of_the_timekeeper() -> None:
    meter = Meter(read_functions(ROOT), TIMELINE)
    meter.request(Identity("dynamodb", "Query", "AKIALOCALOPERATOR000", {"IndexName": "by_list"}))
    meter.request(Identity("dynamodb", "Query", access_key("timekeeper"), {"IndexName": "by_due"}))
    meter.line("timekeeper", "REPORT RequestId: 1 Duration: 100.00 ms Memory Size: 256 MB")
    assert not +meter.used
    assert not meter.calls


def test_an_invocation_is_billed_by_its_memory_and_its_time() -> None:
    functions = read_functions(ROOT)
    meter = Meter(functions, TIMELINE)
    (memory,) = (each.memory for each in functions if each.name == "lifecycle")
    meter.line("lifecycle", f"REPORT RequestId: 1 Duration: 1500.00 ms Memory Size: {memory} MB")
    assert meter.used["Lambda GB-seconds"] == pytest.approx(1.5 * memory / 1024)
    assert meter.used["Lambda requests"] == 1


def test_an_item_is_as_large_as_dynamodb_counts_it() -> None:
    assert item_size({"seq": {"N": "12"}, "hash": {"S": "é"}}) == 3 + 2 + 4 + 2
    assert (units(0, 4), units(4096, 4), units(4097, 4)) == (1, 1, 2)


def test_everything_that_is_metered_has_a_price() -> None:
    assert dollars(dict.fromkeys(PRICES, 1.0)) > 0
    with pytest.raises(KeyError):
        dollars({"gold": 1.0})


def test_only_what_runs_at_import_and_is_not_ours_is_bare() -> None:
    source = "import yaml\nfrom shared import facts\nif TYPE_CHECKING:\n    import boto3\ndef f():\n    import jira\n"
    assert list(imports(source)) == ["import yaml"]


def test_the_page_names_the_command_and_every_bound(tmp_path: Path) -> None:
    cost = Cost("orders", 1, "", 1, 1, 0.5, {"SQS requests": 3})
    written = page.written([bounded(2, "repeat", 1.2, 1.1, "x")], [cost], "make bench", 3.0)
    (tmp_path / "page.md").write_text(written)
    assert "`make bench`" in written
    assert "<= 1.1x, **not met**" in written
    assert "Left out:" in written
