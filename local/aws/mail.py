"""SES as moto has it, telling of a configuration set whether it sends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.sesv2.models import SESV2Backend

if TYPE_CHECKING:
    from collections.abc import Mapping


class Mail(SESV2Backend):
    """All of SES of one account and region."""

    def create_configuration_set(self, *named: Any, **options: Any) -> None:  # noqa: ANN401 - passed on
        """Create a configuration set; one of which nothing is said sends, and moto tells an object in place of that."""
        given: Mapping[str, bool] = options.pop("sending_options", None) or {}
        sends: Any = given.get("SendingEnabled", True)
        super().create_configuration_set(*named, sending_options=sends, **options)
