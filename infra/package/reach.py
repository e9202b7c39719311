"""What a handler reaches: the modules of ours that it imports, however late, and the boto3 clients that they build."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

OURS = frozenset({"cli", "functions", "infra", "local", "shared", "tests"})


class OutOfReachError(ValueError):
    """A function imports what cannot be in its package."""


@dataclass(slots=True)
class Reach:
    """The modules (by file) and the services of the clients, in boto3's names."""

    files: dict[str, Path] = field(default_factory=dict)
    services: set[str] = field(default_factory=set)


def reach(root: Path, function: str) -> Reach:
    """Everything that `functions.<function>.handler` imports, at its top or in a function, but not for type checkers.

    Raises OutOfReachError where that is another function's, or belongs to no function at all, or where the service of
    a client is not written down.
    """
    found = Reach()
    waiting = [f"functions.{function}.handler"]
    while waiting:
        module = waiting.pop()
        path = _file(root, module)
        name = str(path.relative_to(root)) if path else ""
        if path is None or name in found.files:
            continue
        if not _allowed(module, function):
            raise OutOfReachError(f"functions/{function} imports {module}, which is no part of its package")
        found.files[name] = path
        imports, services = _said(path, name)
        waiting += imports
        found.services |= services
    return found


def _allowed(module: str, function: str) -> bool:
    own = f"functions.{function}"
    return module in {"functions", "shared", own} or module.startswith(("shared.", f"{own}."))


def _file(root: Path, module: str) -> Path | None:
    """The file of a module or package; None where the name is something in a module."""
    base = root.joinpath(*module.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


@cache
def _said(path: Path, name: str) -> tuple[frozenset[str], frozenset[str]]:
    """The modules of ours that a module imports, and the services of its clients."""
    tree = ast.parse(path.read_text("utf-8"), name)
    imports = frozenset(each for each in _imports(tree, name) if each.partition(".")[0] in OURS)
    return imports, frozenset(_services(tree, name))


def _imports(tree: ast.AST, name: str) -> Iterator[str]:
    """The modules that are imported, their packages, and every imported name as if it were a module."""
    for node in _run(tree):
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level or not node.module:
                raise OutOfReachError(f"{name}:{node.lineno}: a relative import; ours are absolute")
            names = [node.module, *(f"{node.module}.{each.name}" for each in node.names)]
        else:
            continue
        for each in names:
            parts = each.split(".")
            yield from (".".join(parts[:length]) for length in range(1, len(parts) + 1))


def _services(tree: ast.AST, name: str) -> Iterator[str]:
    for node in _run(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="boto3"), attr="client"), args=arguments):
                match arguments:
                    case [ast.Constant(value=str(service))]:
                        yield service
                    case _:
                        raise OutOfReachError(
                            f"{name}:{node.lineno}: boto3.client of which service? Write its name there"
                        )


def _run(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node but those under `if TYPE_CHECKING`."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        match node:
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                waiting += node.orelse
            case _:
                waiting += ast.iter_child_nodes(node)
