"""Lambda as moto has it, naming aliases as AWS does and leaving it to us to call functions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from moto.awslambda.models import LambdaBackend
from moto.dynamodb.models import dynamodb_backends

if TYPE_CHECKING:
    from moto.awslambda.models import EventSourceMapping

_NAMED = re.compile(r"(?:.*function:)?([^:]+)(?::([^:]+))?")


class Functions(LambdaBackend):
    """All functions of one account and region."""

    def create_event_source_mapping(self, spec: dict[str, Any]) -> EventSourceMapping:
        """Map a source to a function, version or alias; moto forgets which one it was."""
        mapping = super().create_event_source_mapping(spec)
        named = _NAMED.fullmatch(str(spec["FunctionName"]))
        if named and named[2]:
            mapping.function_arn = f"arn:aws:lambda:{self.region_name}:{self.account_id}:function:{named[1]}:{named[2]}"
        for table in dynamodb_backends[self.account_id][self.region_name].tables.values():
            table.lambda_event_source_mappings.clear()
        return mapping
