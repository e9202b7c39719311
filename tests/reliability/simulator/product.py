"""Middlewatch itself: every function as its handler wires it, over the clients of a schedule's world."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from itertools import count
from typing import Any, cast

from functions.ai_assessment.assess import SecondOpinion
from functions.ai_assessment.assess import stage as assessing
from functions.alert_intake.intake import take_in
from functions.approval.decide_click import Deciding, decide_click, read_click
from functions.ecs_action.act import EcsEffect, budgets, unproved
from functions.http_api.accept import Deps
from functions.investigation.investigate import Aws, on_aws
from functions.investigation.investigate import stage as investigating
from functions.investigation.reading import VENDOR_ERRORS, Job, Reading, gap_of
from functions.lifecycle.follow import Course, lifecycle
from functions.notification.notify import Telling, notify
from functions.policy_gate.fleet import watch
from functions.policy_gate.gate import Gate, sealing
from functions.policy_gate.input import recall
from functions.policy_gate.policy import ASK, Policy, PolicyError, _asked, _compiled
from functions.relay.publish import Relay, relay
from functions.slack_api.app import Needs
from functions.sweep.sweep import Sweep, sweep
from functions.ticketing.ticket import Ticketing, ticket
from functions.timekeeper.ring import ring
from functions.verification.judge import Patience, judge
from functions.verification.read import Reader
from local import reference
from shared.alerts.parse import parse
from shared.click import Click
from shared.config import Config, Limits
from shared.configuration import load, located
from shared.decide import Message, Stage, decide
from shared.errors import MiddlewatchError
from shared.intake import Intake, receive
from shared.integrations.cloudwatch import CloudWatchAlarms
from shared.integrations.ecs import EcsServices
from shared.integrations.jira import JiraTickets
from shared.integrations.kms import KmsSeals
from shared.integrations.ses import SesMail
from shared.integrations.slack import SlackChat
from shared.perform import Acting, perform
from shared.ports import Clock, Seals
from shared.queue import Queue, consume
from shared.redaction import redact
from shared.settings import Settings
from tests.reliability.simulator.aws import CloudWatch, Ecs, Events, Kms, Logs, Ses, Sqs
from tests.reliability.simulator.channels import Jira, Slack
from tests.reliability.simulator.doors import SECRET, Clicks
from tests.reliability.simulator.loop import Loop
from tests.reliability.simulator.plumbing import Handler, Plumbing
from tests.reliability.simulator.stories import SERVICES
from tests.reliability.simulator.tables import STATE, TIMELINE, Dynamo, Store
from tests.reliability.simulator.world import TEST_ALARM

SETTINGS = Settings(timeline_table=TIMELINE, state_table=STATE, aws_account_id="123456789012")
MODEL_CALLS = 2
"""Questions to a language model in a clock hour, so few that they run out."""
PATIENT = 600.0
"""Real seconds for what counts real seconds: a busy machine must not change what a schedule does."""


@lru_cache
def configuration(name: str) -> tuple[Config, Policy]:
    """The starter configuration, changed as the name says, and its policy."""
    shipped = load(reference.ROOT / "config")
    limits = Limits.model_validate(shipped.policy_data["limits"])
    services = shipped.services
    match name:
        case "one action an hour":
            limits = limits.model_copy(
                update={"actions_per_hour": 1, "actions_per_target_per_hour": 1, "actions_reserved": 0}
            )
        case "two must agree":
            limits = limits.model_copy(update={"quorum": {"critical": 2, "standard": 2, "best-effort": 2}})
        case "a person confirms":
            limits = limits.model_copy(update={"verification": {**limits.verification, "critical": "human"}})
        case "asks about everything":
            services = tuple(each.model_copy(update={"mode": "approve"}) for each in services)
        case "few messages":
            changes = {"messages_per_hour": 12, "prompts_per_hour": 2, "emails_per_hour": 2, "together_seconds": 900}
            shipped = shipped.model_copy(update={"storm": shipped.storm.model_copy(update=changes)})
        case "a small fleet":
            shipped = shipped.model_copy(update={"storm": shipped.storm.model_copy(update={"least": 2})})
        case "only looks":
            services = tuple(each.model_copy(update={"mode": "observe"}) for each in services)
    update = {
        "services": services,
        "policy_data": {"limits": limits.model_dump(mode="json")},
        "digest": f"{name:x<64.64}" if name != "shipped" else shipped.digest,
    }
    config = shipped.model_copy(update=update)
    return config, _OneThread(config.policy, config.policy_data)


class _OneThread(Policy):
    """The product's own policy, asked in this thread: how long it takes must not change what a schedule does."""

    def _answer(self, term: str) -> object:
        try:
            self._ready = self._ready or _compiled(self._modules, self._data, ASK)
            return _asked(self._ready, term)
        except PolicyError as error:
            self._ready = None
            return error


