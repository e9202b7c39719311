"""`middlewatch demo break`; the demo itself is played by `make demo`."""

import pytest

from cli import demo
from cli.failure import Failed
from local.aws.embedded import EmbeddedAws
from tests.builders import T0
from tests.cli.conftest import Command


def test_the_example_breaks_at_a_new_version_of_its_parameter(
    aws: EmbeddedAws, capsys: pytest.CaptureFixture[str]
) -> None:
    ssm = aws.client("ssm")
    ssm.put_parameter(Name="/shop-demo/break", Value="never", Type="String")
    demo.break_service(aws.client, "shop-demo", T0)
    broken = ssm.get_parameter(Name="/shop-demo/break")["Parameter"]
    assert (broken["Version"], broken["Value"]) == (2, "2026-11-21T03:00:00.000Z")
    assert "its alarm rings in 2 to 3 minutes" in capsys.readouterr().out


def test_what_was_never_put_up_cannot_be_broken(aws: EmbeddedAws) -> None:
    with pytest.raises(Failed, match="put up infra/terraform/examples/ecs-demo first"):
        demo.break_service(aws.client, "nowhere", T0)
    assert not aws.client("ssm").describe_parameters(ParameterFilters=[{"Key": "Name", "Values": ["/nowhere/break"]}])[
        "Parameters"
    ]


@pytest.mark.usefixtures("store")
def test_on_one_machine_there_is_nothing_to_break(command: Command) -> None:
    result = command("demo", "break")
    assert (result.exit_code, "no deployment is known here" in result.stderr) == (2, True)
