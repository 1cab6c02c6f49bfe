"""Adaptive sub-steps that many cells take side by side, each cell with a length of its own.

This is how models are integrated of which several states are nonlinear, such as those with channels. A time step of
0.1 ms is long for the gates of sodium, and for an action potential, so that nearly every step has to be divided. What a
cell does depends on its own state only: it starts with the whole step, repeats a sub-step whose error estimate exceeds
TOLERANCE, relative to the size of each variable and its change, and makes the next as long as that estimate allows.
Cells are only computed together: all are at the same stage of the method, so that the loops over them become vector
code, and those that have reached the end of the step leave their places to others.

A solution may diverge within a step, as the upstroke of an action potential does that is an exponential or a square of
the potential. It then has crossed the threshold, and the cell's step ends where sub-steps become as short as
RESOLUTION, so that the cell spikes.

A sub-step as short as RESOLUTION is taken whatever the error: where a right side jumps while a variable is zero, no
length brings the error below a fraction of the variable.

All states that have derivatives are integrated, also linear ones, whose course the others need at every stage; of these
the exact propagator's result is what counts at the end.

In Numba code, WIDTH cells have their places in a table: rows are quantities, columns are cells. It is a flat array
whose rows have a width known to the compiler, and small enough for the innermost cache.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fractions import Fraction

from pyNN.equations.analysis import INJECTED, Analysis
from pyNN.equations.economy import needed, shared
from pyNN.equations.methods import Tableau
from pyNN.equations.program import FUNCTIONS, Program, mentions, rename, weighted

TOLERANCE = 2e-8
"""With the method of eighth order, this gives trajectories with spikes to about 1e-7 of a variable's range."""
MAX_SUBSTEPS = 20_000
"""A time step of 0.1 ms then consists of sub-steps of 5 ns."""
PATIENCE, HOPELESS = 500, 10
"""A cell that after this many sub-steps would need so many times MAX_SUBSTEPS at its pace is given up at once."""
WIDTH = 32
_VECTOR = 8
"""Cells are computed in multiples of this, so that no cells are left over for a loop that is not vector code."""
_END = "1.0 - 1e-14"
_SHORTEST = 1e-200
RESOLUTION = 1e-10
"""Of time, as a fraction of the step; the time itself, which right sides may name, is not known better."""
STEEP = 1e6
"""A solution diverges if a step at its slope would change the states by more than this factor."""


class Lockstep:
    """Adds to a program what it takes to call `integrate`."""

    def __init__(self, program: Program, moving: bool, propagated: Callable[[str, Fraction], str]) -> None:
        self.program = program
        self.moving = moving and any(n in program.analysis.held for n in program.analysis.integrated)
        """Whether some nonlinear state goes on while others are held."""

    def add(self) -> None:
        program, analysis = self.program, self.program.analysis
        program.integration.extend(analysis.inputs)
        if self.moving:
            program.integration.append(("_go", "where(_active, 1.0, 0.0)"))
        used = " ".join([*analysis.increments.values(), *(e for _, e in analysis.common)])
        program.divergence = divergence(program)
        used = f"{used} {program.divergence}"
        program.slope_arguments = [
            *analysis.integrated,
            *(n for n in analysis.still if mentions(used, n)),
            *(n for n, _ in analysis.inputs if mentions(used, n)),
            *([INJECTED] if mentions(used, INJECTED) else []),
            *(["_go"] if self.moving else []),
            *(n for n, _ in analysis.coefficients if mentions(used, n)),
        ]
        program.refine_arguments = program.slope_arguments
        program.refine_results = list(analysis.nonlinear)
        program.slopes = [_slope(analysis, n, self.moving) for n in analysis.integrated]


def divergence(program: Program) -> str:
    """The threshold, if it can be evaluated within a step: on states that have derivatives and on what is fixed."""
    analysis = program.analysis
    if not analysis.threshold or analysis.interval:
        return ""
    coefficients = [n for n, _ in analysis.coefficients]
    known = {*analysis.integrated, *analysis.still, INJECTED, *coefficients, *FUNCTIONS.split()}
    known -= {n for n, _ in analysis.derived}
    found = set(re.findall(r"(?<![\w.])[A-Za-z_]\w*", analysis.threshold))
    named = found - {"abs", "where", "logical_not", "inf"}
    return analysis.threshold if named <= known else ""


def steep(states: Sequence[str], slope: str) -> str:
    """The condition that a step at the present slopes would change the states by far more than they are."""
    change = " + ".join(f"abs({slope.format(n)})" for n in states)
    return f"({change}) > {STEEP!r}*({' + '.join(f'abs({n})' for n in states)})"


