import subprocess
import sys

import pytest

from local import reference
from shared.configuration import load

ENVIRONMENT = {
    "TIMELINE_TABLE": "timeline",
    "STATE_TABLE": "state",
    "QUEUE_URL": "http://127.0.0.1:9/queue",
    "APPROVAL_QUEUE_URL": "http://127.0.0.1:9/approval",
    "AWS_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "SLACK_BOT_TOKEN": "xoxb-x",
    "SLACK_SIGNING_SECRET": "x",
    "JIRA_URL": "http://127.0.0.1:9",
    "JIRA_USER": "x",
    "JIRA_TOKEN": "x",
    "CONFIG_DIR": str(reference.ROOT / "config"),
}
PROBE = """
import socket, sys
def refuse(*args, **kwargs):
    raise SystemExit('a handler touched the network when it was imported')
socket.socket.connect = refuse
socket.getaddrinfo = refuse
import importlib
module = importlib.import_module(f'functions.{sys.argv[1]}.handler')
assert callable(module.handler)
"""


@pytest.mark.parametrize("name", sorted(reference.manifests()))
def test_a_handler_is_imported_without_touching_the_network(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, name],
        cwd=reference.ROOT,
        env={**ENVIRONMENT, "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr[-2000:]) == (0, "", "")


@pytest.mark.parametrize(("name", "manifest"), sorted(reference.manifests().items()))
def test_a_manifest_says_everything_and_nothing_else(name: str, manifest: dict[str, object]) -> None:
    assert set(manifest) == {
        "summary", "trigger", "timeout", "memory", "dependencies", "secrets", "appends", "calls"
    }, name  # fmt: skip


def test_http_api_may_read_the_secret_of_every_source_in_the_configuration() -> None:
    config = load(reference.ROOT / "config")

    assert {source.secret for source in config.sources} <= set(reference.manifests()["http_api"]["secrets"])
