import re
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from time import perf_counter

import pytest

from local.world.metrics import find, series
from local.world.model import World
from local.world.scenarios import ACCOUNT
from shared.alert import Alert
from shared.config import Config, Jira, Limits, Person, Service, Source, Storm
from shared.configuration import (
    ConfigError,
    digest,
    entitled,
    in_cluster,
    load,
    located,
    may_be_told,
    may_speak_of,
    name_of,
    person_by_slack,
    service_for_target,
    service_named,
    service_of,
)
from shared.target import Target
from tests.builders import TARGET, a_config, a_person, a_service, an_alert

SHIPPED = Path("config")
Edit = Callable[[str, str, str], Path]


@pytest.fixture
def edited(tmp_path: Path) -> Edit:
    """The shipped configuration with one text in one file replaced."""

    def edit(file: str, old: str, new: str) -> Path:
        folder = copytree(SHIPPED, tmp_path / "config", dirs_exist_ok=True)
        text = (folder / file).read_text()
        assert old in text
        (folder / file).write_text(text.replace(old, new, 1))
        return folder

    return edit


def problems(folder: Path) -> list[str]:
    with pytest.raises(ConfigError) as error:
        load(folder)
    told = [str(problem) for problem in error.value.problems]
    assert str(error.value) == "\n".join(told)
    return told


def line_of(file: str, text: str) -> int:
    lines = (SHIPPED / file).read_text().splitlines()
    return next(number for number, line in enumerate(lines, start=1) if text in line)


# The shipped configuration


def test_the_shipped_configuration_holds() -> None:
    config = load(SHIPPED)
    assert {service.name: (service.tier, service.mode) for service in config.services} == {
        "orders": ("standard", "auto"),
        "payments": ("critical", "approve"),
        "search": ("standard", "auto"),
    }
    assert entitled(config, ["on-call"]) == {"ana", "cy"}
    assert [person.id for person in config.people if person.may_resume] == ["bo"]
    assert person_by_slack(config, "T0SHOP", "U0EVE") is None


def test_the_policy_is_in_it_and_its_tests_are_not() -> None:
    assert "policy/middlewatch.rego" in load(SHIPPED).policy
    assert not [name for name in load(SHIPPED).policy if name.endswith("_test.rego")]


def test_the_limits_are_the_policys_data() -> None:
    assert load(SHIPPED).policy_data["limits"]["quorum"] == {"critical": 1, "standard": 1, "best-effort": 1}


def test_it_is_read_fast_enough_for_a_cold_start() -> None:
    start = perf_counter()
    load(SHIPPED)
    assert perf_counter() - start < 0.5


def test_tests_are_told_where_the_configuration_says_and_nowhere_otherwise(edited: Edit) -> None:
    assert load(SHIPPED).canary_channel == ""
    assert (
        load(edited("services.yaml", "# canary: {channel: C0CANARY}", "canary: {channel: C0X}")).canary_channel == "C0X"
    )


# The digest


def test_the_same_files_have_the_same_digest(tmp_path: Path) -> None:
    assert load(SHIPPED).digest == load(copytree(SHIPPED, tmp_path / "elsewhere")).digest


@pytest.mark.parametrize("file", ["services.yaml", "people.yaml", "policy/alone.rego"])
def test_one_changed_byte_makes_another_digest(edited: Edit, file: str) -> None:
    assert load(edited(file, "#", "# ")).digest != load(SHIPPED).digest


def test_a_file_under_another_name_makes_another_digest(tmp_path: Path) -> None:
    folder = copytree(SHIPPED, tmp_path / "config")
    (folder / "policy" / "alone.rego").rename(folder / "policy" / "by_itself.rego")
    assert load(folder).digest != load(SHIPPED).digest


def test_a_test_of_the_policy_does_not_change_the_digest(edited: Edit) -> None:
    assert load(edited("policy/middlewatch_test.rego", "#", "# ")).digest == load(SHIPPED).digest


# Problems


