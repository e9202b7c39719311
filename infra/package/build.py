"""`build/<function>.zip` for Lambda and `build/host/<function>/` for this machine, made anew where it has changed."""

import fcntl
import json
import shutil
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from infra.package import archive
from infra.package.bytecode import compile_all, version
from infra.package.contents import configuration, files, libraries
from infra.package.manifest import Manifest
from infra.package.reach import reach
from infra.package.wheels import HOST, INPUTS, LAMBDA, Platform, digest, installed

LARGEST = 250_000_000
"""Bytes of a function and its layers, unzipped: Lambda's own limit, which it says as 250 MB."""
BOUNDS = {
    "core": 28_000_000,
    "http": 23_000_000,
    "jira": 7_000_000,
    "models": 66_000_000,
    "policy": 21_000_000,
    "slack": 4_500_000,
}
"""Bytes that the core may take unzipped, the function's own code included, and what each group may add to it."""
BUILDERS = tuple(Path(__file__).with_name(name) for name in ("archive.py", "bytecode.py", "contents.py", "wheels.py"))


class TooLargeError(ValueError):
    """A package is larger than we want it."""


@dataclass(frozen=True, slots=True)
class Package:
    """What was made: sizes in bytes, `sha256` of the zip, `inputs` of all that it was made of."""

    inputs: str
    sha256: str
    zipped: int
    unzipped: int


@dataclass(frozen=True, slots=True)
class Contents:
    """What a package is made of: our files, the services that it may call, and a digest of these and of all else."""

    own: Mapping[str, Path]
    services: frozenset[str]
    inputs: str


def bound(manifest: Manifest) -> int:
    """The most bytes that the function's package may have unzipped. Raises KeyError for a group without a bound."""
    return sum(BOUNDS[group] for group in ("core", *manifest.dependencies))


def contents(root: Path, manifest: Manifest, platform: Platform, python: str) -> Contents:
    """What belongs in the package of a function. Raises OutOfReachError where its code cannot be packed."""
    reached = reach(root, manifest.name)
    own = {**reached.files, **configuration(root)}
    services = manifest.services | reached.services
    made_by = [platform.name, *platform.chosen_by, version(python), zlib.ZLIB_RUNTIME_VERSION]
    words = [*made_by, *sorted(services), *sorted(own), *sorted(manifest.dependencies)]
    read = [*(own[name] for name in sorted(own)), *(root / name for name in INPUTS), *BUILDERS]
    return Contents(own, services, digest(words, *read))


def build_zip(root: Path, build: Path, manifest: Manifest, python: str) -> tuple[Package, bool]:
    """The function's zip with the bytecode of `python` (none, if that is empty), and whether it had to be made.

    Raises TooLargeError after it was written.
    """
    found = contents(root, manifest, LAMBDA, python)
    path = build / f"{manifest.name}.zip"
    with _records(build) as records:
        known = records.get(path.name)
        if known and known.inputs == found.inputs and path.is_file() and _sha256(path) == known.sha256:
            return known, False
        packed = _assembled(root, build, manifest, found, (LAMBDA, python))
        archive.write(path, packed)
        sizes = {name: file.stat().st_size for name, file in packed.items()}
        package = Package(found.inputs, _sha256(path), path.stat().st_size, sum(sizes.values()))
        within_bound(manifest, sizes)
        records[path.name] = package
    return package, True


def build_host(root: Path, build: Path, manifest: Manifest, python: str) -> Path:
    """The same for this machine and `python`, unpacked: a folder that the function can be imported from."""
    found = contents(root, manifest, HOST, python)
    folder = build / "host" / manifest.name
    with _records(build) as records:
        known = records.get(f"host/{manifest.name}")
        if not known or known.inputs != found.inputs or not folder.is_dir():
            packed = _assembled(root, build, manifest, found, (HOST, python))
            fresh, stale = (build / "host" / f".{manifest.name}.{which}" for which in ("fresh", "stale"))
            for each in (fresh, stale):
                shutil.rmtree(each, ignore_errors=True)
            for name, file in packed.items():
                _linked(file, fresh / name)
            if folder.exists():
                folder.rename(stale)
            fresh.rename(folder)  # somebody may be running what was there
            shutil.rmtree(stale, ignore_errors=True)
            unzipped = sum(file.stat().st_size for file in packed.values())
            records[f"host/{manifest.name}"] = Package(found.inputs, "", 0, unzipped)
    return folder


def _assembled(
    root: Path, build: Path, manifest: Manifest, found: Contents, made_by: tuple[Platform, str]
) -> dict[str, Path]:
    """Every file of the package by its name there; ours are copies, so that they stay what they are."""
    platform, python = made_by
    ours = build / "own" / platform.name / manifest.name
    shutil.rmtree(ours, ignore_errors=True)
    for name, file in found.own.items():
        (ours / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, ours / name)
    if python:
        compile_all(ours, python)
    theirs = installed(root, build, platform, manifest.dependencies, python)
    return {**libraries(theirs, found.services), **dict(files(ours))}


def within_bound(manifest: Manifest, sizes: Mapping[str, int]) -> None:
    """Nothing, where the files of these sizes (bytes) may be a package; otherwise raises TooLargeError."""
    total, most = sum(sizes.values()), bound(manifest)
    if total <= most:
        return
    tops: dict[str, int] = {}
    for name, size in sizes.items():
        top = name.partition("/")[0]
        tops[top] = tops.get(top, 0) + size
    largest = sorted(tops, key=lambda top: -tops[top])[:5]
    raise TooLargeError(
        f"{manifest.name} has {megabytes(total)} unzipped and may have {megabytes(most)}: look at "
        + ", ".join(f"{top} ({megabytes(tops[top])})" for top in largest)
        + "; leave out what is not needed (infra/package/contents.py) or say why not (BOUNDS in infra/package/build.py)"
    )


def megabytes(size: int) -> str:
    """A size for people: millions of bytes."""
    return f"{size / 1_000_000:.1f} MB"


@contextmanager
def _records(build: Path) -> Iterator[dict[str, Package]]:
    """What was built, by name; written back at the end. Only one process at a time builds."""
    build.mkdir(parents=True, exist_ok=True)
    path = build / "packages.json"
    with (build / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        records: dict[str, Package] = {}
        with suppress(FileNotFoundError):
            records = {name: Package(**each) for name, each in json.loads(path.read_text()).items()}
        before = dict(records)
        yield records
        if records != before:
            said = {name: asdict(each) for name, each in sorted(records.items())}
            path.write_text(json.dumps(said, indent=2) + "\n")


def _sha256(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def _linked(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)
