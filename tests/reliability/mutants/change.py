"""Every change of a file of ours, one at a time: mutmut's operators and two of our own, without what says nothing.

Ours: a condition that is always or never true (mutmut's for `a if b else c` alone), and a call or a raise left out.

What is not changed, by rule, since no promise is about it or Python itself says no:

- words for people: docstrings, texts with a space in them, what an error says, and all that is logged;
- a class's fields, a parameter's default, a constant that no function reads: they were built in on import;
- annotations and what stands for them (`cast`, `TypeVar`, `Literal`, `if TYPE_CHECKING`), imports, decorators;
- a text in three ways (it is spoiled in one, `XX…XX`: who notices one notices all);
- positional arguments are not left out (Python says no), only made `None`; keyword arguments are both;
- the arguments of `len` and `isinstance` (as in mutmut), the name of an encoding, and the `strict` of `zip`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import libcst as cst
from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators, operator_arg_removal, operator_match, operator_string

LOGGED = {"debug", "info", "warning", "error", "exception", "append_keys"}
FOR_TYPES = {"len", "isinstance", "cast", "TypeVar", "ParamSpec", "NewType"}
_SENTENCE = re.compile(r"\w.* \S|\S .*\w")
_ENCODING = {"utf-8", "ascii", "replace"}
_EMPTY = cst.Module([])


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of a file: what stands from `start` to `end` (bytes) becomes `instead`.

    `where` is a function, as Python names it, or a constant of the module. `lines` are those of the statement; `was`
    and `now` what stands on the changed lines, then and now.
    """

    file: str
    where: str
    constant: bool
    lines: tuple[int, int]
    was: str
    now: str
    start: int
    end: int
    instead: str

    @property
    def name(self) -> str:
        """How the list of survivors calls it; it does not hang on the line's number."""
        return f"{self.file} {self.where}: {self.was} ⇒ {self.now}"

    def applied(self, source: bytes) -> bytes:
        """The file's bytes with the change."""
        return source[: self.start] + self.instead.encode() + source[self.end :]


def mutants(file: str, source: bytes) -> list[Mutant]:
    """Every change of this file, each once."""
    wrapper = MetadataWrapper(cst.parse_module(source), unsafe_skip_copy=True)
    finder = _Finder(file, source)
    wrapper.visit(finder)
    return list({(mutant.start, mutant.end, mutant.instead): mutant for mutant in finder.found}.values())


class _Finder(cst.CSTVisitor):
    """Walks a module, and knows the function and the statement that it is in."""

    METADATA_DEPENDENCIES = (PositionProvider, ByteSpanPositionProvider)

    def __init__(self, file: str, source: bytes) -> None:
        super().__init__()
        self.found: list[Mutant] = []
        self._file = file
        self._source = source
        self._path: list[str] = []
        self._where = ""
        self._constant = False
        self._lines: list[tuple[int, int]] = []

    def visit_ClassDef(self, node: cst.ClassDef) -> bool:  # noqa: N802 - libcst's own name
        """Its functions; its fields are what pydantic and dataclasses made of them when it was read."""
        if isinstance(node.body, cst.IndentedBlock):
            self._path.append(node.name.value)
            for statement in node.body.body:
                if isinstance(statement, cst.ClassDef | cst.FunctionDef):
                    statement.visit(self)
            self._path.pop()
        return False

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:  # noqa: N802 - the same
        """Its body; one within another is part of that."""
        if self._where:
            node.body.visit(self)
            return False
        self._where = ".".join([*self._path, node.name.value])
        node.body.visit(self)
        self._where = ""
        return False

    def on_visit(self, node: cst.CSTNode) -> bool:
        if _says_nothing(node):
            return False
        if isinstance(node, cst.SimpleStatementLine):
            self._lines.append(self._span(node))
            if not self._path and not self._where and (name := _constant(node)):
                self._where, self._constant = name, True
        elif isinstance(node, cst.If | cst.While):
            self._lines.append(self._span(node.test))
        elif isinstance(node, cst.For):
            self._lines.append(self._span(node.iter))
        if self._where:
            self._change(node)
        if isinstance(node, cst.Raise):
            return self._keywords_of(node)
        return super().on_visit(node)

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if isinstance(original_node, cst.SimpleStatementLine | cst.If | cst.While | cst.For) and not _says_nothing(
            original_node
        ):
            self._lines.pop()
            if self._constant and isinstance(original_node, cst.SimpleStatementLine):
                self._where, self._constant = "", False
        super().on_leave(original_node)

    def _keywords_of(self, node: cst.Raise) -> bool:
        """What an error says is for people; what it carries beside that is not."""
        if isinstance(node.exc, cst.Call):
            for argument in node.exc.args:
                if argument.keyword is not None:
                    argument.visit(self)
        return False

    def _change(self, node: cst.CSTNode) -> None:
        for old, new in _changed(node):
            lines = self._lines[-1] if self._lines else self._span(old)
            where = self.get_metadata(ByteSpanPositionProvider, old)
            start, end = where.start, where.start + where.length
            lead = len(self._source[start:end]) - len(self._source[start:end].lstrip())
            start += lead
            instead = _code(old, new)
            if instead.encode() == self._source[start:end]:
                continue
            before = self._source.rfind(b"\n", 0, start) + 1
            after = self._source.find(b"\n", end)
            was, now = (
                self._source[before:after],
                self._source[before:start] + instead.encode() + self._source[end:after],
            )
            changed = (_line(was), _line(now), start, end, instead)
            self.found.append(Mutant(self._file, self._where, self._constant, lines, *changed))

    def _span(self, node: cst.CSTNode) -> tuple[int, int]:
        position = self.get_metadata(PositionProvider, node)
        return position.start.line, position.end.line


