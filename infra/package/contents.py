"""What goes into a package, by the name that it has there."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path, PurePosixPath

LEFT_OUT = frozenset({"bin", "test", "tests"})
"""Folders of no use to a function; `bin` holds the libraries' own commands."""
LEFT_OUT_KINDS = frozenset({".c", ".h", ".pxd", ".pyi", ".pyx"})
KEPT_OF_A_DISTRIBUTION = frozenset({"METADATA", "entry_points.txt"})
"""What `importlib.metadata` reads to answer for a version and for entry points."""
SERVICES = "botocore/data/"
RESOURCES = ("boto3/data/", "boto3/examples/")
"""What `boto3.resource` reads; ours are clients."""
EXAMPLES = "examples-1.json"


class NoSuchServiceError(ValueError):
    """botocore does not know a service by this name."""


def libraries(folder: Path, services: AbstractSet[str]) -> dict[str, Path]:
    """The files of the installed libraries that a function needs which builds clients of `services` and of no other."""
    unknown = sorted(each for each in services if not (folder / SERVICES / each).is_dir())
    if unknown:
        raise NoSuchServiceError(f"botocore has no service {', '.join(unknown)}")
    return {name: path for name, path in files(folder) if _wanted(PurePosixPath(name), services)}


def configuration(root: Path) -> dict[str, Path]:
    """The whole of `config/`."""
    return dict(files(root / "config", "config"))


def files(folder: Path, inside: str = "") -> Iterator[tuple[str, Path]]:
    """Every file of a folder, by the name that it would have in `inside`."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield str(PurePosixPath(inside, path.relative_to(folder).as_posix())), path


def _wanted(name: PurePosixPath, services: AbstractSet[str]) -> bool:
    top, *_ = name.parts
    if len(name.parts) == 1 and top.startswith("."):
        return False
    if top.endswith(".dist-info"):
        return len(name.parts) == 2 and name.name in KEPT_OF_A_DISTRIBUTION  # noqa: PLR2004 - at the top of its folder
    if LEFT_OUT.intersection(name.parts[:-1]) or name.suffix in LEFT_OUT_KINDS or name.name == "py.typed":
        return False
    if str(name).startswith(SERVICES):
        of_a_service = len(name.parts) > 3  # noqa: PLR2004 - botocore/data/<service>/<version>/<file>
        return not of_a_service or (name.parts[2] in services and not name.name.startswith(EXAMPLES))
    return not str(name).startswith(RESOURCES)
