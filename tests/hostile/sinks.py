"""Any text in any field, as it is said on Slack, in Jira, by e-mail, in the log and on pages, read back."""

import io
import json
import random
import re
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from time import perf_counter
from typing import Any, cast
from urllib.parse import urlsplit

from pydantic import ValidationError

from cli import incidents as cli_incidents
from functions.approval.answer import reply
from functions.notification.letter import letter
from functions.notification.render import Scene, ask, brief, call, card, detail, mention
from functions.slack_api.commands import Commands, answer
from functions.slack_api.payload import Command
from functions.slack_api.show import shown
from functions.slack_api.timeline_view import timeline
from functions.ticketing.describe import comment, description, summary
from local.standins.jira import wiki as jira_page
from local.standins.slack import mrkdwn as slack_page
from local.standins.slack.blockkit import problems, view_problems
from shared import facts
from shared.alert import Alert
from shared.assessment import Assessment, Claim, EvidenceItem, Gap
from shared.errors import Refused, Unavailable
from shared.facts import Fact, read_fact
from shared.history import History
from shared.integrations.ses import SesMail
from shared.logs import log_of
from shared.mrkdwn import actions, section
from shared.ports import Post
from shared.queue import Queue, consume
from shared.telemetry import meter, tell
from tests.builders import INCIDENT, T0, a_proposal, an_alert, an_assessment, every_fact, opened, requested
from tests.fakes.store import MemoryStore
from tests.hostile.egress import guarded
from tests.hostile.readers import UNSEEN, addresses, html, mrkdwn, wiki
from tests.hostile.strings import FORMS, a_text, whole
from tests.notification.story import CONFIG, PAYMENTS, RUNBOOK
from tests.reliability.table import Row

MEANT = {"runbooks.shop.example", "jira.shop.example", "eu-west-1.console.aws.amazon.com"}
"""The hosts that the product itself puts links to: the runbook of the configuration, Jira, AWS's console."""
CONSOLE = "https://eu-west-1.console.aws.amazon.com/ecs/v2/clusters/shop"
EVIL = "https://evil.example/login"
OURS = {
    "type", "proposal_id", "proposal_hash", "id", "config_digest", "evidence_digest", "digest", "supersedes", "kind",
    "action", "backend", "key", "url", "link", "links", "incident_id", "fingerprint", "identity", "at", "hash",
}  # fmt: skip
"""Fields that are only ever written by ourselves: ids, digests, our own words, Jira's key and address."""
TAGS = {"p", "b", "br", "code", "ul", "li", "a", "span", "time", "blockquote"}
PLAIN = "words"
TITLE = 300
"""Characters of an alert's title, which is never empty."""


@dataclass(frozen=True, slots=True)
class Said:
    """Everything that one history leads to, by sink."""

    slack: list[Post]
    views: list[dict[str, Any]]
    whispers: list[str]
    jira: list[str]
    titles: list[str]
    mails: list[tuple[str, str, str]]
    pages: list[str]
    terminal: str


def a_story(text: str) -> tuple[Scene, MemoryStore]:
    """An incident with `text` wherever a text comes from outside, on the way to its escalation."""
    store, line, title = MemoryStore(), text or "-", (text.strip() or "-")[:300]
    alert = an_alert(
        title=title, summary=line[:4000], target=PAYMENTS, source=line, external_id=line, external_reference=line,
        labels={line: line}, links=(EVIL, line),
    )  # fmt: skip
    proposal = a_proposal(target=PAYMENTS, effect=line, undo=line, author=line)
    items = (
        _item(1, "alert", line, EVIL),
        _item(2, "logs.lines", line, CONSOLE),
        _item(3, "ecs.events", line, CONSOLE),
        _item(
            4, "ecs.deployments", line, CONSOLE,
            deployments=[{"status": "PRIMARY", "task_definition": line, "created_at": "2026-11-18T10:00:00.000Z"}],
        ),
    )  # fmt: skip
    evidence = facts.EvidenceCollected(
        round=1, items=items, gaps=(Gap(source=line, query=line, reason="denied", detail=line),), digest="e" * 64
    )
    verdict = an_assessment(
        message=line[:200], diagnosis=line[:4000], claims=(Claim(text=line, evidence=("e1", "e2", line)),),
        suggested_fixes=(line,), info_needed=(line,), assessor=line, links=(CONSOLE,),
    )  # fmt: skip
    happened: Sequence[Fact] = (
        opened(alert=alert, service="payments"),
        evidence,
        facts.AssessmentMade(round=1, assessment=verdict, evidence_digest="e" * 64, proposes=True),
        facts.ActionProposed(proposal=proposal, proposal_hash=proposal.hash),
        requested(proposal=proposal, reasons=(line, line), approvers=(line, "on-call")),
        facts.IncidentEscalated(reason=line),
        facts.TicketCreated(key="OPS-1", url="https://jira.shop.example/browse/OPS-1"),
    )
    for fact in happened:
        _append(store, fact)
    past = ({"incident_id": "o", "at": "2026-11-20T03:00:00Z", "action": line, "standing": line},)
    return Scene(store.read(INCIDENT), CONFIG, T0, past), store


