"""What must agree within a configuration, beyond the shape of each part: (where, what is wrong and how to fix it)."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from shared.alert import DEFAULT_BUS
from shared.config import TIERS, Limits, Measure, Person, Service, Source
from shared.yaml_lines import Where

ACTIONS = ("restart_service", "rollback_service", "scale_service")
"""What a service may list under `actions`: everything that changes something."""
Wrong = Iterator[tuple[Where, str]]
T = TypeVar("T")


def wrong_services(services: Sequence[Service], sources: Sequence[Source], limits: Limits) -> Wrong:
    """What is wrong with services.yaml by itself."""
    yield from _same(services, "services", "name", lambda service: service.name)
    yield from _same(services, "services", "target", lambda service: service.target.key)
    yield from _same(sources, "sources", "name", lambda source: source.name)
    yield from _same(sources, "sources", "secret", lambda source: source.secret if source.over_http else source.name)
    yield from _same(sources, "sources", "kind", _way)
    for number, service in enumerate(services):
        for where, text in _wrong_service(service):
            yield ("services", number, *where), text
    for number, source in enumerate(sources):
        for where, text in _wrong_source(source):
            yield ("sources", number, *where), text
        for place, pattern in enumerate(source.targets):
            if fault := _wrong_pattern(pattern):
                yield ("sources", number, "targets", place), fault
        if not source.targets:
            yield ("sources", number, "targets"), "names no target, so nothing from this source counts; add a pattern"
    if limits.actions_reserved > limits.actions_per_hour:
        text = f"keeps more than all {limits.actions_per_hour} actions of an hour; lower it, or raise actions_per_hour"
        yield ("limits", "actions_reserved"), text
    for name, given in (("quorum", limits.quorum), ("verification", limits.verification)):
        if missing := [tier for tier in TIERS if tier not in given]:
            yield ("limits", name), f"must name every tier; add {', '.join(missing)}"


def wrong_people(people: Sequence[Person], groups: Mapping[str, str]) -> Wrong:
    """What is wrong with people.yaml by itself."""
    yield from _same(people, "people", "id", lambda person: person.id)
    owners: dict[tuple[str, str], str] = {}
    for number, person in enumerate(people):
        if person.id in groups:
            yield ("people", number, "id"), f"{person.id!r} is also a group; call one of them differently"
        for place, group in enumerate(person.groups):
            if group not in groups:
                yield ("people", number, "groups", place), f"there is no group {group!r}; {_known(groups)}"
        for place, account in enumerate(person.slack):
            owner = owners.setdefault((account.team, account.user), person.id)
            if owner != person.id or person.slack.index(account) != place:
                text = f"{account.user} of {account.team} is {owner}'s already; a Slack account is one person's"
                yield ("people", number, "slack", place), text


def wrong_together(
    services: Sequence[Service], limits: Limits, people: Sequence[Person], groups: Mapping[str, str]
) -> Wrong:
    """What services.yaml says of people that people.yaml does not know."""
    ids = {person.id for person in people}
    for number, service in enumerate(services):
        for place, name in enumerate(service.approvers):
            if name not in ids and name not in groups:
                text = f"there is no group and no person {name!r}; {_known([*groups, *ids])}"
                yield ("services", number, "approvers", place), text
        able = [p for p in people if {p.id, *p.groups} & set(service.approvers)]
        quorum = limits.quorum.get(service.tier, 1)
        if service.approvers and len(able) < quorum:
            text = f"{len(able)} people may approve here, but limits.quorum asks for {quorum}; add people or lower it"
            yield ("services", number, "approvers"), text


def _way(source: Source) -> str:
    """What no two sources may share: the bus, a topic, or (HTTP sources) their name."""
    return source.kind if source.kind == "default-bus" else source.topic or f"name {source.name}"


def _wrong_source(source: Source) -> Wrong:
    """By its name a source is told from all others, so that none can be taken for another."""
    if source.over_http and not source.secret:
        yield ("secret",), "is missing; name the secret that holds its key"
    if source.over_http and (source.name == DEFAULT_BUS or source.name.startswith("arn:")):
        yield ("name",), f"{source.name!r} would be taken for one of AWS's own ways; choose another name"
    if source.kind == "topic" and not source.topic.startswith("arn:"):
        yield ("topic",), "must be the ARN of an SNS topic"
    if source.kind != "topic" and source.topic:
        yield ("topic",), f"is for sources of kind topic, not {source.kind}; leave it out"


def _wrong_service(service: Service) -> Wrong:
    if not service.target.account or not service.target.region:
        yield ("target",), "has no account or no region; set defaults.account and defaults.region, or both here"
    if service.tier == "critical" and service.mode == "auto":
        yield ("mode",), "a critical service is never acted on without a person; write approve, or another tier"
    for place, action in enumerate(service.actions):
        if action not in ACTIONS:
            yield ("actions", place), f"there is no action {action!r}; {_known(ACTIONS)}"
    for place, pattern in enumerate(service.alarms):
        if fault := _wrong_pattern(pattern):
            yield ("alarms", place), fault
    if service.scale and service.scale.least > service.scale.most:
        yield ("scale",), f"least ({service.scale.least}) is more than most ({service.scale.most}); swap them"
    if "scale_service" in service.actions and not service.scale:
        yield ("actions",), "scale_service needs bounds; add `scale: {least: 1, most: ...}`"
    yield from _same(service.measures, "measures", "name", lambda measure: measure.name)
    for place, measure in enumerate(service.measures):
        yield from _wrong_measure(measure, place)
    if service.mode != "observe" and service.actions and not any(measure.positive for measure in service.measures):
        text = (
            "no measure is positive, so no recovery could ever be proved; mark one that shows health (healthy hosts) "
            "with `positive: true`, or write `mode: observe`"
        )
        yield ("measures",), text


def _wrong_measure(measure: Measure, place: int) -> Wrong:
    if measure.below is None and measure.above is None:
        yield ("measures", place), "has no bound; add `below:` or `above:`"
    if measure.positive and measure.missing != "unhealthy":
        yield ("measures", place, "missing"), "a positive measure proves health by being there; write unhealthy"


def _wrong_pattern(pattern: str) -> str:
    if not pattern.strip("*?[]! "):
        return f"the pattern {pattern!r} would fit everything; name at least a part"
    plain = pattern.replace("[[]", "").replace("[]]", "")
    if plain.count("[") != plain.count("]"):
        return f"the pattern {pattern!r} has [ without ] or the reverse; write [[] for a bracket that is meant"
    return ""


def _same(parts: Sequence[T], section: str, field: str, key: Callable[[T], Hashable]) -> Wrong:
    """Two that should differ."""
    first: dict[Hashable, int] = {}
    for number, part in enumerate(parts):
        other = first.setdefault(key(part), number)
        if other != number:
            yield (section, number, field), f"is the same as that of {section}[{other}]; each needs its own"


def _known(names: Iterable[str]) -> str:
    return f"known: {', '.join(sorted(names)) or 'none'}"
