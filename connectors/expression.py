"""Connections that are written as text: a condition, a probability, a number, or a generator of cells."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyNN.connectors.base import (
    PAIRS_A_BLOCK,
    BoolArray,
    ConnectionRequest,
    Connections,
    FloatArray,
    IntArray,
    is_allowed,
)
from pyNN.connectors.distance import smallest
from pyNN.connectors.draws import connector_key, keyed_uniforms
from pyNN.connectors.probabilistic import ProbabilityConnector
from pyNN.connectors.regeneration import PairRule
from pyNN.errors import ConnectorError, ExpressionError, UnitsError, nearest
from pyNN.expressions import CONSTANTS, FUNCTIONS, Expression
from pyNN.units import factor

PAIR_NAMES = ("i", "j", "d", "N_pre", "N_post")
"""Index of the pre and of the post cell, their distance in um, and how many cells there are on each side."""
UNITS = {
    "ms": 1.0, "msecond": 1.0, "us": 1e-3, "usecond": 1e-3, "s": 1e3, "second": 1e3,
    "mV": 1.0, "mvolt": 1.0, "uV": 1e-3, "uvolt": 1e-3, "V": 1e3, "volt": 1e3,
    "nA": 1.0, "namp": 1.0, "pA": 1e-3, "pamp": 1e-3, "uS": 1.0, "usiemens": 1.0, "nS": 1e-3, "nsiemens": 1e-3,
    "nF": 1.0, "nfarad": 1.0, "pF": 1e-3, "pfarad": 1e-3, "Hz": 1.0, "hertz": 1.0,
    "um": 1.0, "umetre": 1.0, "umeter": 1.0, "mm": 1e3, "mmetre": 1e3, "mmeter": 1e3, "metre": 1e6, "meter": 1e6,
}  # fmt: skip
"""Units that may stand in a text, as numbers of PyNN's units."""
_INTERFACE_UNITS = ("1", "ms", "mV", "nA", "nF", "uS", "um", "Hz")
_OF_CELL = re.compile(r"(?P<name>[A-Za-z]\w*)_(?P<side>pre|post)")
_DOTTED = re.compile(r"\b(pre|post)\.([A-Za-z]\w*)")
_SEQUENCES = "range(n), range(first, end, step), sample(n, p=...), sample(n, size=...) and lists such as [-1, 1]"

Names = Mapping[str, Any]


class PairText:
    """An expression in the variables of pairs of cells, and of the numbers of a namespace.

    `x_pre` and `pre.x` mean the variable or parameter x of the pre cell, `x_post` and `post.x` that of the post cell;
    x, y and z the position in um where a cell has no such variable.
    """

    def __init__(self, text: str, what: str, namespace: Names, further: tuple[str, ...] = ()) -> None:
        if not isinstance(text, str):
            raise ConnectorError(f"{what} is text, such as 'i != j', not {text!r}.")
        self.text = _DOTTED.sub(r"\2_\1", text).strip()
        self.namespace, self._further = namespace, further
        known = [*PAIR_NAMES, *further, *namespace, *UNITS]
        found = [*dict.fromkeys(n for n in _names(self.text) if n in known or _OF_CELL.fullmatch(n))]
        try:
            self.expression = Expression(self.text, found)
        except ExpressionError as error:
            unknown = [n for n in _names(self.text) if n not in (*found, *CONSTANTS, *FUNCTIONS)]
            if not unknown:
                hint = " Random choices are made with p= and n=, or sample(...)." if "rand" in self.text else ""
                raise ConnectorError(f"{what}: {error}{hint}") from error
            raise ConnectorError(
                f"{what}: '{unknown[0]}' in '{text}' is not known.{nearest(unknown[0], [*known, *FUNCTIONS])} Known "
                f"are {', '.join([*PAIR_NAMES, *further, *namespace])}, a variable of the cells as x_pre or x_post, "
                "units, and the functions of pyNN.expressions; other numbers are given with namespace={...}."
            ) from error
        self.used = tuple(n for n in found if n in self.expression.used)

    @property
    def cell_variables(self) -> tuple[tuple[str, str], ...]:
        """(side, name) of what it takes from the cells."""
        matches = [_OF_CELL.fullmatch(n) for n in self.used if n not in self._given]
        return tuple((m["side"], m["name"]) for m in matches if m)

    @property
    def is_constant(self) -> bool:
        return all(name in self.namespace or name in UNITS for name in self.used)

    @property
    def _given(self) -> tuple[str, ...]:
        """Names that are not looked up among the variables of the cells."""
        return (*PAIR_NAMES, *self.namespace, *self._further)

    def __call__(self, request: ConnectionRequest, pre: IntArray, post: IntArray, further: Names | None = None) -> Any:
        """Values for pairs; `pre` or `post` may be empty where the text does not use it."""
        return self.expression(**{name: self._value(name, request, pre, post, further or {}) for name in self.used})

    def _value(self, name: str, request: ConnectionRequest, pre: IntArray, post: IntArray, further: Names) -> Any:
        if name in further:
            return further[name]
        if name in self.namespace:
            return self.namespace[name]
        if name in PAIR_NAMES:
            simple = {"i": pre, "j": post, "N_pre": request.n_pre, "N_post": request.n_post}
            return simple[name] if name in simple else request.distances(pre, post)
        match = _OF_CELL.fullmatch(name)
        if match is None:
            return UNITS[name]
        side = match["side"]
        return request.cell_values[side, match["name"]][pre if side == "pre" else post]


