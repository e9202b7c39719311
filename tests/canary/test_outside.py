"""What the canary says outside."""

import pytest
import urllib3

from functions.canary.outside import ping, ring
from local.world.stage import staged
from shared.errors import Refused, Unavailable


class Http(urllib3.PoolManager):
    """Answers with a status, or not at all."""

    def __init__(self, status: int = 200) -> None:
        super().__init__()
        self.status, self.asked = status, list[str]()

    def request(self, method: str, url: str, *_: object, **__: object) -> urllib3.BaseHTTPResponse:
        self.asked.append(f"{method} {url}")
        if not self.status:
            raise urllib3.exceptions.ProtocolError(f"{url} hung up")
        return urllib3.HTTPResponse(status=self.status)


def test_the_switch_is_asked_once() -> None:
    http = Http()

    assert ping(http, lambda _: "https://switch.example/ping/s3cret")
    assert http.asked == ["GET https://switch.example/ping/s3cret"]


def test_without_a_url_nobody_is_asked() -> None:
    http = Http()

    assert not ping(http, lambda _: "")
    assert http.asked == []


@pytest.mark.parametrize("status", [0, 302, 404, 500])
def test_what_is_no_success_says_why_and_never_where(status: int) -> None:
    with pytest.raises(Unavailable) as error:
        ping(Http(status), lambda _: "https://switch.example/ping/s3cret")

    assert "s3cret" not in str(error.value)
    assert error.value.__cause__ is None


@pytest.mark.parametrize("url", ["http://switch.example/s3cret", "file:///etc/passwd", "switch.example/s3cret"])
def test_only_https_is_asked(url: str) -> None:
    http = Http()
    with pytest.raises(Refused) as error:
        ping(http, lambda _: url)

    assert http.asked == []
    assert "s3cret" not in str(error.value)


@pytest.mark.enable_socket
def test_an_alarm_that_is_not_there_cannot_be_rung() -> None:
    with staged() as stage, pytest.raises(Unavailable, match="cannot be rung"):
        ring(stage.client("cloudwatch"), "nobody")
