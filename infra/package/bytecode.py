"""Compiled modules, so that a cold start does not compile: Lambda's own folder for code cannot be written to."""

import os
import subprocess
from functools import cache
from pathlib import Path

import uv

VERSION = "3.13"
"""Lambda's. Bytecode of any 3.13 is that of every other; a Python of another version would read the source instead."""
THERE = "/var/task"
"""Where Lambda unpacks a function; it stands in tracebacks."""


@cache
def lambdas_python() -> str:
    """A Python of Lambda's version: what LAMBDA_PYTHON names, or what is on this machine; empty if there is none."""
    named = os.environ.get("LAMBDA_PYTHON", "")
    if named:
        return named
    find = [uv.find_uv_bin(), "python", "find", "--quiet", "--no-project", "--no-python-downloads", VERSION]
    return subprocess.run(find, check=False, capture_output=True, text=True).stdout.strip()  # noqa: S603


@cache
def version(python: str) -> str:
    """What an interpreter says that it is; empty for none."""
    return subprocess.run([python, "-VV"], check=True, capture_output=True, text=True).stdout if python else ""  # noqa: S603


def compile_all(folder: Path, python: str) -> None:
    """Compiles every module under `folder`; the same sources give the same bytes, and no time stands in them."""
    how = ["--invalidation-mode", "unchecked-hash", "-s", str(folder), "-p", THERE]
    command = [python, "-I", "-m", "compileall", "-q", *how, str(folder)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": "0"})  # noqa: S603
