"""Imports a handler from its package alone, without a network, and says as one JSON object what came of it.

Run by path under `python -I -S`: package, function, then the services to build clients of.
"""

import importlib
import json
import os
import sys
import time
from pathlib import Path

OURS = ("functions", "shared")
ABROAD = frozenset({"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"})


class OnTheNetworkError(RuntimeError):
    """A handler spoke to somebody while it was imported."""


def main() -> None:
    """Import, build, and say in what time (seconds), up to which resident size (bytes), with what from elsewhere."""
    package, function, *services = sys.argv[1:]
    sys.path.insert(0, package)
    sys.addaudithook(_refuse)
    began = time.perf_counter()
    module = importlib.import_module(f"functions.{function}.handler")
    said: dict[str, object] = {
        "seconds": time.perf_counter() - began,
        "peak": _peak(),
        "callable": callable(module.handler),
    }
    client = importlib.import_module("boto3").client
    said["clients"] = [client(service).meta.service_model.service_name for service in services]
    for path in sorted(path for top in OURS for path in Path(package, top).rglob("*.py")):
        importlib.import_module(".".join(path.relative_to(package).with_suffix("").parts).removesuffix(".__init__"))
    said["elsewhere"] = sorted(_elsewhere(package))
    sys.stdout.write(json.dumps(said) + "\n")


def _peak() -> int:
    """The largest resident size in bytes, which Linux alone says; `getrusage` would count that of the parent, too."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def _refuse(event: str, _arguments: object) -> None:
    if event in ABROAD:
        raise OnTheNetworkError(event)


def _elsewhere(package: str) -> set[str]:
    """Modules of neither the package nor the standard library."""
    allowed = (package + os.sep, str(Path(os.__file__).parent) + os.sep)
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    return {file for file in files if file and file != __file__ and not file.startswith(allowed)}


if __name__ == "__main__":
    main()
