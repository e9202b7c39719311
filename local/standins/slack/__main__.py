"""Run the stand-in: `python -m local.standins.slack --port 0 --interactivity-url http://.../slack/actions ...`.

The bot token and the signing secret come from SLACK_BOT_TOKEN and SLACK_SIGNING_SECRET.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from local.standins.serving import listen, serve, url_of
from local.standins.slack.app import build
from local.standins.slack.clicks import Clicks
from local.standins.slack.workspace import Person, Workspace


def main() -> None:
    """Read arguments and environment, say where the stand-in listens, and serve it."""
    parser = argparse.ArgumentParser(prog="python -m local.standins.slack", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--interactivity-url")
    parser.add_argument("--commands-url")
    parser.add_argument(
        "--channels", default="C0INCIDENTS=incidents", help="ID=name or name, comma separated; the first is shown first"
    )
    parser.add_argument("--people", type=Path, help="JSON list of {id, name, real_name, title, team, guest, email}")
    parser.add_argument("--state", type=Path, help="a file in which the workspace is kept")
    given = parser.parse_args()
    people = [Person(**one) for one in json.loads(given.people.read_text())] if given.people else None
    space = Workspace.load(given.state, people, [name for name in given.channels.split(",") if name])
    listener = listen(given.host, given.port)
    clicks = Clicks(
        space=space,
        secret=os.environ["SLACK_SIGNING_SECRET"],
        interactivity_url=given.interactivity_url,
        commands_url=given.commands_url,
        own_url=url_of(listener),
    )
    serve(build(space, clicks, os.environ["SLACK_BOT_TOKEN"]), listener, "slack")


if __name__ == "__main__":
    main()
