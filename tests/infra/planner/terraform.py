"""Terraform or OpenTofu over copies of our stacks, with a provider that finds AWS where it is told to."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.stack import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCE = ROOT / "infra" / "terraform"
PATIENCE = 600.0
"""Seconds that one command may take."""
AT_ONCE = 60
"""Resources that are made side by side: the provider waits half a minute for each queue."""
OVERRIDE = """# Written for a test: everything is asked of one endpoint, which is no AWS.
provider "aws" {
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  s3_use_path_style           = true
}
"""


class Failed(Exception):
    """A command did not end well; says what it said."""


class Unusable(Exception):
    """Why there is no planner here."""


def tool() -> str:
    """The path of OpenTofu or Terraform. Raises Unusable."""
    found = os.environ.get("TF") or shutil.which("tofu") or shutil.which("terraform")
    if not found:
        raise Unusable("neither tofu nor terraform is on the PATH")
    return found


def copied(folder: Path) -> Path:
    """Copy what the stacks read into `folder`, so that a test leaves nothing in the repository; the stacks' root."""
    ours = shutil.ignore_patterns(".terraform", ".terraform.lock.hcl", "*.tfstate*", "*.tfplan", "__pycache__")
    shutil.copytree(SOURCE, folder / "infra" / "terraform", ignore=ours)
    for name in ("functions", "config"):
        shutil.copytree(ROOT / name, folder / name, ignore=ours)
    stacks = folder / "infra" / "terraform"
    for name in ("records", "app"):
        (stacks / name / "test_override.tf").write_text(OVERRIDE, "utf-8")
    return stacks


@dataclass(frozen=True)
class Terraform:
    """One stack in `folder`, asked of `endpoint` with `variables`."""

    folder: Path
    endpoint: str
    variables: Mapping[str, Any]
    region: str = "eu-west-1"

    def prepare(self) -> None:
        """Fetch provider and modules. Raises Unusable where the provider is not to be had."""
        given = Path(os.environ.get("TF_CLI_CONFIG_FILE", ""))
        (self.folder / "test.auto.tfvars.json").write_text(json.dumps(self.variables), "utf-8")
        if given.is_file() and "dev_overrides" in given.read_text("utf-8"):
            self.run("get")  # such a provider is used as it is, and `init` would look for another
            return
        try:
            self.run("init", "-backend=false")
        except Failed as error:
            said = next((line for line in str(error).splitlines() if line.startswith("Error:")), str(error))
            raise Unusable(f"the provider is not to be had ({said})") from error

    def run(self, *arguments: str, fine: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
        """Run a command of the planner in the stack. Raises Failed for another exit status than the `fine` ones."""
        command = [tool(), arguments[0], *(["-no-color"] if arguments[0] != "fmt" else []), *arguments[1:]]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, **self.environment()},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        if done.returncode not in fine:
            raise Failed(f"{' '.join(command[1:])} in {self.folder.name} ended with {done.returncode}:\n{_told(done)}")
        return done

    def environment(self) -> dict[str, str]:
        """What makes the planner ask the endpoint, and nobody else."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": "AKIALOCALOPERATOR000",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "CHECKPOINT_DISABLE": "1",
            "TF_INPUT": "0",
            "TF_IN_AUTOMATION": "1",
            # S3 Control puts the account before the host, which no resolver knows; a proxy is not asked to resolve it.
            "HTTP_PROXY": self.endpoint,
            "http_proxy": self.endpoint,
            "NO_PROXY": "127.0.0.1,localhost",
        }

    def plan(self, **variables: Any) -> None:
        """Plan."""
        given = [f"-var={name}={json.dumps(value)}" for name, value in variables.items()]
        self.run("plan", f"-parallelism={AT_ONCE}", "-out=test.tfplan", *given)

    def planned(self) -> dict[str, Any]:
        """The plan, as JSON."""
        shown: dict[str, Any] = json.loads(self.run("show", "-json", "test.tfplan").stdout)
        return shown

    def apply(self) -> None:
        """Make what was planned."""
        self.run("apply", f"-parallelism={AT_ONCE}", "test.tfplan")

    def changes(self) -> str:
        """What a plan would change now; nothing where everything is as it is written."""
        done = self.run("plan", "-detailed-exitcode", f"-parallelism={AT_ONCE}", fine=(0, 2))
        return _told(done) if done.returncode else ""

    def destroy(self) -> None:
        """Remove everything."""
        self.run("destroy", "-auto-approve", f"-parallelism={AT_ONCE}")


def _told(done: subprocess.CompletedProcess[str]) -> str:
    return f"{done.stdout[-20_000:]}\n{done.stderr[-10_000:]}"
