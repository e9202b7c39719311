"""Run the stand-in: `python -m local.standins.jira --port 0 --projects OPS=Operations,PAY=Payments`.

The account and its token come from JIRA_USER and JIRA_TOKEN.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from local.standins.jira.app import build
from local.standins.jira.tickets import Site
from local.standins.serving import listen, serve, url_of


def main() -> None:
    """Read arguments and environment, say where the stand-in listens, and serve it."""
    parser = argparse.ArgumentParser(prog="python -m local.standins.jira", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--projects", default="OPS=Operations", help="KEY=Name, comma separated")
    parser.add_argument("--state", type=Path, help="a file in which the tickets are kept")
    given = parser.parse_args()
    projects = {key: name or key for key, _, name in (one.partition("=") for one in given.projects.split(",") if one)}
    listener = listen(given.host, given.port)
    site = Site.load(url_of(listener), os.environ["JIRA_USER"], projects, given.state)
    serve(build(site, os.environ["JIRA_TOKEN"]), listener, "jira")


if __name__ == "__main__":
    main()
