"""The configuration that a team writes: read and validated as a whole, then asked.

`load` finds every problem before it says no, each with its file and line. The lookups are pure; where an answer would
be a guess, there is none.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import Field

from shared.alert import DEFAULT_BUS, Alert
from shared.config import Config, Jira, Limits, Person, Service, Source, Storm
from shared.config_rules import wrong_people, wrong_services, wrong_together
from shared.model import Frozen
from shared.target import Target
from shared.yaml_lines import Document, Problem, parse

SERVICES, PEOPLE, POLICY = "services.yaml", "people.yaml", "policy"
TOPIC = "arn:"
"""How the origin of an alert that came over SNS begins: it is the topic's ARN."""


class ConfigError(ValueError):
    """The configuration cannot be used; `problems` holds everything that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))


class Defaults(Frozen):
    """What holds for every service that does not say otherwise."""

    channel: str = Field(min_length=1)
    account: str = ""
    region: str = ""
    jira: Jira | None = None


class SlackApp(Frozen):
    """The workspace and the app whose clicks count; where one is empty, no click counts."""

    team: str = ""
    app: str = ""


class Canary(Frozen):
    """Where Middlewatch's tests of itself are told; empty: nowhere."""

    channel: str = Field(default="", pattern=r"^[^\s*?]*$")


class ServicesFile(Frozen):
    """What services.yaml says."""

    defaults: Defaults
    slack: SlackApp = SlackApp()
    canary: Canary = Canary()
    allowed_topics: tuple[str, ...] = ()
    limits: Limits = Limits()
    storm: Storm = Storm()
    sources: tuple[Source, ...] = ()
    services: tuple[Service, ...]


class PeopleFile(Frozen):
    """What people.yaml says: the groups and what each is for, and who is in them."""

    groups: dict[str, str] = {}
    people: tuple[Person, ...]


def load(folder: Path) -> Config:
    """The configuration in `folder` (services.yaml, people.yaml, policy/*.rego); raises ConfigError with all problems.

    Tests of the policy (`*_test.rego`) are not part of it.
    """
    texts = _texts(folder)
    policy = {
        name: content.decode(errors="replace") for name, content in texts.items() if name.startswith(f"{POLICY}/")
    }
    services_document, people_document = _document(folder, SERVICES, texts), _document(folder, PEOPLE, texts)
    _fill(services_document.content)
    services, problems = services_document.validated(ServicesFile)
    people, more = people_document.validated(PeopleFile)
    problems += more
    if not policy:
        problems += (Problem(POLICY, 1, "", "holds no .rego file, and without a policy nothing is allowed; add one"),)
    if services:
        wrong = wrong_services(services.services, services.sources, services.limits)
        problems += tuple(services_document.problem(where, text) for where, text in wrong)
    if people:
        wrong = wrong_people(people.people, people.groups)
        problems += tuple(people_document.problem(where, text) for where, text in wrong)
    if services and people:
        wrong = wrong_together(services.services, services.limits, people.people, people.groups)
        problems += tuple(services_document.problem(where, text) for where, text in wrong)
    if problems or services is None or people is None:
        raise ConfigError(problems)
    return Config(
        services=services.services,
        people=people.people,
        sources=tuple(source for source in services.sources if source.over_http),
        ways=tuple(source for source in services.sources if not source.over_http),
        default_channel=services.defaults.channel,
        default_jira=services.defaults.jira,
        canary_channel=services.canary.channel,
        slack_team=services.slack.team,
        slack_app=services.slack.app,
        allowed_topics=services.allowed_topics,
        storm=services.storm,
        policy=policy,
        policy_data={"limits": services.limits.model_dump(mode="json")},
        digest=digest(texts),
    )


def is_test(name: str) -> bool:
    """Whether the file of that name holds tests of the policy rather than policy."""
    return name.endswith("_test.rego")


def digest(files: dict[str, bytes]) -> str:
    """sha256 over names, lengths and bytes in the order of the names: one changed byte makes another configuration."""
    whole = sha256()
    for name, content in sorted(files.items()):
        whole.update(f"{name}\0{len(content)}\0".encode() + content)
    return whole.hexdigest()


def service_of(config: Config, alert: Alert) -> Service | None:
    """The one service that the alert is about: by the target it names, or else by the services' alarm patterns.

    An alert that names a target which is not in the inventory is nobody's, whatever its title; so is one that fits two.
    """
    found = [service for service in config.services if _about(alert, service)]
    return found[0] if len(found) == 1 else None


