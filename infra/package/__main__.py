"""`python -m infra.package`: one package per function, and what they weigh."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from infra.package.build import TooLargeError, bound, build_host, build_zip, megabytes
from infra.package.bytecode import VERSION, lambdas_python, version
from infra.package.contents import NoSuchServiceError
from infra.package.manifest import Manifest, ManifestError, manifests
from infra.package.reach import OutOfReachError
from infra.package.wheels import WheelError

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build"

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

Names = Annotated[list[str] | None, typer.Argument(metavar="[FUNCTION]...", help="all of them where none is named")]
Python = Annotated[Path, typer.Option(help="the interpreter that the package of this machine is for")]


@app.command()
def build(names: Names = None) -> None:
    """Write build/<function>.zip, for Lambda, where it has changed; print what each weighs."""
    python = of_lambdas_version(lambdas_python())
    if not python:
        typer.echo(
            f"There is no Python {VERSION} here to compile with: these packages are right, and compile at every cold "
            f"start, which takes seconds. `uv python install {VERSION}`, or name one with LAMBDA_PYTHON=…"
        )
    typer.echo(f"{'function':16} {'zip':>10} {'unzipped':>10} {'bound':>10}")
    for manifest in chosen(names):
        package, made = build_zip(ROOT, BUILD, manifest, python)
        sizes = [megabytes(size) for size in (package.zipped, package.unzipped, bound(manifest))]
        typer.echo(f"{manifest.name:16} {''.join(f'{size:>11}' for size in sizes)}  {'' if made else '(unchanged)'}")


@app.command()
def host(names: Names = None, python: Python = Path(sys.executable)) -> None:
    """Unpack the same for this machine to build/host/<function>/."""
    for manifest in chosen(names):
        typer.echo(build_host(ROOT, BUILD, manifest, str(python)))


@app.command()
def measure(runs: Annotated[int, typer.Option(help="fresh processes of each kind")] = 7) -> None:
    """Measure sizes, import times and memory; write docs/packages.md."""
    from infra.package import measure as measuring  # noqa: PLC0415 - the emulator and the demo are seconds to import
    from infra.package import page  # noqa: PLC0415 - the same

    functions = chosen(None)
    own = ROOT / ".local" / "packages" / "build"  # nobody else replaces what is measured meanwhile
    measured = page.Measured(
        packages={each.name: build_zip(ROOT, BUILD, each, lambdas_python())[0] for each in functions},
        times=measuring.times(ROOT, own, runs),
        runs=runs,
        peaks=measuring.memory(ROOT, own, ROOT / ".local" / "packages" / "stack"),
        model=measuring.with_a_model(ROOT, own),
    )
    written = page.written(functions, measured)
    (ROOT / "docs" / "packages.md").write_text(written, "utf-8")
    typer.echo(written)


def chosen(names: list[str] | None) -> list[Manifest]:
    """The functions of these names, or all."""
    known = {each.name: each for each in manifests(ROOT)}
    unknown = sorted(set(names or ()) - set(known))
    if unknown:
        raise typer.BadParameter(f"there is no function {', '.join(unknown)}; there are {', '.join(known)}")
    return [known[name] for name in names or known]


def of_lambdas_version(python: str) -> str:
    """The interpreter, if it is one of Lambda's version, or none (empty): only its bytecode is read there."""
    try:
        said = version(python)
    except (OSError, subprocess.CalledProcessError) as error:
        raise typer.BadParameter(f"LAMBDA_PYTHON names {python}, which does not run: {error}") from error
    if python and not said.startswith(f"Python {VERSION}."):
        what = said.partition(" (")[0].strip() or "no Python"
        raise typer.BadParameter(f"LAMBDA_PYTHON names {python}, which is {what}; name a Python {VERSION}, or none")
    return python


def main() -> None:
    """Run the command; what is expected to go wrong is said in a sentence."""
    try:
        app()
    except (ManifestError, NoSuchServiceError, OutOfReachError, TooLargeError, WheelError) as error:
        typer.echo(f"{error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
