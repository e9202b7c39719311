from __future__ import annotations

import json
import os
import subprocess
import sys

import httpx
import pytest

ENVIRONMENT = {
    "SLACK_BOT_TOKEN": "xoxb-1",
    "SLACK_SIGNING_SECRET": "shh",
    "JIRA_USER": "bot@example.com",
    "JIRA_TOKEN": "good",
}


@pytest.mark.parametrize(("name", "shows"), [("slack", "# incidents"), ("jira", "No tickets.")])
def test_a_stand_in_says_in_one_line_where_it_listens_and_shows_its_page(name: str, shows: str) -> None:
    command = [sys.executable, "-m", f"local.standins.{name}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | ENVIRONMENT) as running:
        assert running.stdout
        said = json.loads(running.stdout.readline())
        try:
            page = httpx.get(said["url"]).text
        finally:
            running.kill()

    assert said["name"] == name
    assert shows in page
