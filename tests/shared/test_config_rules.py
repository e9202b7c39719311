"""What must agree within a configuration, rule by rule: where it is wrong, and what its author reads."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from shared.config import Limits, Measure, Person, Scale, Service, Slack, Source
from shared.config_rules import wrong_people, wrong_services, wrong_together
from tests.builders import TARGET, a_person, a_service

TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"
HEALTHY = Measure(name="healthy hosts", namespace="n", metric="m", above=1, positive=True)
ERRORS = Measure(name="errors", namespace="n", metric="m", below=1, missing="zero")


def sound(**changes: Any) -> Service:
    """A service that no rule has anything against."""
    return a_service(**({"measures": (HEALTHY, ERRORS)} | changes))


def another(**changes: Any) -> Service:
    return sound(name="search", target=TARGET.model_copy(update={"name": "shop/search"}), **changes)


def a_source(**changes: Any) -> Source:
    given: dict[str, Any] = {"name": "grafana", "kind": "grafana", "secret": "s", "targets": ("ecs:shop/*",)}
    return Source(**(given | changes))


def a_topic(**changes: Any) -> Source:
    return a_source(**({"name": "theirs", "kind": "topic", "topic": TOPIC, "secret": ""} | changes))


def a_bus(**changes: Any) -> Source:
    return a_source(**({"name": "ours", "kind": "default-bus", "secret": ""} | changes))


def same(section: str, number: int = 0) -> str:
    return f"is the same as that of {section}[{number}]; each needs its own"


SERVICES: dict[str, tuple[Sequence[Service], tuple[Any, ...], str]] = {
    "no account": (
        [sound(target=TARGET.model_copy(update={"account": ""}))],
        ("services", 0, "target"),
        "has no account or no region; set defaults.account and defaults.region, or both here",
    ),
    "no region": (
        [sound(target=TARGET.model_copy(update={"region": ""}))],
        ("services", 0, "target"),
        "has no account or no region; set defaults.account and defaults.region, or both here",
    ),
    "a critical one alone": (
        [sound(), another(tier="critical")],
        ("services", 1, "mode"),
        "a critical service is never acted on without a person; write approve, or another tier",
    ),
    "an action that is none": (
        [sound(actions=("restart_service", "reboot"))],
        ("services", 0, "actions", 1),
        "there is no action 'reboot'; known: restart_service, rollback_service, scale_service",
    ),
    "a pattern for everything": (
        [sound(alarms=("orders-*", "*?[!] "))],
        ("services", 0, "alarms", 1),
        "the pattern '*?[!] ' would fit everything; name at least a part",
    ),
    "a bracket that stays open": (
        [sound(alarms=("orders-[ab",))],
        ("services", 0, "alarms", 0),
        "the pattern 'orders-[ab' has [ without ] or the reverse; write [[] for a bracket that is meant",
    ),
    "a bracket that was never opened": (
        [sound(alarms=("orders-[[]a]",))],
        ("services", 0, "alarms", 0),
        "the pattern 'orders-[[]a]' has [ without ] or the reverse; write [[] for a bracket that is meant",
    ),
    "fewer at most than at least": (
        [sound(scale=Scale(least=3, most=2))],
        ("services", 0, "scale"),
        "least (3) is more than most (2); swap them",
    ),
    "no bounds to scale in": (
        [sound(actions=("scale_service",))],
        ("services", 0, "actions"),
        "scale_service needs bounds; add `scale: {least: 1, most: ...}`",
    ),
    "two measures of a name": (
        [sound(measures=(HEALTHY, ERRORS, ERRORS))],
        ("services", 0, "measures", 2, "name"),
        same("measures", 1),
    ),
    "a measure without a bound": (
        [sound(measures=(HEALTHY, ERRORS.model_copy(update={"below": None})))],
        ("services", 0, "measures", 1),
        "has no bound; add `below:` or `above:`",
    ),
    "a sign of life that may be missing": (
        [sound(measures=(ERRORS, HEALTHY.model_copy(update={"missing": "zero"})))],
        ("services", 0, "measures", 1, "missing"),
        "a positive measure proves health by being there; write unhealthy",
    ),
    "no sign of life": (
        [sound(measures=(ERRORS,), mode="approve")],
        ("services", 0, "measures"),
        (
            "no measure is positive, so no recovery could ever be proved; mark one that shows health (healthy hosts) "
            "with `positive: true`, or write `mode: observe`"
        ),
    ),
    "two of a name": (
        [sound(), another().model_copy(update={"name": "orders"})],
        ("services", 1, "name"),
        same("services"),
    ),
    "two of a target": ([sound(), another(), sound(name="b")], ("services", 2, "target"), same("services")),
}


@pytest.mark.parametrize("case", SERVICES)
def test_a_service_that_cannot_be_as_it_is_written_is_named(case: str) -> None:
    services, where, text = SERVICES[case]
    assert list(wrong_services(services, (), Limits())) == [(where, text)]


@pytest.mark.parametrize(
    "service",
    [
        sound(),
        sound(alarms=("orders-[ab]", "orders-[[]a[]]", "X*")),
        sound(scale=Scale(least=2, most=2), actions=("scale_service",)),
        sound(tier="critical", mode="approve"),
        sound(tier="best-effort", mode="auto"),
        sound(mode="observe", measures=()),
        sound(actions=(), measures=()),
        sound(measures=(HEALTHY.model_copy(update={"above": None, "below": 0.0}),)),
    ],
)
def test_a_service_that_can_be_is_left_alone(service: Service) -> None:
    assert not list(wrong_services([service, another()], (), Limits()))


SOURCES: dict[str, tuple[Sequence[Source], tuple[Any, ...], str]] = {
    "two of a name": ([a_source(), a_topic(name="grafana")], ("sources", 1, "name"), same("sources")),
    "two of a secret": ([a_source(), a_source(name="b")], ("sources", 1, "secret"), same("sources")),
    "two of a topic": ([a_topic(), a_source(), a_topic(name="b")], ("sources", 2, "kind"), same("sources")),
    "two of the bus": ([a_bus(), a_bus(name="b")], ("sources", 1, "kind"), same("sources")),
    "no secret": ([a_source(secret="")], ("sources", 0, "secret"), "is missing; name the secret that holds its key"),
    "the name of the bus": (
        [a_source(name="default-bus")],
        ("sources", 0, "name"),
        "'default-bus' would be taken for one of AWS's own ways; choose another name",
    ),
    "the name of a topic": (
        [a_source(name="arn:x")],
        ("sources", 0, "name"),
        "'arn:x' would be taken for one of AWS's own ways; choose another name",
    ),
    "a topic that is none": (
        [a_topic(topic="alarms")],
        ("sources", 0, "topic"),
        "must be the ARN of an SNS topic",
    ),
    "a topic of a caller": (
        [a_topic(), a_source(topic=f"{TOPIC}2")],
        ("sources", 1, "topic"),
        "is for sources of kind topic, not grafana; leave it out",
    ),
    "a target of everything": (
        [a_source(), a_source(name="b", secret="t", targets=("ecs:shop/*", "*"))],
        ("sources", 1, "targets", 1),
        "the pattern '*' would fit everything; name at least a part",
    ),
    "no target": (
        [a_source(targets=())],
        ("sources", 0, "targets"),
        "names no target, so nothing from this source counts; add a pattern",
    ),
}


@pytest.mark.parametrize("case", SOURCES)
def test_a_source_that_could_be_taken_for_another_is_named(case: str) -> None:
    sources, where, text = SOURCES[case]
    assert list(wrong_services([sound()], sources, Limits())) == [(where, text)]


def test_each_way_of_aws_needs_no_secret_and_may_be_called_anything() -> None:
    sources = [
        a_source(),
        a_source(name="b", kind="generic", secret="t"),
        a_bus(name="default-bus"),
        a_topic(name=TOPIC),
        a_topic(topic=f"{TOPIC}2"),
    ]
    assert not list(wrong_services([sound()], sources, Limits()))


@pytest.mark.parametrize(
    ("limits", "where", "text"),
    [
        (
            {"actions_reserved": 4, "actions_per_hour": 3},
            ("limits", "actions_reserved"),
            "keeps more than all 3 actions of an hour; lower it, or raise actions_per_hour",
        ),
        ({"quorum": {"standard": 1}}, ("limits", "quorum"), "must name every tier; add critical, best-effort"),
        (
            {"verification": {"standard": "auto", "critical": "both"}},
            ("limits", "verification"),
            "must name every tier; add best-effort",
        ),
    ],
)
def test_limits_that_contradict_one_another_are_named(
    limits: Mapping[str, Any], where: tuple[str, ...], text: str
) -> None:
    assert list(wrong_services([sound()], (), Limits(**limits))) == [(where, text)]


def test_all_actions_of_an_hour_may_be_kept_for_critical_services() -> None:
    assert not list(wrong_services([sound()], (), Limits(actions_reserved=3, actions_per_hour=3)))


ANA = Slack(user="U0ANA", team="T0SHOP")
PEOPLE: dict[str, tuple[Sequence[Person], tuple[Any, ...], str]] = {
    "two of an id": ([a_person(), a_person(slack=())], ("people", 1, "id"), same("people")),
    "a group's name": (
        [a_person(), a_person(id="sre", slack=())],
        ("people", 1, "id"),
        "'sre' is also a group; call one of them differently",
    ),
    "a group that is none": (
        [a_person(groups=("sre", "on-cal"))],
        ("people", 0, "groups", 1),
        "there is no group 'on-cal'; known: on-call, sre",
    ),
    "somebody else's account": (
        [a_person(), a_person(id="bo", slack=(Slack(user="U0BO", team="T0SHOP"), ANA))],
        ("people", 1, "slack", 1),
        "U0ANA of T0SHOP is ana's already; a Slack account is one person's",
    ),
    "an account twice": (
        [a_person(slack=(ANA, ANA))],
        ("people", 0, "slack", 1),
        "U0ANA of T0SHOP is ana's already; a Slack account is one person's",
    ),
}


@pytest.mark.parametrize("case", PEOPLE)
def test_a_person_who_cannot_be_told_from_another_is_named(case: str) -> None:
    people, where, text = PEOPLE[case]
    assert list(wrong_people(people, {"sre": "", "on-call": ""})) == [(where, text)]


def test_people_may_have_several_accounts_and_the_same_user_id_in_several_workspaces() -> None:
    elsewhere = Slack(user="U0ANA", team="T0OTHER")
    people = [a_person(slack=(ANA, Slack(user="U0ANA2", team="T0SHOP"))), a_person(id="bo", slack=(elsewhere,))]
    assert not list(wrong_people(people, {"on-call": ""}))


CRITICAL = sound(tier="critical", mode="approve")


@pytest.mark.parametrize(
    ("service", "quorum", "found"),
    [
        (CRITICAL, 2, []),
        (
            CRITICAL,
            3,
            [
                (
                    ("services", 1, "approvers"),
                    "2 people may approve here, but limits.quorum asks for 3; add people or lower it",
                )
            ],
        ),
        (sound(), 3, []),
        (sound(approvers=("ana",)), 3, []),
        (CRITICAL.model_copy(update={"approvers": ("ana",)}), 1, []),
        (
            CRITICAL.model_copy(update={"approvers": ("ana", "bo", "cy")}),
            2,
            [(("services", 1, "approvers", 2), "there is no group and no person 'cy'; known: ana, bo, on-call, sre")],
        ),
        (CRITICAL.model_copy(update={"approvers": ()}), 3, []),
    ],
)
def test_those_who_may_approve_are_known_and_enough(service: Service, quorum: int, found: list[object]) -> None:
    limits = Limits(quorum={"critical": quorum})
    people = [a_person(), a_person(id="bo", slack=())]
    groups = {"on-call": "", "sre": ""}
    assert list(wrong_together([another(), service], limits, people, groups)) == found


def test_where_nobody_is_known_that_is_said() -> None:
    ((_, text), _) = wrong_together([sound()], Limits(), [], {})
    assert text == "there is no group and no person 'on-call'; known: none"
