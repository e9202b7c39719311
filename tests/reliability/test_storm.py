"""A share of the storm, within seconds; the whole of it: `python -m tests.reliability.storm --alerts 100000`."""

from __future__ import annotations

import pytest

from tests.reliability.share import SEED
from tests.reliability.storm.run import run
from tests.reliability.storm.weather import alerts

SOME = 1_200


def test_a_storm_loses_nothing_and_stays_within_every_budget() -> None:
    rows = run(SOME, SEED)

    assert {row.what: row.remark for row in rows if row.violations} == {}
    by_name = {row.what: row for row in rows}
    assert by_name["storm: alerts taken in, none lost"].tried == SOME
    assert by_name["storm: actions within the hour"].tried > 0
    assert "told 1x" in by_name["storm: nothing alone while the fleet is ill"].remark
    assert not by_name["storm: Slack messages within each channel's hour"].remark.endswith(" 0 told of many")


@pytest.mark.parametrize(("count", "services"), [(7, 3), (100, 9), (1000, 30)])
def test_the_weather_brings_as_many_alerts_as_are_asked_for_in_order(count: int, services: int) -> None:
    arriving = list(alerts(count, services, SEED))

    assert len(arriving) == count
    assert [seconds for seconds, _ in arriving] == sorted(seconds for seconds, _ in arriving)
    assert arriving == list(alerts(count, services, SEED))
