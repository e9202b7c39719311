"""Runs a function of `build/host/` by itself: its own package and an environment like Lambda's, and nothing else."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PROBE = Path(__file__).with_name("probe.py")
ENVIRONMENT = {
    "LANG": "en_US.UTF-8",
    "TZ": ":UTC",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "AKIATEST000000000000",
    "AWS_SECRET_ACCESS_KEY": "made-up",
    "AWS_SESSION_TOKEN": "made-up",
    "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "AWS_ACCOUNT_ID": "123456789012",
    "ENVIRONMENT": "production",
    "TIMELINE_TABLE": "middlewatch-timeline",
    "STATE_TABLE": "middlewatch-state",
    "BUS_NAME": "middlewatch",
    "QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/middlewatch-own",
    "APPROVAL_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/middlewatch-approval",
    "JIRA_URL": "https://shop.atlassian.net",
    "SES_SENDER": "middlewatch@shop.example",
    "EMAIL_RECIPIENT": "on-call@shop.example",
}
"""What a function finds on Lambda; no secret is among it."""


@dataclass(frozen=True, slots=True)
class Alone:
    """A function's package on this machine, and the interpreter that it was made for."""

    function: str
    package: Path
    python: str = sys.executable

    def run(self, arguments: Sequence[str], options: Sequence[str] = ("-B",), **variables: str) -> str:
        """What a program prints in this package; raises CalledProcessError where it fails. `options` are Python's."""
        name = {"AWS_LAMBDA_FUNCTION_NAME": f"middlewatch-{self.function}", "LAMBDA_TASK_ROOT": str(self.package)}
        command = [self.python, "-I", "-S", *options, *arguments]
        environment = {**ENVIRONMENT, **name, **variables}
        done = subprocess.run(command, cwd=self.package, env=environment, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603
        return done.stdout

    def probe(self, services: Sequence[str] = (), **variables: str) -> Mapping[str, object]:
        """What `probe.py` says of it."""
        said: Mapping[str, object] = json.loads(
            self.run([str(PROBE), str(self.package), self.function, *services], **variables)
        )
        return said
