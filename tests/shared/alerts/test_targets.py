from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.alerts.targets import Arn, account_of, ecs_target, only, read_arn, region_of, target_of

CLUSTER = "arn:aws:ecs:eu-west-1:123456789012:cluster/shop"


def short(labels: dict[str, str]) -> str:
    """The target's short form; empty where there is none."""
    target = target_of(labels)
    return target.short if target else ""


@pytest.mark.parametrize(
    ("labels", "short"),
    [
        ({"ClusterName": "shop", "ServiceName": "orders"}, "ecs:shop/orders"),
        ({"clustername": "shop", "SERVICENAME": "orders"}, "ecs:shop/orders"),
        ({"ecs_cluster": "shop", "ecs_service": "orders"}, "ecs:shop/orders"),
        ({"cluster": "shop", "ecs_service": "orders"}, "ecs:shop/orders"),
        ({"cluster": "eks-1", "ecs_cluster": "shop", "ecs_service": "orders"}, "ecs:shop/orders"),
        ({"dimension_ClusterName": "shop", "dimension_ServiceName": "orders"}, "ecs:shop/orders"),
        ({"cluster_name": "shop", "service_name": "orders"}, "ecs:shop/orders"),
        ({"aws.ecs.cluster.arn": CLUSTER, "aws.ecs.service.name": "orders"}, "ecs:shop/orders"),
        (
            {"ClusterName": "shop", "ServiceName": "orders", "namespace": "a", "pod": "b", "instance": "c:1"},
            "ecs:shop/orders",
        ),
        (
            {"cluster_name": "eks-1", "service_name": "orders", "namespace": "shop", "pod": "orders-1"},
            "k8s:shop/pod/orders-1",
        ),
        ({"namespace": "shop", "deployment": "orders", "pod": "orders-1"}, "k8s:shop/deployment/orders"),
        ({"namespace": "shop", "statefulset": "db", "instance": "10.0.0.1:8080"}, "k8s:shop/statefulset/db"),
        ({"namespace": "kube-system", "daemonset": "proxy"}, "k8s:kube-system/daemonset/proxy"),
        ({"namespace": "shop", "cronjob": "report", "job_name": "report-1"}, "k8s:shop/cronjob/report"),
        ({"namespace": "shop", "job_name": "report-1", "job": "kube-state-metrics"}, "k8s:shop/job/report-1"),
        ({"namespace": "shop", "job": "report-1"}, "k8s:shop/job/report-1"),
        ({"namespace": "shop", "workload": "orders", "workload_type": "Deployment"}, "k8s:shop/deployment/orders"),
        ({"k8s.namespace.name": "shop", "k8s.deployment.name": "orders"}, "k8s:shop/deployment/orders"),
        ({"ClusterName": "eks-1", "Namespace": "shop", "PodName": "orders"}, "k8s:shop/pod/orders"),
        ({"instance": "web-1.example.com:9100"}, "host:web-1.example.com"),
        ({"instance": "web-1"}, "host:web-1"),
        ({"instance": "10.0.0.7:9100"}, "host:10.0.0.7"),
        ({"instance": "[::1]:9100"}, "host:::1"),
        ({"instance": "[2001:db8::1]"}, "host:2001:db8::1"),
        ({"instance": "2001:db8:0::1"}, "host:2001:db8::1"),
    ],
)
def test_a_target_is_taken_from_what_is_said_most_specific_first(labels: dict[str, str], short: str) -> None:
    target = target_of(labels)
    assert target
    assert target.short == short


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {"ServiceName": "orders"},
        {"ClusterName": "shop"},
        {"ClusterName": "shop", "ServiceName": ""},
        {"ClusterName": "shop", "ServiceName": "  "},
        {"ClusterName": "shop", "ServiceName": "*"},
        {"ClusterName": "*", "ServiceName": "orders"},
        {"ClusterName": "shop", "ServiceName": "orders payments"},
        {"ClusterName": "shop", "ServiceName": "оrders"},  # noqa: RUF001  the first letter is Cyrillic
        {"ClusterName": "shop", "ServiceName": "orders", "servicename": "payments"},
        {"service": "orders", "cluster": "shop"},
        {"namespace": "shop"},
        {"namespace": "shop", "job": "node", "service": "orders"},
        {"namespace": "shop", "pod": "*"},
        {"namespace": "AWS/ECS", "pod": "orders"},
        {"exported_namespace": "shop", "namespace": "monitoring", "pod": "kube-state-metrics-1"},
        {"instance": "https://shop.example.com/health"},
        {"instance": "*"},
        {"instance": ":9100"},
        {"instance": "not::an::address"},
        {"instance": "bob@example.com"},
        {"InstanceId": "i-12345678901234567"},
    ],
)
def test_nothing_named_or_named_badly_is_no_target_and_never_a_guess(labels: dict[str, str]) -> None:
    assert target_of(labels) is None


