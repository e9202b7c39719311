"""Alarms, read from CloudWatch, and whether it gave all of a metric."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from shared.alert import Alert
from shared.errors import Refused, Unavailable

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.literals import AlarmTypeType
    from mypy_boto3_cloudwatch.type_defs import MetricDataResultTypeDef

KINDS: "Sequence[AlarmTypeType]" = ("MetricAlarm", "CompositeAlarm")
PAGE = 100
"""Alarms of one call; DescribeAlarms gives no more."""


@dataclass(frozen=True, slots=True)
class CloudWatchAlarms:
    """Those of our account and region. Both methods raise Unavailable."""

    cloudwatch: "CloudWatchClient"

    def ringing(self, prefix: str, after: str) -> tuple[Sequence[Mapping[str, Any]], str]:
        """A page of those in ALARM whose name begins with `prefix`, and where the next page begins.

        Raises Refused where CloudWatch no longer knows the place `after`.
        """
        asked: dict[str, Any] = {"StateValue": "ALARM", "AlarmTypes": KINDS, "MaxRecords": PAGE}
        asked |= {"AlarmNamePrefix": prefix} if prefix else {}
        asked |= {"NextToken": after} if after else {}
        reply = self._describe(asked)
        return (*reply["MetricAlarms"], *reply["CompositeAlarms"]), reply.get("NextToken", "")

    def named(self, names: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        """Those of these names that there are."""
        for start in range(0, len(names), PAGE):
            asked = {"AlarmNames": list(names[start : start + PAGE]), "AlarmTypes": KINDS, "MaxRecords": PAGE}
            reply = self._describe(asked)
            yield from (*reply["MetricAlarms"], *reply["CompositeAlarms"])

    def _describe(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            reply: Mapping[str, Any] = self.cloudwatch.describe_alarms(**asked)
        except (BotoCoreError, ClientError) as error:
            if isinstance(error, ClientError) and error.response["Error"]["Code"] == "InvalidNextToken":
                raise Refused("CloudWatch no longer knows where the last run ended") from error
            raise Unavailable(f"the alarms cannot be read: {error}") from error
        return reply


def is_ours(alert: Alert, account: str, region: str) -> bool:
    """Whether it tells of an alarm of this account and region, which can be asked how it stands."""
    return alert.source == "cloudwatch" and (alert.account, alert.region) == (account, region)


def name_of(alert: Alert) -> str:
    """The alarm's name, out of its ARN or `<account>/<name>`."""
    _, found, name = alert.external_id.partition(":alarm:")
    return name if found else alert.external_id.removeprefix(f"{alert.account}/")


def incomplete(series: "MetricDataResultTypeDef") -> str:
    """Why GetMetricData does not give a series, or not all of it, which it says with a 200; empty if it does.

    A series that is given whole and holds no values is another thing: then there are none.
    """
    status = series.get("StatusCode", "Complete")
    if status == "Complete":
        return ""
    why = "; ".join(f"{each['Code']} {each['Value']}" for each in series.get("Messages", []))
    return f"{status}: {why}" if why else status
