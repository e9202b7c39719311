"""The embedded AWS: moto, and everything in AWS that calls our functions, in this process."""

from __future__ import annotations

import os
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import boto3
import psutil
from botocore.config import Config

from local.aws.calls import Call, Identity, access_key
from local.aws.function import Function, Outcome
from local.aws.http_api import HttpApi
from local.aws.moto_server import Fault, Moto, Server
from local.aws.provision import Names, Provisioner
from local.aws.sources import QueuePoller, Schedule, Source, StreamReader, stop_all
from local.aws.spec import read_functions
from local.aws.store import Store
from local.aws.wiring import by_manifests
from local.world.scenarios import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from local.aws.wiring import Wired, Wiring

_INHERITED = (
    "PATH", "HOME", "TMPDIR", "SYSTEMROOT", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
)  # fmt: skip

_CLAIMED: set[str] = set()
_CLAIMING = threading.Lock()


def _claim(account: str | None) -> str:
    """Take an account for one embedded AWS: moto has one set of backends for each in a process."""
    with _CLAIMING:
        if account is None:
            account = next(str(n) for n in range(int(ACCOUNT) + 1, int(ACCOUNT) + 10_000) if str(n) not in _CLAIMED)
        if account in _CLAIMED:
            msg = f"another embedded AWS of account {account} runs in this process; stop it first"
            raise RuntimeError(msg)
        _CLAIMED.add(account)
        return account


