"""Reads what a recovery is judged by: the service, its alarms, its measures. Never writes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config as ClientConfig
from botocore.exceptions import BotoCoreError, ClientError

from functions.verification.judge import Reading, Seen
from shared.config import Config, Measure
from shared.configuration import service_for_target
from shared.entry import Entry
from shared.errors import Refused, Unavailable
from shared.facts import CheckDue
from shared.incident import Incident
from shared.integrations.cloudwatch import CloudWatchAlarms, incomplete, is_ours, name_of
from shared.integrations.ecs import EcsServices
from shared.ports import Clock

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef, MetricDataResultTypeDef


@dataclass(frozen=True, slots=True)
class _Series:
    """What CloudWatch gives of one metric, and why that is not all; then nothing follows from what is missing."""

    values: tuple[float, ...]
    why: str

    @classmethod
    def of(cls, result: "MetricDataResultTypeDef") -> "_Series":
        why = incomplete(result)
        return cls(tuple(result["Values"]), f"cannot be read: {why}" if why else "")


UNSAID = _Series((), "cannot be read: CloudWatch left it out")


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads ECS and CloudWatch; what cannot be read becomes a gap, which keeps a recovery from being proved."""

    services: EcsServices
    cloudwatch: "CloudWatchClient"
    config: Config
    clock: Clock
    window: timedelta
    account: str
    region: str

    @classmethod
    def connect(cls, account: str, region: str, config: Config, clock: Clock, window: timedelta) -> "Reader":
        """The reader of one account and region."""
        client_config = ClientConfig(retries={"mode": "standard"}, connect_timeout=3, read_timeout=10)
        cloudwatch = boto3.client("cloudwatch", region_name=region, config=client_config)
        return cls(EcsServices.connect(region), cloudwatch, config, clock, window, account, region)

    def read(self, incident: Incident, cause: Entry) -> Seen:
        """Everything that `judge` wants to know about the action whose check is due."""
        if not isinstance(cause.fact, CheckDue):
            raise Refused(f"{cause.fact.type} asks for no check")
        work = incident.work[cause.fact.proposal_id]
        target = work.proposal.target
        gaps: list[str] = []
        service: Mapping[str, Any] | None = None
        try:
            service = self.services.read(target)
        except (Unavailable, Refused) as error:
            gaps.append(str(error))
        alerts = [alarm.alert for alarm in incident.alarms.values()]
        ours = [alert for alert in alerts if is_ours(alert, self.account, self.region)]
        alarms: Mapping[str, str] = {}
        try:
            alarms = self._alarms([name_of(alert) for alert in ours])
        except Unavailable as error:
            gaps.append(str(error))
        known = service_for_target(self.config, target)
        measures = known.measures if known else ()
        readings = self._readings(measures, work.started_at or self.clock())
        told = frozenset(alert.fingerprint for alert in alerts if alert not in ours)
        return Seen(service, alarms, readings, tuple(gaps), told)

    def _alarms(self, names: Sequence[str]) -> Mapping[str, str]:
        """The state of each alarm, by name; one that is gone reads `DELETED`."""
        found = CloudWatchAlarms(self.cloudwatch).named(sorted(set(names)))
        return dict.fromkeys(names, "DELETED") | {alarm["AlarmName"]: alarm["StateValue"] for alarm in found}

    def _readings(self, measures: Sequence[Measure], started_at: datetime) -> tuple[Reading, ...]:
        now = self.clock()
        try:
            before = self._series(measures, started_at - self.window, started_at)
            after = self._series(measures, now - self.window, now)
        except (BotoCoreError, ClientError) as error:
            return tuple(Reading(measure, (), None, f"cannot be read: {error}") for measure in measures)
        return tuple(
            Reading(measure, () if was.why else was.values, None if now_.why else now_.values, now_.why)
            for measure, was, now_ in zip(measures, before, after, strict=True)
        )

    def _series(self, measures: Sequence[Measure], start: datetime, end: datetime) -> list[_Series]:
        if not measures:
            return []
        queries: list[MetricDataQueryTypeDef] = [
            {
                "Id": f"m{place}",
                "MetricStat": {
                    "Metric": {
                        "Namespace": measure.namespace,
                        "MetricName": measure.metric,
                        "Dimensions": [{"Name": name, "Value": value} for name, value in measure.dimensions.items()],
                    },
                    "Period": measure.period,
                    "Stat": measure.stat,
                },
            }
            for place, measure in enumerate(measures)
        ]
        reply = self.cloudwatch.get_metric_data(MetricDataQueries=queries, StartTime=start, EndTime=end)
        by_id = {result["Id"]: _Series.of(result) for result in reply["MetricDataResults"]}
        return [by_id.get(f"m{place}", UNSAID) for place in range(len(measures))]
