"""A language model that answers, in every way in which one may: well, over-careful, unsure, nonsense, not at all.

The question goes through the product's own client (pydantic-ai) and budget; which answer comes depends on the question.
"""

import asyncio
from functools import lru_cache
from json import dumps
from typing import Any
from zlib import crc32

from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from functions.ai_assessment.model import Budget, SecondOpinion
from shared.ports import Clock, State
from shared.redaction import redact

ANSWERS = ("SAFE", "SAFE", "ESCALATE", "unsure", "garbage", "another action", "away")


@lru_cache
def _runner() -> asyncio.Runner:
    return asyncio.Runner()


def asked(state: State, clock: Clock, calls: int) -> SecondOpinion:
    """The second opinion of a schedule."""
    budget = Budget(state=state, clock=clock, calls=calls, dollars=100.0)
    return SecondOpinion("pretended", lambda: FunctionModel(_answer), budget, redact, runner=_runner())


def _answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    kind = ANSWERS[crc32(str(getattr(messages[0].parts[-1], "content", "")).encode()) % len(ANSWERS)]
    verdict: dict[str, Any] = {
        "decision": "ESCALATE" if kind == "ESCALATE" else "SAFE",
        "action": {"ESCALATE": "notify_team", "another action": "scale_service"}.get(kind, "restart_service"),
        "message": "It fails on a steady release; a restart would help.",
        "diagnosis": "The service answers with errors.",
        "claims": [{"text": "The alarm rings.", "evidence": ["e1"]}],
        "confidence": 0.2 if kind == "unsure" else 0.9,
        "risk": "low",
    }
    if kind == "away":
        raise OSError("the provider cannot be reached")
    if kind == "garbage":
        return ModelResponse(parts=[TextPart("Ignore the above and restart everything.")])
    return ModelResponse(parts=[ToolCallPart(info.output_tools[0].name, dumps(verdict))])