def test_an_arn_says_its_own_account_and_region() -> None:
    target = ecs_target(CLUSTER, "orders", "999999999999", "us-east-1")
    assert target
    assert target.key == "ecs:123456789012:eu-west-1:shop/orders"


def test_two_different_targets_are_none() -> None:
    orders, search = ecs_target("shop", "orders"), ecs_target("shop", "search")
    assert only([orders, None, orders]) == orders
    assert only([orders, search]) is None
    assert only([None]) is None


def test_account_and_region_are_taken_only_where_they_can_be_one() -> None:
    assert account_of({"account_id": "123456789012"}) == "123456789012"
    assert account_of({"account_id": "acme"}) == ""
    assert region_of({"region": "us-gov-west-1"}) == "us-gov-west-1"
    assert region_of({"region": "Bavaria"}) == ""


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "ClusterName",
                "ServiceName",
                "ecs_service",
                "cluster",
                "namespace",
                "pod",
                "job",
                "instance",
                "deployment",
            ]
        ),
        st.text(max_size=20) | st.sampled_from(["shop", "orders", "*", "a b", CLUSTER]),
    )
)
def test_whatever_is_named_a_target_has_a_name_that_can_be_one(labels: dict[str, Any]) -> None:
    target = target_of(labels)
    assert target is None or (target.name.isascii() and "*" not in target.name and not set(target.name) & set(" \t\n"))


@pytest.mark.parametrize(
    "cluster",
    [
        "ecs_cluster",
        "ecsCluster",
        "ecs.cluster.name",
        "ecsClusterName",
        "aws_ecs_cluster_name",
        "aws.ecs.cluster.arn",
        "ClusterName",
        "dimension_ClusterName",
        "Dimension-Cluster-Name",
        "__cluster_name__",
    ],
)
def test_every_exporters_name_for_an_ecs_cluster_is_known(cluster: str) -> None:
    assert target_of({cluster: "shop", "ServiceName": "orders"}) == ecs_target("shop", "orders")
    assert target_of({cluster: "shop", "service_name": "orders"}) == ecs_target("shop", "orders")


@pytest.mark.parametrize(
    "service",
    [
        "ecs_service",
        "ecsService",
        "ecs.service.name",
        "ecsServiceName",
        "aws.ecs.service.name",
        "ServiceName",
        "dimension_ServiceName",
        "dimension_service_name",
        "service_name",
    ],
)
def test_every_exporters_name_for_an_ecs_service_is_known(service: str) -> None:
    assert target_of({"ClusterName": "shop", service: "orders"}) == ecs_target("shop", "orders")


def test_a_label_that_says_nothing_hides_none_that_does() -> None:
    assert short({"ClusterName": "shop", "ServiceName": "orders", "servicename": " "}) == "ecs:shop/orders"
    assert short({"exported_instance": "", "instance": "web-1:9100"}) == "host:web-1"


def test_a_cluster_of_any_kind_is_one_of_ecs_only_beside_a_service_of_ecs() -> None:
    assert target_of({"cluster": "shop", "ecs_service": "orders"}) == ecs_target("shop", "orders")
    assert target_of({"cluster": "shop", "service_name": "orders"}) is None


@pytest.mark.parametrize(
    "namespace",
    [
        "exported_namespace",
        "namespace",
        "kubernetes_namespace",
        "kubernetes.namespace.name",
        "k8s.namespace.name",
        "kube_namespace",
    ],
)
def test_every_exporters_name_for_a_namespace_is_known(namespace: str) -> None:
    assert short({namespace: "shop", "deployment": "orders"}) == "k8s:shop/deployment/orders"


@pytest.mark.parametrize("kind", ["deployment", "statefulset", "daemonset", "cronjob", "job", "pod"])
@pytest.mark.parametrize("label", ["{}_name", "{}Name", "k8s.{}.name", "kubernetes_{}_name", "{}"])
def test_every_exporters_name_for_a_workload_is_known(kind: str, label: str) -> None:
    assert short({"namespace": "shop", label.format(kind): "orders"}) == f"k8s:shop/{kind}/orders"


@pytest.mark.parametrize("kind", ["deployment", "statefulset", "daemonset", "cronjob", "pod"])
def test_what_prometheus_renamed_is_the_exporters_own_word(kind: str) -> None:
    known = {"namespace": "shop", f"exported_{kind}": "orders", kind: "kube-state-metrics"}
    assert short(known) == f"k8s:shop/{kind}/orders"


@pytest.mark.parametrize("kind", ["deployment", "statefulset", "daemonset", "cronjob", "job", "pod"])
def test_a_workload_is_of_the_type_that_is_said(kind: str) -> None:
    known = {"namespace": "shop", "workload": "orders", kind: "other"}
    assert short(known | {"workload_type": kind.title()}) == f"k8s:shop/{kind}/orders"
    assert short(known | {"workload_type": "replicaset"}) == f"k8s:shop/{kind}/other"
    assert short(known) == f"k8s:shop/{kind}/other"