def _pace(time: str, number: str) -> str:
    """The condition that a step may come to its end within the sub-steps that it may have."""
    return f"{time}*{float(HOPELESS * MAX_SUBSTEPS)!r} >= {number}"


def _slope(analysis: Analysis, name: str, moving: bool) -> str:
    """The increment of a state over a whole step; 0 where it is held while others are not."""
    text = analysis.increments[name]
    return f"_go*({text})" if moving and name in analysis.held else text


def _stage(tableau: Tableau, stage: int, name: str) -> str:
    """A state's value at a stage, the last of which is the end of the sub-step."""
    row = tableau.stages[stage] if stage < len(tableau.stages) else tableau.weights
    return f"{name} + _h*({weighted('', row, f'_k{{}}_{name}')})" if row else name


def _evaluations(tableau: Tableau) -> int:
    """How often a sub-step computes slopes: at its end only if the estimates of the error need them."""
    estimates = [row[-1] for row in (tableau.error, tableau.second_error) if row]
    return len(tableau.stages) + any(estimates)


def _estimates(tableau: Tableau, name: str) -> list[tuple[str, str]]:
    """The estimates of a state's error, over _h."""
    return [
        (f"_{letter}_{name}", weighted("", row, f"_k{{}}_{name}"))
        for letter, row in (("e", tableau.error), ("d", tableau.second_error)) if row
    ]


def _error(tableau: Tableau, name: str) -> list[tuple[str, str]]:
    """The error of a state, in units of what is tolerated, as assignments the last of which is to `_part`."""
    last = len(tableau.stages)
    first = [("_e", f"abs(_h*_e_{name})")]
    if tableau.second_error:
        first += [("_d", f"_h*_d_{name}"), ("_e", "_e*_e/sqrt(_e*_e + 0.01*_d*_d + 1e-300)")]
    size = f"{TOLERANCE!r}*(abs({name}) + abs(_y{last}_{name}) + abs(_h*_k0_{name})) + 1e-150"
    return [*first, ("_part", f"_e/({size})")]


def _control(tableau: Tableau) -> list[tuple[str, str]]:
    """From `_worst`, the largest error, and `_all`, their sum, to whether the sub-step is accepted and the next length.

    A maximum may pass over what is not a number; a sum does not. A sub-step that leads out of the numbers is far too
    long.
    """
    # The eighth root needs no logarithm.
    root = "sqrt(sqrt(sqrt(_worst + 1e-16)))" if tableau.order == 8 else f"(_worst + 1e-12)**{1.0 / tableau.order!r}"
    return [
        ("_finite", "_all < inf"),
        ("_accepted", f"_finite & ((_worst <= 1.0) | (_h <= {RESOLUTION!r}))"),
        ("_next", f"_h*where(_finite, minimum(5.0, maximum(0.2, 0.9/{root})), 0.1)"),
    ]


# -- NumPy


def numpy_integrate(program: Program) -> list[str]:
    """Source of `integrate(number, ...)`: the nonlinear states after a step, one row each."""
    analysis, tableau = program.analysis, program.tableau
    states, last = analysis.integrated, len(tableau.stages)
    fixed = [name for name in program.slope_arguments if name not in states]
    body: list[str] = ["_h = minimum(_h, 1.0 - _t)"]
    for stage in range(last + 1):
        body += [f"_y{stage}_{n} = {_stage(tableau, stage, n)}" for n in states]
        if stage < _evaluations(tableau):
            arguments = ", ".join([*(f"_y{stage}_{n}" for n in states), *fixed])
            targets = ", ".join(f"_k{stage}_{n}" for n in states)
            body.append(f"{targets}, = slopes(len(_cells), {arguments})")
    body += ["_worst = _all = 0.0"]
    for name in states:
        body += [f"{target} = {value}" for target, value in (*_estimates(tableau, name), *_error(tableau, name))]
        body += ["_worst = maximum(_worst, _part)", "_all = _all + _part"]
    body += [f"{target} = {value}" for target, value in _control(tableau)]
    body += ["_t = where(_accepted, _t + _h, _t)"]
    body += [f"{n} = where(_accepted, _y{last}_{n}, {n})" for n in states]
    lasting = [*states, *fixed, "_t", "_h", "_cells"]
    return [
        f"def slopes(_n, {', '.join(program.slope_arguments)}):",
        *(f"    {name} = {expression}" for name, expression in analysis.common),
        "    return (",
        *(f"        np.broadcast_to({expression}, _n)," for expression in program.slopes),
        "    )",
        "",
        "",
        f"def integrate(_n, {', '.join(program.refine_arguments)}):",
        f"    _result = np.full(({len(analysis.nonlinear)}, _n), nan)",
        "    _cells, _t, _h = np.arange(_n), np.zeros(_n), np.ones(_n)",
        f"    for _number in range(1, {MAX_SUBSTEPS + 1}):",
        "        if not _cells.size:",
        "            break",
        *(f"        {line}" for line in body),
        f"        _done = _t >= {_END}",
        *(
            [
                f"        _steep = (_next <= {RESOLUTION!r}) & ({steep(states, '_k0_{}')})",
                f"        _done = _done | _steep & ({program.divergence})",
            ] if program.divergence else []
        ),
        f"        _open = logical_not(_done) & (_h >= {_SHORTEST!r})",
        f"        if _number >= {PATIENCE}:",
        f"            _open = _open & ({_pace('_t', '_number')})",
        "        _h = _next",
        "        if not _open.all():",
        *(f"            _result[{row}, _cells[_done]] = {n}[_done]" for row, n in enumerate(analysis.nonlinear)),
        *(f"            {name} = _of({name}, _open)" for name in lasting),
        "    return _result",
        "",
        "",
        "def _of(value, cells):",
        "    return value[cells] if np.ndim(value) else value",
    ]