def _tree(text: str) -> ast.expr | None:
    """The syntax tree of an expression; None for what is none."""
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _names(text: str) -> list[str]:
    """Names of variables in a text that may not be an expression."""
    tree = _tree(text)
    if tree is None:
        return []
    functions = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    return [n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in functions]


class ExpressionConnector(ProbabilityConnector):
    """Connections from text in the variables of pairs of cells.

    `condition`: pairs for which it holds, such as "i != j and abs(i - j) < 3". `p`: probability of each of them, a
    number or text such as "exp(-d/100)". `n`: how many connections such a pair gets, a whole number or text. Instead
    of a condition, `j` gives the post cells of each pre cell i, or `i` the pre cells of each post cell j: an expression
    ("i + 1", "i + 1 if i < N_pre - 1") or a generator ("k for k in range(i - 3, i + 4) if k != i"). What lies outside
    the population is an error, or left out with `skip_if_invalid`. Sequences of generators: range(), lists, and
    sample(n, p=...) or sample(n, size=...), which draws from range(n).

    Names: i, j, N_pre, N_post, the distance d (um, of the projection's space), x_pre or pre.x and x_post or post.x for
    variables, parameters and positions (x, y, z) of the cells, units, and numbers of `namespace`. Numbers are in PyNN's
    units. `values`: numbers or text by name for parameters of the synapse ({"weight": "0.1*exp(-d/100)"}), which come
    before those of the synapse type. All draws are of the simulation's seed, the same for any number of processes.
    """

    parameter_names = ("condition", "p", "n", "i", "j", "skip_if_invalid", "values")

    def __init__(
        self,
        condition: str | None = None,
        p: float | str = 1.0,
        n: int | str = 1,
        i: str | None = None,
        j: str | None = None,
        skip_if_invalid: bool = False,
        namespace: Names | None = None,
        values: Names | None = None,
        allow_self_connections: bool | str = True,
        location_selector: Any = None,
        safe: bool = True,
        callback: Callable[[float], None] | None = None,
    ) -> None:
        super().__init__(allow_self_connections, location_selector, None, safe, callback)
        if sum(part is not None for part in (condition, i, j)) > 1:
            raise ConnectorError(
                "ExpressionConnector: give one of condition=, i= and j=; a generator has its condition at its end: "
                "'k for k in range(N_post) if k != i'."
            )
        self.condition, self.p, self.n, self.i, self.j = condition, p, n, i, j
        self.skip_if_invalid = bool(skip_if_invalid)
        self.values = dict(values or {})
        self.namespace = _checked_namespace(namespace)
        generated: Any = _Generator(j, "pre", self.namespace) if j is not None else None
        self._generator: _Generator | None = _Generator(i, "post", self.namespace) if i is not None else generated
        self._condition = None if condition is None else self._text(condition, "condition")
        self._p = self._text(p, "p") if isinstance(p, str) else _plain_number(p, "p")
        if not isinstance(self._p, PairText) and not 0.0 <= self._p <= 1.0:
            raise ConnectorError(f"ExpressionConnector: p must be a probability, from 0 to 1, not {p!r}.")
        self._n = self._text(n, "n") if isinstance(n, str) else _plain_number(n, "n")
        if not isinstance(self._n, PairText) and (self._n < 0 or self._n != int(self._n)):
            raise ConnectorError(f"ExpressionConnector: n must be a whole number that is not negative, not {n!r}.")
        self._values = {
            name: self._text(value, name) if isinstance(value, str) else _plain_number(value, name)
            for name, value in self.values.items()
        }

    def _text(self, text: str, what: str) -> PairText:
        return PairText(text, f"ExpressionConnector, {what}", self.namespace)

    @property
    def cell_variables(self) -> tuple[tuple[str, str], ...]:
        """(side, name) of the variables of cells that the texts use."""
        texts = [self._condition, self._p, self._n, *self._values.values()]
        texts += self._generator.texts if self._generator else []
        found = [v for text in texts if isinstance(text, PairText) for v in text.cell_variables]
        return tuple(dict.fromkeys(found))

    # -- all pairs

    def rule(self, request: ConnectionRequest) -> PairRule | None:
        """The rule of equal probabilities, where the text says no more than that."""
        p = self._constant_probability(request)
        simple = self._generator is None and self._n == 1 and not self._values and p is not None
        if not simple or self.allow_self_connections == "NoMutual":
            return None
        if self._condition is not None:
            same = np.array_equal(request.pre_ids, request.post_ids)
            if not same or re.sub(r"\s", "", self._condition.text) not in ("i!=j", "j!=i"):
                return None
        allowed = self._condition is None and self.allow_self_connections is True
        forbidden = np.full(request.n_pre, -1, dtype=np.int64) if allowed else request.self_post
        return PairRule(connector_key(request), float(p or 0.0), forbidden, request.n_post)

    def _constant_probability(self, request: ConnectionRequest) -> float | None:
        if not isinstance(self._p, PairText):
            return self._p
        if not self._p.is_constant:
            return None
        none = np.empty(0, dtype=np.int64)
        return float(np.clip(float(self._p(request, none, none)), 0.0, 1.0))

    def probabilities(self, request: ConnectionRequest, pre: IntArray, post: IntArray) -> Any:
        p = self._p(request, pre, post) if isinstance(self._p, PairText) else self._p
        if self._condition is None:
            return p
        holds = self._condition(request, pre, post)
        return np.where(np.broadcast_to(holds, pre.shape), p, 0.0)

    def connections(self, request: ConnectionRequest) -> Connections:
        if request.is_empty:
            return Connections.none(tuple(self._values))
        rule = self.rule(request)
        if rule is not None:
            return rule.connections(request, lambda fraction: self._report(request, fraction))
        made = super().connections(request) if self._generator is None else self._generated(request, self._generator)
        pre, post = self._multiplied(request, made.pre.astype(np.int64), made.post.astype(np.int64))
        if not self._values:
            return Connections(pre.astype(np.int32), post.astype(np.int32))
        columns = {
            name: np.array(np.broadcast_to(text(request, pre, post) if isinstance(text, PairText) else text, pre.shape))
            for name, text in self._values.items()
        }
        return Connections(pre.astype(np.int32), post.astype(np.int32), columns)

    def _multiplied(self, request: ConnectionRequest, pre: IntArray, post: IntArray) -> tuple[IntArray, IntArray]:
        """Each pair as often as `n` says."""
        if not isinstance(self._n, PairText):
            number = int(self._n)
            return (pre, post) if number == 1 else (np.repeat(pre, number), np.repeat(post, number))
        numbers = np.broadcast_to(np.asarray(self._n(request, pre, post), dtype=float), pre.shape)
        bad = np.flatnonzero(~((numbers >= 0) & (numbers == np.floor(numbers)) & np.isfinite(numbers)))
        if bad.size:
            raise ConnectorError(
                f"{self!r}: n is {numbers[bad[0]]:g} from pre cell {pre[bad[0]]} to post cell {post[bad[0]]}; it must "
                "be a whole number that is not negative."
            )
        counts = numbers.astype(np.int64)
        return np.repeat(pre, counts), np.repeat(post, counts)

    # -- generators

    def _generated(self, request: ConnectionRequest, generator: _Generator) -> Connections:
        by_pre = generator.row_side == "pre"
        rows = np.arange(request.n_pre) if by_pre else request.posts
        size, label = (request.n_post, request.post_label) if by_pre else (request.n_pre, request.pre_label)
        pairs = []
        counts = generator.most(request, rows)
        for part in _row_blocks(counts):
            row, found = self._inside(*generator.of_rows(request, rows[part]), size, label, generator)
            pre, post = (row, found) if by_pre else (found, row)
            keep = is_allowed(request, self.allow_self_connections, pre, post) & request.is_local[post]
            if isinstance(self._p, PairText) or self._p < 1.0:
                # The place of a connection in its row names its random number, so all of the row are counted.
                keep &= self._chosen(request, row, pre, post)
            pairs.append((pre[keep], post[keep]))
            self._report(request, part.stop / rows.size)
        pre, post = (np.concatenate([p[k] for p in pairs]) for k in (0, 1)) if pairs else (np.empty(0, int),) * 2
        return Connections.from_pairs(pre, post)

    def _chosen(self, request: ConnectionRequest, row: IntArray, pre: IntArray, post: IntArray) -> BoolArray:
        p = self._p(request, pre, post) if isinstance(self._p, PairText) else self._p
        u = keyed_uniforms(request, connector_key(request), row, _places(row))
        return np.asarray(u < np.broadcast_to(p, row.shape))

    def _inside(
        self, row: IntArray, found: FloatArray, size: int, label: str, generator: _Generator
    ) -> tuple[IntArray, IntArray]:
        """Without cells that do not exist; ConnectorError where they are not to be left out."""
        whole = found == np.floor(found)
        inside = whole & (found >= 0) & (found < size)
        wrong = np.flatnonzero(~whole if self.skip_if_invalid else ~inside)
        if wrong.size:
            k = wrong[0]
            own, other = ("i", "j") if generator.row_side == "pre" else ("j", "i")
            hint = "" if not whole[k] else " skip_if_invalid=True leaves out what lies outside."
            raise ConnectorError(
                f"ExpressionConnector: {other}='{generator.text}' gives {found[k]:g} for {own}={row[k]}; possible "
                f"indices in '{label}': 0 to {size - 1}.{hint}"
            )
        return row[inside], found[inside].astype(np.int64)


