"""What a deployment consists of, as its outputs and the manifests say."""

from collections.abc import Mapping
from dataclasses import dataclass

from local.aws.spec import FunctionSpec
from shared.settings import Settings


@dataclass(frozen=True, slots=True)
class Stack:
    """The names of everything; `account` and `partition` are those of whoever looks."""

    settings: Settings
    functions: tuple[FunctionSpec, ...]
    account: str
    partition: str = "aws"
    prefix: str = "middlewatch"
    api_url: str = ""
    test_alarm: str = ""
    topic: str = ""
    deployed: frozenset[str] = frozenset()
    """The functions that were deployed; empty: not known."""
    kept: frozenset[str] = frozenset()
    """The secrets that have a place; empty: not known."""

    @classmethod
    def of(
        cls,
        settings: Settings,
        variables: Mapping[str, str],
        functions: tuple[FunctionSpec, ...],
        identity: Mapping[str, str],
    ) -> "Stack":
        """The stack that the variables of the output `environment` name, seen by `identity` (of GetCallerIdentity)."""
        prefix = variables.get("NAME_PREFIX") or "middlewatch"
        return cls(
            settings=settings,
            functions=functions,
            account=identity["Account"],
            partition=identity["Arn"].split(":")[1],
            prefix=prefix,
            api_url=variables.get("MIDDLEWATCH_API_URL", "").rstrip("/"),
            test_alarm=variables.get("TEST_ALARM") or f"{prefix}-canary",
            topic=variables.get("ALARMS_TOPIC_ARN", ""),
            deployed=frozenset(filter(None, variables.get("FUNCTIONS", "").split(","))),
            kept=frozenset(filter(None, variables.get("SECRETS", "").split(","))),
        )

    def name(self, function: str) -> str:
        """The function's full name, which its queue and its schedule have, too."""
        return f"{self.prefix}-{function}"

    def dead_letters(self, function: str) -> str:
        """The name of the function's dead-letter queue."""
        return f"{self.name(function)}-dlq"

    def arn(self, service: str, name: str) -> str:
        """The ARN of what has this name in our account and region."""
        return f"arn:{self.partition}:{service}:{self.settings.aws_region}:{self.account}:{name}"
