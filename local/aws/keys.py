"""KMS as moto has it, with keys that are the same again after a restart."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from moto.kms.models import KmsBackend

if TYPE_CHECKING:
    from moto.kms.models import Key


class Keys(KmsBackend):
    """All keys of one account and region."""

    def create_key(self, *given: Any, **named: Any) -> Key:  # noqa: ANN401 - passed on
        """Create a key whose id and material follow from its description, where it is the first with that one.

        What is kept for a restart are requests, and a key made anew would undo no seal and no encryption of before.
        """
        made = super().create_key(*given, **named)
        arn, _, drawn = made.arn.rpartition("/")
        name = f"{arn}/{made.description}"
        same = str(uuid5(NAMESPACE_URL, name))
        if made.description and same not in self.keys:
            del self.keys[drawn]
            made.id, made.arn = same, f"{arn}/{same}"
            made.key_material = sha256(name.encode()).digest()
            self.keys[same] = made
            self.tagger.copy_tags(drawn, same)
            self.tagger.delete_all_tags_for_resource(drawn)
        return made
