"""Telemetry is attacker input: whatever stands in an alert, a log line or a reason, the message stays ours."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.notification.letter import letter
from functions.notification.render import Scene, ask, call, card, detail
from local.standins.slack.blockkit import problems
from shared import facts
from shared.assessment import Claim, Gap
from shared.ports import Post
from tests.builders import T0, a_history, a_proposal, an_alert, an_assessment, opened, requested
from tests.fakes.store import MemoryStore
from tests.notification.story import CONFIG, PAYMENTS, an_item, append

OURS = re.compile(
    r"<!date\^\d+\^[^>|<]*\|[^<>|]*>|<!subteam\^S0PAYMENTS>|<https://runbooks\.shop\.example/payments\|runbook>"
)
HOSTILE = [
    "<!channel>",
    "<@U0ANA>",
    "<https://evil.example|Approve>",
    "```\n*",
    "x" * 5000,
    "\x1b[31m\r\n",
    "\u202e</p>",
]


def everything(text: str) -> tuple[Scene, list[Post]]:
    """An incident with `text` wherever text comes from outside, and all that is said about it."""
    store = MemoryStore()
    title = text[:300] or "-"
    proposal = a_proposal(target=PAYMENTS, effect=title, undo=title)
    append(store, "x", [opened(alert=an_alert(title=title, summary=title, target=PAYMENTS), service="payments")])
    evidence = facts.EvidenceCollected(
        round=1,
        items=(an_item(1, "logs.lines", text, source=title, link=text), an_item(2, "ecs.deployments", text)),
        gaps=(Gap(source=title, query=title, reason="denied", detail=text),),
        digest="e" * 64,
    )
    verdict = facts.AssessmentMade(
        round=1,
        assessment=an_assessment(
            message=text[:200],
            diagnosis=text[:4000],
            claims=(Claim(text=text, evidence=(text,)),),
            suggested_fixes=(text,),
            links=(text,),
            info_needed=(text,),
        ),
        evidence_digest="e" * 64,
        proposes=True,
    )
    append(store, "x", [evidence, verdict, facts.ActionProposed(proposal=proposal, proposal_hash=proposal.hash)])
    append(
        store,
        "x",
        [requested(proposal=proposal, reasons=(text,), approvers=(text,)), facts.IncidentEscalated(reason=text)],
    )
    history = store.read(a_history().incident_id)
    scene = Scene(
        history, CONFIG, T0, ({"incident_id": "o", "at": "2026-11-20T03:00:00Z", "action": text, "standing": text},)
    )
    asked = next(e for e in history.entries if isinstance(e.fact, facts.ApprovalRequested))
    posts = [card(scene), ask(scene, asked), call(scene, history.entries[-1]), *map(detail, history.entries)]
    return scene, posts


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_mentions_links_or_breaks_a_message(text: str) -> None:
    held(text)


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=400))
def test_no_text_at_all_does(text: str) -> None:
    held(text.encode(errors="replace").decode())


def held(text: str) -> None:
    scene, posts = everything(text)
    for post in posts:
        assert not problems(list(post.blocks))
        shown = OURS.sub("", "\n".join([post.text, *(b["text"]["text"] for b in post.blocks if "text" in b)]))
        assert not re.search(r"[<>]", shown)
    for entry in scene.history.entries[-1:]:
        mail = letter(scene, entry)
        assert "\n" not in mail.subject
        assert set(re.findall(r"<[^>]*>", mail.html)) == {"<p>", "</p>"}
