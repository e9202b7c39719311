"""Everything that runs on a laptop in place of the cloud: the embedded AWS, the world, Slack and Jira."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from local.aws.deployed import Resources
from local.aws.embedded import EmbeddedAws
from local.aws.wiring import by_manifests
from local.standins.serving import listen
from local.world.scenarios import ACCOUNT, REGION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from socket import socket
    from types import TracebackType

ROOT = Path(__file__).parents[1]
SECONDS = {
    "HOLD_SECONDS": 2,
    "REOPEN_SECONDS": 2,
    "STALL_SECONDS": 20,
    "EVIDENCE_SECONDS": 6,
    "CHECK_AFTER_SECONDS": 1,
    "CHECK_EVERY_SECONDS": 1,
    "CHECK_WINDOW_SECONDS": 2,
    "CHECK_LIMIT_SECONDS": 7,
    "HELD_SECONDS": 2,
    "APPROVAL_SECONDS": 600,
    "DEAD_AFTER_SECONDS": 6,
    "RETELL_SECONDS": 600,
}
"""The times of an incident's course: minutes in production, seconds here."""
STANDIN_SECRETS = {
    "SLACK_BOT_TOKEN": "xoxb-local-stand-in",
    "SLACK_SIGNING_SECRET": "local-signing-secret",
    "JIRA_USER": "middlewatch@shop.example",
    "JIRA_TOKEN": "local-jira-token",
    "HTTP_API_KEYS": "local-reader",
    "SOURCE_GRAFANA": "local-grafana",
    "SOURCE_ALERTMANAGER": "local-alertmanager",
    "SOURCE_GENERIC": "local-generic",
    "SOURCE_CLOUDWATCH": "local-cloudwatch",
    "SES_SENDER": "middlewatch@shop.example",
    "EMAIL_RECIPIENT": "on-call@shop.example",
}
"""Made-up secrets of the stand-ins; one that is set in the environment takes its place."""
PASSED_ON = (
    *("GEMINI_API_KEY", "MODEL", "MODEL_SECONDS", "MODEL_DOLLARS_PER_HOUR"),
    "POWERTOOLS_LOG_LEVEL",
)
OURS = range(20_000, 32_768)
"""Ports to choose from; from 32768 on, Linux gives them to outgoing connections."""


def free_ports(*wanted: int) -> list[int]:
    """Return each of these ports if nobody listens there, and another one otherwise (0: any), no port twice.

    They lie below those that outgoing connections take, so that none of these is in the way once we listen there.
    """
    with contextlib.ExitStack() as held:
        return [held.enter_context(_listener(port)).getsockname()[1] for port in wanted]


def _listener(wanted: int) -> socket:
    for port in ([wanted] if wanted else []) + random.sample(OURS, 100):
        with contextlib.suppress(OSError):
            return listen(port=port)
    message = f"no port between {OURS[0]} and {OURS[-1]} is free"
    raise RuntimeError(message)


