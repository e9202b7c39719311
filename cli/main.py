"""The `middlewatch` command. What a command needs is imported when it runs, so that `--help` answers at once."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from cli.failure import Group

app = typer.Typer(
    cls=Group,
    help="Middlewatch keeps the middle watch: alerts in, evidence, a verdict, one action, and proof that it helped.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
alerts = typer.Typer(help="Read alerts from files, and send them.", no_args_is_help=True)
incidents = typer.Typer(help="List incidents, read their timelines, check their hash chains.", no_args_is_help=True)
audit = typer.Typer(help="Check what was exported, without any network.", no_args_is_help=True)
quarantine = typer.Typer(help="Messages that could not be handled.", no_args_is_help=True)
config = typer.Typer(help="The team's configuration.", no_args_is_help=True)
policy = typer.Typer(help="The team's policy.", no_args_is_help=True)
secrets = typer.Typer(help="The secrets of a deployment.", no_args_is_help=True)
demo = typer.Typer(invoke_without_command=True)
for name, group in {
    "demo": demo,
    "alerts": alerts,
    "incidents": incidents,
    "audit": audit,
    "quarantine": quarantine,
    "config": config,
    "policy": policy,
    "secrets": secrets,
}.items():
    app.add_typer(group, name=name)

File = Annotated[str, typer.Argument(help="A file, or - for standard input.")]
Id = Annotated[str, typer.Argument(metavar="ID")]
Json = Annotated[bool, typer.Option("--json", help="For scripts.")]
Limit = Annotated[int, typer.Option(min=1, max=100)]
Cursor = Annotated[str, typer.Option(help="Where the page before ended.")]
Folder = Annotated[Path | None, typer.Option("--config", help="The folder of the configuration.")]
Reason = Annotated[str, typer.Option(help="Why, for those who read it later.")]


@demo.callback()
def play(context: typer.Context) -> None:
    """Play three incidents from alarm to recovery on this machine; `break` is for the example on AWS."""
    if context.invoked_subcommand:
        return
    import local.demo.play  # noqa: PLC0415

    raise typer.Exit(local.demo.play.main())


@demo.command("break")
def break_it(name: Annotated[str, typer.Option(help="What the example's resources begin with.")] = "shop-demo") -> None:
    """Break the service of infra/terraform/examples/ecs-demo, in the deployment's region."""
    import cli.demo  # noqa: PLC0415
    import cli.deployment  # noqa: PLC0415
    import cli.environment  # noqa: PLC0415

    cli.demo.break_service(cli.deployment.clients(), name, cli.environment.now())


@app.command()
def run() -> None:
    """Start everything on this machine and stay up."""
    import local.run  # noqa: PLC0415

    raise typer.Exit(local.run.main())


