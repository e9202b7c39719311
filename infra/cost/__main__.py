"""Writes docs/cost.md and says what it comes to."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import yaml

from infra.cost.amounts import measured
from infra.cost.page import written

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "cost.md"


def page() -> str:
    """The page as it should be: from the recorded plans, the manifests and docs/benchmarks.md."""
    recorded = (ROOT / "tests" / "infra" / "plans" / f"{stack}.json" for stack in ("records", "app"))
    paths = sorted((ROOT / "functions").glob("*/function.yaml"))
    return written(
        plans=[json.loads(path.read_text("utf-8")) for path in recorded],
        manifests={path.parent.name: yaml.safe_load(path.read_text("utf-8")) for path in paths},
        stories=measured((ROOT / "docs" / "benchmarks.md").read_text("utf-8")),
    )


def main() -> int:
    """Write the page."""
    text = page()
    PAGE.write_text(text, "utf-8")
    said = [line.removeprefix("## ") for line in text.splitlines() if line.startswith(("## Idle", "## An incident"))]
    sys.stdout.write("\n".join([*said, f"{PAGE.relative_to(ROOT)} is written", ""]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