def _plain_number(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise ConnectorError(f"ExpressionConnector: {what} is a number or text, not {value!r}.")
    return float(value)


def _checked_namespace(namespace: Names | None) -> dict[str, float]:
    result = {}
    for name, value in (namespace or {}).items():
        if not isinstance(name, str) or not name.isidentifier() or name in (*PAIR_NAMES, *FUNCTIONS):
            raise ConnectorError(f"ExpressionConnector: namespace has {name!r}, which cannot name a number here.")
        number: Any = getattr(value, "magnitude", value)
        if np.ndim(number) or isinstance(number, (str, bool)):
            raise ConnectorError(f"ExpressionConnector: '{name}' of the namespace is one number, not {value!r}.")
        result[name] = float(number) if number is value else _in_interface_unit(name, value)
    return result


def _in_interface_unit(name: str, value: Any) -> float:
    """A quantity as a number of PyNN's unit of its kind."""
    given = str(value.dimensionality.string)
    for unit in _INTERFACE_UNITS:
        try:
            return float(value.magnitude) * factor(given, unit)
        except UnitsError:
            continue
    raise ConnectorError(
        f"ExpressionConnector: '{name}' of the namespace is in {given}; possible are units of {_INTERFACE_UNITS}."
    )


def _places(row: IntArray) -> IntArray:
    """For ascending rows the number of each entry within its row."""
    starts = np.flatnonzero(np.r_[True, row[1:] != row[:-1]]) if row.size else np.empty(0, dtype=np.int64)
    lengths = np.diff(np.r_[starts, row.size])
    return np.arange(row.size) - np.repeat(starts, lengths)


def _row_blocks(counts: IntArray) -> Iterator[slice]:
    """Ranges of rows with about PAIRS_A_BLOCK entries each, and one row at least."""
    ends = np.cumsum(counts)
    start = 0
    while start < counts.size:
        before = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + PAIRS_A_BLOCK, side="right")))
        yield slice(start, stop)
        start = stop