@dataclass
class Log:
    """A logger that keeps what must never happen, and nothing else."""

    wrong: list[str] = field(default_factory=list)

    def exception(self, _text: str, **_: Any) -> None:
        """An error that no code expected: a bug."""
        from traceback import format_exc  # noqa: PLC0415 - it seldom happens

        self.wrong.append(format_exc())

    def info(self, *_: Any, **__: Any) -> None:
        """Nothing worth keeping."""

    warning = error = info


@dataclass(frozen=True)
class _Chat(SlackChat):
    """The adapter over a client of ours."""

    slack: Any = None

    @property
    def client(self) -> Any:
        """See SlackChat."""
        return self.slack


@dataclass(frozen=True)
class _Tickets(JiraTickets):
    """The adapter over a client of ours."""

    jira: Any = None

    @property
    def client(self) -> Any:
        """See JiraTickets."""
        return self.jira


@dataclass(frozen=True)
class _Seals(KmsSeals):
    """The adapter over a client of ours."""

    kms: Any = None

    @property
    def client(self) -> Any:
        """See KmsSeals."""
        return self.kms


@dataclass(frozen=True, slots=True)
class Outside:
    """Everything that Middlewatch calls."""

    loop: Loop
    dynamo: Dynamo
    ecs: Ecs
    cloudwatch: CloudWatch
    logs: Logs
    slack: Slack
    jira: Jira
    ses: Ses
    plumbing: Plumbing


def wire(outside: Outside, configured: str, clicked: Callable[[Click], None]) -> tuple[Store, Log, Needs, Deps]:
    """Connects every function to the plumbing.

    Returns their store, where unexpected errors are kept, and what the doors for Slack and for alerts need; `clicked`
    hears what came in by the first.
    """
    config, policy = configuration(configured)
    loop, log = outside.loop, Log()
    limits = Limits.model_validate(config.policy_data["limits"])
    store = Store(cast("Any", outside.dynamo), TIMELINE, STATE, SETTINGS.span("stall"))
    services = EcsServices(cast("Any", outside.ecs))
    chat = _Chat(lambda: "token", slack=outside.slack)
    tickets = _Tickets("https://jira.example", lambda name: name, jira=outside.jira)
    mail = SesMail(cast("Any", outside.ses), "middlewatch@shop.example", ("on-call@shop.example",))
    logger: Any = log
    dead_after = SETTINGS.span("dead_after")

    def staged(stage: Stage[Any]) -> Handler:
        return pointed(stage.name, lambda message: decide(message, stage, store, loop.clock(stage.name)))

    def pointed(name: str, turn: Callable[[Message], object]) -> Handler:
        def one(body: Mapping[str, Any]) -> None:
            message = Message.read(body)
            loop.about(message.entry_id)
            turn(message)

        return queued(name, one)

    def queued(name: str, turn: Callable[[Mapping[str, Any]], object]) -> Handler:
        sqs: Any = Sqs(loop, outside.plumbing.hide)
        queue = Queue(name, name, sqs, store, logger, loop.clock(name), jitter=lambda low, high: (low + high) / 2)
        return lambda event: consume(event, cast("Any", turn), queue)

    intake = Intake.of(SETTINGS, store, config, loop.clock("alert_intake"), actor="alert_intake")
    numbers = count(1)
    intake = replace(intake, new_id=lambda _now: f"INC-261121-{next(numbers):06}")
    ecs, cloudwatch, logs = cast("Any", outside.ecs), cast("Any", outside.cloudwatch), cast("Any", outside.logs)
    aws = Aws(lambda _: ecs, lambda _: cloudwatch, lambda _: logs, region="eu-west-1", account="123456789012")
    plan = on_aws(aws, config)
    seals = _Seals(SETTINGS.aws_region, SETTINGS.name_prefix, Kms(loop))
    second = _second(store, loop.clock("ai_assessment")) if configured == "a model is asked" else None
    course = Course(hold=SETTINGS.span("hold"), reopen=SETTINGS.span("reopen"))
    patience = Patience(SETTINGS.span("check_window"), SETTINGS.span("check_every"), SETTINGS.span("check_limit"))
    looks: Any = outside.cloudwatch
    reader = Reader(
        services,
        looks,
        config,
        loop.clock("verification"),
        patience.window,
        SETTINGS.aws_account_id,
        SETTINGS.aws_region,
    )
    effect = EcsEffect(services, store, config, SETTINGS.span("approved"), SETTINGS.span("held"))
    acting = Acting(
        "ecs_action",
        effect,
        partial(unproved, seals=seals, told=lambda: log.wrong.append("an approval was not proved")),
        store,
        loop.clock("ecs_action"),
        dead_after,
        SETTINGS.span("check_after"),
        partial(
            budgets,
            in_all=limits.actions_per_hour,
            per_target=limits.actions_per_target_per_hour,
            per_source=limits.actions_per_source_per_hour,
            reserved=limits.actions_reserved,
            critical=frozenset(each.target.key for each in config.services if each.tier == "critical"),
        ),
    )
    telling = Telling(
        config=config,
        timeline=store,
        state=store,
        clock=loop.clock("notification"),
        dead_after=dead_after,
        chat=chat,
        mail=mail,
        recorded=lambda _: None,
        warn=lambda _: None,
        nobody_told=lambda _: None,
    )
    ticketing = Ticketing(config, store, store, loop.clock("ticketing"), dead_after, tickets, lambda _: None)
    deciding = Deciding(config, store, chat, loop.clock("approval"), logger)
    handlers = {
        "alert_intake": queued("alert_intake", partial(take_in, intake=intake, logger=logger, canary=TEST_ALARM)),
        "investigation": staged(investigating(plan, redact, PATIENT, loop.clock("investigation"), _one_by_one)),
        "ai_assessment": staged(assessing(config, SETTINGS.span("approval"), second)),
        "policy_gate": staged(_gate(config, policy, store, loop.clock("policy_gate"), seals)),
        "approval": queued("approval", lambda body: decide_click(read_click(body), deciding)),
        "ecs_action": pointed("ecs_action", partial(perform, acting=acting)),
        "verification": staged(Stage("verification", partial(judge, patience=patience), reader.read)),
        "lifecycle": staged(lifecycle(course, store)),
        "notification": pointed("notification", partial(notify, telling=telling)),
        "ticketing": pointed("ticketing", partial(ticket, ticketing=ticketing)),
    }
    sweeper = Intake.of(SETTINGS, store, config, loop.clock("sweep"), actor="sweep")
    sweeping = Sweep(
        replace(sweeper, new_id=intake.new_id),
        CloudWatchAlarms(cloudwatch),
        ["shop-", *SERVICES],
        "middlewatch-",
        SETTINGS.span("sweep_grace"),
        logger,
    )
    events: Any = Events(loop, outside.plumbing.publish)
    wiring = Relay(events, "middlewatch", store.read, logger, lambda: log.wrong.append("the relay saw tampering"))

    def keep(_: dict[str, Any]) -> dict[str, Any]:
        return {"rung": len(ring(store, store, loop.clock("timekeeper"), stall=SETTINGS.span("stall")))}

    def relayed(event: dict[str, Any]) -> dict[str, Any] | None:
        return _logged(lambda: relay(event, wiring), log)

    keeping: Handler = lambda event: _logged(lambda: keep(event), log)  # noqa: E731 - as above
    outside.plumbing.sweep = lambda _: _logged(lambda: dict(sweep(sweeping)), log)
    outside.plumbing.wire(handlers, relayed, keeping, outside.dynamo.due)
    door = Needs(config, lambda _: SECRET, Clicks(clicked), chat, store, store, loop.clock("slack_api"), logger, seals)
    alerts = _alerts(store, config, replace(intake, clock=loop.clock("http_api"), actor="http_api"), logger)
    return store, log, door, alerts


