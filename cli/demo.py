"""The example on AWS, broken on purpose."""

from datetime import datetime

from cli import show
from cli.doctor.finding import Aws
from cli.failure import Failed
from shared.alert import as_text

EXAMPLE = "infra/terraform/examples/ecs-demo"


def break_service(aws: Aws, name: str, now: datetime) -> None:
    """Writes a new version of the parameter at which every running task of the example breaks until it is replaced."""
    ssm, parameter = aws("ssm"), f"/{name}/break"
    try:
        ssm.get_parameter(Name=parameter)
    except ssm.exceptions.ParameterNotFound as error:
        raise Failed(f"there is no parameter {parameter}; put up {EXAMPLE} first (its README.md says how)") from error
    ssm.put_parameter(Name=parameter, Value=as_text(now), Type="String", Overwrite=True)
    show.line(
        f"every order of {name} fails from now on; its alarm rings in 2 to 3 minutes: `middlewatch incidents list`"
    )
