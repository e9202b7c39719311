"""The service to break, made and removed on an account of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.aws.embedded import EmbeddedAws
from local.world.scenarios import REGION
from tests.infra.planner.terraform import OVERRIDE, Terraform, Unusable, copied, tool

if TYPE_CHECKING:
    from pathlib import Path


def test_the_service_to_break_can_be_made_broken_and_removed(tmp_path: Path) -> None:
    with EmbeddedAws(tmp_path / "none", region=REGION) as aws:
        folder = copied(tmp_path / "repository") / "examples" / "ecs-demo"
        (folder / "test_override.tf").write_text(OVERRIDE, "utf-8")
        demo = Terraform(folder, aws.endpoint, {})
        try:
            tool()
            demo.prepare()
        except Unusable as reason:
            pytest.skip(f"no planner: {reason}")
        demo.plan()
        demo.apply()

        (service,) = aws.client("ecs").describe_services(cluster="shop-demo", services=["orders"], include=["TAGS"])[
            "services"
        ]
        assert {"key": "middlewatch", "value": "allow"} in service["tags"]

        aws.client("ssm").put_parameter(Name="/shop-demo/break", Type="String", Value="03:00", Overwrite=True)
        differs = [
            line.strip(" ~+-")
            for line in demo.changes().splitlines()
            if line.startswith(("      +", "      ~", "      -"))
        ]
        # moto does not give back on which capacity a service runs. The parameter that was written is no difference.
        assert differs == ["capacity_provider_strategy {"]

        demo.destroy()
        (cluster,) = aws.client("ecs").describe_clusters(clusters=["shop-demo"])["clusters"]
        assert cluster["status"] == "INACTIVE"
