from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.alerts.targets import account_of, ecs_target, only, region_of, target_of

CLUSTER = "arn:aws:ecs:eu-west-1:123456789012:cluster/shop"


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