class _Sequence:
    """One "for k in ..." of a generator."""

    def __init__(self, node: ast.comprehension, number: int, make: Callable[[ast.expr, str], PairText]) -> None:
        if not isinstance(node.target, ast.Name) or node.is_async:
            raise ConnectorError("ExpressionConnector: a generator runs through one name, as in 'for k in range(10)'.")
        self.name = node.target.id
        self.number = number
        self.listed: list[PairText] = []
        self.p: PairText | None = None
        self.size: PairText | None = None
        self.bounds: list[PairText] = []
        source = node.iter
        if isinstance(source, ast.List | ast.Tuple):
            self.listed = [make(element, "list") for element in source.elts]
            return
        kind = source.func.id if isinstance(source, ast.Call) and isinstance(source.func, ast.Name) else ""
        if not isinstance(source, ast.Call) or kind not in ("range", "sample") or not 1 <= len(source.args) <= 3:
            raise ConnectorError(
                f"ExpressionConnector: 'for {self.name} in {ast.unparse(source)}' is not possible. Sequences: "
                f"{_SEQUENCES}."
            )
        self.bounds = [make(argument, kind) for argument in source.args]
        given = {keyword.arg: keyword.value for keyword in source.keywords}
        wanted = {"range": set(), "sample": {"p", "size"}}[kind]
        if not given.keys() <= wanted or (kind == "sample" and len(given) != 1):
            raise ConnectorError(
                f"ExpressionConnector: '{ast.unparse(source)}' takes "
                + ("p= or size=." if kind == "sample" else "no arguments by name.")
            )
        self.p = make(given["p"], "p") if "p" in given else None
        self.size = make(given["size"], "size") if "size" in given else None

    @property
    def texts(self) -> list[PairText]:
        return [*self.listed, *self.bounds, *(t for t in (self.p, self.size) if t is not None)]

    def counts(self, value: Callable[[PairText], FloatArray]) -> tuple[IntArray, FloatArray, FloatArray]:
        """For each line of a table: how many values, the first of them, and the step."""
        if self.listed:
            n = len(value(self.listed[0]))
            return np.full(n, len(self.listed)), np.zeros(n), np.ones(n)
        numbers = [value(bound) for bound in self.bounds]
        first, end = (np.zeros_like(numbers[0]), numbers[0]) if len(numbers) == 1 else (numbers[0], numbers[1])
        step = numbers[2] if len(numbers) == 3 else np.ones_like(first)
        for one in (first, end, step):
            if not (np.isfinite(one) & (one == np.floor(one))).all():
                raise ConnectorError(
                    f"ExpressionConnector: the bounds of 'for {self.name} in ...' are whole numbers, not "
                    f"{one[~(one == np.floor(one))][0]:g}."
                )
        if not step.all():
            raise ConnectorError(f"ExpressionConnector: the step of 'for {self.name} in ...' is 0.")
        return np.maximum(np.ceil((end - first) / step), 0).astype(np.int64), first, step


