"""Which integration method each variable of a model has, and why."""

from __future__ import annotations

from pyNN.equations import arrays, kernels, store
from pyNN.equations.analysis import TIME, Analysis
from pyNN.equations.explicit import is_explicit, tableau_of
from pyNN.models import Definition

_NAMES = {
    "euler": "Euler",
    "exponential_euler": "exponential Euler",
    "semiimplicit": "semi-implicit Euler",
    "implicit": "implicit Euler",
    "rk2": "midpoint (second order)",
    "rk4": "Runge-Kutta (fourth order)",
    "heun": "Heun",
    "milstein": "Milstein",
}


def _analysis(definition: Definition) -> Analysis:
    return store.analysis(arrays.expand(definition).definition)


def methods(definition: Definition) -> dict[str, str]:
    """The method of each state with an equation dx/dt: "exact", "rk45", "rk853" or that of a fixed step."""
    found = _analysis(definition)
    adaptive = "rk853" if kernels.build(found).lockstep else "rk45"
    return {
        name: found.fixed.get(name, "exact" if name in found.linear else adaptive)
        for name in found.states if name in found.integrated and name != TIME
    }


def method_text(definition: Definition) -> str:
    """One line for each method: what it is, for which variables, and the reason."""
    found = _analysis(definition)
    groups: dict[str, list[str]] = {}
    for name, method in methods(definition).items():
        groups.setdefault(method, []).append(name)
    lines = [f"{', '.join(names)}: {_name(method)}, because {_reason(method, names, found, definition)}"
             for method, names in groups.items()]
    return "\n".join(lines) or "no variable has an equation dx/dt"


def _name(method: str) -> str:
    adaptive = {
        "exact": "exact",
        "rk45": "adaptive Runge-Kutta 5(4) inside the step",
        "rk853": "adaptive Runge-Kutta 8(5,3) inside the step",
    }
    own = f"Runge-Kutta with {len(tableau_of(method).nodes)} stages" if is_explicit(method) else ""
    return own or adaptive.get(method) or _NAMES[method]


def _reason(method: str, names: list[str], found: Analysis, definition: Definition) -> str:
    asked = definition.method
    if method == "exact":
        return "linear, with coefficients that only parameters enter"
    noisy = [n for n in names if n in found.noise]
    if asked == "auto" and method in ("euler", "heun") and found.noise:
        which = f"white noise enters d{(noisy or list(found.noise))[0]}/dt"
        if method == "euler":
            return f"{which} with a factor that depends on no state (additive noise)"
        return f"{which} with a factor that depends on a state (multiplicative noise)"
    if asked == "auto" and method == "rk4" and len(found.systems) > 1:
        return "assignments stand between the equations"
    if method in ("rk45", "rk853") and asked == "auto":
        several = "several states are" if method == "rk853" else "the equation is"
        return f"{several} not linear, or its coefficients change during a step"
    return "the model says so"