@pytest.mark.parametrize(
    ("file", "old", "new", "field", "said"),
    [
        ("services.yaml", "    mode: auto", "    mod: auto", "services[0].mod", "did you mean mode?"),
        ("services.yaml", "    mode: auto", "    mode: wild", "services[0].mode", "'observe', 'approve' or 'auto'"),
        ("services.yaml", "    owner: commerce\n", "", "services[0].owner", "add `owner: ...`"),
        ("services.yaml", "- name: orders", '- name: ""', "services[0].name", "not empty"),
        ("services.yaml", "- name: orders", '- name: "*"', "services[0].name", "wildcards"),
        ("services.yaml", "- name: payments", "- name: orders", "services[1].name", "same as that of services[0]"),
        ("services.yaml", "ecs:shop/payments", "ecs:shop/orders", "services[1].target", "same as that of services[0]"),
        ("services.yaml", "ecs:shop/payments", "ecs:shop/*", "services[1].target.name", "wildcards"),
        ("services.yaml", "ecs:shop/payments", "vm:shop/payments", "services[1].target.kind", "'ecs', 'k8s' or 'host'"),
        ("services.yaml", "    mode: approve", "    mode: auto", "services[1].mode", "never acted on without a person"),
        ("services.yaml", "    approvers: [on-call]", "    approvers: [on-cal]", "services[0].approvers[0]", "on-call"),
        ("services.yaml", "[orders-*]", "['*']", "services[0].alarms[0]", "would fit everything"),
        ("services.yaml", "[orders-*]", "['orders-[ab']", "services[0].alarms[0]", "[ without ]"),
        ("services.yaml", "restart_service, roll", "reboot, roll", "services[0].actions[0]", "restart_service"),
        ("services.yaml", "least: 2, most: 6", "least: 6, most: 2", "services[1].scale", "swap them"),
        ("services.yaml", "    scale: {least: 2, most: 6}\n", "", "services[1].actions", "scale_service needs bounds"),
        ("services.yaml", "        positive: true\n", "", "services[0].measures", "no recovery could ever be proved"),
        ("services.yaml", "        above: 3 # all four\n", "", "services[0].measures[0]", "add `below:` or `above:`"),
        ("services.yaml", '"123456789012"', "123456789012", "defaults.account", "put it in quotes"),
        ("services.yaml", "critical: 1, standard", "critical: 3, standard", "services[1].approvers", "asks for 3"),
        ("services.yaml", "{critical: 1, standard: 1, ", "{critical: 1, ", "limits.quorum", "add standard"),
        ("services.yaml", "confidence: 0.8", "confidence: 8", "limits.confidence", "less than or equal to 1"),
        ("services.yaml", "source_grafana", "source_generic", "sources[2].secret", "same as that of sources[0]"),
        ("services.yaml", 'targets: ["ecs:shop/*"]', "targets: []", "sources[0].targets", "add a pattern"),
        ("services.yaml", "secret: source_grafana, ", "", "sources[0].secret", "name the secret"),
        ("services.yaml", "name: grafana", "name: default-bus", "sources[0].name", "one of AWS's own ways"),
        ("services.yaml", "name: grafana", 'name: "arn:aws:sns:x:1:y"', "sources[0].name", "one of AWS's own ways"),
        ("services.yaml", "kind: grafana", "kind: topic", "sources[0].topic", "must be the ARN of an SNS topic"),
        (
            "services.yaml",
            "kind: grafana",
            "kind: grafana, topic: x",
            "sources[0].topic",
            "is for sources of kind topic",
        ),
        ("services.yaml", "  team: T0SHOP", "  team: T0SHOP\n  team: T0", "slack.team", "stands twice"),
        ("people.yaml", "groups: [on-call]", "groups: [off-call]", "people[0].groups[0]", "known: on-call, sre"),
        ("people.yaml", "U0BO", "U0ANA", "people[1].slack[0]", "is ana's already"),
        ("people.yaml", "id: bo", "id: ana", "people[1].id", "same as that of people[0]"),
        ("people.yaml", "id: bo", "id: sre", "people[1].id", "is also a group"),
        ("people.yaml", "groups: [sre]", "groups: sre", "people[1].groups", "must be a list"),
        ("people.yaml", "may_resume", "may_resumes", "people[1].may_resumes", "did you mean may_resume?"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_a_way_out(
    edited: Edit, file: str, old: str, new: str, field: str, said: str
) -> None:
    found = problems(edited(file, old, new))
    assert any(f" {field}: " in problem and said in problem for problem in found), found
    assert all(problem.startswith((file, "services.yaml")) for problem in found)


def test_the_line_is_that_of_the_mistake(edited: Edit) -> None:
    (found,) = problems(edited("services.yaml", "    mode: approve", "    mode: auto"))
    assert found.startswith(f"services.yaml:{line_of('services.yaml', '    mode: approve')}: services[1].mode: ")


def test_all_problems_are_said_at_once(edited: Edit) -> None:
    copy = edited("people.yaml", "groups: [sre]", "groups: [sri]")
    text = (copy / "services.yaml").read_text()
    (copy / "services.yaml").write_text(text.replace("mode: approve", "mode: auto").replace("[orders-*]", "['*']"))
    assert len(problems(copy)) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("services: [", "not YAML"),
        ("a: b: c", "services.yaml:1: not YAML"),
        ("", "must hold keys and values"),
        ("- a list", "must hold keys and values"),
        ("&a [*a]", "services.yaml:1"),
        ("defaults: !!python/object/apply:os.system [ls]", "not YAML"),
        ("\x00", "not YAML"),
    ],
)
def test_what_is_no_mapping_is_said_without_a_trace(tmp_path: Path, text: str, said: str) -> None:
    folder = copytree(SHIPPED, tmp_path / "config")
    (folder / "services.yaml").write_text(text)
    assert any(said in problem for problem in problems(folder)), problems(folder)


def test_missing_files_are_named(tmp_path: Path) -> None:
    found = "\n".join(problems(tmp_path))
    assert "services.yaml:1: is not in" in found
    assert "people.yaml:1: is not in" in found
    assert "policy:1: holds no .rego file" in found


# A configuration of its own, as a whole

WRITTEN = {
    "services.yaml": """\
defaults: {channel: C0ALL, account: "123456789012", region: eu-west-1, jira: {project: OPS, type: Bug}}
slack: {team: T0SHOP, app: A0APP}
canary: {channel: C0CANARY}
allowed_topics: ["arn:aws:sns:eu-west-1:123456789012:a"]
limits: {gaps: 1}
storm: {least: 7}
sources:
  - {name: grafana, kind: grafana, secret: s, targets: ["ecs:shop/*"]}
  - {name: ours, kind: default-bus, targets: ["ecs:shop/*"]}
services:
  - {name: orders, target: "ecs:shop/orders", owner: shop, mode: observe}
  - {name: db, target: "host:db:1", owner: shop, mode: observe, channel: C0DB, account: "210987654321", region: x}
  - {name: web, target: {kind: host, name: web, account: "1", region: y}, owner: shop, mode: observe}
  - {name: mail, target: {kind: host, name: mail, region: y}, owner: shop, mode: observe, account: "2"}
""",
    "people.yaml": """\
groups: {on-call: whoever is awake}
people: [{id: ana, name: Ana, groups: [on-call]}]
""",
    "policy/a.rego": "package a",
    "policy/a_test.rego": "package a_test",
    "policy/notes.txt": "none of it",
}


def folder_of(place: Path, **changes: str) -> Path:
    """A folder of the files above, in which those that are named here say something else."""
    for name, text in (WRITTEN | changes).items():
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text(text)
    return place


def test_what_is_written_is_what_is_known(tmp_path: Path) -> None:
    def watched(name: str, target: Target, channel: str = "C0ALL") -> Service:
        return Service(name=name, target=target, owner="shop", mode="observe", channel=channel)

    texts = {name: WRITTEN[name].encode() for name in ("services.yaml", "people.yaml", "policy/a.rego")}
    assert load(folder_of(tmp_path)) == Config(
        services=(
            watched("orders", Target(kind="ecs", name="shop/orders", account="123456789012", region="eu-west-1")),
            watched("db", Target(kind="host", name="db:1", account="210987654321", region="x"), "C0DB"),
            watched("web", Target(kind="host", name="web", account="1", region="y")),
            watched("mail", Target(kind="host", name="mail", account="2", region="y")),
        ),
        people=(Person(id="ana", name="Ana", groups=("on-call",)),),
        sources=(Source(name="grafana", kind="grafana", secret="s", targets=("ecs:shop/*",)),),
        ways=(Source(name="ours", kind="default-bus", targets=("ecs:shop/*",)),),
        default_channel="C0ALL",
        default_jira=Jira(project="OPS", type="Bug"),
        canary_channel="C0CANARY",
        slack_team="T0SHOP",
        slack_app="A0APP",
        allowed_topics=("arn:aws:sns:eu-west-1:123456789012:a",),
        storm=Storm(least=7),
        policy={"policy/a.rego": "package a"},
        policy_data={"limits": Limits(gaps=1).model_dump(mode="json")},
        digest=digest(texts),
    )


def test_the_digest_of_a_configuration_is_the_same_in_every_release() -> None:
    assert digest({"b": b"two", "a": b"\xff"}) == "d61a797b0439eb185c128d013418403aff4f69a65314a1402f4f8f625bf999f7"


SHORT = "{name: db, owner: shop, mode: observe"


@pytest.mark.parametrize(
    ("services", "found"),
    [
        (f"defaults: {{}}\nservices: [{SHORT}}}]", ["defaults.channel", "services[0].channel", "services[0].target"]),
        (f"defaults: x\nservices: [{SHORT}, target: 'host:x'}}]", ["defaults", "services[0].channel"]),
        ("defaults: {channel: C}\nservices: x", ["services"]),
        (f"defaults: {{channel: C, account: 1}}\nservices: [{SHORT}, target: 'host:x'}}]", ["defaults.account"]),
        ("defaults: {channel: C}\nservices: [x, y]", ["services[0]", "services[1]"]),
        (
            f"defaults: {{channel: 7}}\nservices: [{SHORT}, target: 'host:x'}}]",
            ["defaults.channel", "services[0].channel"],
        ),
        (f"defaults: {{channel: C}}\nservices: [{SHORT}, target: 'host:x'}}]", ["services[0].target"]),
        (
            f"defaults: {{channel: C}}\nservices: [x, {SHORT}, target: 'host'}}]",
            ["services[0]", "services[1].target.name"],
        ),
    ],
)
def test_services_that_are_not_written_as_such_are_named_and_nothing_is_made_of_them(
    tmp_path: Path, services: str, found: list[str]
) -> None:
    told = problems(folder_of(tmp_path, **{"services.yaml": services}))
    assert sorted(each.split(": ")[1] for each in told) == found


def test_a_policy_of_nothing_but_tests_is_none(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    (folder / "policy" / "a.rego").unlink()
    assert problems(folder) == [
        "policy:1: holds no .rego file, and without a policy nothing is allowed; add one",
    ]


def test_problems_of_both_files_are_told_once_in_the_order_of_their_lines(tmp_path: Path) -> None:
    text = WRITTEN["services.yaml"].replace("observe}", "observ}")
    told = problems(folder_of(tmp_path, **{"services.yaml": text, "people.yaml": "groups: {}\npeople: [{id: ana}]"}))
    assert [each.split(": ")[:2] for each in told] == [
        ["people.yaml:2", "people[0].name"],
        ["services.yaml:11", "services[0].mode"],
        ["services.yaml:13", "services[2].mode"],
    ]


def test_a_file_that_is_missing_is_named_beside_what_is_wrong_with_the_other(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, **{"people.yaml": "groups: {}\npeople: [{id: ana, name: Ana, groups: [sre]}]"})
    (folder / "services.yaml").unlink()
    assert problems(folder) == [
        "people.yaml:2: people[0].groups[0]: there is no group 'sre'; known: none",
        f"services.yaml:1: is not in {folder}; create it",
    ]
    (folder / "people.yaml").unlink()
    assert problems(folder)[0] == f"people.yaml:1: is not in {folder}; create it"


@pytest.mark.parametrize(
    ("storm", "said"),
    [
        ({"calm": 0.4, "unhealthy": 0.3}, "calm (0.4) is more than unhealthy (0.3), so a storm could not end"),
        (
            {"together_seconds": 700, "messages_per_hour": 11},
            "together_seconds may take 6 messages an hour, more than half of messages_per_hour (11)",
        ),
    ],
)
def test_a_storm_that_could_not_end_or_be_told_is_none(storm: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        Storm.model_validate(storm)


def test_a_storm_may_be_as_calm_as_it_is_unhealthy_and_take_half_of_all_messages() -> None:
    storm = Storm(calm=0.3, unhealthy=0.3, together_seconds=700, messages_per_hour=12)
    assert (storm.together_per_hour, Storm(together_seconds=240).together_per_hour) == (6, 15)


def test_limits_that_nobody_set_are_those_that_ship() -> None:
    assert a_config().limits == Limits()
    assert a_config(policy_data={"limits": {"gaps": 7}}).limits == Limits(gaps=7)


# Asking


def two(**changes: object) -> Config:
    search = TARGET.model_copy(update={"name": "shop/search"})
    return a_config(
        services=(
            a_service(alarms=("orders-*",)),
            a_service(name="search", target=search, alarms=("search-*", "shop-*")),
        ),
        people=(a_person(), a_person(id="cy", slack=(), groups=("sre",))),
        **changes,
    )


def test_an_alert_belongs_to_the_service_whose_target_it_names() -> None:
    found = service_of(two(), an_alert(title="search-5xx"))
    assert found is not None
    assert found.name == "orders"


@pytest.mark.parametrize("place", [{"account": "210987654321"}, {"region": "us-east-1"}])
def test_the_same_name_elsewhere_is_another_service(place: dict[str, str]) -> None:
    assert service_of(two(), an_alert(target=TARGET.model_copy(update=place))) is None
    assert service_of(two(), an_alert(target=Target(kind="ecs", name="shop/orders"), **place)) is None


@pytest.mark.parametrize(
    "alert",
    [
        an_alert(target=TARGET.model_copy(update={"account": "210987654321"})),
        an_alert(target=TARGET.model_copy(update={"region": "us-east-1"})),
        an_alert(target=Target(kind="ecs", name="shop/orders"), account="210987654321"),
        an_alert(target=None, title="orders-5xx", region="us-east-1"),
        an_alert(target=Target(kind="host", name="db-1"), title="orders-5xx"),
        an_alert(target=None, title="search-5xx"),
    ],
)
def test_the_only_service_is_not_what_every_alert_is_about(alert: Alert) -> None:
    assert service_of(a_config(services=(a_service(alarms=("orders-*",)),)), alert) is None


def test_a_title_is_no_claim_on_an_alert_that_names_another_target() -> None:
    assert service_of(two(), an_alert(target=Target(kind="host", name="db-1"), title="orders-5xx")) is None


def test_an_alert_without_a_target_is_claimed_by_its_title() -> None:
    found = located(two(), an_alert(target=None, title="search-5xx"))
    assert found.target == TARGET.model_copy(update={"name": "shop/search"})
    assert (found.account, found.region) == ("123456789012", "eu-west-1")


def test_an_alert_that_two_services_claim_is_nobodys() -> None:
    config = a_config(
        services=(
            a_service(alarms=("shop-*",)),
            a_service(name="b", target=TARGET.model_copy(update={"name": "shop/b"}), alarms=("*-5xx",)),
        )
    )
    assert service_of(config, an_alert(target=None, title="shop-5xx")) is None
    assert located(config, an_alert(target=None, title="shop-5xx")).target is None


def test_account_and_region_come_from_the_inventory_where_the_alarm_is_silent() -> None:
    found = located(two(), an_alert(target=Target(kind="ecs", name="shop/orders")), account="999", region="x")
    assert found.target == TARGET


def test_account_and_region_of_the_alarm_win() -> None:
    alert = an_alert(target=Target(kind="ecs", name="shop/orders"), account="210987654321", region="us-east-1")
    found = located(two(), alert, account="999", region="x")
    assert found.target is not None
    assert found.target.key == "ecs:210987654321:us-east-1:shop/orders"


def test_the_defaults_place_what_nobody_knows() -> None:
    found = located(two(), an_alert(target=Target(kind="host", name="db-1")), account="999", region="eu-north-1")
    assert found.target is not None
    assert found.target.key == "host:999:eu-north-1:db-1"


def test_a_target_is_a_services_only_if_all_of_it_fits() -> None:
    found = service_for_target(two(), TARGET)
    assert found is not None
    assert found.name == "orders"
    assert service_for_target(two(), Target(kind="ecs", name="shop/orders")) is None


def test_a_person_is_known_by_workspace_and_user_together() -> None:
    found = person_by_slack(two(), "T0SHOP", "U0ANA")
    assert found is not None
    assert found.id == "ana"
    assert person_by_slack(two(), "T0OTHER", "U0ANA") is None
    assert person_by_slack(two(), "T0SHOP", "") is None
    assert person_by_slack(two(), "", "") is None


def test_approvers_are_groups_or_people_and_nobody_by_default() -> None:
    assert entitled(two(), ["on-call"]) == {"ana"}
    assert entitled(two(), ["cy"]) == {"cy"}
    assert entitled(two(), ["on-call", "sre"]) == {"ana", "cy"}
    assert entitled(two(), []) == frozenset()
    assert entitled(two(), ["", "*"]) == frozenset()


def test_a_source_speaks_of_its_own_targets_only() -> None:
    source = load(SHIPPED).sources[0]
    assert may_speak_of(source, an_alert())
    assert may_speak_of(source, an_alert(target=None))
    assert not may_speak_of(source, an_alert(target=Target(kind="host", name="db-1")))
    assert not may_speak_of(source, an_alert(target=Target(kind="ecs", name="bank/orders")))


def test_what_aws_brings_is_limited_beside_the_http_sources(edited: Edit) -> None:
    lines = (
        "sources:",
        '  - {name: ours, kind: default-bus, targets: ["ecs:shop/*"]}',
        '  - {name: theirs, kind: topic, topic: "arn:aws:sns:eu-west-1:123456789012:a", targets: ["ecs:shop/search"]}',
    )
    config = load(edited("services.yaml", "sources:", "\n".join(lines)))
    assert [way.name for way in config.ways] == ["ours", "theirs"]
    assert [source.name for source in config.sources] == ["grafana", "alertmanager", "generic", "cloudwatch"]
    assert may_be_told(config, an_alert())
    assert not may_be_told(config, an_alert(origin="arn:aws:sns:eu-west-1:123456789012:a"))
    assert may_be_told(config, an_alert(origin="arn:aws:sns:eu-west-1:123456789012:b"))
    assert not may_be_told(config, an_alert(origin=""))
    assert not may_be_told(config, an_alert(origin="theirs"))


@pytest.mark.parametrize("label", ["service_name", "ServiceName", "ecs_service"])
def test_an_alert_that_names_only_a_service_means_the_one_of_our_cluster(label: str) -> None:
    alert = an_alert(target=None, labels={label: "orders"})
    assert in_cluster(alert, "shop") == alert.model_copy(update={"target": Target(kind="ecs", name="shop/orders")})


@pytest.mark.parametrize(
    ("alert", "cluster"),
    [
        (an_alert(labels={"service_name": "search"}), "shop"),
        (an_alert(target=None, labels={"service_name": "orders"}), ""),
        (an_alert(target=None, labels={"service": "orders"}), "shop"),
        (an_alert(target=None, labels={"service_name": "or*ers"}), "shop"),
    ],
    ids=["it names a target", "we have no cluster", "it names no service", "no name that can be one"],
)
def test_an_alert_that_does_not_mean_our_cluster_stays_as_it_is(alert: Alert, cluster: str) -> None:
    assert in_cluster(alert, cluster) == alert


def test_a_service_is_found_by_its_name_alone() -> None:
    assert service_named(two(), "search") == two().services[1]
    assert service_named(two(), "shop/search") is None


def test_a_person_is_called_by_name_and_a_stranger_by_id() -> None:
    assert (name_of(two(), "ana"), name_of(two(), "U0EVE")) == ("Ana", "U0EVE")


@pytest.mark.parametrize(
    ("alert", "owner"),
    [
        (an_alert(target=None, title="x", external_id="search-5xx"), "search"),
        (an_alert(target=None, title="ORDERS-5xx", external_id="x"), None),
        (an_alert(target=None, title="orders-5xx", account="123456789012", region="eu-west-1"), "orders"),
        (an_alert(target=None, title="orders-5xx", account="210987654321"), None),
        (an_alert(target=None, title="orders-5xx", region="us-east-1"), None),
        (an_alert(target=Target(kind="ecs", name="shop/orders"), account="123456789012"), "orders"),
        (an_alert(target=TARGET, account="210987654321", region="us-east-1"), "orders"),
        (an_alert(target=None, title="nobody's", external_id="x"), None),
    ],
)
def test_an_alert_is_the_services_that_it_can_only_be_about(alert: Alert, owner: str | None) -> None:
    found = service_of(two(), alert)
    assert (found.name if found else None) == owner


@pytest.mark.parametrize(
    ("alert", "account", "region"),
    [
        (an_alert(target=None, title="x", external_id="x"), "999", "x"),
        (an_alert(target=None, title="x", external_id="x", account="1", region="y"), "1", "y"),
        (an_alert(target=Target(kind="host", name="db", account="2"), account="1", region="y"), "2", "y"),
        (an_alert(target=Target(kind="host", name="db", region="z"), account="1", region="y"), "1", "z"),
    ],
)
def test_where_an_alert_is_from_is_known_even_where_its_target_is_not(alert: Alert, account: str, region: str) -> None:
    target = alert.target.model_copy(update={"account": account, "region": region}) if alert.target else None
    found = located(two(), alert, account="999", region="x")
    assert found == alert.model_copy(update={"target": target, "account": account, "region": region})


def test_an_alert_is_left_without_a_place_where_nobody_names_one() -> None:
    alert = an_alert(target=Target(kind="host", name="db"))
    assert located(two(), alert) == alert


@pytest.mark.parametrize(
    ("pattern", "may"),
    [
        ("ecs:shop/orders", True),
        ("ecs:123456789012:eu-west-1:shop/orders", True),
        ("ecs:*:eu-west-1:*", True),
        ("ECS:shop/orders", False),
        ("shop/orders", False),
    ],
)
def test_a_source_is_given_targets_with_or_without_their_place(pattern: str, may: bool) -> None:
    source = Source(name="s", kind="generic", targets=("host:x", pattern))
    assert may_speak_of(source, an_alert()) is may


def test_who_is_not_limited_may_speak_of_everything_and_who_is_not_known_of_nothing() -> None:
    topic = Source(name="t", kind="topic", topic="arn:aws:sns:x:1:t", targets=("ecs:shop/search",))
    grafana = Source(name="grafana", kind="grafana", targets=("ecs:shop/orders",))
    config = a_config(ways=(topic,), sources=(grafana,))
    told = {
        origin: may_be_told(config, an_alert(origin=origin))
        for origin in ("default-bus", "arn:aws:sns:x:1:t", "arn:aws:sns:x:1:u", "grafana", "other", "t")
    }
    assert told == {
        "default-bus": True,
        "arn:aws:sns:x:1:t": False,
        "arn:aws:sns:x:1:u": True,
        "grafana": True,
        "other": False,
        "t": False,
    }
    assert may_be_told(config, an_alert(origin="other", target=None))
    assert not may_be_told(config, an_alert(origin="grafana", target=Target(kind="host", name="db")))


def test_the_measures_are_those_of_the_demos_world_and_hold_while_it_is_well() -> None:
    world = World(1_000_000.0)
    world.advance(1_000_030.0)
    for service in load(SHIPPED).services:
        for measure in service.measures:
            found = find(world, measure.namespace, measure.metric, measure.dimensions)
            assert found is not None, (service.name, measure.name)
            assert found.name == service.name
            seen = series(world, found, measure.metric, measure.stat, measure.period, (1_000_000.0, 1_000_030.0))
            assert seen or measure.missing != "unhealthy"
            assert all(measure.below is None or value < measure.below for value in seen.values()), measure.name
            assert all(measure.above is None or value > measure.above for value in seen.values()), measure.name
        assert service.target.account == ACCOUNT
        assert service.log_groups == (world.service(service.name).log_group,)