def _gate(config: Config, policy: Policy, store: Store, clock: Clock, seals: Seals) -> Stage[Any]:
    gate = Gate(config, policy.decide, patience=SETTINGS.span("approval"))
    memory = recall(store, clock, seals, fleet=watch(store, config))
    return Stage("policy_gate", sealing(gate.conclude, seals), memory)


def _alerts(store: Store, config: Config, intake: Intake, logger: Any) -> Deps:
    """What the door for alerts needs."""
    return Deps(
        timeline=store,
        state=store,
        config=config,
        clock=intake.clock,
        logger=logger,
        secret=lambda _: "a-secret-of-the-source",
        parse=parse,
        locate=partial(located, config, account=SETTINGS.aws_account_id, region=SETTINGS.aws_region),
        receive=partial(receive, intake=intake),
        certificate=cast("Any", None),
        confirm=lambda _: None,
        checks={},
        environment="simulated",
    )


def _second(store: Store, clock: Clock) -> SecondOpinion:
    from tests.reliability.simulator.minds import asked  # noqa: PLC0415 - it takes seconds, and few schedules need it

    return asked(store, clock, MODEL_CALLS)


def _one_by_one(jobs: Sequence[Job], _seconds: float) -> list[Reading]:
    """The same reads, each when the one before it is done, so that they are always made in the same order."""
    waiting, readings = list(jobs), list[Reading]()
    while waiting:
        job = waiting.pop(0)
        try:
            readings.append(job.read())
        except VENDOR_ERRORS as error:
            readings.append(Reading(gaps=(gap_of(job.source, job.query, error),)))
        waiting += readings[-1].then
    return readings


def _logged(invoke: Callable[[], dict[str, Any]], log: Log) -> dict[str, Any] | None:
    """What the function answers; None where the invocation failed, which the platform repeats."""
    try:
        return invoke()
    except MiddlewatchError:
        return None
    except Exception:
        log.exception("unexpected")
        return None
