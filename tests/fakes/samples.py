"""One example of everything that a timeline may hold, the same on every call."""

from datetime import UTC, datetime, timedelta

from shared import facts
from shared.alert import Alert
from shared.assessment import Assessment, Claim, EvidenceItem, Gap
from shared.facts import Fact
from shared.proposal import Proposal
from shared.target import Target

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(minutes=15)
ORDERS = Target(kind="ecs", name="shop/orders", account="123456789012", region="eu-west-1")


def an_alert(*, state: str = "firing", target: Target | None = ORDERS, title: str = "orders-5xx") -> Alert:
    return Alert.model_validate(
        {
            "source": "cloudwatch",
            "state": state,
            "title": title,
            "summary": "more than 5 % errors",
            "severity": "high",
            "target": target,
            "account": "123456789012",
            "region": "eu-west-1",
            "starts_at": NOON,
            "changed_at": NOON,
            "external_id": title,
            "fingerprint": f"cloudwatch-{title}",
        }
    )


def a_proposal() -> Proposal:
    return Proposal(
        id="p1",
        author="assessment",
        action="restart_service",
        target=ORDERS,
        binding={"deployment": "ecs-svc/1", "task_definition": "orders:7"},
        effect="replaces 4 tasks, rolling, about 3 min",
        evidence_digest="e" * 64,
        config_digest="c" * 64,
        expires_at=LATER,
    )


def an_assessment() -> Assessment:
    return Assessment(
        decision="SAFE",
        action="restart_service",
        message="orders leaks memory; a restart has helped before",
        claims=(Claim(text="3 tasks ran out of memory", evidence=("e1",)),),
        confidence=0.9,
        assessor="rules",
    )


def opened(alert: Alert | None = None) -> facts.IncidentOpened:
    alert = alert or an_alert()
    return facts.IncidentOpened(
        alert=alert,
        identity=alert.identity,
        target=alert.target,
        service="orders",
        title=alert.title,
        severity=alert.severity,
        config_digest="c" * 64,
    )


def every_fact() -> dict[str, Fact]:
    """One fact of each type that this release knows, by its type."""
    proposal = a_proposal()
    of = {"proposal_id": "p1"}
    item = EvidenceItem(
        id="e1", kind="ecs.service", source="ecs", query="DescribeServices", found="4 of 4 running", digest="d" * 64
    )
    recovery = {**of, "measures": (), "seen": "4 of 4 tasks run and errors are at 0.1 %"}
    samples: tuple[Fact, ...] = (
        opened(),
        facts.AlertJoined(alert=an_alert(title="orders-latency")),
        facts.AlertRepeated(fingerprint="f", title="orders-5xx", count=100),
        facts.AlertResolved(fingerprint="f", title="orders-5xx", cleared_at=NOON, hold_until=LATER),
        facts.AlertFlapped(
            fingerprint="f", title="orders-5xx", state="firing", changed_at=NOON, changes=12, look_again_at=LATER
        ),
        facts.InvestigationRequested(round=2, reason="another alert joined"),
        facts.EvidenceCollected(
            round=1,
            items=(item,),
            gaps=(Gap(source="logs", query="/ecs/orders", reason="slow"),),
            breach_confirmed=True,
            digest="d" * 64,
        ),
        facts.AssessmentMade(round=1, assessment=an_assessment(), evidence_digest="e" * 64, proposes=True),
        facts.ActionProposed(proposal=proposal, proposal_hash=proposal.hash),
        facts.ActionDenied(**of, reasons=("the service is in mode observe",), config_digest="c" * 64),
        facts.ApprovalRequested(
            **of,
            proposal_hash=proposal.hash,
            reasons=("critical service",),
            quorum=1,
            approvers=("ada", "grace"),
            config_digest="c" * 64,
            expires_at=LATER,
        ),
        facts.ApprovalReminded(**of),
        facts.ApprovalExpired(**of),
        facts.ApprovalGiven(**of, proposal_hash=proposal.hash, person="ada", channel="slack"),
        facts.ApprovalRefused(**of, person="ada", channel="slack", reason="wait for the deploy"),
        facts.ClickDeclined(person="mallory", button="Approve", why="mallory is not among the approvers"),
        facts.ProposalVoided(**of, why="the alert cleared"),
        facts.ActionApproved(
            proposal=proposal,
            proposal_hash=proposal.hash,
            reasons=("ada agreed",),
            approved_by=("ada",),
            config_digest="c" * 64,
        ),
        facts.ActionStarted(**of, proposal_hash=proposal.hash, action="restart_service", target=ORDERS, before={}),
        facts.ActionCompleted(**of, after={}, check_at=LATER),
        facts.ActionFailed(**of, why="ECS denied the call"),
        facts.ActionRefused(**of, why="the deployment changed", again=True),
        facts.ActionHeld(**of, why="a deployment is in progress", look_again_at=LATER),
        facts.ActionOutcomeUnknown(**of, why="no reply, and the service does not show it"),
        facts.CheckDue(**of, number=1),
        facts.RecoveryChecked(**of, number=1, seen="2 of 4 tasks run", check_at=LATER),
        facts.RecoveryVerified.model_validate(recovery),
        facts.RecoveryFailed.model_validate(recovery),
        facts.RecoveryInconclusive.model_validate(recovery),
        facts.IncidentEscalated(reason="no rule is sure"),
        facts.IncidentAcknowledged(person="ada", channel="slack"),
        facts.HoldElapsed(of="clear"),
        facts.IncidentResolved(reason="every alert stayed clear", close_at=LATER),
        facts.IncidentReopened(reason="orders-5xx rang again"),
        facts.IncidentClosed(reason="it stayed resolved"),
        facts.IncidentStalled(since=3, times=1),
        facts.MessageSent(channel="slack:#orders", about="1", external_id="17.1", summary="orders: restart proposed"),
        facts.MessageFailed(channel="email", about="1", why="the address bounces"),
        facts.TicketCreated(key="OPS-1", url="https://jira.example/browse/OPS-1"),
        facts.TicketUpdated(key="OPS-1", about="12", change="moved to Done"),
        facts.DryRunCompleted(stage="policy_gate", would="said deny: ecs:shop/none is not in the inventory"),
        facts.NoteAdded(person="ada", text="rolled back by hand"),
    )
    return {fact.type: fact for fact in samples}
