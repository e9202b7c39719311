"""What Terraform writes is what we run on: planned, made, played on, and removed. The tests build on each other."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from local.demo import stories
from local.world.stage import Stage
from shared import facts
from shared.entry import broken_link
from tests.infra.planner.inventory import inventory
from tests.infra.planner.permissions import needs, of_the_world, refused, understood
from tests.infra.planner.terraform import SOURCE, Terraform
from tests.reliability.theatre import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.aws.calls import Identity
    from local.aws.moto_server import Fault
    from local.demo.stories import Playhouse
    from tests.infra.planner.deployment import Deployment
    from tests.infra.planner.permissions import Need

STORIES = {"orders": stories.orders, "payments": stories.payments, "search": stories.search}


def lost(identity: Identity) -> Fault | None:
    """Loses the answer to the removal of a queue: asked again, the provider hears that there is none.

    Otherwise it looks for two minutes whether the queue comes back, as SQS has it.
    """
    return "lost reply" if (identity.service, identity.operation) == ("sqs", "DeleteQueue") else None


def test_the_files_are_formatted_and_valid(deployment: Deployment) -> None:
    Terraform(SOURCE, "", {}).run("fmt", "-check", "-recursive", "-diff")
    for terraform in (deployment.records, deployment.app):
        terraform.run("validate")


def test_nothing_was_there_before(deployment: Deployment) -> None:
    assert deployment.before == set()


@pytest.mark.parametrize("stack", ["records", "app"])
def test_a_second_plan_changes_nothing(deployment: Deployment, stack: str) -> None:
    assert getattr(deployment, stack).changes() == ""


@pytest.mark.parametrize("service", STORIES)
def test_a_story_of_the_demo_ends_well_with_no_permission_but_those_that_were_given(
    deployment: Deployment, house: Playhouse, service: str
) -> None:
    play: Callable[[Playhouse], None] = STORIES[service]
    deployment.record()

    with understood(deployment.account, deployment.roles().values()):
        play(house)

    history = house.narrator.about(service)
    assert history is not None
    assert broken_link(history.entries) == ""
    assert deployment.dead_letters() == {}


def test_every_call_was_allowed_with_its_resource_and_its_conditions(deployment: Deployment) -> None:
    account, roles, keys = deployment.account, deployment.roles(), deployment.aws.keys
    policies = {name: account.role_policies(role) for name, role in roles.items()}
    wanted: dict[str, dict[str, Need]] = {name: {} for name in roles}
    for identity in deployment.asked:
        for need in needs(identity, account):
            wanted[keys[identity.key]][str(need)] = need
    state = Stage(deployment.stack.world_url).state()
    for key, operations in state["callers"].items():
        for operation in operations if key in keys else ():
            for service, seen in state["services"].items():
                need = of_the_world(operation, seen["cluster"], service, account)
                wanted[keys[key]][str(need)] = need

    assert {name for name, needed in wanted.items() if needed} >= {"relay", "ecs_action", "investigation", "approval"}
    assert {name: refused(policies[name], needed.values()) for name, needed in wanted.items()} == {
        name: [] for name in roles
    }


def test_a_missing_permission_stops_the_story_until_it_is_given(deployment: Deployment, house: Playhouse) -> None:
    roles = deployment.roles()
    deployment.stack.renew_world()
    began = time.time()

    with understood(deployment.account, roles.values(), {roles["investigation"]: "dynamodb:PutItem"}):
        house.world.break_("orders")
        denied = until(
            lambda: [
                call
                for call in deployment.aws.calls
                if call.at > began and call.function == "investigation" and call.status == 403
            ],
            lambda: "investigation was never denied anything",
        )
        told = house.narrator.about("orders")
    with understood(deployment.account, roles.values()):
        after = house.narrator.until("orders", facts.EvidenceCollected, seconds=60)

    assert denied[0].operation == "TransactWriteItems"
    assert told is not None
    assert not any(isinstance(entry.fact, facts.EvidenceCollected) for entry in told.entries)
    assert after.incident_id == told.incident_id


def test_the_doctor_finds_wrong_only_what_a_person_has_to_do(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.stack.renew_world()

    deployment.examine()

    found = json.loads(capsys.readouterr().out)["findings"]
    assert {each["check"]: each["said"] for each in found if each["status"] == "wrong"} == {}
    assert found[-1]["check"] == "test alarm: resolution"


def emptied(deployment: Deployment) -> None:
    """Take every anchor away, as docs/deploy.md says; moto knows no policy of a bucket."""
    s3 = deployment.aws.client("s3")
    for bucket in s3.list_buckets()["Buckets"]:
        for version in s3.list_object_versions(Bucket=bucket["Name"]).get("Versions", ()):
            place = {"Bucket": bucket["Name"], "Key": version["Key"], "VersionId": version["VersionId"]}
            s3.delete_object(**place, BypassGovernanceRetention=True)


def test_what_is_destroyed_is_gone(deployment: Deployment) -> None:
    deployment.aws.halt()
    deployment.aws.inject(lost)

    deployment.app.destroy()
    deployment.records.plan(deletion_protection=False)
    deployment.records.apply()
    emptied(deployment)
    deployment.records.destroy()

    assert inventory(deployment.aws) == set()
