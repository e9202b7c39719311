"""Whatever means that Middlewatch itself fails is counted by the code and has an alarm, and the other way round."""

import re
from pathlib import Path
from typing import get_args

from shared.telemetry import COUNTED, Failing

ROOT = Path(__file__).parents[2]
ALARMS = (ROOT / "infra" / "terraform" / "app" / "alarms.tf").read_text("utf-8")
DASHBOARD = (ROOT / "infra" / "terraform" / "app" / "dashboard.tf").read_text("utf-8")
OURS = "\n".join(
    path.read_text("utf-8") for part in ("functions", "shared") for path in sorted((ROOT / part).rglob("*.py"))
)


def test_every_failure_that_is_counted_has_its_alarm_and_every_alarm_its_count() -> None:
    watched = set(re.findall(r'metric\s+= "(\w+)"', ALARMS))

    assert watched - set(COUNTED.values()) == set(get_args(Failing))


def test_every_failure_is_counted_somewhere() -> None:
    counted = set(re.findall(r'\bcount(?:\(|, )(?:wiring[.])?(?:metrics|meter\([\w.]+\)), "(\w+)"', OURS))

    assert counted == set(get_args(Failing))


def test_what_the_dashboard_shows_of_incidents_is_what_the_code_counts() -> None:
    shown = re.search(r"for name in (\[[^\]]*\]) : \[var\.name, name\]", DASHBOARD)

    assert shown
    assert all(f'"{name}"' in OURS for name in re.findall(r'"(\w+)"', shown[1]))
