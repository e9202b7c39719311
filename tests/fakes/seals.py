"""Seals of keys in memory, of which a test may say who may use which, and that they are away."""

import hmac
from base64 import b64encode
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from hashlib import sha256

from shared.errors import Unavailable
from shared.ports import SealKey

EVERYTHING = frozenset(f"{verb} {key}" for verb in ("make", "check") for key in ("approval-seal", "decision-seal"))


@dataclass
class MemorySeals:
    """`may` is what its holder is allowed to; `secret` sets one deployment's keys apart from another's."""

    may: AbstractSet[str] = EVERYTHING
    secret: str = "ours"
    down: bool = False
    asked: list[str] = field(default_factory=list)

    def make(self, key: SealKey, message: bytes) -> str:
        self._ask("make", key)
        return self._code(key, message)

    def holds(self, key: SealKey, message: bytes, code: str) -> bool:
        self._ask("check", key)
        return hmac.compare_digest(self._code(key, message).encode(), code.encode(errors="replace"))

    def _ask(self, verb: str, key: SealKey) -> None:
        if self.down:
            raise Unavailable("KMS does not answer")
        if f"{verb} {key}" not in self.may:
            raise Unavailable(f"AccessDeniedException: may not {verb} a {key}")
        self.asked.append(f"{verb} {key}")

    def _code(self, key: SealKey, message: bytes) -> str:
        return b64encode(hmac.digest(f"{self.secret} {key}".encode(), message, sha256)).decode()