def _constant(node: cst.SimpleStatementLine) -> str:
    """The name to which a line of a module gives its value; empty if it does something else."""
    match node.body:
        case [cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))])]:
            return str(name)
        case [cst.AnnAssign(target=cst.Name(value=name))]:
            return str(name)
        case _:
            return ""


def _code(old: cst.CSTNode, new: cst.CSTNode | None) -> str:
    """The text that stands for `new` where `old` stood, within the brackets that it had."""
    if new is None:
        return ""
    if getattr(old, "lpar", ()) and hasattr(new, "lpar"):
        new = new.with_changes(lpar=(), rpar=())
    return _EMPTY.code_for_node(new).strip()


def _line(text: bytes) -> str:
    return " ".join(text.decode().split())


def _changed(node: cst.CSTNode) -> Iterator[tuple[cst.CSTNode, cst.CSTNode | None]]:
    """What of this node may become what."""
    for kind, operator in mutation_operators:
        if not isinstance(node, kind) or operator is operator_match:
            continue
        found: Sequence[cst.CSTNode]
        if operator is operator_string:
            found = list(operator(cast("cst.BaseString", node)))[:1]
        elif operator is operator_arg_removal:
            found = list(_without_arguments(cast("cst.Call", node)))
        elif isinstance(node, cst.Assign | cst.AnnAssign) and node.value and _is_sentence(node.value):
            found = []
        else:
            found = list(operator(node))
        yield from ((node, new) for new in found)
    match node:
        case cst.Match(cases=cases) if len(cases) > 1:
            yield from ((case, None) for case in cases)
        case cst.If() | cst.While() | cst.CompIf():
            yield from ((node.test, new) for new in _decided(node))
        case cst.Raise() | cst.Expr(value=cst.Call()):
            yield node, cst.Pass()


def _without_arguments(node: cst.Call) -> Iterator[cst.Call]:
    """Each argument that is no sentence made None, and each keyword argument left out."""
    for place, argument in enumerate(node.args):
        if argument.star or _is_sentence(argument.value) or _is_strict(node, argument):
            continue
        if not (isinstance(argument.value, cst.Name) and argument.value.value == "None"):
            none = argument.with_changes(value=cst.Name("None"))
            yield node.with_changes(args=[*node.args[:place], none, *node.args[place + 1 :]])
        if argument.keyword is not None:
            yield node.with_changes(args=[*node.args[:place], *node.args[place + 1 :]])


def _decided(node: cst.If | cst.While | cst.CompIf) -> Iterator[cst.CSTNode]:
    """A condition that never holds, and, unless it is a loop's, one that always does."""
    test = node.test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    yield cst.BooleanOperation(test, cst.And(), cst.Name("False"))
    if not isinstance(node, cst.While):
        yield cst.BooleanOperation(test, cst.Or(), cst.Name("True"))


def _says_nothing(node: cst.CSTNode) -> bool:
    """Whether nothing in this is to be changed."""
    match node:
        case cst.Annotation() | cst.Decorator() | cst.Import() | cst.ImportFrom():
            return True
        case cst.Expr(value=cst.SimpleString() | cst.ConcatenatedString()):
            return True
        case cst.If(test=cst.Name(value="TYPE_CHECKING")):
            return True
        case cst.Subscript(value=cst.Name(value="Literal" | "Annotated" | "Callable")):
            return True
        case cst.Expr(value=call):
            return _is_logged(call)
        case cst.Call(func=cst.Name(value=name)) if name in FOR_TYPES:
            return True
        case cst.Call():
            return _is_logged(node)
        case cst.Arg() if node.keyword is not None and node.keyword.value == "strict":
            return True
        case cst.SimpleString() | cst.ConcatenatedString() | cst.FormattedString():
            return _is_sentence(node) or (isinstance(node, cst.SimpleString) and node.raw_value in _ENCODING)
        case _:
            return False


def _is_logged(node: cst.CSTNode) -> bool:
    match node:
        case cst.Call(func=cst.Attribute(attr=cst.Name(value=name), value=owner)):
            return name in LOGGED and _last(owner) in {"logger", "log"}
        case _:
            return False


def _is_strict(call: cst.Call, argument: cst.Arg) -> bool:
    return _last(call.func) == "zip" and argument.keyword is not None


def _is_sentence(node: cst.CSTNode) -> bool:
    """Whether it is a text for people: one with a space between words."""
    match node:
        case cst.SimpleString():
            return bool(_SENTENCE.search(node.raw_value)) or node.raw_value in _ENCODING
        case cst.ConcatenatedString():
            return _is_sentence(node.left) or _is_sentence(node.right)
        case cst.FormattedString():
            return any(isinstance(part, cst.FormattedStringText) and " " in part.value for part in node.parts)
        case _:
            return False


def _last(node: Any) -> str:
    """The last name of `a.b.c`."""
    match node:
        case cst.Name(value=name) | cst.Attribute(attr=cst.Name(value=name)):
            return str(name)
        case _:
            return ""
