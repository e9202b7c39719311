"""The doctor's test alarm, on everything that runs locally."""

import time
from pathlib import Path

import boto3
import pytest

from cli.doctor.rehearsal import Watch, rehearse
from cli.doctor.stack import Stack
from local.demo.play import store_of
from local.stack import SECONDS
from local.stack import Stack as Local
from local.world.scenarios import ACCOUNT
from shared.settings import Settings

ALARM = "middlewatch-canary"


class Lambda:
    """What the function that takes alarms in was told."""

    def get_function_configuration(self, **_: str) -> object:
        return {"Environment": {"Variables": {"TEST_ALARM": ALARM, "AWS_ACCOUNT_ID": ACCOUNT}}}


@pytest.mark.emulator
def test_an_alarm_that_the_doctor_sets_comes_through_every_stage(tmp_path: Path) -> None:
    with Local(tmp_path, settings={**SECONDS, "TEST_ALARM": ALARM}) as local:
        cloudwatch = boto3.client("cloudwatch", endpoint_url=local.world_url, region_name=local.aws.region)
        stack = Stack(
            settings=Settings(timeline_table="t", state_table="s", aws_region=local.aws.region),
            functions=(),
            account=ACCOUNT,
            test_alarm=ALARM,
        )
        store = store_of(local)
        clients = {"lambda": Lambda(), "cloudwatch": cloudwatch}
        findings = list(rehearse(clients.__getitem__, stack, store, store, Watch(time.monotonic, time.sleep)))
    assert [each for each in findings if each.status == "wrong"] == []
    assert findings[-1].check == "test alarm: resolution"
