"""Alerts from a file, sent as their source would send them."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import urllib3

from cli import show
from cli.alerts import content, note
from cli.environment import enter, now, surroundings
from cli.failure import Failed
from functions.http_api.authentication import DELIVERY, SIGNATURE, TIMESTAMP, signature
from shared.alerts.parse import parse
from shared.alerts.safe_json import loads
from shared.configuration import ConfigError, load

URL = "MIDDLEWATCH_API_URL"
SECONDS = 30.0


def send(file: str, url: str, key: str, source: str, *, bus: bool, as_json: bool) -> None:
    """Sends the file to the API, as `source` does, or as an event to the account's default bus."""
    body = content(file)
    payload = loads(body)
    if bus:
        _put(payload, as_json=as_json)
        return
    around = surroundings(os.environ)
    url = url or around.get(URL, "")
    if not url:
        raise Failed(f"give --url, or set {URL}, or start `make run`")
    parsed = parse(payload, "auto", now())
    if source == "auto":
        if not parsed.alerts:
            note(parsed)
            return
        source = {"ecs": "cloudwatch"}.get(parsed.alerts[0].source, parsed.alerts[0].source)
    secret, is_signed = _secret(source, around)
    key = key or secret
    if not key:
        raise Failed(f"give --key, or set SOURCE_{source.upper()}")
    _post(f"{url.rstrip('/')}/alerts/{source}", body, _signed(body, key) if is_signed else {"X-Api-Key": key}, as_json)


def _secret(name: str, around: Mapping[str, str]) -> tuple[str, bool]:
    """The source's key from the environment, and whether it signs, as the configuration says."""
    try:
        sources = load(Path(around.get("CONFIG_DIR") or "config")).sources
    except ConfigError:
        sources = ()
    source = next((source for source in sources if source.name == name), None)
    variable = (source.secret if source else f"source_{name}").upper()
    keys = around.get(variable, "").split()
    return keys[0] if keys else "", bool(source and source.authentication == "hmac")


def _signed(body: bytes, key: str) -> dict[str, str]:
    timestamp, delivery = str(int(now().timestamp())), str(uuid4())
    return {
        TIMESTAMP: timestamp,
        DELIVERY: delivery,
        SIGNATURE: signature(key.encode(), timestamp, delivery, body),
    }


def _post(url: str, body: bytes, headers: Mapping[str, str], as_json: bool) -> None:  # noqa: FBT001 - passed on
    try:
        reply = urllib3.request(
            "POST",
            url,
            body=body,
            headers={**headers, "Content-Type": "application/json"},
            timeout=SECONDS,
            retries=False,
            redirect=False,
        )
    except urllib3.exceptions.HTTPError as error:
        raise Failed(f"{url} did not answer: {error}", 1) from error
    try:
        answer = dict(reply.json())
    except (TypeError, ValueError) as error:
        raise Failed(f"{url} said {reply.status}, and not as the API does", 1) from error
    if reply.status != 202:  # noqa: PLR2004 - HTTP's Accepted
        raise Failed(f"{url} said {reply.status}: {answer.get('detail') or answer}", 1)
    if as_json:
        show.json(answer)
        return
    for each in answer["alerts"]:
        show.line(f"{each['outcome']:<10} {each['incident_id'] or '-'}  {each['title']}  {each['note']}")
    if answer["note"]:
        show.aside(answer["note"])


def _put(payload: Any, *, as_json: bool) -> None:  # noqa: ANN401 - JSON
    if not isinstance(payload, dict) or not isinstance(payload.get("detail"), dict) or "detail-type" not in payload:
        raise Failed("--bus takes an EventBridge event: an object with source, detail-type and detail")
    settings = enter()
    entry: dict[str, Any] = {
        "Source": str(payload.get("source", "")),
        "DetailType": str(payload["detail-type"]),
        "Detail": json.dumps(payload["detail"]),
        "Resources": [str(each) for each in payload.get("resources") or ()],
    }
    reply = boto3.client("events", region_name=settings.aws_region).put_events(Entries=[entry])  # type: ignore[list-item]
    result = reply["Entries"][0]
    if reply["FailedEntryCount"]:
        raise Failed(f"the bus refused the event: {result.get('ErrorCode')} {result.get('ErrorMessage')}", 1)
    if as_json:
        show.json({"event_id": result["EventId"]})
    else:
        show.line(f"event {result['EventId']} is on the default bus")
