"""The ways in which a stand-in can be told to fail."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, PlainTextResponse, Response

if TYPE_CHECKING:
    from collections.abc import Mapping

MODES = ("ok", "down", "slow", "429")


@dataclass(slots=True)
class Outage:
    """How the service fails at present: not, with 503, `seconds` late, or with 429 and Retry-After `seconds`."""

    mode: str = "ok"
    seconds: float = 5.0

    def set(self, asked: Mapping[str, object]) -> Response:
        """Take {"mode", "seconds"?} and answer what holds now; an unknown mode is a 422."""
        if asked.get("mode") not in MODES:
            return JSONResponse({"error": f"mode is one of {', '.join(MODES)}"}, 422)
        self.mode, self.seconds = str(asked["mode"]), float(str(asked.get("seconds", 5.0)))
        return JSONResponse({"mode": self.mode, "seconds": self.seconds})

    async def strike(self) -> Response | None:
        """Return the failure to answer with, if there is one; being slow takes its time here."""
        if self.mode == "down":
            return PlainTextResponse("upstream connect error", 503)
        if self.mode == "429":
            limited = {"Retry-After": str(int(self.seconds))}
            return JSONResponse({"ok": False, "error": "ratelimited"}, 429, limited)
        if self.mode == "slow":
            await asyncio.sleep(self.seconds)
        return None
