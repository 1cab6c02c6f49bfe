"""One step of fixed length of states that are neither solved exactly nor integrated adaptively, perhaps with noise.

White noise is Stratonovich's: with a standard normal number z, a step of x' = f(x) + g(x) xi is, with F = dt*f and
G = sqrt(dt)*g, by the method of

    euler      x + F(x) + G z, where g does not depend on states
    heun       x + (F(x) + F(y))/2 + (G(x) + G(y)) z/2 with y = x + F(x) + G(x) z
    milstein   x + F(x) + G(x) z + (G(x + G(x)) - G(x - G(x))) z^2/4

The central difference in the last line keeps the strong order of 1: that of a one-sided one has an error with a mean.
(Kloeden and Platen 1992, Numerical solution of stochastic differential equations, chapters 9 to 11).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

from pyNN.equations.analysis import TIME
from pyNN.equations.explicit import tableau_of
from pyNN.equations.program import Program, mentions, rename, weighted

ONE_STAGE = ("euler", "exponential_euler", "semiimplicit", "implicit")


class Fixed:
    """Adds to a program a step of one system of states; `_n_<state>` are the results."""

    def __init__(
        self, program: Program, number: int, current: Mapping[str, str], propagated: Callable[[str, Fraction], str]
    ) -> None:
        self.program = program
        self.analysis = program.analysis
        self.states = [n for n in self.analysis.systems[number] if n in self.analysis.fixed]
        self.current = current
        """What stands for a state that the system does not integrate."""
        self.propagated = propagated
        self.tag = f"{number}_" if number else ""
        self.exact: dict[Fraction, dict[str, str]] = {}

    def add(self) -> None:
        methods = {self.analysis.fixed[n] for n in self.states}
        if methods <= set(ONE_STAGE):
            for name in self.states:
                self._finish(name, self._one_stage(name))
        elif methods == {"milstein"}:
            self._milstein()
        else:
            self._stages(methods.pop())

    def _out(self, name: str, text: str) -> str:
        self.program.integration.append((name, text))
        return name

    def _finish(self, name: str, text: str) -> None:
        if name in self.analysis.held:
            text = f"where(_active, {text}, {name})"
        self._out(f"_n_{name}", text)

    def _values(self, node: Fraction, own: Mapping[str, str]) -> dict[str, str]:
        """What names stand for at a stage: `own` states, exact ones, time, and all others as they are."""
        values = {**self.current, **own}
        if node == 0:
            return values
        if TIME in self.analysis.uses:
            values[TIME] = f"({TIME} + {float(node)!r}*_dt)"
        if node not in self.exact:
            linear = self.analysis.linear
            used = " ".join([*self.analysis.increments.values(), *(g for n in self.analysis.noise.values()
                                                                   for g in n.values())])
            texts = [(n, f"_s{self.tag}{float(node)}_{n}".replace(".", "p")) for n in linear if mentions(used, n)]
            if node == 1:
                self.exact[node] = {n: f"_n_{n}" for n in linear}
            else:
                self.exact[node] = dict(texts)
                for name, symbol in texts:
                    self._out(symbol, self.propagated(name, node))
        return {**values, **self.exact[node]}

    def _drift(self, name: str, values: Mapping[str, str]) -> str:
        return self._held(name, rename(self.analysis.increments[name], values))

    def _held(self, name: str, text: str) -> str:
        return f"where(_active, {text}, 0.0)" if name in self.analysis.held else text

    def _noise(self, name: str, values: Mapping[str, str], with_draws: bool = True) -> str:
        """The sum of G*z, or of G alone."""
        terms = [
            f"({rename(factor, values)})*{symbol}" if with_draws else f"({rename(factor, values)})"
            for symbol, factor in self.analysis.noise.get(name, {}).items()
        ]
        return self._held(name, " + ".join(terms)) if terms else ""

    def _one_stage(self, name: str) -> str:
        method = self.analysis.fixed[name]
        values = self._values(Fraction(0), {})
        if method == "implicit":
            return rename(self.analysis.solved[name], values)
        if method == "euler":
            noise = self._noise(name, values)
            return f"{name} + {self._drift(name, values)}" + (f" + {noise}" if noise else "")
        factor, rest = (rename(text, values) for text in self.analysis.affine[name])
        slope = self._out(f"_l{self.tag}_{name}", factor)
        if method == "semiimplicit":
            return f"({name} + ({rest}))/(1.0 - {slope})"
        return f"{name}*exp({slope}) + ({rest})*exprel({slope})"

    def _milstein(self) -> None:
        start = self._values(Fraction(0), {})
        for name in self.states:
            text = f"{name} + {self._drift(name, start)}"
            for z in self.analysis.noise.get(name, {}):
                factor = self._out(f"_g{self.tag}_{name}", self._noise(name, start, with_draws=False))
                sides = []
                for sign, letter in (("+", "u"), ("-", "d")):
                    # The factor depends on no other state, so that these may stand where they are.
                    ahead = self._out(f"_y{self.tag}{letter}_{name}", f"{name} {sign} {factor}")
                    sides.append(self._noise(name, {**start, name: ahead}, with_draws=False))
                text += f" + {factor}*{z} + 0.25*({sides[0]} - ({sides[1]}))*{z}*{z}"
            self._finish(name, text)

    def _stages(self, method: str) -> None:
        tableau = tableau_of(method)
        for stage, row in enumerate(tableau.stages):
            own = {n: f"_y{self.tag}{stage}_{n}" if row else n for n in self.states}
            if row:
                for name in self.states:
                    text = weighted(name, row, f"_k{self.tag}{{}}_{name}")
                    if name in self.analysis.noise:
                        text += f" + {float(tableau.nodes[stage])!r}*_d{self.tag}{stage - 1}_{name}"
                    self._out(own[name], text)
            values = self._values(tableau.nodes[stage], own)
            for name in self.states:
                self._out(f"_k{self.tag}{stage}_{name}", self._drift(name, values))
                noise = self._noise(name, values)
                if noise:
                    self._out(f"_d{self.tag}{stage}_{name}", noise)
        for name in self.states:
            text = weighted(name, tableau.weights, f"_k{self.tag}{{}}_{name}")
            if name in self.analysis.noise:
                text += " + " + weighted("", tableau.weights, f"_d{self.tag}{{}}_{name}")
            self._finish(name, text)
