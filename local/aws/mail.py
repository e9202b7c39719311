"""SES as moto has it, telling of configuration sets and identities what AWS tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.ses.models import ConfigurationSet
from moto.sesv2.models import SESV2Backend

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moto.ses.models import EmailIdentity


class Options(ConfigurationSet):
    """A configuration set that is silent about what nobody set."""

    def to_dict_v2(self) -> dict[str, Any]:
        """Give it as SES's second version does."""
        return {name: value for name, value in super().to_dict_v2().items() if value != {}}


class Mail(SESV2Backend):
    """All of SES of one account and region."""

    def create_configuration_set(self, configuration_set_name: str, **options: Any) -> None:  # type: ignore[override]  # noqa: ANN401 - passed on
        """Create a configuration set; one of which nothing is said sends, and moto tells an object in place of that."""
        given: Mapping[str, bool] = options.pop("sending_options", None) or {}
        sends: Any = given.get("SendingEnabled", True)
        super().create_configuration_set(configuration_set_name, sending_options=sends, **options)
        self.core_backend.config_sets[configuration_set_name].__class__ = Options

    def create_email_identity(
        self,
        email_identity: str,
        tags: list[dict[str, str]] | None,
        dkim_signing_attributes: object | None,
        configuration_set_name: str | None,
    ) -> EmailIdentity:
        """Create an identity; moto keeps its tags under an ARN that is not its own."""
        made = super().create_email_identity(email_identity, tags, dkim_signing_attributes, configuration_set_name)
        arn = f"arn:aws:ses:{self.region_name}:{self.account_id}:identity/{email_identity}"
        self.core_backend.tagger.tag_resource(arn, tags or [])
        return made
