"""Evidence first: read the alarms, the service and its logs side by side, and say what could not be read."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from time import monotonic
from typing import TYPE_CHECKING

from functions.investigation import cloudwatch, ecs, logs
from functions.investigation.breach import together
from functions.investigation.keep import Redact, digest_of, keep, kept_gaps
from functions.investigation.reading import VENDOR_ERRORS, Draft, Job, Reading, gap_of
from shared import facts
from shared.alert import Alert, as_text
from shared.assessment import Gap
from shared.config import Config
from shared.configuration import in_cluster, located, service_for_target
from shared.decide import Stage
from shared.entry import Entry
from shared.facts import EvidenceCollected, Fact
from shared.incident import Alarm, Incident
from shared.ports import Clock
from shared.sentences import when

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_logs import CloudWatchLogsClient

ALARMS = 5
"""How many of an incident's alarms are looked into, the newest first."""
WORKERS = 12

Plan = Callable[[Incident, datetime], Sequence[Job]]
"""The reads that an incident calls for; none of them has begun, and what they find may call for more."""
Collect = Callable[[Sequence[Job], float], list[Reading]]
"""Carries them out within so many seconds."""


@dataclass(frozen=True, slots=True)
class Aws:
    """The clients of each region that we may read in, of our own account (12 digits, or empty: not known).

    `cluster` is the one that an alarm means which names only an ECS service (or empty).
    """

    ecs: Callable[[str], "ECSClient"]
    cloudwatch: Callable[[str], "CloudWatchClient"]
    logs: Callable[[str], "CloudWatchLogsClient"]
    region: str
    account: str = ""
    cluster: str = ""


def stage(
    plan: Plan, redact: Redact, seconds: float, clock: Clock, gather: Collect | None = None
) -> Stage[EvidenceCollected | None]:
    """The stage `investigation`: evidence is collected once per attempt, within `seconds`; side by side by default."""

    def prepare(incident: Incident, cause: Entry) -> EvidenceCollected | None:
        number = round_of(cause)
        if not wanted(incident, number):
            return None
        return investigate(incident, number, plan, redact, seconds, clock(), gather)

    def conclude(
        incident: Incident, cause: Entry, prepared: EvidenceCollected | None, _now: datetime
    ) -> Sequence[Fact]:
        return [prepared] if prepared and wanted(incident, round_of(cause)) else []

    return Stage("investigation", conclude=conclude, prepare=prepare)


def round_of(cause: Entry) -> int:
    """Which round of investigation an entry asks for."""
    return cause.fact.round if isinstance(cause.fact, facts.InvestigationRequested) else 1


def wanted(incident: Incident, number: int) -> bool:
    """Whether anybody still waits for this round: the incident is open, and no later round was asked for."""
    return incident.status == "open" and incident.round == number


def investigate(
    incident: Incident,
    number: int,
    plan: Plan,
    redact: Redact,
    seconds: float,
    now: datetime,
    gather: Collect | None = None,
) -> EvidenceCollected:
    """All that could be read within `seconds`, what could not be, and whether we read the breach ourselves."""
    readings = (gather or collect)(plan(incident, now), seconds)
    alarms = newest(incident)
    said = [_as_said(alarm) for alarm in alarms]
    answers = [answer for reading in readings for answer in reading.breaches]
    unanswered = [None] * (len(alarms) - len(answers))
    items = keep([*said, *(draft for reading in readings for draft in reading.drafts)], redact)
    gaps = kept_gaps((gap for reading in readings for gap in reading.gaps), redact)
    return EvidenceCollected(
        round=number,
        items=items,
        gaps=gaps,
        binding=next((dict(reading.binding) for reading in readings if reading.binding), {}),
        breach_confirmed=together([*answers, *unanswered]),
        digest=digest_of(items, gaps),
    )


def newest(incident: Incident) -> list[Alarm]:
    """The alarms to look into: those that ring (or, if none does, all), newest first, `ALARMS` at most.

    Each source's newest come before any source's second, so that none can keep what another says from being read.
    """
    alarms = incident.firing or tuple(incident.alarms.values())
    ordered = sorted(alarms, key=lambda alarm: (alarm.since, alarm.alert.fingerprint), reverse=True)
    turns: Counter[str] = Counter()
    ranked = []
    for alarm in ordered:
        ranked.append((turns[alarm.alert.origin], alarm))
        turns[alarm.alert.origin] += 1
    return [alarm for _, alarm in sorted(ranked, key=itemgetter(0))][:ALARMS]