def _item(number: int, kind: str, text: str, link: str, **data: Any) -> EvidenceItem:
    return EvidenceItem(
        id=f"e{number}", kind=kind, source=text, query=text, found=text, data=data, link=link, digest="d" * 64
    )


def _append(store: MemoryStore, fact: Fact) -> History:
    history = store.read(INCIDENT)
    return store.append(history, [fact], actor="test", caused_by=f"c{len(history.entries)}", now=T0)


@dataclass(frozen=True, slots=True)
class _Form:
    """A sample of a fact with the places in it where text from outside may stand, and how much of it fits there."""

    given: dict[str, Any]
    places: tuple[tuple[tuple[str | int, ...], int], ...]

    @classmethod
    def of(cls, fact: Fact) -> "_Form":
        given = fact.model_dump(mode="json")
        places = [(way, _room(given, way, fact)) for way in _ways(given) if not _ours(way)]
        return cls(given, tuple((way, room) for way, room in places if room))


def _ours(way: tuple[str | int, ...]) -> bool:
    return any(step in OURS for step in way[-2:])


def _room(given: dict[str, Any], way: tuple[str | int, ...], fact: Fact) -> int:
    """How many characters of any text the place takes; 0 where it takes only words of its own."""
    for most in (6000, 4000, 1000, 300, 200):
        changed = json.loads(json.dumps(given))
        _put(changed, way, "x <\n*" * (most // 5))
        if _still(fact, changed):
            return most
    return 0


def with_text(form: _Form, text: str) -> Fact:
    """The fact with `text` in every field that may come from outside."""
    changed = json.loads(json.dumps(form.given))
    for way, room in form.places:
        _put(changed, way, text[:room] if room != TITLE else text.strip()[:room] or "-")
    return read_fact(changed)


def _still(fact: Fact, changed: dict[str, Any]) -> bool:
    try:
        return type(read_fact(changed)) is type(fact)
    except ValidationError:
        return False


def _ways(value: Any, so_far: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, str):
        yield so_far
    elif isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _ways(inner, (*so_far, key))


def _put(value: Any, way: tuple[str | int, ...], text: str) -> None:
    for step in way[:-1]:
        value = value[step]
    value[way[-1]] = text


def said_of(text: str) -> Said:
    """All that is said of an incident that holds `text` everywhere."""
    scene, store = a_story(text)
    history = scene.history
    asked = next(entry for entry in history.entries if isinstance(entry.fact, facts.ApprovalRequested))
    slack = [
        card(scene),
        ask(scene, asked),
        ask(scene, asked, reminds=True),
        call(scene, history.entries[5]),
        shown(history),
    ]
    few, buttons = brief(scene, asked)
    slack.append(Post(mention(scene, asked), (section([*few, mention(scene, asked)]), *actions(buttons))))
    whispers = [reply(facts.ClickDeclined(person="ana", button="approve", why=text or "-"), history)]
    refused = facts.ApprovalRefused(proposal_id=history.incident.current, person="ana", channel="slack")
    whispers += [reply(refused, history)]
    commands = Commands(CONFIG, store, lambda: T0)
    whispers += [answer(Command("A", "T0SHOP", "U0ANA", words), commands) for words in (f"stop {text}", "open", text)]
    jira = [description(history.incident, RUNBOOK)]
    mails = []
    for sample in SAMPLES.values():
        fact = with_text(sample, text)
        grown = _after(history, fact)
        entry = grown.entries[-1]
        slack.append(detail(entry))
        jira.append(comment(entry))
        if isinstance(fact, facts.IncidentEscalated | facts.IncidentResolved):
            sent = letter(Scene(grown, CONFIG, T0), entry)
            mails.append((sent.subject, sent.text, sent.html))
            slack += [card(Scene(grown, CONFIG, T0)), call(Scene(grown, CONFIG, T0), entry)]
    pages = [slack_page.render(_shown(post), {}) for post in slack] + [jira_page.render(said) for said in jira]
    return Said(
        slack=slack,
        views=[timeline(history)],
        whispers=whispers,
        jira=jira,
        titles=[summary(history.incident)],
        mails=mails,
        pages=[str(page) for page in pages],
        terminal=_printed(store),
    )


SAMPLES = {name: _Form.of(fact) for name, fact in every_fact().items()}


def _after(history: History, fact: Fact) -> History:
    store = MemoryStore(timelines={INCIDENT: list(history.entries)})
    try:
        return _append(store, fact)
    except (KeyError, ValueError):
        # A fact that cannot follow here is shown as the timeline's only other entry.
        return _append(MemoryStore(timelines={INCIDENT: list(history.entries[:1])}), fact)


def _shown(post: Post) -> str:
    return "\n".join(str(block["text"]["text"]) for block in post.blocks if "text" in block)


def _printed(store: MemoryStore) -> str:
    with redirect_stdout(io.StringIO()) as printed:
        cli_incidents.listed(store, None, 10, "", as_json=False)
        cli_incidents.shown(store, INCIDENT, as_json=False)
        cli_incidents.timeline(store, INCIDENT, as_json=False)
        cli_incidents.shown(store, INCIDENT, as_json=True)
        cli_incidents.timeline(store, INCIDENT, as_json=True)
    return printed.getvalue()


USUAL = said_of(PLAIN)
"""The same with a harmless word: no text from outside may add a mark, a mention, a link or a tag to it."""


def escapes(text: str) -> list[str]:
    """How `text` escapes from any sink; nothing where it stays text everywhere."""
    said = said_of(text)
    wrong = [f"{sink}: {how}" for sink, hows in _sinks(said) for how in hows]
    return [f"{each} (of {text[:120]!r})" for each in wrong]


def _sinks(said: Said) -> Iterator[tuple[str, Sequence[str]]]:
    yield "slack", [how for post, usual in zip(said.slack, USUAL.slack, strict=True) for how in _post(post, usual)]
    yield "dialog", [how for view in said.views for how in _view(view)]
    yield (
        "whisper",
        [how for text, usual in zip(said.whispers, USUAL.whispers, strict=True) for how in _whisper(text, usual)],
    )
    yield "jira", [how for text, usual in zip(said.jira, USUAL.jira, strict=True) for how in _ticket(text, usual)]
    yield "jira's title", [how for title in said.titles for how in _one_line(title, 255)]
    yield "e-mail", [how for mail in said.mails for how in _mail(*mail)]
    yield "page", [how for page in said.pages for how in _page(page)]
    yield "terminal", [f"prints {found!r}" for found in set(UNSEEN.findall(said.terminal))]


def _post(post: Post, usual: Post) -> Iterator[str]:
    yield from problems(list(post.blocks))
    yield from (f"not one line: {post.text!r}" for _ in [0] if len(post.text.splitlines()) > 1)
    yield from _marked(mrkdwn(post.text, verbatim=True).marks, mrkdwn(usual.text, verbatim=True).marks, "its fallback")
    yield from (f"unseen {found!r}" for found in UNSEEN.findall(post.text))
    texts, usuals = ([block["text"] for block in each.blocks if "text" in block] for each in (post, usual))
    for text, other in zip(texts, usuals, strict=True):
        yield from _markup(text, other)


def _markup(text: Any, usual: Any) -> Iterator[str]:
    read, other = (mrkdwn(each["text"], verbatim=each.get("verbatim", False)) for each in (text, usual))
    yield from _marked(read.marks, other.marks, "a section")
    yield from (f"mentions {each}" for each in read.mentions if each not in other.mentions)
    yield from _links(read.links)
    yield from (f"unseen {found!r}" for found in UNSEEN.findall(text["text"].replace("\n", "")))


def _view(view: dict[str, Any]) -> Iterator[str]:
    yield from view_problems(view)
    (usual,) = USUAL.views
    for block, other in zip(view["blocks"], usual["blocks"], strict=True):
        yield from _markup(block["text"], other["text"])


def _whisper(text: str, usual: str) -> Iterator[str]:
    block, other = section(text.splitlines()), section(usual.splitlines())
    yield from problems([block])
    yield from _markup(block["text"], other["text"])


def _ticket(text: str, usual: str) -> Iterator[str]:
    read, other = wiki(text), wiki(usual)
    # Our own heading of a diagnosis that says more than the message does.
    yield from _marked(read.marks, [*other.marks, "phrase *"], "the ticket")
    yield from (f"mentions {each}" for each in read.mentions)
    yield from _links(read.links)
    yield from (f"unseen {found!r}" for found in UNSEEN.findall(text.replace("\n", "")))


def _mail(subject: str, text: str, page: str) -> Iterator[str]:
    yield from _one_line(subject, 200)
    seen = _sent(subject, text, page)
    message = EmailMessage(policy=policy.SMTP)
    message["From"], message["To"] = "watch@shop.example", "team@shop.example"
    try:
        message["Subject"] = seen["Subject"]["Data"]
    except ValueError as error:
        yield f"its subject is none: {error}"
        return
    message.set_content(seen["Body"]["Text"]["Data"])
    message.add_alternative(seen["Body"]["Html"]["Data"], subtype="html")
    read = message_from_bytes(message.as_bytes(), policy=policy.SMTP)
    if {name.lower() for name in read.keys()} != {"from", "to", "subject", "mime-version", "content-type"}:  # noqa: SIM118
        yield f"brings headers of its own: {list(read.keys())}"
    shown, tags = html(read.get_body(("html",)).get_content())  # type: ignore[union-attr]
    yield from (f"the tag {tag}" for tag in tags if tag != ("p", ()))
    yield from (f"holds a {mark}" for mark in shown.marks)
    yield from (f"unseen {found!r}" for found in UNSEEN.findall(text.replace("\n", "")))
    yield from _links(addresses(text))
    if " ".join(shown.text.split()) != " ".join(text.split()).replace("\u200b", ""):
        lines = [line for line in text.splitlines() if line not in shown.text]
        yield from (f"says {line!r} in one form only" for line in lines)


def _sent(subject: str, text: str, page: str) -> Any:
    """What SES is asked to send."""
    asked: list[Any] = []

    class Client:
        def send_email(self, **given: Any) -> dict[str, str]:
            asked.append(given["Message"])
            return {"MessageId": "m"}

    SesMail(cast("Any", Client()), "watch@shop.example", ("team@shop.example",)).send(subject, text, page)
    return asked[0]


def _page(page: str) -> Iterator[str]:
    read, tags = html(page)
    yield from (f"the tag {tag}" for tag, _ in tags if tag not in TAGS)
    known = {"href", "target", "rel", "class", "title"}
    yield from (f"{tag} has {name}" for tag, names in tags for name in names if name not in known)
    yield from (f"holds a {mark}" for mark in read.marks)
    yield from _links(read.links)


def _marked(marks: Sequence[str], usual: Sequence[str], where: str) -> Iterator[str]:
    for mark in sorted(set(marks)):
        if marks.count(mark) > usual.count(mark):
            yield f"{where} has {marks.count(mark)} of {mark!r}, not {usual.count(mark)}"


def _links(links: Sequence[str]) -> Iterator[str]:
    for link in links:
        parts = urlsplit(link)
        if parts.scheme != "https" or parts.hostname not in MEANT or "@" in parts.netloc:
            yield f"links to {link[:200]}"


def _one_line(text: str, most: int) -> Iterator[str]:
    if len(text.splitlines()) > 1 or len(text) > most:
        yield f"{text!r} is not one line of {most} characters"
    yield from (f"unseen {found!r}" for found in UNSEEN.findall(text))


def rendered(size: int, seed: int) -> tuple[Row, list[str]]:
    """Puts `size` texts everywhere, every form that we know among them, and reads all sinks back."""
    dice, started, violations = random.Random(seed), perf_counter(), list[str]()
    texts = [*FORMS, *(a_text(dice) for _ in range(max(0, size - len(FORMS))))][:size]
    if size < len(FORMS):
        texts = dice.sample(FORMS, size)
    with guarded() as reached:
        for text in texts:
            violations += escapes(whole(text))
    violations += [f"{host} was to be reached" for host in reached]
    fields = len(SAMPLES) + 7
    remark = f"each in every field of {fields} facts; Slack, dialog, whisper, Jira, e-mail, pages, terminal"
    return Row(
        "texts rendered and read back", len(texts), len(violations), perf_counter() - started, remark
    ), violations


LOG = "log of hostile texts"
"""A name that no other logger of this process has: powertools gives one name one logger, whoever asks."""


def a_log(service: str, stream: io.StringIO) -> Any:
    """The product's own log, into this stream."""
    logger = log_of(service, stream=stream)
    for handler in logger.handlers:
        cast("Any", handler).setStream(stream)
    return logger


_LEVELS = {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}


def logged(size: int, seed: int) -> tuple[Row, list[str]]:
    """Logs `size` texts in every way in which we log, and reads the lines back as JSON, by several ideas of a line."""
    dice, started, violations = random.Random(seed), perf_counter(), list[str]()
    lines, stream = 0, io.StringIO()
    logger = a_log(LOG, stream)
    for number in range(size):
        text = FORMS[number] if number < len(FORMS) else a_text(dice, 2000)
        stream.seek(0)
        stream.truncate()
        logger.info("alert", extra={"alert": text, "note": text, text[:50] or "x": text})
        logger.warning("rejected", extra={"why": text, "status": 400})
        logger.critical(text)
        _turns(text, logger)
        written = stream.getvalue()
        for line in written.splitlines():
            lines += 1
            try:
                record = json.loads(line)
            except ValueError:
                violations.append(f"{line[:200]!r} is no JSON (of {text[:100]!r})")
                continue
            if record.get("level") not in _LEVELS or record.get("service") != LOG:
                violations.append(f"a record of its own: {line[:200]!r}")
        violations += [f"raw {found!r} in the log" for found in set(UNSEEN.findall(written.replace("\n", "")))]
        if not written.isascii():
            violations.append(f"{text[:100]!r} is not written in ASCII")
    if lines < size:
        violations.append(f"only {lines} lines were written, so this shows nothing")
    remark = f"{lines:,} lines"
    return Row("texts logged and read back", size, len(violations), perf_counter() - started, remark), violations


def _turns(text: str, logger: Any) -> None:
    """The queue's edge, which logs what went wrong; and the canonical line of a turn."""
    store = MemoryStore()
    queue = Queue("hostile", "url", cast("Any", _Deaf()), store, logger, lambda: T0)
    record = {"messageId": text, "body": "{}", "receiptHandle": "r", "attributes": {"ApproximateReceiveCount": "1"}}
    for error in (Refused(text), Unavailable(text), ValueError(text)):
        consume({"Records": [record]}, partial(_raising, error), queue)
    _, told = a_story(whole(text))
    with redirect_stdout(io.StringIO()):
        tell(told.read(INCIDENT), text, logger, meter("hostile"))


class _Deaf:
    def change_message_visibility(self, **_: object) -> None:
        pass


def _raising(error: Exception, _body: object) -> None:
    raise error


__all__ = ["Alert", "Assessment", "escapes", "logged", "re", "rendered", "said_of"]