# -- Numba


class _Table:
    """Rows of the table, and how a quantity of the cell in column `_l` is written."""

    def __init__(self, program: Program, per_cell: bool) -> None:
        analysis, tableau = program.analysis, program.tableau
        self.states = analysis.integrated
        coefficients = [n for n, _ in analysis.coefficients if n in program.slope_arguments]
        self.shared = [] if per_cell else coefficients
        self.stored = [n for n in program.slope_arguments if n not in (*self.states, *self.shared)]
        """Besides the states, what each cell has a value of its own of."""
        slopes = [f"_k{stage}_{n}" for stage in range(_evaluations(tableau)) for n in self.states]
        values = [f"_{letter}_{n}" for letter in "yed" for n in self.states]
        names = [*self.states, *values, *self.stored, "_t", "_h", "_s", "_tries", *slopes]
        self.rows = {name: row for row, name in enumerate(names)}
        self.names = {name: self.at(name) for name in names}

    def at(self, name: str, column: str = "_l") -> str:
        offset = self.rows[name] * WIDTH
        return f"_q[{column} + {offset}]" if offset else f"_q[{column}]"

    def slopes(self, stage: int) -> str:
        """The rows of all slopes of a stage. As a table of their own, they cannot be taken for places before it."""
        first = self.rows[f"_k{stage}_{self.states[0]}"]
        return f"_q[{first * WIDTH}:{(first + len(self.states)) * WIDTH}]"


def numba_integrate(program: Program, per_cell: bool) -> list[str]:
    """Source of `integrate(n, x, scratch, refractories, injected, c)`: nonlinear states after a step, in `scratch`."""
    table = _Table(program, per_cell)
    decorator = '@njit(error_model="numpy")'
    shared = "".join(f", {name}" for name in table.shared)
    return [
        "from numba import carray",
        "",
        "from pyNN.compilation.pointers import stack",
        "",
        "",
        decorator,
        f"def slopes(_q, _slopes, _m{shared}):",
        *_numba_slopes(program, table),
        "",
        "",
        decorator,
        "def attempt(_q, _m):",
        *_numba_control(program, table),
        "",
        "",
        *_numba_sums(program.tableau, table),
        "",
        "",
        decorator,
        f"def substep(_q, _m{shared}):",
        *_numba_substep(program, table, shared),
        "",
        "",
        decorator,
        "def integrate(_n, _x, _scratch, _refractories, _injected, _c):",
        *_numba_batches(program, table, per_cell, shared),
    ]


def _numba_slopes(program: Program, table: _Table) -> list[str]:
    analysis = program.analysis
    known = {n: table.at(f"_y_{n}") for n in table.states} | {n: table.at(n) for n in table.stored}
    lines = [f"{name} = {place}" for name, place in known.items()]
    lines += [f"{name} = {expression}" for name, expression in analysis.common]
    lines += [f"_slope{row} = {slope}" for row, slope in enumerate(program.slopes)]
    lines += [f"_slopes[_l + {row * WIDTH}] = _slope{row}" for row, _ in enumerate(program.slopes)]
    return ["    for _l in range(_m):", *(f"        {line}" for line in needed(shared(lines)))]