class _Generator:
    """The cells that a text gives for each cell of the other side: an expression, or a generator expression."""

    def __init__(self, text: str, row_side: str, namespace: Names) -> None:
        own, other = ("j", "i") if row_side == "pre" else ("i", "j")
        self.what = f"ExpressionConnector, {own}"
        if not isinstance(text, str):
            raise ConnectorError(f"{self.what} is text, such as 'k for k in range(10)', not {text!r}.")
        self.text, self.row_side, self.other = text.strip(), row_side, own
        self._forbidden = (own, "d")
        self._row_name = other
        element, generators = self._parsed(_DOTTED.sub(r"\2_\1", self.text))
        further: tuple[str, ...] = ()

        def make(node: ast.expr, part: str) -> PairText:
            made = PairText(ast.unparse(node), f"{self.what}='{self.text}'", namespace, further)
            other_side = "post" if row_side == "pre" else "pre"
            wrong = [n for n in made.used if n in self._forbidden and n not in further]
            wrong += [f"{name}_{side}" for side, name in made.cell_variables if side == other_side]
            if wrong:
                raise ConnectorError(
                    f"{self.what}='{self.text}': {wrong[0]} has no value here, since {own} is what the text gives. "
                    f"Use {other} and variables of the {row_side} cell, or condition=."
                )
            return made

        self.sequences: list[_Sequence] = []
        self.tests: list[PairText] = []
        for number, comprehension in enumerate(generators):
            self.sequences.append(_Sequence(comprehension, number, make))
            further = (*further, self.sequences[-1].name)
            self.tests += [make(test, "if") for test in comprehension.ifs]
        self.element = make(element, "value")

    def _parsed(self, text: str) -> tuple[ast.expr, list[ast.comprehension]]:
        """The value and the "for ... in ... if ..." of the text."""
        candidates = [f"[{text}]", f"[{text} for _once in range(1)]"]
        # "value if condition", without a sequence.
        candidates += [
            f"[{text[: match.start()]} for once in range(1) if {text[match.end() :]}]"
            for match in re.finditer(r"\bif\b", text)
        ]
        for candidate in candidates:
            tree = _tree(candidate)
            if isinstance(tree, ast.ListComp):
                return tree.elt, tree.generators
            if isinstance(tree, ast.List) and len(tree.elts) == 1:
                return tree.elts[0], []
        raise ConnectorError(
            f"{self.what}='{self.text}' is neither an expression nor a generator such as "
            f"'k for k in range({self._row_name} - 3, {self._row_name} + 4) if k != {self._row_name}'. Sequences: "
            f"{_SEQUENCES}."
        )

    @property
    def texts(self) -> list[PairText]:
        return [self.element, *self.tests, *(text for sequence in self.sequences for text in sequence.texts)]

    def most(self, request: ConnectionRequest, rows: IntArray) -> IntArray:
        """About how many entries each row has before the conditions."""
        counts = np.ones(rows.size, dtype=np.int64)
        table: dict[str, Any] = {}
        for sequence in self.sequences[:1]:
            counts = sequence.counts(lambda text: self._values(text, request, rows, table))[0]
        return counts

    def _values(self, text: PairText, request: ConnectionRequest, rows: IntArray, table: Names) -> FloatArray:
        pre, post = (rows, rows[:0]) if self.row_side == "pre" else (rows[:0], rows)
        value = np.asarray(text(request, pre, post, table), dtype=float)
        return np.array(np.broadcast_to(value, rows.shape))

    def of_rows(self, request: ConnectionRequest, rows: IntArray) -> tuple[IntArray, FloatArray]:
        """(row, what the text gives) of all entries, row after row."""
        table: dict[str, Any] = {}
        for sequence in self.sequences:
            rows, table = self._expanded(sequence, request, rows, table)
        for test in self.tests:
            keep = self._values(test, request, rows, table) != 0.0
            rows, table = rows[keep], {name: values[keep] for name, values in table.items()}
        return rows, self._values(self.element, request, rows, table)

    def _expanded(
        self, sequence: _Sequence, request: ConnectionRequest, rows: IntArray, table: dict[str, Any]
    ) -> tuple[IntArray, dict[str, Any]]:
        """The table with a line for each value of the sequence."""

        def value(text: PairText) -> FloatArray:
            return self._values(text, request, rows, table)

        counts, first, step = sequence.counts(value)
        line = np.repeat(np.arange(rows.size), counts)
        ordinal = _places(line)
        if sequence.listed:
            listed = np.stack([value(text) for text in sequence.listed], axis=1)
            numbers = listed[line, ordinal]
        else:
            numbers = first[line] + step[line] * ordinal
        keep: NDArray[Any] = np.ones(line.size, dtype=bool)
        if sequence.p is not None or sequence.size is not None:
            key = connector_key(request, "sample", str(sequence.number))
            u = keyed_uniforms(request, key, rows[line], _places(rows[line]))
            if sequence.p is not None:
                keep = u < value(sequence.p)[line]
            elif sequence.size is not None:
                keep = self._smallest(u, line, counts, value(sequence.size))
        line = line[keep]
        return rows[line], {**{n: v[line] for n, v in table.items()}, sequence.name: numbers[keep]}

    def _smallest(self, u: FloatArray, line: IntArray, counts: IntArray, sizes: FloatArray) -> BoolArray:
        """The sizes[k] smallest numbers of each line k."""
        bad = np.flatnonzero(~((sizes >= 0) & (sizes == np.floor(sizes))) | (sizes > counts))
        if bad.size:
            k = bad[0]
            raise ConnectorError(
                f"{self.what}='{self.text}': size={sizes[k]:g} is not possible; a sample from {counts[k]} numbers has "
                f"0 to {counts[k]} of them."
            )
        if counts.size and (counts == counts[0]).all() and counts[0]:
            return np.asarray(smallest(u.reshape(-1, int(counts[0])), sizes.astype(np.int64)).ravel())
        order = np.lexsort((u, line))
        keep = np.zeros(u.size, dtype=bool)
        keep[order] = _places(line) < sizes[line]
        return keep
