"""The ECS adapter through the real client: against the demo's world, and against a server that misbehaves."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber

from local.world.stage import Stage, staged
from shared.errors import Refused, Unavailable, Unclear
from shared.integrations.ecs import EcsServices
from shared.target import Target

ORDERS = Target(kind="ecs", account="123456789012", region="eu-west-1", name="shop/orders")


def services(url: str, patience: float = 10) -> EcsServices:
    made = EcsServices.connect("eu-west-1")
    retries = made.client.meta.config.retries  # type: ignore[attr-defined]
    client = boto3.client(
        "ecs",
        region_name="eu-west-1",
        endpoint_url=url,
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries=retries, read_timeout=patience),
    )
    return EcsServices(client)


@pytest.fixture
def world() -> Iterator[Stage]:
    with staged() as stage:
        yield stage


class Misbehaving(ThreadingHTTPServer):
    """Counts the requests that arrive, and answers each as `answer` does."""

    answer: Callable[[BaseHTTPRequestHandler], None]
    arrived = 0


def answering(status: int, code: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        body = f'{{"__type": "{code}", "message": "no"}}'.encode()
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def hanging_up(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.close()


def silent(handler: BaseHTTPRequestHandler) -> None:
    threading.Event().wait(1.5)
    handler.connection.close()


@pytest.fixture
def server() -> Iterator[Misbehaving]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert isinstance(self.server, Misbehaving)
            self.server.arrived += 1
            self.rfile.read(int(self.headers["Content-Length"]))
            type(self.server).answer(self)

        def log_message(self, *_: object) -> None:
            return

    class Own(Misbehaving):
        pass

    made = Own(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()


def test_the_client_makes_one_attempt_a_call_and_gives_up_within_a_turn() -> None:
    meta = EcsServices.connect("eu-north-1").client.meta
    config: Any = meta.config

    assert meta.region_name == "eu-north-1"
    assert config.retries["total_max_attempts"] == 1
    assert (config.connect_timeout, config.read_timeout) == (3, 10)


SINCE = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)
OLD = {"id": "ecs-svc/0", "status": "ACTIVE", "taskDefinition": "orders:6", "updatedAt": SINCE - timedelta(days=1)}
NEW = {"id": "ecs-svc/1", "status": "PRIMARY", "taskDefinition": "orders:7", "updatedAt": SINCE}
GONE = {"serviceName": "orders", "status": "INACTIVE", "deployments": []}
SERVICE = {"status": "ACTIVE", "desiredCount": 4, "runningCount": 3, "pendingCount": 1}
READ = {
    "deployment": "ecs-svc/1",
    "task_definition": "orders:7",
    "desired_count": 4,
    "running_count": 3,
    "pending_count": 1,
    "rollout_since": "2026-11-18T10:00:00+00:00",
}


@pytest.mark.parametrize(
    ("deployments", "more"),
    [
        ([NEW], {"rollout": "COMPLETED", "deployments": 1, "failed_tasks": 0}),
        ([OLD, NEW], {"rollout": "IN_PROGRESS", "deployments": 2, "failed_tasks": 0}),
        (
            [OLD, {**NEW, "rolloutState": "FAILED", "failedTasks": 3}],
            {"rollout": "FAILED", "deployments": 2, "failed_tasks": 3},
        ),
    ],
)
def test_a_service_is_read_as_its_primary_deployment_stands(
    deployments: list[dict[str, Any]], more: dict[str, Any]
) -> None:
    client = boto3.client("ecs", region_name="eu-west-1")
    stub = Stubber(client)
    reply = {"services": [GONE, {**SERVICE, "deployments": deployments}]}
    stub.add_response("describe_services", reply, {"cluster": "shop", "services": ["orders"]})
    with stub:
        assert EcsServices(client).read(ORDERS) == {**READ, **more}


@pytest.mark.parametrize(
    ("change", "asked"),
    [
        (lambda ecs: ecs.restart(ORDERS), {"forceNewDeployment": True}),
        (lambda ecs: ecs.roll_back(ORDERS, "orders:6"), {"taskDefinition": "orders:6"}),
        (lambda ecs: ecs.scale(ORDERS, 4), {"desiredCount": 4}),
    ],
    ids=["restart", "roll back", "scale"],
)
def test_a_change_asks_for_itself_alone_and_tells_the_deployment_that_it_made(
    change: Callable[[EcsServices], Mapping[str, Any]], asked: dict[str, Any]
) -> None:
    client = boto3.client("ecs", region_name="eu-west-1")
    stub = Stubber(client)
    reply = {"service": {**SERVICE, "deployments": [OLD, NEW]}}
    stub.add_response("update_service", reply, {"cluster": "shop", "service": "orders", **asked})
    with stub:
        made = change(EcsServices(client))
    assert made == {"deployment": "ecs-svc/1", "task_definition": "orders:7", "desired_count": 4}


def test_a_service_reads_as_plain_json(world: Stage) -> None:
    seen = services(world.url).read(ORDERS)

    assert seen["rollout"] == "COMPLETED"
    assert (seen["desired_count"], seen["running_count"], seen["deployments"]) == (4, 4, 1)
    assert ":task-definition/" in seen["task_definition"]


def test_a_restart_is_one_new_deployment_of_the_same_release(world: Stage) -> None:
    before = services(world.url).read(ORDERS)

    after = services(world.url).restart(ORDERS)

    assert after["deployment"] != before["deployment"]
    assert after["task_definition"] == before["task_definition"]
    assert world.state()["services"]["orders"]["updates"] == 1


def test_scaling_sets_the_number(world: Stage) -> None:
    assert services(world.url).scale(ORDERS, 5)["desired_count"] == 5


@pytest.mark.parametrize("name", ["shop/nobody", "nowhere/orders"])
def test_a_service_that_is_not_there_is_refused(world: Stage, name: str) -> None:
    missing = ORDERS.model_copy(update={"name": name})

    with pytest.raises(Refused):
        services(world.url).read(missing)
    with pytest.raises(Refused):
        services(world.url).restart(missing)


@pytest.mark.parametrize(
    ("answer", "reading", "changing"),
    [
        (answering(400, "AccessDeniedException"), Refused, Refused),
        (answering(400, "InvalidParameterException"), Refused, Refused),
        (answering(400, "ClientException"), Refused, Refused),
        (answering(400, "ThrottlingException"), Unavailable, Unavailable),
        (answering(400, "TooManyRequestsException"), Unavailable, Unavailable),
        (answering(400, "RequestLimitExceeded"), Unavailable, Unavailable),
        (answering(500, "ServerException"), Unavailable, Unclear),
        (answering(503, "ServiceUnavailable"), Unavailable, Unclear),
        (hanging_up, Unavailable, Unclear),
        (silent, Unavailable, Unclear),
    ],
    ids=[
        "denied",
        "invalid",
        "a revision that was deregistered",
        "throttled",
        "too many",
        "limit",
        "500",
        "503",
        "hangs up",
        "silent",
    ],
)
def test_each_failure_says_whether_something_may_have_changed_and_is_asked_once(
    server: Misbehaving,
    answer: Callable[[BaseHTTPRequestHandler], None],
    reading: type[Exception],
    changing: type[Exception],
) -> None:
    type(server).answer = staticmethod(answer)
    ecs = services(f"http://127.0.0.1:{server.server_port}", patience=0.7)

    with pytest.raises(reading) as read:
        ecs.read(ORDERS)
    with pytest.raises(changing) as changed:
        ecs.restart(ORDERS)

    assert type(read.value) is reading
    assert type(changed.value) is changing
    assert server.arrived == 2


def test_a_server_that_is_not_there_changed_nothing() -> None:
    with pytest.raises(Unavailable) as error:
        services("http://127.0.0.1:9").restart(ORDERS)

    assert type(error.value) is Unavailable


def holding(service: Mapping[str, Any]) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answers every call as ECS does about a service that another deployment controller looks after."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        body = json.dumps({"service": service, "services": [service], "failures": []}).encode()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def test_a_service_without_a_primary_deployment_is_refused_when_read_and_unclear_when_changed(
    server: Misbehaving,
) -> None:
    type(server).answer = holding({"serviceName": "orders", "status": "ACTIVE", "deployments": [], "desiredCount": 4})
    ecs = services(f"http://127.0.0.1:{server.server_port}")

    with pytest.raises(Refused, match="another deployment controller"):
        ecs.read(ORDERS)
    with pytest.raises(Unclear, match="without a PRIMARY deployment"):
        ecs.restart(ORDERS)
