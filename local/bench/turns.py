"""Figure 1: a turn of a stage against its AWS calls alone."""

from __future__ import annotations

import contextlib
import io
import json
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from functions.alert_intake.intake import take_in
from functions.lifecycle.follow import Course, lifecycle
from local.aws.embedded import EmbeddedAws
from local.bench.measure import Figure, bounded, ms, ratio, unhurried
from local.bench.twins import Twins
from local.stack import ROOT
from local.world.scenarios import ACCOUNT, REGION
from shared import facts
from shared.configuration import load
from shared.history import History
from shared.intake import Intake, new_incident_id
from shared.queue import Queue, consume
from shared.settings import Settings
from shared.telemetry import meter
from shared.wiring import Wiring, utc_now

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy_boto3_sqs import SQSClient

    from shared.facts import Fact
    from shared.integrations.dynamodb import DynamoStore

MOST = 1.3
ENTRIES = 20
WARM = 6
"""Turns before the measured ones."""
SAMPLE = ROOT / "events" / "alerts" / "cloudwatch_metric_alarm.json"


class Bench:
    """The product's own wiring of a function; what it logs is formatted and thrown away."""

    def __init__(self, store: DynamoStore, sqs: SQSClient) -> None:
        """Wire as the handlers do, with the clock of the wall."""
        self.store = store
        self._log = io.StringIO()
        logger = Logger(service="bench", stream=self._log)
        settings = Settings(timeline_table="", state_table="")
        queue = Queue("bench", "", sqs, store, logger, utc_now)
        metrics = meter("bench")
        self.wiring = Wiring("bench", settings, store, queue, utc_now, logger, metrics)
        self.intake = Intake(
            timeline=store,
            state=store,
            config=load(ROOT / "config"),
            clock=utc_now,
            new_id=new_incident_id,
            actor="alert_intake",
            hold=timedelta(minutes=15),
            retell=timedelta(days=1),
            account=ACCOUNT,
            region=REGION,
        )
        self._turn = partial(take_in, intake=self.intake, logger=logger)

    def take_in(self, event: dict[str, Any]) -> None:
        """Give an SQS event to alert intake, as its handler does."""
        self.well(consume(event, self._turn, self.wiring.queue))

    def well(self, outcome: dict[str, Any]) -> None:
        """Raise RuntimeError where a message failed or was quarantined: not the turn that was to be measured."""
        logged = self._log.getvalue()
        self._log.seek(0)
        self._log.truncate()
        if outcome["batchItemFailures"] or '"level":"ERROR"' in logged:
            message = f"a measured turn failed: {logged}"
            raise RuntimeError(message)


def delivered(body: object) -> dict[str, Any]:
    """The SQS event that holds `body` as its one message."""
    record = {
        "messageId": "2e1424d4-f796-459a-8184-9c92662be6da",
        "receiptHandle": "AQEBzWwaftRI0KuVm4tP+/7q1rGgNqicHq",
        "body": json.dumps(body),
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1545082650636"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:middlewatch-bench",
        "awsRegion": REGION,
    }
    return {"Records": [record]}


def alarm_event(service: str, at: datetime) -> dict[str, Any]:
    """The sample of a metric alarm, about another ECS service and another moment."""
    event: dict[str, Any] = json.loads(SAMPLE.read_text().replace("orders", service))
    event["detail"]["state"]["timestamp"] = at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"
    return event


def pointer(history: History) -> dict[str, Any]:
    """The bus event of a history's last entry."""
    entry = history.entries[-1]
    envelope = {"version": "0", "source": "middlewatch", "detail-type": entry.fact.type, "account": ACCOUNT}
    detail = {**json.loads(entry.body), "hash": entry.hash}
    return {**envelope, "region": REGION, "resources": [], "detail": detail}


def measure(course: Sequence[Fact], turns: int) -> list[Figure]:
    """Both turns, `turns` times each; `course` are the facts of a real incident with a failed recovery, in order."""
    with EmbeddedAws(ROOT) as aws:
        twins = Twins(aws)
        bench = Bench(twins.store, aws.client("sqs"))
        return [_intake(bench, twins, turns), _decide(bench, twins, course, turns)]


def _intake(bench: Bench, twins: Twins, turns: int) -> Figure:
    start = datetime.now(UTC)
    events = [delivered(alarm_event(f"s{n:05d}", start + timedelta(milliseconds=n))) for n in range(turns + WARM)]
    work = [partial(bench.take_in, event) for event in events]
    return _figure("intake of an alarm that opens an incident", twins, work)


def _decide(bench: Bench, twins: Twins, course: Sequence[Fact], turns: int) -> Figure:
    settings = Course(hold=timedelta(minutes=15), reopen=timedelta(minutes=30))
    handler = bench.wiring.decider(lifecycle(settings, bench.store))
    history = _of_length(course, ENTRIES)
    work = []

    def answer(event: dict[str, Any]) -> None:
        bench.well(handler(event, None))

    for number in range(turns + WARM):
        event = delivered(pointer(_lived(twins, history, f"INC-{number:06d}-BENCH0")))
        work.append(partial(answer, event))
    return _figure(f"one turn of decide on a timeline of {ENTRIES} entries", twins, work)


def _of_length(course: Sequence[Fact], length: int) -> list[Fact]:
    """The course as far as its RecoveryFailed, made `length` facts long with the notes that people leave."""
    end = next(place for place, fact in enumerate(course) if isinstance(fact, facts.RecoveryFailed))
    before = list(course[:end])
    note = facts.NoteAdded(person="ana", text="I looked at the dashboard: the index has been slow since the deploy.")
    return [*before[: length - 1], *[note] * (length - 1 - len(before)), course[end]]


def _lived(twins: Twins, course: Sequence[Fact], incident_id: str) -> History:
    """The history of an incident of its own with these facts, on both pairs of tables."""
    opened = course[0].model_copy(update={"identity": f"alert:bench/{incident_id}"})
    lived: list[History] = []

    def write() -> None:
        lived.append(
            twins.store.append(
                History(incident_id), [opened, *course[1:]], actor="bench", caused_by="bench", now=utc_now()
            )
        )

    twins.both(write)
    return lived[0]


def _figure(what: str, twins: Twins, work: Sequence[Callable[[], None]]) -> Figure:
    with contextlib.redirect_stdout(io.StringIO()):  # metrics go to stdout
        calls = twins.operations(work[0])
        for each in work[1:WARM]:
            twins.both(each)
        unhurried()
        pairs = [twins.both(each) for each in work[WARM:]]
    ours, bare = [one for one, _ in pairs], [other for _, other in pairs]
    detail = f"{ms(ours)} against {ms(bare)}, median of {len(pairs)} pairs"
    own = median(one - other for one, other in pairs) * 1000
    return bounded(1, what, ratio(ours, bare), MOST, detail, f"{', '.join(calls)}; {own:.2f} ms are our own")
