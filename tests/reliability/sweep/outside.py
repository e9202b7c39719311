"""Everything around the functions in one thread and one clock: moto's account, the world, Slack, Jira."""

import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from botocore.awsrequest import AWSPreparedRequest

from local.aws.calls import Identity, identify
from local.aws.embedded import EmbeddedAws
from local.standins.jira.app import build as jira_app
from local.standins.jira.tickets import Site
from local.standins.slack.app import build as slack_app
from local.standins.slack.clicks import Clicks, Told
from local.standins.slack.workspace import Workspace
from local.world import wire
from local.world.alarms import Alarms
from local.world.app import Host
from local.world.model import Pace, World
from shared.alerts.parse import parse
from shared.click import Click
from tests.reliability.simulator.aws import Letter
from tests.reliability.simulator.loop import START
from tests.reliability.simulator.play import Event
from tests.reliability.simulator.tables import Row
from tests.reliability.simulator.world import Effect
from tests.reliability.sweep.calls import Tape
from tests.reliability.sweep.transport import Answer, done

LIVED = 3.0
"""Seconds of standstill that the world lives through; a longer one is skipped, as nothing happens in it."""
WORLD = {"ecs": "ecs", "cloudwatch": "cloudwatch", "logs": "logs"}
SLACK_URL, JIRA_URL, API_URL = "http://slack.invalid", "http://jira.invalid", "http://api.invalid"


class Clock:
    """The one clock, in seconds since START."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def sleep(self, seconds: float) -> None:
        """What time.sleep does here: the clock moves, and nobody waits."""
        self.seconds += max(0.0, float(seconds))

    @property
    def epoch(self) -> float:
        return START.timestamp() + self.seconds


@dataclass
class Attempt:
    """The attempt that is running: when it began, and which entry or event it was given."""

    began: float = 0.0
    about: str = ""


class Still(Host):
    """A world in which time without any change costs nothing."""

    def advance(self) -> None:
        """See Host."""
        if self.still():
            self.world.now = max(self.world.now, self.now() - LIVED)
        super().advance()

    def still(self) -> bool:
        """Whether nothing changes unless somebody does something."""
        tasks = [task for service in self.world.services.values() for task in service.tasks]
        return (
            all(service.primary.state != "IN_PROGRESS" for service in self.world.services.values())
            and all(task.status in {"RUNNING", "STOPPED"} for task in tasks)
            and all(alarm.turned is None for alarm in self.alarms.all.values())
            and all(self._agrees(name) for name in self.alarms.all)
        )

    def _agrees(self, name: str) -> bool:
        """Whether an alarm says what its next evaluation will say."""
        alarm, alarms = self.alarms.all[name], self.alarms
        value = alarms._value(alarm.spec, alarm.service, self.world.now)  # noqa: SLF001 - as its own evaluation asks
        return alarms._verdict(alarm.spec, value, alarm.state.value) == alarm.state.value  # noqa: SLF001


class Outside:
    """What answers the functions, and keeps what they did."""

    def __init__(self, aws: EmbeddedAws, tape: Tape, secrets: Mapping[str, str]) -> None:
        self.aws, self.tape = aws, tape
        self.moto = aws._moto  # noqa: SLF001 - the same moto, asked without a connection
        self.clock, self.attempt = Clock(), Attempt()
        pace = Pace.at(2.0)
        self.host = Still(Alarms(World(START.timestamp(), pace=pace)), lambda: self.clock.epoch, self._ring)
        self.space = Workspace()
        self.site = Site(JIRA_URL, secrets["JIRA_USER"])
        self.people = Fingers(self, secrets["SLACK_SIGNING_SECRET"])
        self.slack = slack_app(self.space, self.people, secrets["SLACK_BOT_TOKEN"])
        self.jira = jira_app(self.site, secrets["JIRA_TOKEN"])
        self.operator: Any = None
        self.rows: dict[str, dict[int, Row]] = {}
        self.written = 0
        self.published: set[str] = set()
        self.letters: list[Letter] = []
        self.effects: list[Effect] = []
        self.events: list[Event] = []
        self.clicks: list[Click] = []
        self.hidden: dict[str, float] = {}
        self.api: Any = None

    def answer(self, service: str, request: AWSPreparedRequest) -> Answer:
        """What AWS answers, and what comes of it."""
        if service in WORLD:
            return self._world(request)
        body = _bytes(request.body)
        environ = _environ(request, body)
        told: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]], *_: object) -> Any:
            told["status"], told["headers"] = int(status.partition(" ")[0]), dict(headers)

        content = b"".join(self.moto(cast("Any", environ), cast("Any", start_response)))
        if told["status"] < 300:
            target = str(environ.get("HTTP_X_AMZ_TARGET", ""))
            line = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
            self._keep(identify(environ.get("HTTP_AUTHORIZATION", ""), target, line, body), content)
        return told["status"], told["headers"], content

    def advance(self) -> None:
        """Moves the world to now, and has its alarms' events sent."""
        self.host.advance()
        while self.host.unsent:
            self._ring(self.host.unsent.pop(0))

    def _world(self, request: AWSPreparedRequest) -> Answer:
        headers = {str(name).lower(): _text(value) for name, value in request.headers.items()}
        call = wire.read(_path(request), headers, _bytes(request.body))
        try:
            if call.operation == "UpdateService":
                answer = wire.write(call, self._update(call), "0")
            else:
                answer = wire.write(call, self.host.answer(call), "0")
        except wire.AwsError as error:
            answer = wire.write_error(call, error, "0")
        return answer.status, answer.headers, answer.body

    def _update(self, call: wire.Call) -> dict[str, Any]:
        self.host.advance()
        name = str(call.parameters["service"]).rpartition("/")[2]
        primary = self.host.world.services[name].primary
        before, into = primary.id, primary.state == "IN_PROGRESS"
        answer = self.host.answer(call)
        asked = call.parameters
        change = "rollback" if "taskDefinition" in asked else "restart" if "forceNewDeployment" in asked else "scale"
        self.effects.append(
            Effect(self.clock.seconds, self.attempt.began, name, change, self.attempt.about, self.written, before, into)
        )
        return answer

    def _keep(self, identity: Identity, content: bytes) -> None:
        asked = identity.request
        match identity.operation:
            case "TransactWriteItems":
                for each in asked["TransactItems"]:
                    if "entry" in (item := each.get("Put", {}).get("Item", {})):
                        self._row(item)
            case "PutEvents":
                results = json.loads(content)["Entries"]
                taken = zip(asked["Entries"], results, strict=True)
                self.published |= {entry["Detail"] for entry, result in taken if "ErrorCode" not in result}
            case "SendEmail":
                subject = str(asked.get("Message.Subject.Data"))
                self.letters.append(Letter(self.clock.seconds, subject, self.attempt.about))
            case "SendMessage":
                self.clicks.append(Click.model_validate_json(asked["MessageBody"]))
            case "ChangeMessageVisibility":
                self.hidden[asked["ReceiptHandle"]] = self.clock.seconds + float(asked["VisibilityTimeout"])

    def _row(self, item: Mapping[str, Any]) -> None:
        rows, seq = self.rows.setdefault(item["incident_id"]["S"], {}), int(item["seq"]["N"])
        if seq not in rows:
            self.written += 1
            began = self.attempt.began
            rows[seq] = Row(dict(item), self.clock.seconds, began, self.tape.function, self.written)

    def _ring(self, event: dict[str, Any]) -> None:
        entry = {
            "Source": event["source"],
            "DetailType": event["detail-type"],
            "Detail": json.dumps(event["detail"]),
            "Resources": event["resources"],
            "Time": event["time"],
            "EventBusName": "default",
        }
        self.operator.client("events").put_events(Entries=[entry])
        alarm = self.host.alarms.all[event["detail"]["alarmName"]]
        (alert,) = parse(event, "auto", now=self.clock()).alerts
        service, state = alarm.service.name if alarm.service else "", event["detail"]["state"]["value"]
        body = json.dumps(event)
        self.events.append(
            Event(self.clock.seconds, service, alarm.spec.name, state, alert.changed_at, body, unsent=False)
        )

    def items(self, table: str) -> Iterator[dict[str, Any]]:
        """Everything in a table of moto's."""
        for item in self.moto.tables.get_table(table).all_items():
            yield item.to_json()["Attributes"]


