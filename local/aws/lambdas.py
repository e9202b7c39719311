"""Lambda as moto has it, telling all that it was told, and leaving it to us to call functions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from moto.awslambda.models import LambdaBackend, LambdaFunction
from moto.dynamodb.models import dynamodb_backends

if TYPE_CHECKING:
    from moto.awslambda.models import EventSourceMapping

_NAMED = re.compile(r"(?:.*function:)?([^:]+)(?::([^:]+))?")


class LoggedFunction(LambdaFunction):
    """A function that knows where it logs, which moto forgets."""

    logging_config: dict[str, Any] | None = None

    def get_configuration(self, on_create: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 - moto's signature
        """Give the configuration as AWS does."""
        told = super().get_configuration(on_create)
        return told | {"LoggingConfig": self.logging_config} if self.logging_config else told


class Functions(LambdaBackend):
    """All functions of one account and region."""

    def create_function(self, spec: dict[str, Any]) -> LambdaFunction:
        """Create the function, and its first version where that is asked for."""
        made = super().create_function(spec)
        name = made.function_name
        for version in (made, self.get_function(name), *self.list_versions_by_function(name)):
            version.__class__ = LoggedFunction  # type: ignore[type-abstract]  # moto makes them itself
            vars(version)["logging_config"] = spec.get("LoggingConfig")
        return made

    def create_event_source_mapping(self, spec: dict[str, Any]) -> EventSourceMapping:
        """Map a source to a function, version or alias; moto forgets which one it was."""
        mapping = super().create_event_source_mapping(spec)
        named = _NAMED.fullmatch(str(spec["FunctionName"]))
        if named and named[2]:
            mapping.function_arn = f"arn:aws:lambda:{self.region_name}:{self.account_id}:function:{named[1]}:{named[2]}"
        for table in dynamodb_backends[self.account_id][self.region_name].tables.values():
            table.lambda_event_source_mappings.clear()
        return mapping