class EmbeddedAws:
    """moto and the callers of functions, from `start` to `stop`.

    One process holds both so that a message wakes its poller without a request, and so that nothing of
    moto runs beside the poller's own work on a queue.
    """

    def __init__(  # noqa: PLR0913
        self,
        root: Path,
        state_dir: Path | None = None,
        environment: Mapping[str, str] | None = None,
        *,
        tick_seconds: float = 60.0,
        longest_hidden: float | None = None,
        concurrency: int = 2,
        account: str | None = None,
        region: str = "us-east-1",
        port: int = 0,
        api_port: int = 0,
        on_log: Callable[[str, str], None] | None = None,
        wiring: Wiring = by_manifests,
    ) -> None:
        """Read the functions under `root` and bring back what `state_dir` holds; call nothing yet.

        Raises ValueError for a bad function.yaml, RuntimeError when the account is taken in this process.

        `environment` goes to every function, a secret only to those that declare it. `tick_seconds` is what
        a minute of a schedule takes, `longest_hidden` caps the visibility time-out of queues (seconds), `concurrency`
        is the number of processes of a function at most. Logs are in `<state_dir>/logs/<function>.log`, each
        line also goes to `on_log(function, line)`. Without a state_dir nothing outlives `stop`.
        Without an `account` it is one that no other in this process has, and never the world's. `wiring` says
        what calls which function; it is asked now and, because resources may have come since, at `start`.
        """
        self.root = root.resolve()
        self.specs = {spec.name: spec for spec in read_functions(self.root)}
        self.account = _claim(account)
        self.region = region
        self._given = dict(environment or {})
        self._tick = tick_seconds
        self._longest = longest_hidden
        self._concurrency = concurrency
        self._ports = (port, api_port)
        self._on_log = on_log
        self._wiring = wiring
        self.names = Names.read(self._given)
        self._temporary = tempfile.TemporaryDirectory() if state_dir is None else None
        self.state_dir = Path(self._temporary.name) if self._temporary else Path(state_dir or "")
        (self.state_dir / "logs").mkdir(parents=True, exist_ok=True)
        self._durable = state_dir is not None
        self._running = False
        self._open()

    def _open(self) -> None:
        self._store = Store(self.state_dir / "aws.sqlite" if self._durable else None)
        self.keys = {access_key(name): name for name in self.specs}
        self._moto = Moto(self._store, self.keys, self.account, self.region, self._ports[0])
        self._moto.start()
        self.functions: dict[str, Function] = {}
        self._routes = HttpApi()
        self._api = Server(self._routes, self._ports[1])
        self._api.start()
        self._ports = (self._moto.port, self._api.port)
        self._sources: list[Source] = []
        self._wire()

    def _wire(self) -> None:
        """Take up what is wired now; a function that is as it was keeps its processes."""
        before, self.functions = self.functions, {}
        for wired in self._wiring(self):
            known = before.pop(wired.name, None)
            self.keys[wired.environment.get("AWS_ACCESS_KEY_ID", access_key(wired.name))] = wired.name
            self.functions[wired.name] = known if known and known.wired == wired else self._function(wired)
        self._routes.route_to(self.functions.values())
        for function in before.values():
            function.stop()

    def __enter__(self) -> Self:
        """Give itself; `provision` and `start` are the caller's."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    @property
    def endpoint(self) -> str:
        """The URL of every AWS service."""
        return self._moto.endpoint

    @property
    def api_url(self) -> str:
        """The URL of the HTTP API."""
        return self._api.url

    @property
    def calls(self) -> list[Call]:
        """The AWS calls of the functions and of others, oldest first."""
        return self._moto.calls.seen()

    def client(self, service: str) -> Any:  # noqa: ANN401 - its type depends on the service
        """Give a boto3 client of the embedded AWS, known to it as nobody's function."""
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id="AKIALOCALOPERATOR000",
            aws_secret_access_key="local",  # noqa: S106 - moto checks no signatures
            config=Config(retries={"total_max_attempts": 1}, proxies={}),
        )

    def queue_url(self, function: str) -> str:
        """Give the URL of a function's queue."""
        return f"{self.endpoint}/{self.account}/{self.names.queue(function)}"

    def provision(self) -> None:
        """Create the resources that the functions need and that are not there."""
        Provisioner(self.client, self.names).provision(self.specs.values(), self._given)

    def missing(self) -> list[str]:
        """Name the queues and tables that `start` needs and that nobody has made yet."""
        wired = [function.wired for function in self.functions.values()]
        queues = {feed.name for each in wired for feed in each.queues}
        tables = {feed.name for each in wired for feed in each.streams}
        with self._moto.changes.lock:
            return sorted((queues - set(self._moto.queues.queues)) | (tables - set(self._moto.tables.tables)))

    def start(self) -> None:
        """Let queues, stream and schedule call the functions. Raises when a queue or table is missing."""
        self._wire()
        for function in self.functions.values():
            for feed in function.wired.queues:
                self._moto.queues.get_queue(feed.name)
                self._sources.append(
                    QueuePoller(self._moto, feed, function, longest_hidden=self._longest, concurrency=self._concurrency)
                )
            for feed in function.wired.streams:
                self._moto.tables.get_table(feed.name)
                self._sources.append(StreamReader(self._moto, self._store, feed, function))
            for beat in function.wired.schedules:
                self._sources.append(Schedule(self._moto, function, beat, self._tick))
        for source in self._sources:
            source.start()
        self._running = True

    def invoke(self, function: str, event: object) -> Outcome:
        """Call a function directly and wait for its outcome."""
        return self.functions[function].invoke(event)

    def inject(self, fault: Callable[[Identity], Fault | None] | None) -> None:
        """Have `fault` say of every AWS request what goes wrong with it; None ends that."""
        self._moto.fault = fault

    def enforce(self, *, permissions: bool) -> None:
        """Have moto's IAM judge what functions ask for, from now on or no longer; all others may do everything.

        moto looks at the action, and at the resource for SQS alone; it wants `dynamodb:TransactWriteItems` where AWS
        wants what the transaction does, and takes a condition that it does not know for a denial.
        """
        self._moto.enforced = permissions

    def warm(self) -> None:
        """Start one process of every function, so that the first event need not wait for imports."""
        for function in self.functions.values():
            function.warm()

    def kill(self, function: str) -> int:
        """Kill a function's processes as a failing host would, and say how many there were."""
        return self.functions[function].kill()

    def memory(self) -> dict[str, int]:
        """Give the proportional memory (PSS, bytes) of this process (`aws`) and of each function's processes."""
        used = {"aws": psutil.Process().memory_full_info().pss}
        for name, function in self.functions.items():
            used[name] = 0
            for pid in function.processes():
                try:
                    used[name] += psutil.Process(pid).memory_full_info().pss
                except psutil.NoSuchProcess:
                    continue
        return used

    def restart(self) -> None:
        """Stop everything at once and come back on the same ports with what the state directory holds."""
        running = self._running
        self._close()
        self._open()
        if running:
            self.start()

    def halt(self) -> None:
        """Call no function any more; what there is stays until `stop`."""
        self._running = False
        for source in self._sources:
            source.ask_to_stop()
        for function in self.functions.values():
            function.stop()
        stop_all(self._sources, self._moto.changes.wake_all)
        self._sources = []

    def stop(self) -> None:
        """Kill the functions and stop."""
        self._close()
        _CLAIMED.discard(self.account)
        if self._temporary:
            self._temporary.cleanup()

    def _close(self) -> None:
        self._api.stop()
        self.halt()
        self._moto.stop()
        with self._moto.changes.lock:
            self._store.close()

    def _function(self, wired: Wired) -> Function:
        return Function(
            wired,
            root=self.root,
            environment=self.environment(wired),
            log=self.state_dir / "logs" / f"{wired.name}.log",
            on_log=self._on_log,
            concurrency=self._concurrency,
        )

    def environment(self, wired: Wired) -> dict[str, str]:
        """Give the whole environment of a function's process."""
        secrets = {name.upper() for other in self.specs.values() for name in other.secrets}
        own = {name.upper() for name in self.specs[wired.name].secrets}
        name = wired.arn.split(":")[6]
        paths = [wired.package] if wired.package else [self.root, Path(__file__).parents[2]]
        return {
            **{key: os.environ[key] for key in _INHERITED if key in os.environ},
            **{key: f"{os.environ.get(key, '')},127.0.0.1,localhost".lstrip(",") for key in ("NO_PROXY", "no_proxy")},
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "MALLOC_ARENA_MAX": "2",
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": access_key(wired.name),
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11",
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(wired.memory),
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": f"local/[$LATEST]{wired.name}",
            "LAMBDA_TASK_ROOT": str(wired.package or self.root),
            "LAMBDA_RUNTIME_DIR": "/var/runtime",
            "_HANDLER": wired.handler,
            **wired.environment,
            **{key: value for key, value in self._given.items() if key not in secrets or key in own},
        }