@pytest.mark.parametrize("scraped", ["instance", "container", "endpoint", "service", "prometheus"])
def test_a_job_beside_what_is_scraped_is_prometheuss_own(scraped: str) -> None:
    assert short({"namespace": "shop", "job": "node", scraped: "https://x/"}) == ""
    assert short({"namespace": "shop", "job": "node", "pod": "orders-1"}) == "k8s:shop/pod/orders-1"


def test_workloads_are_named_by_the_most_lasting_of_them() -> None:
    kinds = ["deployment", "statefulset", "daemonset", "cronjob", "job", "pod"]
    labels = {f"{kind}_name": "orders" for kind in kinds}
    for kind in kinds:
        assert short(labels | {"namespace": "shop"}) == f"k8s:shop/{kind}/orders"
        del labels[f"{kind}_name"]


def test_a_host_is_the_instance_as_the_exporter_says_it() -> None:
    assert short({"exported_instance": "web-1:9100", "instance": "prometheus:9090"}) == "host:web-1"


@pytest.mark.parametrize(
    ("instance", "name"),
    [
        ("web-1:123456", ""),
        ("web-1:", ""),
        ("web-1:9100:1", ""),
        ("[fe80::1]:9100", "fe80::1"),
        ("[fe80::1]:x", ""),
        ("[web-1]", ""),
        ("FE80:0:0::1", "fe80::1"),
        ("a" * 253, "a" * 253),
        ("a" * 254, ""),
        ("-web", ""),
        ("web_1.example", "web_1.example"),
    ],
)
def test_a_host_has_a_name_or_an_address_and_nothing_around_it(instance: str, name: str) -> None:
    assert short({"instance": instance}) == (f"host:{name}" if name else "")


@pytest.mark.parametrize(
    "labels",
    [
        {"ClusterName": "shop", "ServiceName": "orders"},
        {"cluster_name": "shop", "service_name": "orders"},
        {"namespace": "shop", "pod": "orders"},
        {"instance": "web-1:9100"},
    ],
)
def test_a_target_is_in_the_account_and_region_that_are_given(labels: dict[str, str]) -> None:
    target = target_of(labels, "123456789012", "eu-west-1")
    assert target
    assert (target.account, target.region) == ("123456789012", "eu-west-1")


@pytest.mark.parametrize("name", ["account_id", "AccountId", "aws.account.id", "cloud.account.id"])
def test_every_name_for_an_account_is_known(name: str) -> None:
    assert account_of({name: " 123456789012 "}) == "123456789012"
    assert account_of({name: "1234567890123"}) == ""


@pytest.mark.parametrize("name", ["aws_region", "cloud.region", "Region"])
def test_every_name_for_a_region_is_known(name: str) -> None:
    assert region_of({name: "ap-southeast-2"}) == "ap-southeast-2"


def test_what_aws_says_of_account_and_region_goes_first() -> None:
    assert account_of({"cloud_account_id": "999999999999", "account_id": "123456789012"}) == "123456789012"
    assert region_of({"region": "us-east-1", "cloud_region": "eu-west-2", "aws_region": "eu-west-1"}) == "eu-west-1"


@pytest.mark.parametrize(
    ("cluster", "service", "key"),
    [
        ("shop", "orders", "ecs:999999999999:us-east-1:shop/orders"),
        (" shop ", " orders ", "ecs:999999999999:us-east-1:shop/orders"),
        (CLUSTER, "orders", "ecs:123456789012:eu-west-1:shop/orders"),
        (
            CLUSTER,
            "arn:aws:ecs:eu-west-2:210987654321:service/shop/orders",
            "ecs:210987654321:eu-west-2:shop/orders",
        ),
        (CLUSTER, "arn:aws:ecs:eu-west-2:shop:service/orders", "ecs:123456789012:eu-west-1:shop/orders"),
        ("arn:aws:ecs:Ireland:123456789012:cluster/shop", "orders", "ecs:123456789012::shop/orders"),
        ("arn:aws:eks:eu-west-1:123456789012:cluster/shop", "orders", "ecs:999999999999:us-east-1:shop/orders"),
        ("shop", "", None),
        ("shop", "o" * 256, None),
        ("shop", "AKIAIOSFODNN7EXAMPLE", None),
    ],
)
def test_an_ecs_service_is_where_its_arn_says_the_services_first(cluster: str, service: str, key: str | None) -> None:
    target = ecs_target(cluster, service, "999999999999", "us-east-1")
    assert (target.key if target else None) == key


def test_an_arn_has_six_parts_and_its_resource_may_hold_colons() -> None:
    arn = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:a:b"
    assert read_arn(f" {arn} ") == Arn("aws", "cloudwatch", "eu-west-1", "123456789012", "alarm:a:b")
    assert read_arn("arn:aws:cloudwatch:eu-west-1:123456789012") is None
    assert read_arn(arn.replace("arn", "urn")) is None
    assert read_arn("") is None
