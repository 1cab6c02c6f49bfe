"""Shorter text for the same computation: a compiler takes a millisecond or more for each operation that it reads.

Both functions work on the lines of one block, of which assignments to names may be left away or taken together; what
else stands there stays. Numbers do not change: the operations on which they depend are the same.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from typing import cast

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
    counts: Counter[str] = Counter()
    versions = _Versions()
    for _, target, tree in parsed:
        if tree is not None:
            _count(tree, versions, counts)
        versions.assign(target)
    result: list[str] = []
    versions = _Versions()
    names: dict[str, str] = {}
    for line, target, tree in parsed:
        if tree is None:
            result.append(line)
        else:
            made: list[str] = []
            value = _Sharing(versions, counts, names, made, prefix).visit(tree)
            result += [*made, f"{target} = {ast.unparse(value)}"]
        versions.assign(target)
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


class _Versions:
    """Tells apart the values that a name has had."""

    def __init__(self) -> None:
        self._numbers: Counter[str] = Counter()

    def assign(self, name: str) -> None:
        if name:
            self._numbers[name] += 1

    def key(self, node: ast.expr) -> str:
        names = sorted({n.id for n in ast.walk(node) if isinstance(n, ast.Name)})
        return ast.unparse(node) + "".join(f" {name}{self._numbers[name]}" for name in names if self._numbers[name])


def _is_worth_a_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Call | ast.BinOp) and any(isinstance(n, ast.Name) for n in ast.walk(node))


def _count(node: ast.expr, versions: _Versions, counts: Counter[str]) -> None:
    """Count operations; parts of one that was met before are those of the first."""
    if _is_worth_a_name(node):
        key = versions.key(node)
        counts[key] += 1
        if counts[key] > 1:
            return
    for child in _parts(node):
        _count(child, versions, counts)


def _parts(node: ast.expr) -> Iterator[ast.expr]:
    children = node.args if isinstance(node, ast.Call) else ast.iter_child_nodes(node)
    return (child for child in children if isinstance(child, ast.expr))


class _Sharing(ast.NodeTransformer):
    def __init__(
        self, versions: _Versions, counts: Counter[str], names: dict[str, str], made: list[str], prefix: str
    ) -> None:
        self.versions, self.counts, self.names, self.made, self.prefix = versions, counts, names, made, prefix

    def visit(self, node: ast.AST) -> ast.AST:
        if not isinstance(node, ast.expr) or not _is_worth_a_name(node):
            return self.generic_visit(node)
        key = self.versions.key(node)
        if self.counts[key] < 2:
            return self._inside(node)
        if key not in self.names:
            value = self._inside(node)
            self.names[key] = f"{self.prefix}{len(self.names)}"
            self.made.append(f"{self.names[key]} = {ast.unparse(value)}")
        return ast.Name(self.names[key])

    def _inside(self, node: ast.expr) -> ast.AST:
        if isinstance(node, ast.Call):
            node.args = [cast(ast.expr, self.visit(argument)) for argument in node.args]
            return node
        return self.generic_visit(node)
