"""What the API asks of the network beside its tables."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import urllib3

from functions.http_api.aws import LARGEST, Certificates, confirm
from functions.http_api.sns import Published
from local.aws.embedded import EmbeddedAws
from shared.errors import Refused, Unavailable
from tests.builders import T0


class Answers(BaseHTTPRequestHandler):
    """A certificate, a way elsewhere, nothing, or no end."""

    protocol_version = "HTTP/1.1"
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        status = {"/moved.pem": 302, "/gone.pem": 404}.get(self.path, 200)
        content = b"x" * (LARGEST + 1) if self.path == "/endless.pem" else b"a certificate"
        self.send_response(status)
        self.send_header("Location", "/sound.pem")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def site() -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []
    server = HTTPServer(("127.0.0.1", 0), type("Here", (Answers,), {"asked": asked}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def certificates() -> Iterator[Certificates]:
    with urllib3.PoolManager() as http:
        yield Certificates(http)


def test_a_certificate_is_fetched_once(site: tuple[str, list[str]], certificates: Certificates) -> None:
    url, asked = site
    assert certificates(f"{url}/sound.pem") == certificates(f"{url}/sound.pem") == b"a certificate"
    assert asked == ["/sound.pem"]


@pytest.mark.parametrize("path", ["moved", "gone"])
def test_a_redirect_is_not_followed_and_nothing_is_kept_of_a_failure(
    site: tuple[str, list[str]], certificates: Certificates, path: str
) -> None:
    url, asked = site
    for _ in range(2):
        with pytest.raises(Unavailable, match="status"):
            certificates(f"{url}/{path}.pem")
    assert asked == [f"/{path}.pem"] * 2


def test_what_is_longer_than_a_certificate_can_be_is_none(
    site: tuple[str, list[str]], certificates: Certificates
) -> None:
    with pytest.raises(Unavailable, match="longer"):
        certificates(f"{site[0]}/endless.pem")
    assert certificates(f"{site[0]}/sound.pem") == b"a certificate"


def test_a_site_that_does_not_answer_is_unavailable(certificates: Certificates) -> None:
    with pytest.raises(Unavailable):
        certificates("http://127.0.0.1:9/sound.pem")


def test_a_subscription_is_confirmed_at_sns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    with EmbeddedAws(tmp_path) as aws:
        monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint)
        topic = aws.client("sns").create_topic(Name="alarms")["TopicArn"]
        asked = Published("SubscriptionConfirmation", topic, aws.region, "m-1", "t0k3n", T0)
        confirm(asked)
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        with pytest.raises(Unavailable):
            confirm(asked)


def test_a_subscription_that_sns_does_not_know_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    with EmbeddedAws(tmp_path) as aws:
        monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint)
        topic = f"arn:aws:sns:{aws.region}:123456789012:never"
        with pytest.raises(Refused):
            confirm(Published("SubscriptionConfirmation", topic, aws.region, "m-1", "t0k3n", T0))


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (400, "Throttling", Unavailable),
        (500, "InternalError", Unavailable),
        (400, "InvalidParameter", Refused),
        (404, "NotFound", Refused),
    ],
)
def test_sns_is_asked_to_send_again_only_what_may_go_better_then(
    monkeypatch: pytest.MonkeyPatch, status: int, code: str, outcome: type[Exception]
) -> None:
    """SNS sends again after a 5xx and gives up after a 4xx."""

    class Sns(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(
                f"<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>".encode()
            )

        def log_message(self, *_: object) -> None:
            """Nothing."""

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    with HTTPServer(("127.0.0.1", 0), Sns) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(outcome):
            confirm(Published("SubscriptionConfirmation", "arn:aws:sns:eu-west-1:1:t", "eu-west-1", "m", "t", T0))
        server.shutdown()