@app.command()
def doctor(
    folder: Folder = None,
    *,
    no_test_alarm: Annotated[
        bool, typer.Option("--no-test-alarm", help="Set no alarm to see it come through.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check a deployment end to end, and say how to mend it; exit 1 when something is wrong."""
    import cli.examination  # noqa: PLC0415

    cli.examination.run(folder, alarm=not no_test_alarm, as_json=as_json)


@alerts.command("parse")
def parse(
    file: File,
    source: Annotated[
        Literal["auto", "cloudwatch", "grafana", "alertmanager", "generic", "ecs"], typer.Option(help="Who wrote it.")
    ] = "auto",
) -> None:
    """Print one JSON object for each alert in FILE."""
    import cli.alerts  # noqa: PLC0415

    cli.alerts.say(file, source)


@alerts.command("send")
def send(
    file: File,
    url: Annotated[str, typer.Option(envvar="MIDDLEWATCH_API_URL", help="Where the API is.")] = "",
    key: Annotated[str, typer.Option(help="The source's key; otherwise from SOURCE_<NAME>.")] = "",
    source: Annotated[str, typer.Option(help="The source's name in the configuration.")] = "auto",
    *,
    bus: Annotated[bool, typer.Option("--bus", help="Put it on the account's default event bus instead.")] = False,
    as_json: Json = False,
) -> None:
    """Send FILE to a running API, as its source would; a source that signs is signed for."""
    import cli.sending  # noqa: PLC0415

    cli.sending.send(file, url, key, source, bus=bus, as_json=as_json)


@incidents.command("list")
def listed(
    status: Annotated[Literal["open", "resolved", "closed"] | None, typer.Option(help="Only these.")] = None,
    limit: Limit = 50,
    cursor: Cursor = "",
    *,
    tests: Annotated[bool, typer.Option("--tests", help="Middlewatch's tests of itself too.")] = False,
    as_json: Json = False,
) -> None:
    """List incidents, newest first."""
    import cli.environment  # noqa: PLC0415
    import cli.incidents  # noqa: PLC0415

    cli.incidents.listed(cli.environment.connect(), status, limit, cursor, tests=tests, as_json=as_json)


@incidents.command("show")
def show(incident_id: Id, *, as_json: Json = False) -> None:
    """Say where one incident stands."""
    import cli.environment  # noqa: PLC0415
    import cli.incidents  # noqa: PLC0415

    cli.incidents.shown(cli.environment.connect(), incident_id, as_json=as_json)


@incidents.command("timeline")
def timeline(incident_id: Id, *, as_json: Json = False) -> None:
    """Tell everything that happened in one incident."""
    import cli.environment  # noqa: PLC0415
    import cli.incidents  # noqa: PLC0415

    cli.incidents.timeline(cli.environment.connect(), incident_id, as_json=as_json)


@incidents.command("verify")
def verify(
    incident_ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...")] = None, *, as_json: Json = False
) -> None:
    """Check the hash chains of these timelines, or of all; exit 1 when one is broken."""
    import cli.environment  # noqa: PLC0415
    import cli.incidents  # noqa: PLC0415

    cli.incidents.verify(cli.environment.connect(), incident_ids or (), as_json=as_json)


@incidents.command("export")
def export(
    incident_id: Id, out: Annotated[Path | None, typer.Option(help="Where to; otherwise to standard output.")] = None
) -> None:
    """Write one timeline with the anchors that bear on it, for `middlewatch audit verify`."""
    import cli.audit  # noqa: PLC0415
    import cli.environment  # noqa: PLC0415

    cli.audit.export(cli.environment.connect(), cli.environment.anchors(), incident_id, out)


@audit.command("verify")
def verify_bundle(
    bundle: File,
    digest: Annotated[
        str, typer.Option(help="The digest of the last anchor, as you read it from the bucket: hex or base64.")
    ] = "",
    *,
    as_json: Json = False,
) -> None:
    """Check an exported incident on this machine alone, and say what is proved; exit 1 when something was changed."""
    import cli.audit  # noqa: PLC0415

    cli.audit.verify(bundle, digest, as_json=as_json)


@app.command()
def stop(
    reason: Reason = "", person: Annotated[str, typer.Option(help="Who says so; otherwise the user here.")] = ""
) -> None:
    """Stop every action, at once and everywhere."""
    from getpass import getuser  # noqa: PLC0415

    import cli.environment  # noqa: PLC0415
    import cli.switch  # noqa: PLC0415

    cli.switch.stop(cli.environment.connect(), person or getuser(), reason, cli.environment.now())


@app.command()
def resume(
    person: Annotated[str, typer.Option(help="Who says so: an id in people.yaml that may_resume.")],
    reason: Reason = "",
    folder: Folder = None,
) -> None:
    """Let actions run again."""
    import cli.environment  # noqa: PLC0415
    import cli.switch  # noqa: PLC0415

    state = cli.environment.connect()
    cli.switch.resume(state, cli.environment.configured(folder), person, reason, cli.environment.now())


@quarantine.command("list")
def kept(limit: Limit = 50, cursor: Cursor = "", *, as_json: Json = False) -> None:
    """List what is in quarantine, newest first."""
    import cli.environment  # noqa: PLC0415
    import cli.quarantine  # noqa: PLC0415

    cli.quarantine.listed(cli.environment.connect(), limit, cursor, as_json=as_json)


@quarantine.command("show")
def kept_one(name: Id, *, as_json: Json = False) -> None:
    """Show one message and why it is here."""
    import cli.environment  # noqa: PLC0415
    import cli.quarantine  # noqa: PLC0415

    cli.quarantine.shown(cli.environment.connect(), name, as_json=as_json)


@quarantine.command("retry")
def again(name: Id) -> None:
    """Send one message to its function's queue again."""
    import boto3  # noqa: PLC0415

    import cli.environment  # noqa: PLC0415
    import cli.quarantine  # noqa: PLC0415

    settings = cli.environment.enter()
    sqs = boto3.client("sqs", region_name=settings.aws_region)
    cli.quarantine.retry(cli.environment.connect(), sqs, name, cli.environment.prefix())


@config.command("check")
def check(folder: Annotated[Path, typer.Argument()] = Path("config"), *, as_json: Json = False) -> None:
    """Validate the configuration as a whole; exit 1 with file and line of everything that is wrong."""
    import cli.configure  # noqa: PLC0415

    cli.configure.check(folder, as_json=as_json)


@policy.command("try")
def attempt(file: File, folder: Folder = None, *, as_json: Json = False) -> None:
    """Ask the policy about the input in FILE (JSON)."""
    import cli.configure  # noqa: PLC0415

    cli.configure.attempt(file, folder, as_json=as_json)


@policy.command("test")
def policy_tests(folder: Folder = None, *, as_json: Json = False) -> None:
    """Run the policy's own tests; exit 1 when one fails."""
    import cli.configure  # noqa: PLC0415

    cli.configure.tests(folder or Path("config"), as_json=as_json)


@secrets.command("set")
def give(name: Annotated[str, typer.Argument(metavar="NAME")]) -> None:
    """Give a secret its value: asked for, unseen, or read from standard input."""
    import cli.deployment  # noqa: PLC0415
    import cli.secrets  # noqa: PLC0415

    cli.secrets.change(name, cli.deployment.readers(), cli.deployment.vault())


@secrets.command("list")
def given(*, as_json: Json = False) -> None:
    """List the secrets: set or not, since when, and who reads them; never a value."""
    import cli.deployment  # noqa: PLC0415
    import cli.secrets  # noqa: PLC0415

    cli.secrets.listed(cli.deployment.readers(), cli.deployment.vault(), as_json=as_json)
