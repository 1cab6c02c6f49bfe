"""Shorter text for the same computation: a compiler takes a millisecond or more for each operation that it reads.

Both functions work on the lines of one block, of which assignments to names may be left away or taken together; what
else stands there stays. Numbers do not change: the operations on which they depend are the same.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, cast

_NAME = re.compile(r"[^\W\d]\w*")
_BRANCHES = (ast.IfExp, ast.BoolOp, ast.Subscript, ast.Lambda)
"""Of these a part may be evaluated only where others allow it."""


def needed(lines: list[str]) -> list[str]:
    """The lines without assignments to names that no later line has."""
    kept: list[str] = []
    read: set[str] = set()
    for line in reversed(lines):
        target, value = _assignment(line)
        if target:
            if target not in read:
                continue
            read.discard(target)
        read.update(_NAME.findall(value))
        kept.append(line)
    return kept[::-1]


def shared(lines: list[str], prefix: str = "_s") -> list[str]:
    """The lines with a name for each operation that occurs more than once on the same values.

    `prefix` begins such names, which no line may have yet.
    """
    parsed = [(line, *_parsed(line)) for line in lines]
    values = _Values()
    for _, target, tree in parsed:
        if tree is not None:
            values.number(tree)
        values.assign(target)
    counts: Counter[int] = Counter()
    for *_, tree in parsed:
        if tree is not None:
            _count(tree, values, counts)
    result: list[str] = []
    names: dict[int, str] = {}
    for line, target, tree in parsed:
        if tree is None:
            result.append(line)
        else:
            made: list[str] = []
            value = _Sharing(values, counts, names, made, prefix).visit(tree)
            result += [*made, f"{target} = {ast.unparse(value)}"]
    return result


def _assignment(line: str) -> tuple[str, str]:
    """Name and value of an assignment to a name; "" and the line otherwise."""
    target, assigns, value = line.partition(" = ")
    return (target, value) if assigns and target.isidentifier() else ("", line)


def _parsed(line: str) -> tuple[str, ast.expr | None]:
    target, value = _assignment(line)
    if not target:
        return "", None
    tree = ast.parse(value, mode="eval").body
    return target, None if any(isinstance(node, _BRANCHES) for node in ast.walk(tree)) else tree


class _Values:
    """A number for each value: equal for operations of the same kind on equal ones."""

    def __init__(self) -> None:
        self._versions: Counter[str] = Counter()
        self._numbers: dict[tuple[Any, ...], int] = {}
        self._of: dict[ast.AST, int] = {}
        self._with_names: set[int] = set()

    def assign(self, name: str) -> None:
        """From here on the name is another value."""
        self._versions[name] += 1

    def number(self, node: ast.AST) -> int:
        """The value of an expression, numbered with all its parts."""
        key: list[Any] = [type(node).__name__]
        varies = isinstance(node, ast.Name)
        if isinstance(node, ast.Name):
            key += [node.id, self._versions[node.id]]
        else:
            for _, part in ast.iter_fields(node):
                for item in part if isinstance(part, list) else [part]:
                    if isinstance(item, ast.expr):
                        key.append(self.number(item))
                        varies = varies or key[-1] in self._with_names
                    else:
                        key.append(type(item).__name__ if isinstance(item, ast.AST) else repr(item))
        found = self._of[node] = self._numbers.setdefault(tuple(key), len(self._numbers))
        if varies:
            self._with_names.add(found)
        return found

    def operation(self, node: ast.AST) -> int | None:
        """The value of an operation that is worth a name, or None."""
        if not isinstance(node, ast.Call | ast.BinOp):
            return None
        number = self._of[node]
        return number if number in self._with_names else None


def _count(node: ast.expr, values: _Values, counts: Counter[int]) -> None:
    """Count operations; parts of one that was met before are those of the first."""
    number = values.operation(node)
    if number is not None:
        counts[number] += 1
        if counts[number] > 1:
            return
    for child in _parts(node):
        _count(child, values, counts)


def _parts(node: ast.expr) -> Iterator[ast.expr]:
    children = node.args if isinstance(node, ast.Call) else ast.iter_child_nodes(node)
    return (child for child in children if isinstance(child, ast.expr))


class _Sharing(ast.NodeTransformer):
    def __init__(
        self, values: _Values, counts: Counter[int], names: dict[int, str], made: list[str], prefix: str
    ) -> None:
        self.values, self.counts, self.names, self.made, self.prefix = values, counts, names, made, prefix

    def visit(self, node: ast.AST) -> ast.AST:
        number = self.values.operation(node)
        if number is None:
            return self.generic_visit(node)
        if self.counts[number] < 2:
            return self._inside(cast(ast.expr, node))
        if number not in self.names:
            value = self._inside(cast(ast.expr, node))
            self.names[number] = f"{self.prefix}{len(self.names)}"
            self.made.append(f"{self.names[number]} = {ast.unparse(value)}")
        return ast.Name(self.names[number])

    def _inside(self, node: ast.expr) -> ast.AST:
        if isinstance(node, ast.Call):
            node.args = [cast(ast.expr, self.visit(argument)) for argument in node.args]
            return node
        return self.generic_visit(node)
