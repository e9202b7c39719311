"""Says, as one JSON object, what a handler's module needs: the imports of others' libraries, boto3 clients, FastAPI."""

from __future__ import annotations

import ast
import importlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3

if TYPE_CHECKING:
    from collections.abc import Iterator

OURS = ("functions", "shared")


def main() -> None:
    """Import the module named on the command line, and look at what came with it."""
    clients: list[str] = []
    real: Any = boto3.client

    def client(service: str, **given: object) -> object:
        clients.append(service)
        return real(service, **given)

    vars(boto3)["client"] = client
    importlib.import_module(sys.argv[1])
    ours = [module for name, module in sys.modules.items() if name.partition(".")[0] in OURS]
    files = [Path(module.__file__) for module in ours if module.__file__]
    lines = dict.fromkeys(line for file in files for line in imports(file.read_text("utf-8")))
    app = any(line.startswith(("from fastapi", "import fastapi")) for line in lines)
    sys.stdout.write(json.dumps({"imports": list(lines), "clients": clients, "app": app}) + "\n")


def imports(source: str) -> Iterator[str]:
    """The imports at the top of a module (not those for type checkers) that are of no module of ours."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import):
            names = [f"import {each.name}" for each in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"from {node.module} import {each.name}" for each in node.names]
        else:
            continue
        yield from (name for name in names if name.split()[1].partition(".")[0] not in (*OURS, "__future__"))


if __name__ == "__main__":
    main()