def on_aws(aws: Aws, config: Config) -> Plan:
    """The reads of CloudWatch for its alarms, and of ECS and the logs for an ECS service of our account."""

    def plan(incident: Incident, now: datetime) -> Sequence[Job]:
        return [*_alarm_jobs(aws, config, incident, now), *_target_jobs(aws, config, incident, now)]

    return plan


def _alarm_jobs(aws: Aws, config: Config, incident: Incident, now: datetime) -> Iterable[Job]:
    def locate(alert: Alert) -> Alert:
        return located(config, in_cluster(alert, aws.cluster), account=aws.account, region=aws.region)

    mine: dict[str, list[Alarm]] = {}
    for alarm in newest(incident):
        if alarm.alert.source == "cloudwatch":
            if foreign := _foreign(aws, alarm.alert.account):
                yield _refused("cloudwatch", f"DescribeAlarms {cloudwatch.name_of(alarm)}", foreign)
            else:
                mine.setdefault(alarm.alert.region or aws.region, []).append(alarm)
    for region, alarms in mine.items():
        yield from cloudwatch.jobs(aws.cloudwatch(region), alarms, now, region, locate)


def _target_jobs(aws: Aws, config: Config, incident: Incident, now: datetime) -> Sequence[Job]:
    target = incident.target
    if target is None or target.kind != "ecs":
        return ()
    if foreign := _foreign(aws, target.account):
        return (_refused("ecs", f"DescribeServices {target.name}", foreign),)
    located = target.model_copy(update={"region": target.region or aws.region})
    service = service_for_target(config, target)
    extra = service.log_groups if service else ()
    window = logs.Window.around(min(alarm.alert.starts_at for alarm in newest(incident)), now)

    def log_jobs(outputs: Sequence[dict[str, str]]) -> tuple[Job, ...]:
        return logs.jobs(aws.logs, outputs, window, extra_groups=extra, region=located.region)

    return ecs.jobs(aws.ecs(located.region), located, now, log_jobs)


def _foreign(aws: Aws, account: str) -> str:
    """Why an account must not be read: a service of that name in our own would be somebody else's."""
    if not aws.account or not account or account == aws.account:
        return ""
    return f"account {account} is not {aws.account}, the one that we can read"


def _refused(source: str, query: str, why: str) -> Job:
    gap = Gap(source=source, query=query, reason="denied", detail=why)
    return Job(source, query, lambda: Reading(gaps=(gap,)))


def _as_said(alarm: Alarm) -> Draft:
    """What the alert itself says: evidence too, if the weakest."""
    alert = alarm.alert
    breach = alert.breach
    data = {
        "title": alert.title,
        "summary": alert.summary,
        "severity": alert.severity,
        "state": alarm.state,
        "since": as_text(alarm.since),
        "changes": alarm.changes,
        "flapping": alarm.flapping,
        "values": list(breach.values[-10:]) if breach else [],
        "threshold": breach.threshold if breach else None,
    }
    found = f"{alert.source} says that {alert.title} is {alarm.state} since {when(alarm.since)}. {alert.summary}"
    link = next((each for each in alert.links if each.startswith("https://")), "")
    return Draft("alert", alert.source, alert.external_id, found.strip(), data, link=link)


def collect(jobs: Sequence[Job], seconds: float, clock: Callable[[], float] = monotonic) -> list[Reading]:
    """What the jobs, and the jobs that follow from them, find within `seconds`, side by side.

    A job that fails or is late becomes a gap; a late one is left to its own time-out, its answer is not waited for.
    """
    until = clock() + seconds
    pool = ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="evidence")
    running: dict[Future[Reading], Job] = {pool.submit(job.read): job for job in jobs}
    readings: list[Reading] = []
    try:
        while running and (left := until - clock()) > 0:
            done, _ = wait(running, timeout=left, return_when=FIRST_COMPLETED)
            for future in done:
                reading = _outcome(future, running.pop(future))
                readings.append(reading)
                running.update({pool.submit(job.read): job for job in reading.then})
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    late = f"no answer within {seconds:g} s"
    gaps = [Gap(source=job.source, query=job.query, reason="slow", detail=late) for job in running.values()]
    return [*readings, Reading(gaps=tuple(gaps))] if gaps else readings


def _outcome(future: Future[Reading], job: Job) -> Reading:
    try:
        return future.result()
    except VENDOR_ERRORS as error:
        return Reading(gaps=(gap_of(job.source, job.query, error),))