def _sums(tableau: Tableau) -> list[tuple[Fraction, ...]]:
    """The rows of weights in the order in which a sub-step needs them: stages, the result, estimates of the error."""
    rows = [*tableau.stages, tableau.weights, tableau.error]
    return [*rows, tableau.second_error] if tableau.second_error else rows


def _numba_sums(tableau: Tableau, table: _Table) -> list[str]:
    """Source of `add_up`, which adds up slopes of stages, and of its weights.

    It takes four stages at a time. The last ones are filled up with the first stage and a weight of zero.
    """
    size, width = len(table.states), len(table.states) * WIDTH
    start = table.rows[f"_k0_{table.states[0]}"] * WIDTH
    weights, places, ends = [], [], [0]
    for row in _sums(tableau):
        terms = [(float(w), start + stage * width) for stage, w in enumerate(row) if w]
        terms += [(0.0, start)] * (-len(terms) % 4)
        weights += [[w for w, _ in terms[k : k + 4]] for k in range(0, len(terms), 4)]
        places += [[p for _, p in terms[k : k + 4]] for k in range(0, len(terms), 4)]
        ends.append(len(weights))
    four = range(4)
    y, estimates = table.rows[f"_y_{table.states[0]}"], "ed" if tableau.second_error else "e"
    results = [y] * (len(tableau.stages) + 1) + [table.rows[f"_{letter}_{table.states[0]}"] for letter in estimates]
    return [
        f"WEIGHTS = np.array({weights})",
        f"PLACES = np.array({places}, dtype=np.uint64)",
        f"ENDS = np.array({ends})",
        f"RESULTS = np.array({[row * WIDTH for row in results]})",
        "",
        "",
        '@njit(error_model="numpy")',
        "def add_up(_q, _m, _sum, _to):",
        f"    for _state in range({size}):",
        f"        _row = np.uint64({WIDTH}*_state)",
        "        _at = np.uint64(_to) + _row",
        "        for _l in range(_m):",
        "            _q[_at + np.uint64(_l)] = 0.0",
        "        for _g in range(ENDS[_sum], ENDS[_sum + 1]):",
        *(f"            _w{k}, _p{k} = WEIGHTS[_g, {k}], PLACES[_g, {k}] + _row" for k in four),
        "            for _l in range(_m):",
        "                _i = np.uint64(_l)",
        "                _q[_at + _i] = _q[_at + _i] + " + " + ".join(f"_w{k}*_q[_p{k} + _i]" for k in four),
    ]


def _numba_substep(program: Program, table: _Table, shared: str) -> list[str]:
    tableau, start, y = program.tableau, table.rows[table.states[0]], table.rows[f"_y_{table.states[0]}"]
    last, width = len(tableau.stages), len(table.states) * WIDTH
    slopes = table.rows[f"_k0_{table.states[0]}"] * WIDTH
    # The compiler takes the same call with other literals for another function.
    return [
        f"    for _stage in range({last + 1}):",
        "        add_up(_q, _m, _stage, RESULTS[_stage])",
        f"        for _row in range(0, {width}, {WIDTH}):",
        "            for _l in range(_m):",
        f"                _i = np.uint64(_row + {y * WIDTH} + _l)",
        f"                _q[_i] = _q[np.uint64(_row + {start * WIDTH} + _l)] + {table.at('_h')}*_q[_i]",
        f"        if _stage < {_evaluations(tableau)}:",
        f"            _first = {slopes} + {width}*_stage",
        f"            slopes(_q, _q[_first:_first + {width}], _m{shared})",
        f"    for _estimate in range({last + 1}, {len(_sums(tableau))}):",
        "        add_up(_q, _m, _estimate, RESULTS[_estimate])",
        "    attempt(_q, _m)",
    ]


def _in_table(expression: str, table: _Table) -> str:
    """With states, slopes and estimates in the table, and what the cell's own loop computes as it is."""
    kept = ("_k", "_e_", "_d_")
    return rename(expression, {n: p for n, p in table.names.items() if n in table.states or n.startswith(kept)})


