"""One Runge-Kutta step of a cell's nonlinear states, and the scalar function that repeats it in sub-steps.

The nonlinear part takes one Runge-Kutta step in which the linear part has its exact value at each stage. Where the
method's own error estimate exceeds TOLERANCE, relative to the size of the variable and its change, the cell's step is
repeated with adaptive sub-steps at REFINED_TOLERANCE (COUPLED_TOLERANCE where several states are nonlinear).

Models with `threshold_within_step` are those whose states would diverge after the threshold. In their case the step is
repeated also where the threshold is crossed. The sub-step in which it is crossed is halved until its end is within
CROSSING of the crossing, or not to be told from it; there the cell is reset, and the rest of the step goes on from the
reset, with the states that are flagged `unless refractory` standing still if there is a refractory period. So the order
of the method is not lost at a spike, and no state goes beyond where the threshold is. A cell has one spike a step at
most: without a refractory period, a second crossing ends the cell's step, and the spike is that of the next step.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

from pyNN.equations.analysis import INJECTED
from pyNN.equations.lockstep import RESOLUTION as SHORTEST
from pyNN.equations.lockstep import divergence, steep
from pyNN.equations.program import Program, rename, weighted

TOLERANCE = 1e-7
REFINED_TOLERANCE = 1e-10
COUPLED_TOLERANCE = 1e-8
"""That of sub-steps where several states are nonlinear: with channels, nearly every step has to be repeated."""
CROSSING = 1e-9
"""Fraction of a step within which the crossing of a threshold is found."""
RESOLUTION = 1e-14
"""Relative difference of two values of a state below which a crossing between them is not looked for."""
_MAX_SUBSTEPS = 100_000


class Refined:
    """Adds to a program a step of the nonlinear states, and `refine`."""

    def __init__(self, program: Program, moving: bool, propagated: Callable[[str, Fraction], str]) -> None:
        self.program = program
        self.analysis = program.analysis
        self.tableau = program.tableau
        self.moving = moving
        """Whether some nonlinear state goes on while others are held."""
        self.propagated = propagated
        """Expression for a linear state after a fraction of the step."""

    def add(self) -> None:
        """Everything, to the program."""
        self._step()
        self._refine()

    def _step(self) -> None:
        analysis, tableau, out = self.analysis, self.tableau, self.program.integration
        out.extend(analysis.inputs)
        if self.moving or analysis.within_step:
            out.append(("_go", "where(_active, 1.0, 0.0)"))
        exact: dict[Fraction, dict[str, str]] = {
            Fraction(0): {n: n for n in analysis.linear},
            Fraction(1): {n: f"_n_{n}" for n in analysis.linear},
        }
        for stage, row in enumerate(tableau.stages):
            node = tableau.nodes[stage]
            if node not in exact:
                exact[node] = {n: f"_s{stage}_{n}" for n in analysis.linear}
                out.extend((exact[node][n], self.propagated(n, node)) for n in analysis.linear)
            values = dict(exact[node])
            for name in analysis.nonlinear:
                values[name] = name if not row else f"_y{stage}_{name}"
                if row:
                    out.append((values[name], weighted(name, row, f"_k{{}}_{name}")))
            out.extend((f"_k{stage}_{n}", self._slope(n, values)) for n in analysis.nonlinear)
        out.extend((f"_n_{n}", weighted(n, tableau.weights, f"_k{{}}_{n}")) for n in analysis.nonlinear)
        self._error_estimate(len(tableau.stages))

    def _slope(self, name: str, values: dict[str, str], stoppable: bool = False) -> str:
        text = rename(self.analysis.increments[name], values)
        return f"_go*({text})" if (self.moving or stoppable) and name in self.analysis.held else text

    def _error_estimate(self, last: int) -> None:
        analysis, out = self.analysis, self.program.integration
        ends = {n: f"_n_{n}" for n in analysis.integrated}
        out.extend((f"_k{last}_{n}", self._slope(n, ends)) for n in analysis.nonlinear)
        tests = []
        for name in analysis.nonlinear:
            out.append((f"_e_{name}", weighted("", self.tableau.error, f"_k{{}}_{name}")))
            # Put so that an error that is not a number fails the test too.
            size = f"(abs({name}) + abs(_n_{name}) + abs(_k0_{name}))"
            tests.append(f"logical_not(abs(_e_{name}) <= {TOLERANCE!r}*{size})")
        if analysis.within_step:
            tests += [f"(_active & ({analysis.threshold}))", f"(_active & ({rename(analysis.threshold, ends)}))"]
        test = " | ".join(tests)
        out.append(("_bad", f"({test})" if self.moving else f"_active & ({test})"))

    def _refine(self) -> None:
        """The scalar function that repeats a step with adaptive sub-steps, for all states together."""
        analysis = self.analysis
        within = analysis.within_step
        used = " ".join(analysis.increments.values())
        if not within:
            self.program.divergence = divergence(self.program)
            used = f"{used} {self.program.divergence}"
        else:
            used = " ".join([used, analysis.threshold, *(e for _, e in analysis.reset)])
        inputs = [n for n, _ in analysis.inputs if re.search(rf"\b{n}\b", used)]
        coefficients = [n for n, _ in analysis.coefficients if re.search(rf"\b{n}\b", used)]
        still = [n for n in analysis.still if re.search(rf"\b{n}\b", used)]
        inputs = [*still, *inputs, *([INJECTED] if INJECTED in used else [])]
        self.program.refine_arguments = [*analysis.integrated, *inputs, *coefficients,
                                         *(["_go"] if self.moving or within else []),
                                         *(["_period"] if within else [])]
        self.program.refine_results = [*analysis.nonlinear, *(["_crossed"] if within else [])]
        result = ", ".join(self.program.refine_results) + ","
        failed = f"return ({', '.join('nan' for _ in self.program.refine_results)},)"
        last = len(self.tableau.nodes) - 1
        accept = [f"    {n} = _y{last}_{n}" for n in analysis.integrated]
        growth = f"_h = _h*min(5.0, max(0.2, 0.9*(_worst + 1e-12)**(-1.0/{self.tableau.order}.0)))"
        self.program.slope_arguments = [*analysis.integrated, *(a for a in self.program.refine_arguments
                                                                if a not in (*analysis.integrated, "_period"))]
        values = {n: n for n in analysis.integrated}
        self.program.slopes = [
            f"def slopes(_h, {', '.join(self.program.slope_arguments)}):",
            "    return (",
            *(f"        _h*({self._slope(n, values, within)})," for n in analysis.integrated),
            "    )",
        ]
        self.program.refinement = [
            f"def refine({', '.join(self.program.refine_arguments)}):",
            "    _t = 0.0",
            "    _h = 0.25",
            *(self._before_substeps() if within else []),
            f"    for _ in range({_MAX_SUBSTEPS}):",
            "        _h = min(_h, 1.0 - _t)",
            *([] if within or not self.program.divergence else ["        _tried = _h"]),
            "        _worst = 0.0",
            *(f"        {line}" for line in self._substep()),
            # A sub-step that leads out of the numbers is too long; a state that is none stays so.
            "        if not (_all < inf):",
            "            if _h < 1e-200:",
            f"                {failed}",
            "            _h = 0.1*_h",
            *self._at_divergence(result, " " * 12),
            "            continue",
            "        if _worst <= 1.0:" if within else f"        if (_worst <= 1.0) | (_h <= {SHORTEST!r}):",
            *(self._at_crossing(accept, result) if within else []),
            *(f"        {line}" for line in accept),
            "            _t = _t + _h",
            "            if _t >= 1.0 - 1e-14:",
            f"                return ({result})",
            *(self._while_hunting() if within else []),
            f"        {growth}",
            *self._at_divergence(result, " " * 8),
            f"    {failed}",
        ]

    def _at_divergence(self, result: str, indent: str) -> list[str]:
        """A solution that diverges within the step has crossed the threshold: its step ends there, and it spikes."""
        if self.analysis.within_step or not self.program.divergence:
            return []
        states = self.analysis.integrated
        return [
            f"{indent}if (_h <= {SHORTEST!r}) & ({steep(states, '(_k0_{}/_tried)')}) & ({self.program.divergence}):",
            f"{indent}    return ({result})",
        ]

    def _substep(self) -> list[str]:
        """One sub-step of length _h, and its error in units of what is tolerated."""
        analysis, tableau = self.analysis, self.tableau
        body: list[str] = []
        for stage in range(len(tableau.nodes)):
            row = tableau.stages[stage] if stage < len(tableau.stages) else tableau.weights
            values = {n: n if not row else f"_y{stage}_{n}" for n in analysis.integrated}
            if row:
                body += [f"{values[n]} = {weighted(n, row, f'_k{{}}_{n}')}" for n in analysis.integrated]
            targets = ", ".join(f"_k{stage}_{n}" for n in analysis.integrated) + ","
            arguments = ", ".join(values.get(a, a) for a in self.program.slope_arguments)
            body.append(f"{targets} = slopes(_h, {arguments})")
        last = len(tableau.nodes) - 1
        tolerance = REFINED_TOLERANCE if len(analysis.nonlinear) == 1 else COUPLED_TOLERANCE
        for name in analysis.integrated:
            body.append(f"_e = {weighted('', tableau.error, f'_k{{}}_{name}')}")
            body.append(
                f"_size = {tolerance!r}*(abs({name}) + abs(_y{last}_{name}) + abs(_k0_{name})) + 1e-300"
            )
            body.append("_worst = max(_worst, abs(_e)/_size)")
            # A maximum may pass over what is not a number; a sum does not.
            body.append("_all = _all + abs(_e)/_size")
        return ["_all = 0.0", *body]

    def _before_substeps(self) -> list[str]:
        return [
            "    _testing = _go > 0.0",
            "    _goal = 0.0",
            "    _crossed = 0.0",
            f"    if _testing & ({self.analysis.threshold}):",
            *(f"        {line}" for line in self._reset()),
        ]

    def _reset(self) -> list[str]:
        return [
            *(f"{name} = {expression}" for name, expression in self.analysis.reset),
            "_crossed = 1.0",
            "if _period > 0.0:",
            "    _testing = False",
            "    _go = 0.0",
        ]

    def _while_hunting(self) -> list[str]:
        """Up to where the crossing was seen, sub-steps only become shorter."""
        return [f"            if _t < _goal - {CROSSING / 2!r}:", "                continue"]

    def _at_crossing(self, accept: list[str], result: str) -> list[str]:
        last = len(self.tableau.nodes) - 1
        ends = {n: f"_y{last}_{n}" for n in self.analysis.integrated}
        tested = [n for n in self.analysis.integrated if re.search(rf"\b{n}\b", self.analysis.threshold)]
        # Ends that are the same number but for rounding cannot be told apart, however long the sub-step.
        apart = " | ".join(f"(abs({ends[n]} - {n}) > {RESOLUTION!r}*abs({n}))" for n in tested)
        return [
            f"            if _testing & ({rename(self.analysis.threshold, ends)}):",
            f"                if (_h > {CROSSING!r}) & ({apart}):",
            "                    _h = 0.5*_h",
            "                    _goal = _t + 2.0*_h",
            "                    continue",
            *(f"            {line}" for line in accept),
            "                if _crossed > 0.0:",
            f"                    return ({result})",
            *(f"                {line}" for line in self._reset()),
            "                _goal = 0.0",
            "                _t = _t + _h",
            "                _h = 0.25",
            "                if _t >= 1.0 - 1e-14:",
            f"                    return ({result})",
            "                continue",
        ]