def located(config: Config, alert: Alert, *, account: str = "", region: str = "") -> Alert:
    """The alert with target, account and region filled in; what the alarm says wins, `account` and `region` come last.

    An alert that names no target and fits no service stays without one.
    """
    service = service_of(config, alert)
    named = alert.target or (service.target if service else None)
    known = service.target if service else Target(kind="host", name="-")
    given = alert.target or Target(kind="host", name="-")
    account = given.account or alert.account or known.account or account
    region = given.region or alert.region or known.region or region
    target = named.model_copy(update={"account": account, "region": region}) if named else None
    return alert.model_copy(update={"target": target, "account": account, "region": region})


def in_cluster(alert: Alert, cluster: str) -> Alert:
    """An alert that names an ECS service but no cluster means the one cluster of this deployment, if it has one."""
    service = alert.labels.get("service_name") or alert.labels.get("ServiceName") or alert.labels.get("ecs_service")
    if alert.target or not cluster or not service:
        return alert
    try:
        return alert.model_copy(update={"target": Target(kind="ecs", name=f"{cluster}/{service}")})
    except ValueError:  # a name that cannot be one
        return alert


def service_for_target(config: Config, target: Target) -> Service | None:
    """The service whose target is exactly this one: same kind, account, region and name."""
    return next((service for service in config.services if service.target.key == target.key), None)


def service_named(config: Config, name: str) -> Service | None:
    """The service of that name in the inventory."""
    return next((service for service in config.services if service.name == name), None)


def name_of(config: Config, person: str) -> str:
    """What a person is called whose id this is; of somebody whom we do not know, the id."""
    return next((each.name for each in config.people if each.id == person), person)


def person_by_slack(config: Config, team: str, user: str) -> Person | None:
    """The person with this Slack user id in this workspace; None for guests of another one and for strangers."""
    return next((p for p in config.people if any(s.team == team and s.user == user for s in p.slack)), None)


def entitled(config: Config, approvers: Iterable[str]) -> frozenset[str]:
    """The ids of the people whom these names (of groups or people) mean; no names mean nobody."""
    names = frozenset(approvers)
    return frozenset(person.id for person in config.people if names & {person.id, *person.groups})


def may_speak_of(source: Source, alert: Alert) -> bool:
    """Whether `source` may raise this alert; one that names no target only tells, and so may come from any source."""
    target = alert.target
    names = (target.short, target.key) if target else ()
    return not target or any(fnmatchcase(name, pattern) for name in names for pattern in source.targets)


def may_be_told(config: Config, alert: Alert) -> bool:
    """Whether who told us of this alert (its `origin`) may speak of its target.

    The default bus and topics may speak of everything where the configuration does not limit them; whoever it does not
    know at all, of nothing.
    """
    if alert.origin == DEFAULT_BUS:
        given = next((way for way in config.ways if way.kind == "default-bus"), None)
    elif alert.origin.startswith(TOPIC):
        given = next((way for way in config.ways if way.topic == alert.origin), None)
    else:
        source = next((source for source in config.sources if source.name == alert.origin), None)
        return alert.target is None or (source is not None and may_speak_of(source, alert))
    return given is None or may_speak_of(given, alert)


def _about(alert: Alert, service: Service) -> bool:
    account = (alert.target.account if alert.target else "") or alert.account
    region = (alert.target.region if alert.target else "") or alert.region
    if account not in {"", service.target.account} or region not in {"", service.target.region}:
        return False
    if alert.target:
        return alert.target.short == service.target.short
    return any(fnmatchcase(name, pattern) for pattern in service.alarms for name in (alert.title, alert.external_id))


def _texts(folder: Path) -> dict[str, bytes]:
    paths = [folder / SERVICES, folder / PEOPLE, *(folder / POLICY).glob("*.rego")]
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in paths
        if path.is_file() and not is_test(path.name)
    }


def _document(folder: Path, name: str, texts: dict[str, bytes]) -> Document:
    if name not in texts:
        return Document(name, None, {}, (Problem(name, 1, "", f"is not in {folder}; create it"),))
    return parse(name, texts[name])


def _fill(content: Any) -> None:  # noqa: ANN401 - whatever stands in the file
    """Gives each service what `defaults` says, and makes a target of `target: ecs:shop/orders`."""
    if not isinstance(content, dict) or not isinstance(content.get("services"), list):
        return
    given = content["defaults"] if isinstance(content.get("defaults"), dict) else {}
    defaults = {name: value for name, value in given.items() if isinstance(value, str)}
    for service in content["services"]:
        if not isinstance(service, dict):
            continue
        if "channel" in defaults:
            service.setdefault("channel", defaults["channel"])
        place = {name: service.pop(name, defaults.get(name, "")) for name in ("account", "region")}
        if isinstance(service.get("target"), str):
            kind, _, name = service["target"].partition(":")
            service["target"] = {"kind": kind, "name": name}
        if isinstance(service.get("target"), dict):
            service["target"] = {**place, **service["target"]}
