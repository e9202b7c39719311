import json
from typing import get_args

import pytest

from shared.telemetry import Failing, count, meter


@pytest.mark.parametrize("name", get_args(Failing))
def test_what_fails_is_one_metric_of_the_deployment_whichever_function_counts_it(
    name: Failing, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "relay")

    count(meter("middlewatch-staging"), name)

    written = json.loads(capsys.readouterr().out)
    (said,) = written["_aws"]["CloudWatchMetrics"]
    assert said["Namespace"] == "middlewatch-staging"
    assert said["Dimensions"] == [[]]
    assert said["Metrics"] == [{"Name": name, "Unit": "Count"}]
    assert written[name] == [1.0]