def _numba_control(program: Program, table: _Table) -> list[str]:
    tableau, last = program.tableau, len(program.tableau.stages)
    lines = ["    for _l in range(_m):", f"        _h = {table.at('_h')}", "        _worst = 0.0", "        _all = 0.0"]
    for name in table.states:
        for target, value in _error(tableau, name):
            value = rename(value, {f"_y{last}_{n}": table.at(f"_y_{n}") for n in table.states})
            lines.append(f"        {target} = {_in_table(value, table)}")
        lines += ["        _worst = maximum(_worst, _part)", "        _all = _all + _part"]
    lines += [f"        {target} = {value}" for target, value in _control(tableau)]
    lines.append(f"        {table.at('_s')} = _h")
    lines.append(f"        {table.at('_t')} = where(_accepted, {table.at('_t')} + _h, {table.at('_t')})")
    lines.append(f"        {table.at('_h')} = _next")
    for name in table.states:
        lines.append(f"        {table.at(name)} = where(_accepted, {table.at(f'_y_{name}')}, {table.at(name)})")
    return lines


def _numba_divergence(program: Program, table: _Table) -> list[str]:
    if not program.divergence:
        return []
    used = [n for n in (*table.states, *table.stored) if mentions(program.divergence, n)]
    test = rename(steep(table.states, "_k0_{}"), table.names)
    return [
        f"            if {table.at('_h')} <= {RESOLUTION!r}:",
        *(f"                _at_{n} = {table.at(n)}" for n in used),
        f"                _steep = {test}",
        f"                _done = _done or (_steep and ({rename(program.divergence, {n: f'_at_{n}' for n in used})}))",
    ]


def _numba_batches(program: Program, table: _Table, per_cell: bool, shared: str) -> list[str]:
    analysis = program.analysis
    coefficients = list(enumerate(program.coefficients))
    wanted = " ".join([*program.slope_arguments, *(e for _, e in analysis.inputs)])
    load = [f"{n} = _x[{analysis.states.index(n)}, _i]"
            for n in (*table.states, *(n for n in analysis.still if n in table.stored))]
    load += [f"{INJECTED} = _injected[_i]"]
    if per_cell:
        load += [f"{n} = _c[{row}, _i]" for row, n in coefficients if mentions(wanted, n)]
    load += [f"{n} = {e}" for n, e in analysis.inputs if n in table.stored]
    if "_go" in table.stored:
        load.append("_go = 1.0 if _refractories[_i] <= 0.0 else 0.0")
    load += [f"{table.at(n)} = {n}" for n in (*table.states, *table.stored)]
    load += [f"{table.at(name)} = {value}" for name, value in (("_t", "0.0"), ("_h", "1.0"), ("_tries", "0.0"))]
    finished = [
        f"_scratch[{analysis.states.index(n)}, _cells[_l]] = {table.at(n)} if _done else nan"
        for n in analysis.nonlinear
    ]
    kept = [*table.states, *table.stored, "_t", "_h", "_tries"]
    return [
        *(f"    {n} = _c[{row}]" for row, n in coefficients if not per_cell and mentions(wanted, n)),
        f"    _q = carray(stack({8 * len(table.rows) * WIDTH}), ({len(table.rows) * WIDTH},), np.float64)",
        f"    _cells = carray(stack({8 * WIDTH}), ({WIDTH},), np.int64)",
        "    _q[:] = 0.0",
        "    _count = 0",
        "    _i = 0",
        "    while _count > 0 or _i < _n:",
        # A few cells that need many sub-steps share the vectors with the next cells.
        f"        if _count <= {WIDTH // 2}:",
        f"            for _l in range(_count, min({WIDTH}, _count + _n - _i)):",
        *(f"                {line}" for line in load),
        "                _cells[_l] = _i",
        "                _i += 1",
        "                _count += 1",
        "        for _l in range(_count):",
        f"            {table.at('_h')} = min({table.at('_h')}, 1.0 - {table.at('_t')})",
        f"            {table.at('_tries')} += 1.0",
        f"        substep(_q, {_VECTOR}*((_count + {_VECTOR - 1})//{_VECTOR}){shared})",
        # From the last column on, so that what takes a free place has been looked at.
        "        for _l in range(_count - 1, -1, -1):",
        f"            _done = {table.at('_t')} >= {_END}",
        *_numba_divergence(program, table),
        f"            _failed = not ({table.at('_s')} >= {_SHORTEST!r}) or {table.at('_tries')} >= {MAX_SUBSTEPS}.0",
        f"            if {table.at('_tries')} >= {PATIENCE}.0:",
        f"                _failed = _failed or not ({_pace(table.at('_t'), table.at('_tries'))})",
        "            if _done or _failed:",
        *(f"                {line}" for line in finished),
        "                _count -= 1",
        *(f"                {table.at(n)} = {table.at(n, '_count')}" for n in kept),
        "                _cells[_l] = _cells[_count]",
    ]