@dataclass
class Stack:
    """All of it, from `start` to `stop`. What the environment names for real is used instead of its stand-in.

    `longest_hidden` is when a message that a function died over comes back, in seconds, at the latest. `deploy` makes
    the resources in place of our own Provisioner: then these say what calls which function, and what it is told but
    for the addresses of the stand-ins. With `packages` each function runs from its own, `<packages>/<function>`.
    """

    state_dir: Path
    speed: float = 2.0
    tick_seconds: float = 0.5
    ports: tuple[int, int, int] = (0, 0, 0)
    settings: Mapping[str, object] = field(default_factory=lambda: SECONDS)
    config_dir: Path = ROOT / "config"
    longest_hidden: float = 20
    on_log: Callable[[str, str], None] | None = None
    deploy: Callable[[Stack], None] | None = None
    packages: Path | None = None

    def __post_init__(self) -> None:
        """Choose the ports, so that everyone can be told of everyone else before anything runs."""
        self.real_slack = "SLACK_BOT_TOKEN" in os.environ
        self.real_jira = "JIRA_URL" in os.environ
        api, slack, jira, self._aws_port, world = free_ports(*self.ports, 0, 0)
        self.api_url = f"http://127.0.0.1:{api}"
        self.slack_url = f"http://127.0.0.1:{slack}"
        self.jira_url = os.environ.get("JIRA_URL", f"http://127.0.0.1:{jira}")
        self.world_url = f"http://127.0.0.1:{world}"
        self._processes: list[subprocess.Popen[str]] = []
        self._aws: EmbeddedAws | None = None

    def __enter__(self) -> Self:
        """Start; what was started already ends when that fails or is interrupted."""
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    @property
    def aws(self) -> EmbeddedAws:
        """The embedded AWS, once it runs."""
        if self._aws is None:
            message = "the stack is not running"
            raise RuntimeError(message)
        return self._aws

    def addresses(self) -> dict[str, str]:
        """Where the functions find what stands in for the outside."""
        return {
            **({} if self.real_slack else {"SLACK_API_URL": f"{self.slack_url}/api/"}),
            "JIRA_URL": self.jira_url,
            "AWS_ENDPOINT_URL_ECS": self.world_url,
            "AWS_ENDPOINT_URL_CLOUDWATCH": self.world_url,
            "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": self.world_url,
        }

    def environment(self) -> dict[str, str]:
        """What the functions are told beside what the embedded AWS tells them."""
        given = {name: os.environ.get(name, secret) for name, secret in STANDIN_SECRETS.items()}
        return {
            **given,
            **{name: str(value) for name, value in self.settings.items()},
            **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
            **self.addresses(),
            "AWS_ACCOUNT_ID": ACCOUNT,
            "CONFIG_DIR": str(self.config_dir),
        }

    def start(self) -> None:
        """Start the stand-ins and the world as processes, and the embedded AWS in this one."""
        self.state_dir.mkdir(parents=True, exist_ok=True)
        environment = self.environment()
        self._aws = EmbeddedAws(
            ROOT,
            self.state_dir / "aws",
            self.addresses() if self.deploy else environment,
            tick_seconds=self.tick_seconds,
            longest_hidden=self.longest_hidden,
            concurrency=1,
            account=ACCOUNT,
            region=REGION,
            port=self._aws_port,
            api_port=int(self.api_url.rpartition(":")[2]),
            on_log=self.on_log,
            wiring=Resources(self.packages) if self.deploy else partial(by_manifests, packages=self.packages),
        )
        if self.deploy:
            self.deploy(self)
        else:
            self._aws.provision()
        if not self.real_slack:
            state = ["--state", str(self.state_dir / "slack.json")]
            urls = ["--interactivity-url", f"{self.api_url}/slack/actions"]
            urls += ["--commands-url", f"{self.api_url}/slack/commands"]
            self._spawn("local.standins.slack", self.slack_url, [*urls, *state], environment)
        if not self.real_jira:
            state = ["--state", str(self.state_dir / "jira.json")]
            self._spawn("local.standins.jira", self.jira_url, state, environment)
        self._spawn_world()
        self._aws.start()
        self._aws.warm()
        self._write_environment(environment)

    def stop(self) -> None:
        """End everything that was started."""
        if self._aws is not None:
            self._aws.stop()
            self._aws = None
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout:
                process.stdout.close()
        self._processes.clear()

    def renew_world(self) -> None:
        """Put a world in place of this one in which nothing has happened yet."""
        world = self._processes.pop()
        world.kill()
        world.communicate()
        (self.state_dir / "world.json").unlink(missing_ok=True)
        self._spawn_world()

    def pids(self) -> list[int]:
        """The processes that run beside this one and its functions."""
        return [process.pid for process in self._processes]

    def _spawn_world(self) -> None:
        arguments = ["--bus-endpoint", self.aws.endpoint, "--speed", str(self.speed)]
        state = ["--state", str(self.state_dir / "world.json")]
        self._spawn("local.world", self.world_url, [*arguments, *state], self.environment())

    def _spawn(self, module: str, url: str, arguments: list[str], environment: Mapping[str, str]) -> None:
        port = url.rpartition(":")[2]
        process = subprocess.Popen(
            [sys.executable, "-m", module, "--port", port, *arguments],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, **environment},
            start_new_session=True,  # Ctrl-C is for us; we end our children
        )
        self._processes.append(process)
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            message = f"{module} did not start; it should have said where it listens"
            raise RuntimeError(message)
        said: dict[str, Any] = json.loads(line)
        if said["url"] != url:
            message = f"{module} listens at {said['url']}, not at {url}"
            raise RuntimeError(message)

    def _write_environment(self, environment: Mapping[str, str]) -> None:
        """Let the `middlewatch` command in another terminal find us (see cli)."""
        names = self.aws.names
        known = {
            "AWS_ENDPOINT_URL": self.aws.endpoint,
            "AWS_REGION": self.aws.region,
            "AWS_ACCESS_KEY_ID": "AKIALOCALOPERATOR000",
            "AWS_SECRET_ACCESS_KEY": "local",
            "TIMELINE_TABLE": names.timeline,
            "STATE_TABLE": names.state,
            "BUS_NAME": names.bus,
            "AUDIT_BUCKET": names.audit(self.aws.account, self.aws.region),
            "MIDDLEWATCH_API_URL": self.api_url,
            **environment,
        }
        (self.state_dir / "env").write_text("".join(f"{name}={value}\n" for name, value in known.items()))
