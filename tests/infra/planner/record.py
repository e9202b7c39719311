"""`python -m tests.infra.planner.record`: plans both stacks on an empty account and keeps the plans for other tests."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from local.aws.embedded import EmbeddedAws
from local.stack import ROOT
from local.world.scenarios import ACCOUNT, REGION
from tests.infra.planner.deployment import APP, RECORDS
from tests.infra.planner.terraform import Terraform, Unusable, copied, tool
from tests.infra.recorded import PLANS, digest

KEPT = ("format_version", "terraform_version", "planned_values", "resource_changes", "configuration")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z?")


def normalised(plan: dict[str, Any]) -> dict[str, Any]:
    """What of a plan is the same whenever and wherever it is made; resources are sorted by address."""
    kept = {name: plan[name] for name in KEPT}
    for change in kept["resource_changes"]:
        change["change"] |= {"before": None, "before_sensitive": False}  # nothing was there, and scanners read that
    ids: dict[str, str] = {}

    def numbered(found: re.Match[str]) -> str:
        return ids.setdefault(found[0], f"00000000-0000-0000-0000-{len(ids) + 1:012}")

    def same(value: Any, key: str = "") -> Any:
        match value:
            case dict():
                return {name: same(value[name], name) for name in sorted(value)}
            case list():
                placed = value
                if value and all(isinstance(each, dict) and "address" in each for each in value):
                    placed = sorted(value, key=lambda each: str(each["address"]))
                return [same(each) for each in placed]
            case str() if key == "source_code_hash":
                return "of the package"
            case str():
                here = value.replace(f"{ROOT}/", "")
                return _TIME.sub("2026-01-01T00:00:00Z", _UUID.sub(numbered, here))
        return value

    made: dict[str, Any] = same(kept)
    return made


def main() -> int:
    """Write tests/infra/plans/*.json; 1 where there is no planner."""
    try:
        tool()
        with (
            tempfile.TemporaryDirectory() as folder,
            EmbeddedAws(Path(folder) / "none", region=REGION, account=ACCOUNT) as aws,
        ):
            stacks = copied(Path(folder) / "repository")
            for name, variables in (("records", RECORDS), ("app", APP | {"build_dir": str(ROOT / "build")})):
                terraform = Terraform(stacks / name, aws.endpoint, variables)
                terraform.prepare()
                terraform.plan()
                made = {"made_from": digest(), **normalised(terraform.planned())}
                (PLANS / f"{name}.json").write_text(json.dumps(made, indent=1) + "\n", "utf-8")
                if name == "records":
                    terraform.apply()  # the other stack looks for these
    except Unusable as reason:
        print(f"No planner: {reason}", file=sys.stderr)  # noqa: T201 - for whoever ran it
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
