"""The whole examination: what is looked at, in which order, and how it is told."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial

from cli import show
from cli.doctor import api, bus, functions, mail, queues, seals, tables, topics
from cli.doctor.api import Ask
from cli.doctor.finding import Aws, Check, Finding, looked, note
from cli.doctor.identity import account_of, identity
from cli.doctor.jira import Site, jira
from cli.doctor.rehearsal import Watch, rehearse
from cli.doctor.secrets import Use, secrets
from cli.doctor.slack import Workspace, slack
from cli.doctor.stack import Stack
from cli.failure import Failed
from cli.secrets import Vault
from shared import keys
from shared.config import Config
from shared.integrations.dynamodb import DynamoStore
from shared.seal import APPROVAL, DECISION

WORDS = {"ok": "ok", "note": "note", "wrong": "WRONG"}


@dataclass(frozen=True, slots=True)
class Around:
    """What the doctor asks beside AWS; a channel is reached as the environment of the function that uses it says."""

    store: DynamoStore
    vault: Vault
    config: Config
    ask: Ask
    workspace: Callable[[dict[str, str]], Workspace | None]
    site: Callable[[dict[str, str]], Site | None]
    scopes: Sequence[str]
    watch: Watch


@dataclass(frozen=True, slots=True)
class Group:
    """Checks that are told in one line where all is well; without `vital` ones no alarm can come through."""

    name: str
    checks: Sequence[Check]
    vital: bool = False
    told_one_by_one: bool = False


def groups(aws: Aws, stack: Stack, around: Around, said: dict[str, str]) -> Iterator[Group]:
    """Everything but the rehearsal; `said` is GetCallerIdentity's answer."""
    yield Group("identity", [partial(identity, said, stack.settings.aws_region, account_of(stack.topic))])
    yield Group("tables", [partial(each, aws, stack) for each in (tables.timeline, tables.state)], vital=True)
    yield Group("seals", [partial(seals.seal, aws, stack, name) for name in (APPROVAL, DECISION)])
    fed = [spec for spec in stack.functions if spec.trigger.queue]
    yield Group(
        "bus and rules",
        [partial(bus.bus, aws, stack), *(partial(bus.rules, aws, stack, spec) for spec in fed)],
        vital=True,
    )
    yield Group("queues", [partial(queues.queue, aws, stack, spec) for spec in fed], vital=True)
    kept = [spec for spec in stack.functions if not spec.trigger.http]
    yield Group("dead letters", [partial(_dead_letters, aws, stack, spec.name) for spec in kept])
    yield Group("undelivered", [partial(queues.dead_letters, aws, f"{stack.prefix}-undelivered", "")])
    yield Group("deployed functions", [partial(functions.deployed, stack)])
    yield Group("functions", [partial(functions.function, aws, stack, spec) for spec in stack.functions], vital=True)
    yield Group("triggers", [partial(functions.fed, aws, stack, spec) for spec in stack.functions], vital=True)
    subscribed = [partial(topics.alarms, aws, stack, spec) for spec in stack.functions]
    yield Group("topics", [*subscribed, partial(topics.operators, aws, stack)], told_one_by_one=True)
    yield Group("kill switch", [partial(_switch, around)])
    asked = partial(api.health, around.ask, stack.api_url, around.config.digest)
    yield Group("api", [asked, partial(api.guarded, around.ask, stack.api_url)], told_one_by_one=True)
    yield Group(
        "secrets and channels",
        [
            partial(_secrets, aws, stack, around),
            partial(_slack, aws, stack, around),
            partial(_jira, aws, stack, around),
            partial(_mail, aws, stack),
        ],
        told_one_by_one=True,
    )


def examine(aws: Aws, stack: Stack, around: Around, said: dict[str, str], *, alarm: bool, as_json: bool) -> None:
    """Looks at everything and tells it; raises Failed where something is wrong."""
    found: list[Finding] = []
    can_ring = True
    for group in groups(aws, stack, around, said):
        findings = [finding for check in group.checks for finding in looked(group.name, check)]
        found += findings
        can_ring &= not (group.vital and any(each.status == "wrong" for each in findings))
        if not as_json:
            _tell(group, findings)
    for finding in _rehearsed(aws, stack, around, can_ring=can_ring) if alarm else ():
        found.append(finding)
        if not as_json:
            _line(finding)
    wrong = sum(each.status == "wrong" for each in found)
    if as_json:
        show.json({"ok": not wrong, "findings": [asdict(each) for each in found]})
    if wrong:
        raise Failed(f"{wrong} of {len(found)} findings are wrong", 1)


def _rehearsed(aws: Aws, stack: Stack, around: Around, *, can_ring: bool) -> Iterator[Finding]:
    if not can_ring:
        yield note("test alarm", "not set: it could not come through", "mend what is wrong above, and run this again")
        return
    yield from looked("test alarm", partial(rehearse, aws, stack, around.store, around.store, around.watch))


def _dead_letters(aws: Aws, stack: Stack, function: str) -> Iterator[Finding]:
    yield from queues.dead_letters(aws, stack.dead_letters(function), f"/aws/lambda/{stack.name(function)}")


def _switch(around: Around) -> Iterator[Finding]:
    yield from api.switch(around.store.get(keys.KILL_SWITCH))


def _secrets(aws: Aws, stack: Stack, around: Around) -> Iterator[Finding]:
    names = sorted({name for spec in stack.functions for name in spec.secrets})
    model = functions.variables(aws, stack, "ai_assessment").get("MODEL", "")
    use = Use(
        jira=bool(functions.variables(aws, stack, "ticketing").get("JIRA_URL")),
        gemini=model.startswith("google"),
    )
    kept = [name for name in names if not stack.kept or name in stack.kept]
    yield from secrets(around.vault.held(kept), around.config, use, without=set(names) - set(kept))


def _slack(aws: Aws, stack: Stack, around: Around) -> Iterator[Finding]:
    workspace = around.workspace(functions.variables(aws, stack, "notification"))
    if workspace is None:
        yield note("slack", "not asked: there is no token to ask with")
    else:
        yield from slack(workspace, around.config, around.scopes)


def _jira(aws: Aws, stack: Stack, around: Around) -> Iterator[Finding]:
    site = around.site(functions.variables(aws, stack, "ticketing"))
    if site is None:
        yield note("jira", "is not used: escalations get no ticket", "set the variable jira_url, and the secrets")
    else:
        yield from jira(site, around.config)


def _mail(aws: Aws, stack: Stack) -> Iterator[Finding]:
    yield from mail.mail(aws, functions.variables(aws, stack, "notification"))


def _tell(group: Group, findings: Sequence[Finding]) -> None:
    shown = [each for each in findings if group.told_one_by_one or each.status != "ok"]
    for each in shown:
        _line(each)
    if fine := [each for each in findings if each.status == "ok" and not group.told_one_by_one]:
        said = fine[0].said if len(findings) == 1 else f"{len(fine)} of {len(findings)} fine"
        _line(Finding(group.name, "ok", said))


def _line(finding: Finding) -> None:
    show.line(f"{WORDS[finding.status]} {finding.check}: {finding.said}")
    if finding.fix:
        show.line(f"→ {finding.fix}")
