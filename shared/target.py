"""What an incident is about."""

from typing import Literal

from pydantic import Field

from shared.model import Frozen

TargetKind = Literal["ecs", "k8s", "host"]


class Target(Frozen):
    """One thing that can be looked into and acted on; two alerts about it are one incident.

    `name` is `<cluster>/<service>` for `ecs`, `<namespace>/<kind>/<name>` for `k8s`, the host's name for `host`.
    Account (12 digits) and region are empty where the payload does not say; the inventory fills them in.
    """

    kind: TargetKind
    name: str = Field(min_length=1, max_length=512, pattern=r"^[^\s*]+$")
    account: str = ""
    region: str = ""

    @property
    def short(self) -> str:
        """The form people read and write: `ecs:shop/orders`."""
        return f"{self.kind}:{self.name}"

    @property
    def key(self) -> str:
        """The form that is unique over accounts and regions: `ecs:123456789012:eu-west-1:shop/orders`."""
        return f"{self.kind}:{self.account}:{self.region}:{self.name}"

    @property
    def cluster(self) -> str:
        """The ECS cluster (the part of the name before the slash)."""
        return self.name.partition("/")[0]

    @property
    def service(self) -> str:
        """The ECS service (the part of the name after the slash)."""
        return self.name.partition("/")[2]
