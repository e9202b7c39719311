"""The canary's whole way: a real alarm of the world, the default bus, every stage, Slack, and a switch outside."""

from __future__ import annotations

import ipaddress
import re
import ssl
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from local.demo.play import store_of
from local.stack import ROOT, SECONDS, Stack
from shared import facts, keys
from shared.listing import STATUSES, incidents
from tests.reliability.theatre import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.history import History

TIMES = {"HOLD_SECONDS": 6, "REOPEN_SECONDS": 1, "TEST_SECONDS": 1}


@contextmanager
def switch(folder: Path) -> Iterator[tuple[str, Path, list[str]]]:
    """A dead-man's switch over https on loopback: its url, whom to trust, and the paths that it was asked for."""
    asked: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(folder))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_address[1]}/ping/s3cret", folder / "switch.pem", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def certificate(folder: Path) -> Path:
    """A certificate of loopback and its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + signed.public_bytes(serialization.Encoding.PEM)
    (folder / "switch.pem").write_bytes(pem)
    return folder / "switch.pem"


def told_in(folder: Path) -> Path:
    """The repository's configuration with a channel for tests."""
    for path in sorted((ROOT / "config").rglob("*")):
        if path.is_file():
            copy = folder / path.relative_to(ROOT / "config")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    services = folder / "services.yaml"
    text, found = re.subn("(?m)^# canary: .*$", "canary: {channel: C0INCIDENTS}", services.read_text("utf-8"))
    assert found == 1
    services.write_text(text, "utf-8")
    return folder


def closed(stack: Stack, number: int) -> History:
    """The newest test, once there are so many and it is closed."""
    store = store_of(stack)

    def there() -> History | None:
        heads = [item.value for item in store.listed(keys.TESTS).items]
        done = len(heads) == number and heads[0]["status"] == "closed"
        return store.read(heads[0]["incident_id"]) if done else None

    return until(there, lambda: str([item.value for item in store.listed(keys.TESTS).items]))


def sing(stack: Stack) -> Any:
    """What one run says; one that a busy machine did not start in time is run again, as the scheduler would."""
    time.sleep(1.1)  # a test has had its time

    def run() -> Any:
        outcome = stack.aws.invoke("canary", {"source": "aws.scheduler"})
        return None if outcome.failed else outcome.result()

    return until(run, lambda: "the canary fails")


@pytest.mark.enable_socket
@pytest.mark.emulator
def test_a_test_crosses_every_stage_and_the_switch_hears_of_it_until_one_is_cut_off(tmp_path: Path) -> None:
    lines: list[str] = []
    with switch(tmp_path) as (url, trusted, asked):
        given = {"TEST_ALARM": "middlewatch-canary", "DEAD_MANS_SWITCH_URL": url, "SSL_CERT_FILE": str(trusted)}
        stack = Stack(
            tmp_path / "state",
            speed=4.0,
            tick_seconds=3,  # the schedule's own hour is three minutes: nobody but us rings here
            settings={**SECONDS, **TIMES, **given},
            config_dir=told_in(tmp_path / "config"),
            on_log=lambda function, line: lines.append(f"{function} {line}"),
        )
        with stack:
            assert sing(stack) == {"rang": True, "missing": None}
            first = closed(stack, 1)

            assert sing(stack) == {"rang": True, "missing": []}
            assert asked == ["/ping/s3cret"]
            second = closed(stack, 2)

            stack.aws.client("events").remove_targets(Rule="ai_assessment", EventBusName="middlewatch", Ids=["queue"])
            assert sing(stack) == {"rang": True, "missing": []}
            closed(stack, 3)

            assert sing(stack) == {"rang": True, "missing": ["ai_assessment", "policy_gate", "notification"]}
            assert len(asked) == 2

            messages = urllib3.request("GET", f"{stack.slack_url}/_standin/messages").json()["messages"]
            tickets = urllib3.request("GET", f"{stack.jira_url}/_standin/tickets").json()["issues"]
            assert incidents(store_of(stack), STATUSES).items == ()

    said = [message for place in messages.values() for message in place]
    assert [second.incident_id in message["text"] for message in said] == [True]
    assert "<!here>" not in str(said)
    assert tickets == []
    assert sorted(entry.fact.type for entry in first.entries if not isinstance(entry.fact, facts.IncidentStalled)) == [
        "AlertResolved", "AssessmentMade", "DryRunCompleted", "EvidenceCollected", "HoldElapsed", "HoldElapsed",
        "IncidentClosed", "IncidentOpened", "IncidentResolved", "MessageSent",
    ]  # fmt: skip
    assert any(line.startswith("canary ") and '"CanaryLost"' in line for line in lines)
    assert not any("s3cret" in line for line in lines)