class Fingers(Clicks):
    """People at Slack, whose clicks reach the function behind the API at once."""

    def __init__(self, outside: Outside, secret: str) -> None:
        super().__init__(outside.space, secret, f"{API_URL}/slack/actions", f"{API_URL}/slack/commands", SLACK_URL)
        self.outside = outside

    async def send(self, url: str | None, form: dict[str, str], headers: dict[str, str] | None = None) -> Told:
        """See Clicks; the time is ours."""
        del headers
        told = self.outside.api(str(url), form, self.secret)
        return Told(told, b"", 0.0)

    def press(self, user: str, button: str) -> int:
        """The status that our API answered to a press of the newest such button."""
        return int(done(self.click(user, {"action_id": button})).status)


def _environ(request: AWSPreparedRequest, body: bytes) -> dict[str, Any]:
    parts = re.fullmatch(r"(https?)://([^/?]+)([^?]*)\??(.*)", str(request.url))
    assert parts is not None
    headers = {f"HTTP_{name.upper().replace('-', '_')}": _text(value) for name, value in request.headers.items()}
    return {
        **headers,
        "REQUEST_METHOD": str(request.method),
        "PATH_INFO": parts[3] or "/",
        "QUERY_STRING": parts[4],
        "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": headers.get("HTTP_CONTENT_TYPE", ""),
        "HTTP_HOST": parts[2],
        "SERVER_NAME": parts[2].partition(":")[0],
        "SERVER_PORT": parts[2].partition(":")[2] or "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
    }


def _path(request: AWSPreparedRequest) -> str:
    return str(request.url).partition("://")[2].partition("/")[2].partition("?")[0]


def _bytes(body: Any) -> bytes:
    if hasattr(body, "read"):
        return bytes(body.read())
    return body.encode() if isinstance(body, str) else bytes(body or b"")


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
