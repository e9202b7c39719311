"""What an alert is about, taken from dimensions or labels: most specific first, and never a guess."""

import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import NamedTuple

from shared.redaction import redact
from shared.target import Target, TargetKind

_ECS_CLUSTER = [
    "ecs_cluster",
    "ecscluster",
    "ecs_cluster_name",
    "ecsclustername",
    "aws_ecs_cluster_name",
    "aws_ecs_cluster_arn",
    "clustername",
    "dimension_clustername",
    "dimension_cluster_name",
]
_ECS_SERVICE = [
    "ecs_service",
    "ecsservice",
    "ecs_service_name",
    "ecsservicename",
    "aws_ecs_service_name",
    "servicename",
    "dimension_servicename",
    "dimension_service_name",
]
_NAMESPACE = [
    "exported_namespace",
    "namespace",
    "kubernetes_namespace",
    "kubernetes_namespace_name",
    "k8s_namespace_name",
    "kube_namespace",
]
_KINDS = ("deployment", "statefulset", "daemonset", "cronjob", "job", "pod")
_SCRAPED = ("instance", "pod", "container", "endpoint", "service", "prometheus")
"""Labels that show `job` to be the name of Prometheus's scrape job, as in nearly every alert, and no Kubernetes job."""
_ECS_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
_K8S_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?")
_ACCOUNT = re.compile(r"\d{12}")
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]{1,12}){1,3}-\d{1,2}")


class Arn(NamedTuple):
    """`arn:<partition>:<service>:<region>:<account>:<resource>`."""

    partition: str
    service: str
    region: str
    account: str
    resource: str


def read_arn(text: str) -> Arn | None:
    """The parts of an ARN, or None where `text` is none."""
    head, *parts = text.strip().split(":", 5)
    return Arn(*parts) if head == "arn" and len(parts) == len(Arn._fields) else None


def account_of(labels: Mapping[str, str]) -> str:
    """The AWS account that labels name, or empty."""
    return as_account(_first(_known(labels), ("account_id", "accountid", "aws_account_id", "cloud_account_id")))


def region_of(labels: Mapping[str, str]) -> str:
    """The AWS region that labels name, or empty."""
    return as_region(_first(_known(labels), ("aws_region", "cloud_region", "region")))


def as_account(said: str) -> str:
    """`said` where it is an AWS account's number, else empty."""
    return said if _ACCOUNT.fullmatch(said) else ""


def as_region(said: str) -> str:
    """`said` where it looks like the name of an AWS region, else empty."""
    return said if _REGION.fullmatch(said) else ""


def target_of(labels: Mapping[str, str], account: str = "", region: str = "") -> Target | None:
    """The one target that `labels` name: an ECS service, else a Kubernetes workload, else a host."""
    known = _known(labels)
    return (
        _ecs(known, _ECS_SERVICE, [*_ECS_CLUSTER, "cluster", "cluster_name"], account, region)
        or _kubernetes(known, account, region)
        or _ecs(known, ["service_name"], [*_ECS_CLUSTER, "cluster_name"], account, region)
        or _host(known, account, region)
    )


def only(targets: Iterable[Target | None]) -> Target | None:
    """The target that all of them name that name one; None where they name different ones."""
    found = {target.key: target for target in targets if target}
    return found.popitem()[1] if len(found) == 1 else None


def ecs_target(cluster: str, service: str, account: str = "", region: str = "") -> Target | None:
    """The ECS service, each part given by its name or its ARN; None where one is not a possible name."""
    arns = [arn for arn in (read_arn(service), read_arn(cluster)) if arn]
    cluster, service = cluster.strip().rpartition("/")[2], service.strip().rpartition("/")[2]
    if not (_ECS_NAME.fullmatch(cluster) and _ECS_NAME.fullmatch(service)):
        return None
    named = next((arn for arn in arns if arn.service == "ecs" and as_account(arn.account)), None)
    account, region = (named.account, as_region(named.region)) if named else (account, region)
    return _target("ecs", f"{cluster}/{service}", account, region)


def _known(labels: Mapping[str, str]) -> dict[str, str]:
    """Labels by a name that is the same however it is spelled; without those that say two things."""
    spelled: dict[str, set[str]] = {}
    for name, value in labels.items():
        if value.strip():
            spelled.setdefault(re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_"), set()).add(value.strip())
    return {name: values.pop() for name, values in spelled.items() if len(values) == 1}


def _first(known: Mapping[str, str], names: Iterable[str]) -> str:
    return next((known[name] for name in names if name in known), "")


def _ecs(
    known: Mapping[str, str], services: Iterable[str], clusters: Iterable[str], account: str, region: str
) -> Target | None:
    return ecs_target(_first(known, clusters), _first(known, services), account, region)


def _kubernetes(known: Mapping[str, str], account: str, region: str) -> Target | None:
    namespace = _first(known, _NAMESPACE)
    if not _K8S_NAME.fullmatch(namespace):
        return None
    for kind in _KINDS:
        name = _first(known, _workload_labels(kind, known))
        if _K8S_NAME.fullmatch(name):
            return _target("k8s", f"{namespace}/{kind}/{name}", account, region)
    return None


def _workload_labels(kind: str, known: Mapping[str, str]) -> list[str]:
    """The labels that real exporters name a workload by.

    Sources: kube-state-metrics (`job_name`; `exported_*` where Prometheus keeps the exporter's own labels, so that a
    plain `pod` is the exporter's), the Kubernetes mixin (`workload` with `workload_type`), OpenTelemetry, CloudWatch.
    """
    workload = ["workload"] if known.get("workload_type", "").lower() == kind else []
    plain = [f"exported_{kind}"] if kind == "pod" and "exported_namespace" in known else [f"exported_{kind}", kind]
    spelled = [f"{kind}_name", f"{kind}name", f"k8s_{kind}_name", f"kubernetes_{kind}_name"]
    if kind == "job":
        return [*workload, *spelled, *([] if any(name in known for name in _SCRAPED) else ["job"])]
    return [*workload, *plain, *spelled]


def _host(known: Mapping[str, str], account: str, region: str) -> Target | None:
    name = _without_port(_first(known, ("exported_instance", "instance")))
    return _target("host", name, account, region) if name else None


def _without_port(instance: str) -> str:
    """The host of `name`, `name:9100`, `[::1]:9100` or `fe80::1`; empty where it is something else, as a URL is."""
    bracketed = re.fullmatch(r"\[([0-9A-Fa-f:.]{2,45})\](:\d{1,5})?", instance)
    name = bracketed[1] if bracketed else re.sub(r"^([^:]*):\d{1,5}$", r"\1", instance)
    if ":" in name:
        try:
            return ip_address(name).compressed
        except ValueError:
            return ""
    return name if _HOST_NAME.fullmatch(name) else ""


def _target(kind: TargetKind, name: str, account: str, region: str) -> Target | None:
    return Target(kind=kind, name=name, account=account, region=region) if redact(name) == name else None
