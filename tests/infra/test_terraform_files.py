"""What every folder of Terraform keeps, read from its files; no Terraform is needed."""

from pathlib import Path
from typing import Any

import hcl2
import pytest

TERRAFORM = Path(__file__).parents[2] / "infra" / "terraform"
FOLDERS = {str(path.parent.relative_to(TERRAFORM)): path.parent for path in sorted(TERRAFORM.rglob("variables.tf"))}
STANDARD = {"terraform.tf", "providers.tf", "variables.tf", "outputs.tf"}
PLANNED_BY_OTHERS = {"modules/function"}
"""A module takes its provider from the stack that calls it."""


def blocks(folder: Path, kind: str) -> dict[str, dict[str, Any]]:
    """The blocks of one kind with one label in a folder: its variables, its outputs."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("*.tf")):
        for block in hcl2.loads(path.read_text("utf-8")).get(kind, []):
            found |= {label.strip('"'): body for label, body in block.items() if isinstance(body, dict)}
    return found


def test_there_is_terraform_to_read() -> None:
    assert {"records", "app", "modules/function", "examples/ecs-demo"} <= set(FOLDERS)


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_has_the_standard_files(name: str) -> None:
    wanted = STANDARD - ({"providers.tf"} if name in PLANNED_BY_OTHERS else set())
    assert wanted <= {path.name for path in FOLDERS[name].glob("*.tf")}


@pytest.mark.parametrize("name", FOLDERS)
def test_every_variable_has_a_type_and_a_description_and_refuses_what_makes_no_sense(name: str) -> None:
    for variable, body in blocks(FOLDERS[name], "variable").items():
        assert body.get("type"), f"{variable} has no type"
        assert body.get("description"), f"{variable} has no description"
        if name not in PLANNED_BY_OTHERS and body["type"] != "bool":
            assert body.get("validation"), f"{variable} takes anything"


@pytest.mark.parametrize("name", FOLDERS)
def test_every_output_says_what_it_is(name: str) -> None:
    for output, body in blocks(FOLDERS[name], "output").items():
        assert body.get("description"), f"{output} has no description"


@pytest.mark.parametrize("name", FOLDERS)
def test_versions_are_pinned(name: str) -> None:
    (terraform,) = [
        block
        for path in FOLDERS[name].glob("terraform.tf")
        for block in hcl2.loads(path.read_text("utf-8"))["terraform"]
    ]
    assert terraform["required_version"]
    assert all(
        "version" in each for block in terraform["required_providers"] for each in block.values() if each is not True
    )


@pytest.mark.parametrize("name", FOLDERS)
def test_no_secret_has_a_value_here(name: str) -> None:
    kinds = {
        kind.strip('"')
        for path in FOLDERS[name].glob("*.tf")
        for block in hcl2.loads(path.read_text("utf-8")).get("resource", [])
        for kind in block
    }
    assert "aws_secretsmanager_secret_version" not in kinds


def test_adding_a_function_folder_is_enough() -> None:
    functions = {path.parent.name for path in TERRAFORM.parents[1].glob("functions/*/function.yaml")}
    named = {
        (path.name, function)
        for path in TERRAFORM.rglob("*.tf")
        for function in functions
        if f'"{function}"' in path.read_text("utf-8")
    }
    allowed: set[tuple[str, str]] = set()
    assert named - allowed == set()
