"""Nobody gets in who cannot show who they are, and nobody gets a 500 by trying."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.http_api.authentication import DELIVERY, SIGNATURE, TIMESTAMP, Unauthenticated, keyed, keys_of, signed
from tests.builders import T0
from tests.fakes.store import MemoryStore
from tests.http_api.conftest import READER, World, body_of, ringing, signing

BODY = body_of(ringing())
KEYS = (b"generic-secret",)
LATIN = st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF), max_size=80)


def header_of(headers: dict[str, str] | list[tuple[str, str]]) -> Any:
    pairs = list(headers.items()) if isinstance(headers, dict) else headers
    return lambda name: [value for key, value in pairs if key.lower() == name.lower()]


def test_a_right_signature_tells_when_it_was_signed_and_which_delivery_it_is() -> None:
    mark = signed(header_of(signing(BODY)), BODY, KEYS, T0)
    assert (mark.at, mark.delivery) == (T0, "d-1")


def test_an_older_secret_still_works_while_it_is_being_changed(client: TestClient) -> None:
    headers = signing(BODY, secret="an-older-secret")
    assert client.post("/alert", content=BODY, headers=headers).status_code == 202


@pytest.mark.parametrize(("seconds", "accepted"), [(-301, False), (-300, True), (0, True), (300, True), (301, False)])
def test_a_signature_is_good_for_five_minutes_either_way(client: TestClient, seconds: int, accepted: bool) -> None:
    headers = signing(BODY, at=T0 + timedelta(seconds=seconds))
    assert client.post("/alert", content=BODY, headers=headers).status_code == (202 if accepted else 401)


def test_one_signature_fits_one_division_into_delivery_and_body_alone() -> None:
    """The text that is signed joins them by a colon, so no delivery id may hold one."""
    headers = signing(b"{}", delivery="a:b")
    moved = headers | {DELIVERY: "a"}
    assert signing(b"b:{}", delivery=moved[DELIVERY])[SIGNATURE] == headers[SIGNATURE]
    with pytest.raises(Unauthenticated, match=DELIVERY):
        signed(header_of(headers), b"{}", KEYS, T0)


@pytest.mark.parametrize("missing", [TIMESTAMP, DELIVERY, SIGNATURE])
def test_every_header_must_be_there(client: TestClient, missing: str) -> None:
    headers = signing(BODY)
    del headers[missing]
    response = client.post("/alert", content=BODY, headers=headers)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert missing in response.json()["detail"]


@pytest.mark.parametrize("doubled", [TIMESTAMP, DELIVERY, SIGNATURE])
def test_a_doubled_header_is_no_header(doubled: str) -> None:
    headers = signing(BODY)
    with pytest.raises(Unauthenticated):
        signed(header_of([*headers.items(), (doubled, headers[doubled])]), BODY, KEYS, T0)


@pytest.mark.parametrize(
    "timestamp", ["abc", "-1", "1.5", "1e9", "", " 1", "٣٣٣", "99999999999", "999999999999999999999", "0x10", "1_000"]
)
def test_a_time_stamp_is_plain_seconds(timestamp: str) -> None:
    headers = signing(BODY) | {TIMESTAMP: timestamp}
    with pytest.raises(Unauthenticated):
        signed(header_of(headers), BODY, KEYS, T0)


def test_even_a_rightly_signed_time_in_the_year_5138_is_only_too_far_away() -> None:
    from functions.http_api.authentication import signature  # noqa: PLC0415

    headers = {TIMESTAMP: "99999999999", DELIVERY: "d", SIGNATURE: signature(KEYS[0], "99999999999", "d", BODY)}
    with pytest.raises(Unauthenticated, match="five minutes"):
        signed(header_of(headers), BODY, KEYS, T0)


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_one_changed_byte_of_the_body_is_refused(place: int, change: int) -> None:
    altered = bytearray(BODY)
    altered[place] ^= change
    with pytest.raises(Unauthenticated):
        signed(header_of(signing(BODY)), bytes(altered), KEYS, T0)


@given(st.sampled_from([TIMESTAMP, DELIVERY, SIGNATURE]), LATIN)
def test_any_other_header_is_refused(name: str, value: str) -> None:
    headers = signing(BODY)
    if headers[name] == value:
        return
    with pytest.raises(Unauthenticated):
        signed(header_of(headers | {name: value}), BODY, KEYS, T0)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([TIMESTAMP, DELIVERY, SIGNATURE, "Authorization", "X-Api-Key", "x-amz-sns-message-type"]),
        LATIN,
    ),
    st.sampled_from(["/alert", "/alerts/generic", "/alerts/grafana", "/alerts/cloudwatch", "/alerts/empty"]),
    st.binary(max_size=60),
)
def test_whoever_guesses_is_refused_and_nothing_breaks(headers: dict[str, str], path: str, body: bytes) -> None:
    world = World(MemoryStore())
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    response = world.client().post(path, content=body, headers=raw)
    # SNS's message has to be read before it can be checked; what cannot be read is told so.
    assert response.status_code in ({401, 422} if path.endswith("cloudwatch") else {401})
    assert not world.store.items


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-Api-Key": "grafana-key"}, 202),
        ({"Authorization": "Bearer grafana-key"}, 202),
        ({"authorization": "bearer grafana-key"}, 202),
        ({"Authorization": "Basic grafana-key"}, 401),
        ({"Authorization": "grafana-key"}, 401),
        ({"X-Api-Key": "grafana-ke"}, 401),
        ({"X-Api-Key": "grafana-key "}, 401),
        ({"X-Api-Key": ""}, 401),
        ({"X-Api-Key": "grafana-key", "Authorization": "Bearer grafana-key"}, 401),
        ({"X-Api-Key": "reader-1"}, 401),
        ({"X-Api-Key": "generic-secret"}, 401),
        ({}, 401),
    ],
)
def test_a_source_with_a_key_gives_it_once(client: TestClient, headers: dict[str, str], status: int) -> None:
    assert client.post("/alerts/grafana", content=BODY, headers=headers).status_code == status


@pytest.mark.parametrize("key", ["", " ", "x"])
def test_an_empty_secret_lets_nobody_in(client: TestClient, key: str) -> None:
    assert client.post("/alerts/empty", content=BODY, headers={"X-Api-Key": key}).status_code == 401


def test_a_key_of_other_letters_than_ascii_is_just_wrong() -> None:
    with pytest.raises(Unauthenticated, match="not known"):
        keyed(header_of({"X-Api-Key": "schlüssel€"}), keys_of("key"))


@pytest.mark.parametrize("path", ["/incidents", "/incidents/INC-1", "/incidents/INC-1/timeline"])
def test_reading_takes_a_key_for_reading(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 401
    assert client.get(path, headers={"X-Api-Key": "grafana-key"}).status_code == 401
    assert client.get(path, headers=READER).status_code != 401
    assert client.get(path, headers={"Authorization": "Bearer reader-2"}).status_code != 401
