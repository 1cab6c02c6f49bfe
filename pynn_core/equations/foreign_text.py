"""Text of a model in another simulator's notation: where things stand in it, and errors that point at the place.

A `Text` is one block (equations, reset, ...) as its author wrote it. What is made of it keeps every line where it was,
so that an error of a later stage gives the author's line number too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NoReturn

from pyNN.equations.language import MAX_DEPTH, Line, is_representable, is_too_deep
from pyNN.errors import InvalidModelError

NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_COMMENT = re.compile(r"#[^\n]*")


@dataclass(frozen=True)
class Text:
    """A block of text of `model`; `part` names the block in messages."""

    source: str
    model: str
    part: str
    shown: str = ""
    """What its author wrote, as long as `source`, where that differs."""

    def __post_init__(self) -> None:
        if not isinstance(self.source, str):
            raise InvalidModelError(f"{self.model}: {self.part} must be text, not {self.source!r}.")

    @property
    def code(self) -> str:
        """The text with comments made spaces, so that every character is where it was."""
        return _COMMENT.sub(lambda match: " " * len(match[0]), self.source)

    def line_number(self, offset: int) -> int:
        """Number, from 1, of the line in which a character stands."""
        return self.source.count("\n", 0, offset) + 1

    def fail(self, message: str, offset: int, width: int = 1) -> NoReturn:
        """Raise EquationError with the line, and a caret under the character at `offset`."""
        offset = max(0, min(offset, len(self.source)))
        begin = self.source.rfind("\n", 0, offset) + 1
        end = self.source.find("\n", offset)
        line = (self.shown or self.source)[begin : end if end >= 0 else len(self.source)]
        width = max(1, min(width, len(line) - (offset - begin)))
        Line(self.model, self.part, self.line_number(offset), line).fail(message, offset - begin, width)

    def find(self, what: str, begin: int = 0) -> int:
        """Where `what` stands as a whole word; `begin` where it does not."""
        found = re.compile(rf"\b{re.escape(what)}\b").search(self.code, begin)
        return found.start() if found else begin


@dataclass(frozen=True)
class Piece:
    """An expression in a text: its syntax tree, and the characters from `begin` to `end`."""

    text: Text
    begin: int
    end: int
    tree: ast.expr

    @property
    def raw(self) -> str:
        """The characters, on one line."""
        return self.text.code[self.begin : self.end].replace("\n", " ").replace("\t", " ")

    def offset(self, node: ast.AST) -> int:
        """Where a node begins in the text; the parenthesis that parsing adds shifts columns by one."""
        return self.begin + int(getattr(node, "col_offset", 1)) - 1

    def width(self, node: ast.AST) -> int:
        return int(getattr(node, "end_col_offset", 2)) - int(getattr(node, "col_offset", 1))

    def fail(self, message: str, node: ast.AST | None = None) -> NoReturn:
        """Raise EquationError that points at a node, by default at the whole expression."""
        if node is None:
            lead = len(self.raw) - len(self.raw.lstrip())
            self.text.fail(message, self.begin + lead, len(self.raw.strip()))
        self.text.fail(message, self.offset(node), self.width(node))

    def names(self) -> Iterator[tuple[str, ast.Name]]:
        """Names that are not called, with their nodes."""
        called = {id(node.func) for node in ast.walk(self.tree) if isinstance(node, ast.Call)}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Name) and id(node) not in called:
                yield node.id, node

    def calls(self) -> Iterator[tuple[str, ast.Call]]:
        """Calls, by the name of what is called."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                yield node.func.id, node

    def segment(self, node: ast.AST) -> str:
        """The characters of a node."""
        start = int(getattr(node, "col_offset", 1)) - 1
        return self.raw[start : start + self.width(node)]

    def with_replacements(self, changes: list[tuple[ast.AST, str]]) -> str:
        """The characters with those of some nodes replaced; nodes do not overlap."""
        result = self.raw
        places = sorted(
            ((int(getattr(n, "col_offset", 1)) - 1, self.width(n), new) for n, new in changes), reverse=True
        )
        for start, width, new in places:
            result = result[:start] + new + result[start + width :]
        return result


def parse(text: Text, begin: int, end: int, hints: Mapping[type, str]) -> Piece:
    """The expression between two places. `hints`: kinds of syntax that the notation lacks, with what to write."""
    raw = text.code[begin:end].replace("\n", " ").replace("\t", " ")
    if not raw.strip():
        text.fail("an expression is missing here.", max(begin - 1, 0))
    if any(ord(character) > 127 for character in raw):
        where = next(k for k, character in enumerate(raw) if ord(character) > 127)
        text.fail(f"{raw[where]!r} cannot stand in an expression; names are plain ASCII letters.", begin + where)
    try:
        tree = ast.parse(f"({raw})", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        column = max(int(getattr(error, "offset", None) or 2) - 2, 0)
        column = min(column, len(raw.rstrip()) - 1)
        reason = error.args[0] if error.args else type(error).__name__
        text.fail(f"'{' '.join(raw.split())}' is not an expression ({reason}).", begin + column)
    if is_too_deep(tree):
        text.fail(
            f"this expression is nested more than {MAX_DEPTH} deep (a sum of that many terms is, too). Give parts of "
            "it a name.", begin, end - begin,
        )  # fmt: skip
    piece = Piece(text, begin, end, tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            if not isinstance(node.value, int | float):
                piece.fail(f"'{piece.segment(node)}' is not a number.", node)
            if not is_representable(node.value):
                piece.fail("this number is too large; the largest is 1.8e308.", node)
        operator = getattr(node, "op", None)
        for kind, hint in hints.items():
            if isinstance(operator, kind) or (
                isinstance(node, kind) and not issubclass(kind, ast.operator | ast.unaryop)
            ):
                piece.fail(hint.format(piece.segment(node)), node)
    return piece
