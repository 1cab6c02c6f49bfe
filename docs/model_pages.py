"""One page for every model, made from its declaration when the documentation is built.

`write_pages` puts them into a folder, `index` is what the page "Models" shows. The mathematics is the text of the
declaration, which is also what the reference backend compiles, printed by SymPy.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import sympy

_GREEK = "alpha beta gamma delta epsilon eta theta kappa lambda mu nu xi rho sigma tau phi chi psi omega Delta".split()
_HEADS = {"gsyn": ("g", "syn"), "isyn": ("I", "syn"), "cm": ("C", "m"), "i": ("I",), "weight": ("W",), "delay": ("d",)}
_SUBSCRIPTS = {"plus": "+", "minus": "-"}
_FLAGS = {
    "unless refractory": "stands still during the refractory period",
    "pre": "one value for each presynaptic cell",
    "post": "one value for each postsynaptic cell",
    "array": "one value for each item of the lists",
}
_EQUATION = re.compile(
    r"\s*(?:d(?P<state>\w+)\s*/\s*dt|(?P<name>\w+))\s*=(?!=)\s*(?P<body>.+?)\s*:\s*(?P<unit>[^:()]*?)\s*(?:\((?P<flags>[^()]*)\))?\s*"
)
_STATEMENT = re.compile(r"\s*(?P<name>\w+)\s*(?P<operator>[-+*/]?)=(?!=)\s*(?P<body>.+?)\s*")
_RELATIONS = {
    ast.Lt: sympy.StrictLessThan, ast.LtE: sympy.LessThan, ast.Gt: sympy.StrictGreaterThan,
    ast.GtE: sympy.GreaterThan, ast.Eq: sympy.Eq, ast.NotEq: sympy.Ne,
}  # fmt: skip
_FUNCTIONS = {
    "exp": lambda x: sympy.exp(x, evaluate=False),
    "expm1": lambda x: sympy.Add(sympy.exp(x, evaluate=False), -1, evaluate=False),
    "log": lambda x: sympy.log(x, evaluate=False),
    "sqrt": lambda x: sympy.Pow(x, sympy.Rational(1, 2), evaluate=False),
    "abs": lambda x: sympy.Abs(x, evaluate=False),
    "minimum": lambda *x: sympy.Min(*x, evaluate=False),
    "maximum": lambda *x: sympy.Max(*x, evaluate=False),
    "floor": lambda x: sympy.floor(x, evaluate=False),
    "ceil": lambda x: sympy.ceiling(x, evaluate=False),
}


# --- mathematics -----------------------------------------------------------------------------------------------------


def symbol_latex(name: str) -> str:
    """A name as a mathematician writes it: tau_syn_E is a Greek letter with two subscripts."""
    head, *tail = (part for part in name.split("_") if part)
    numbered = re.fullmatch(r"([A-Za-z]+?)(\d+)", head)
    if numbered:
        head, tail = numbered[1], [numbered[2], *tail]
    head, *more = _HEADS.get(head, (head,))
    subscripts = [*more, *tail]
    first = "\\" + head if head in _GREEK else head if len(head) == 1 else rf"\mathrm{{{head}}}"
    if not subscripts:
        return first
    if subscripts[-1] in _SUBSCRIPTS and len(subscripts) == 1:
        return f"{first}_{{{_SUBSCRIPTS[subscripts[0]]}}}"
    shown = ["\\" + part if part in _GREEK else rf"\mathrm{{{part}}}" for part in subscripts]
    # Words next to each other share one font command.
    return f"{first}_{{{','.join(shown)}}}".replace(r"},\mathrm{", ",")


def _is_minus(node: ast.AST) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)


def _terms(node: ast.AST) -> list[Any]:
    """The terms of a sum, each with its sign, in the order in which they are written."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        last = _convert(node.right)
        if isinstance(node.op, ast.Sub):
            last = -last if last.is_Atom else sympy.Mul(-1, last, evaluate=False)
        return [*_terms(node.left), last]
    return [_convert(node)]


def _factors(node: ast.AST) -> tuple[list[Any], list[Any]]:
    """(numerator, denominator) of a product and quotient."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
        numerator, denominator = _factors(node.left)
        if isinstance(node.op, ast.Mult):
            return [*numerator, _convert(node.right)], denominator
        return numerator, [*denominator, _convert(node.right)]
    return [_convert(node)], []


def _product(factors: list[Any]) -> Any:
    return factors[0] if len(factors) == 1 else sympy.Mul(*factors, evaluate=False)


def _convert(node: ast.AST) -> Any:
    """The tree of an expression in SymPy, in the order in which it is written."""
    if isinstance(node, ast.Constant):
        return sympy.Integer(node.value) if isinstance(node.value, int) else sympy.Float(repr(node.value))
    if isinstance(node, ast.Name):
        return sympy.Symbol(node.id)
    if isinstance(node, ast.UnaryOp):
        value = _convert(node.operand)
        if isinstance(node.op, ast.USub):
            return -value if value.is_Atom else sympy.Mul(-1, value, evaluate=False)
        return sympy.Not(value, evaluate=False) if isinstance(node.op, ast.Not) else value
    if isinstance(node, ast.BinOp):
        if isinstance(node.op, ast.Add | ast.Sub):
            return sympy.Add(*_terms(node), evaluate=False)
        if isinstance(node.op, ast.Mult | ast.Div):
            first = node
            while isinstance(first.left, ast.BinOp) and isinstance(first.left.op, ast.Mult | ast.Div):
                first = first.left
            if _is_minus(first.left):
                # -x/tau is minus the quotient, and not the quotient of minus x.
                first.left = first.left.operand  # type: ignore[attr-defined]
                return sympy.Mul(-1, _convert(node), evaluate=False)
            numerator, denominator = _factors(node)
            if not denominator:
                return _product(numerator)
            return sympy.Mul(_product(numerator), sympy.Pow(_product(denominator), -1, evaluate=False), evaluate=False)
        if isinstance(node.op, ast.Pow):
            return sympy.Pow(_convert(node.left), _convert(node.right), evaluate=False)
    if isinstance(node, ast.BoolOp):
        values = [_convert(value) for value in node.values]
        return (sympy.And if isinstance(node.op, ast.And) else sympy.Or)(*values, evaluate=False)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        relation = _RELATIONS[type(node.ops[0])]
        return relation(_convert(node.left), _convert(node.comparators[0]), evaluate=False)
    if isinstance(node, ast.IfExp):
        cases = (_convert(node.body), _convert(node.test)), (_convert(node.orelse), True)
        return sympy.Piecewise(*cases, evaluate=False)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        values = [_convert(value) for value in node.args]
        make = _FUNCTIONS.get(node.func.id)
        return make(*values) if make else sympy.Function(node.func.id)(*values)
    raise ValueError(f"{ast.unparse(node)} has no mathematical notation here; add one to docs/model_pages.py.")


def latex(text: str) -> str:
    """An expression of a declaration as LaTeX."""
    tree = _convert(ast.parse(text.strip(), mode="eval").body)
    names = {s: symbol_latex(s.name) for s in tree.free_symbols}
    return str(sympy.latex(tree, order="none", symbol_names=names, mul_symbol=r"\,"))


def _lines(text: str) -> Iterable[str]:
    for line in text.splitlines():
        content = line.partition("#")[0].strip()
        if content:
            yield content


def equations_latex(text: str) -> tuple[list[str], list[str]]:
    """(lines for an `aligned` environment, remarks in words on their flags)."""
    lines, remarks = [], []
    for content in _lines(text):
        match = _EQUATION.fullmatch(content)
        if not match:
            raise ValueError(f"'{content}' is not an equation.")
        name = symbol_latex(match["state"] or match["name"])
        left = rf"\frac{{d{name}}}{{dt}}" if match["state"] else name
        lines.append(f"{left} &= {latex(match['body'])}")
        for flag in (match["flags"] or "").split(","):
            if flag.strip():
                remarks.append(f"${name}$: {_FLAGS[flag.strip()]}")
    return lines, remarks


def statements_latex(text: str) -> list[str]:
    """Assignments, each with an arrow."""
    found = []
    for content in _lines(text.replace(";", "\n")):
        match = _STATEMENT.fullmatch(content)
        if not match:
            raise ValueError(f"'{content}' is not a statement.")
        name = symbol_latex(match["name"])
        body = latex(match["body"])
        if match["operator"]:
            # x *= a + b multiplies by the whole.
            inner = rf"\left({body}\right)" if match["operator"] != "+" and re.search(r"[-+]", body) else body
            operator = {"*": r"\,", "/": "/"}.get(match["operator"], match["operator"])
            body = f"{name} {operator} {inner}"
        found.append(rf"{name} &\leftarrow {body}")
    return found


def _display(lines: Iterable[str]) -> str:
    body = " \\\\[4pt]\n".join(lines)
    return f"```{{math}}\n\\begin{{aligned}}\n{body}\n\\end{{aligned}}\n```"


# --- pages -----------------------------------------------------------------------------------------------------------


@cache
def models() -> dict[str, list[Any]]:
    """Heading -> the model classes under it, in the order of their declarations."""
    import pyNN.standardmodels as package
    from pyNN.models import BaseModelType
    from pyNN.standardmodels import base

    groups: dict[str, list[Any]] = {}
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        for name, model in vars(module).items():
            own = inspect.isclass(model) and (model.__module__, model.__name__) == (module.__name__, name)
            if own and module is not base and issubclass(model, BaseModelType) and not name.startswith("_"):
                groups.setdefault(_heading(model, base), []).append(model)
    order = [heading for _, heading in _HEADINGS]
    return {heading: groups[heading] for heading in order if heading in groups}


_HEADINGS = (
    ("StandardCellType", "Cell types"),
    ("sources", "Spike sources"),
    ("StandardCellTypeComponent", "Membranes of composed cells"),
    ("StandardPostSynapticResponse", "Receptors of composed cells"),
    ("StandardSynapseType", "Synapse types"),
    ("STDPTimingDependence", "STDP: dependence on spike times"),
    ("STDPWeightDependence", "STDP: dependence on the weight"),
    ("StandardCurrentSource", "Current sources"),
    ("StandardIonChannelModel", "Ion channels"),
)


def _heading(model: Any, base: Any) -> str:
    if model.definition.source:
        return "Spike sources"
    for name, heading in _HEADINGS:
        if hasattr(base, name) and issubclass(model, getattr(base, name)):
            return heading
    raise ValueError(f"{model.__name__} belongs under no heading of docs/model_pages.py.")


def _table(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    head = list(header)
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _default(parameter: Any) -> str:
    value = getattr(parameter.default, "value", parameter.default)
    if value is None:
        return "smallest delay" if parameter.unit == "ms" else "none"
    if hasattr(value, "__len__") and not isinstance(value, str):
        return f"`[{', '.join(f'{float(v):g}' for v in value)}]`"
    return f"`{value:g}`" if isinstance(value, float) and abs(value) >= 1e6 else f"`{value}`"


def _unit(name: str, unit: str) -> str:
    return unit.replace("dimensionless", "") or ("that of the receptor" if name in ("weight", "w_min", "w_max") else "")


def _range(parameter: Any) -> str:
    if parameter.minimum is None:
        return ""
    return f"{'>' if parameter.exclusive else '≥'} {parameter.minimum:g}"


def _native(entry: Any) -> str:
    """What a backend's table calls a model."""
    if isinstance(entry, str):
        return f"`{entry}`"
    native = getattr(entry, "native", None)
    if native is None and isinstance(entry, Mapping):
        native = entry.get("native")
    return f"`{native}`" if native else ""


def _entries(backend: Any, model: Any) -> list[tuple[str, Any]]:
    """Keys of a backend's table that are this model, or that are put together from it."""
    name = model.definition.name
    if name in backend.models:
        return [(name, backend.models[name])]
    return [(key, entry) for key, entry in backend.models.items() if re.search(rf"\({name}\b|\b{name}\)", key)]


def _backend_rows(model: Any, backends: Iterable[Any]) -> list[list[str]]:
    rows = []
    for backend in backends:
        entries = _entries(backend, model)
        own = backend.capabilities.equations and bool(model.definition.equations)
        available = "yes" if entries or own else "no"
        if entries and entries[0][0] != model.definition.name:
            available = "within " + ", ".join(f"`{key}`" for key, _ in entries)
        natives = ", ".join(dict.fromkeys(filter(None, (_native(entry) for _, entry in entries))))
        reason = backend.capabilities.missing.get(model.definition.name, "")
        if not backend.capabilities.dynamics and available == "yes":
            natives = "a dry run, without dynamics"
        elif available == "yes" and not natives and backend.capabilities.equations and not model.definition.source:
            natives = "kernels from this page's equations"
        rows.append([f"`pyNN.{backend.name}`", available, natives or reason])
    return rows


def _text(model: Any, name: str) -> str:
    """A text of the declaration; rules of plasticity have theirs as attributes, with gaps that f_plus, f_minus fill."""
    text = getattr(model.definition, name, "") or getattr(model, name, "")
    return str(text).replace("{potentiation}", "f_plus").replace("{depression}", "f_minus")


def _dynamics(model: Any) -> list[str]:
    parts, definition = [], model.definition
    equations = _text(model, "equations")
    if equations.strip():
        lines, remarks = equations_latex(equations)
        parts += ["## Equations", _display(lines)]
        if remarks:
            parts.append("; ".join(remarks) + ".")
        if "i_inj" in equations:
            parts.append(f"${symbol_latex('i_inj')}$ is the current that sources inject.")
    coupling = getattr(definition, "coupling", "")
    if coupling:
        parts += ["## Current into the postsynaptic cell", _display([f"I &= {latex(coupling)}"])]
    for text, heading in (("on_pre", "presynaptic"), ("on_post", "postsynaptic")):
        statements = _text(model, text)
        if statements.strip():
            parts += [f"## When a {heading} spike arrives at the synapse", _display(statements_latex(statements))]
    transmitted = getattr(definition, "transmitted", "")
    if _text(model, "on_pre").strip() and hasattr(model, "transmitted"):
        parts.append(f"What goes to the receptor is then ${latex(transmitted)}$.")
    if "f_plus" in _text(model, "on_post"):
        parts.append("$f_{+}$ and $f_{-}$ are those of the [dependence on the weight](../models.md).")
    if hasattr(model, "potentiation"):
        lines = [f"f_{{+}} &= {latex(model.potentiation)}", f"f_{{-}} &= {latex(model.depression)}"]
        parts += ["## Change of the weight", _display(lines)]
        parts.append("for a trace and an amplitude of 1; see the [dependence on spike times](../models.md).")
    if definition.threshold:
        parts += ["## Spike", f"A cell spikes when ${latex(definition.threshold)}$; then"]
        parts.append(_display(statements_latex(definition.reset)) if definition.reset else "nothing is reset.")
        if getattr(definition, "threshold_within_step", False):
            parts.append("The condition is checked within a step, at the points of the integration method.")
        if definition.refractory:
            parts.append(f"and it is refractory for ${latex(definition.refractory)}$.")
    return parts


def _receptors(definition: Any) -> str:
    signs = {1: "≥ 0", -1: "≤ 0", 0: "any"}
    rows = []
    for name, receptor in definition.receptors.items():
        arrival = ", ".join(line.replace("&", "") for line in statements_latex(receptor.on_spike))
        constant = getattr(receptor, "time_constant", "")
        rows.append(
            [f"`{name}`", receptor.kind, receptor.unit, signs[receptor.sign], f"${arrival}$",
             f"`{constant}`" if constant else ""]
        )  # fmt: skip
    return _table(["receptor", "kind", "unit of the weight", "weights", "a spike does", "decays with"], rows)


def _accuracy(definition: Any) -> str:
    """How the reference backend solves the model, as its analysis says."""
    if definition.source:
        return (
            "Spike times come from the common layer, alike on every backend; tests compare their statistics with the "
            "process's own, at a stated significance. See [accuracy](../accuracy.md)."
        )
    from pyNN.equations.analysis import analyse

    analysis = analyse(definition)
    if not analysis.nonlinear:
        return (
            "All equations are linear: exact propagators, so that the time step adds no error beyond rounding. Tests "
            "compare with closed forms and SciPy (rounding) and with NEST (spikes in the same steps, potentials within "
            "1e-9 mV). See [accuracy](../accuracy.md)."
        )
    names = ", ".join(f"${symbol_latex(name)}$" for name in analysis.nonlinear)
    linear = ", ".join(f"${symbol_latex(name)}$" for name in analysis.linear)
    exact = f"; {linear} exactly, by propagators" if linear else ""
    if len(analysis.nonlinear) > 1 and not analysis.within_step:
        return (
            f"{names}: a Runge-Kutta method of eighth order with adaptive sub-steps in each time step, at a relative "
            f"tolerance of 2e-8{exact}. Tests compare with SciPy's DOP853 at a relative tolerance of 1e-11 (courses "
            "within 2e-5 of a variable's range), and with NEST. See [accuracy](../accuracy.md)."
        )
    return (
        f"{names}: a Runge-Kutta method of fifth order whose steps are divided where its error estimate asks for "
        f"it{exact}. Tests compare with SciPy's DOP853 at a relative tolerance of 1e-12, and with NEST. See "
        "[accuracy](../accuracy.md)."
    )


def page(model: Any, backends: Iterable[Any]) -> str:
    """The page of one model in MyST Markdown."""
    definition = model.definition
    summary = inspect.cleandoc(model.__doc__ or "")
    parts = [f"# {model.__name__}", summary, *_dynamics(model)]
    if definition.parameters:
        rows = [
            [f"`{n}`", f"${symbol_latex(n)}$", _default(p), _unit(n, p.unit), _range(p), p.doc]
            for n, p in definition.parameters.items()
        ]
        parts += ["## Parameters", _table(["name", "symbol", "default", "unit", "range", "meaning"], rows)]
    if definition.states:
        rows = [
            [f"`{n}`", f"${symbol_latex(n)}$", f"`{s.initial}`" if s.settable else f"`{s.initial}`, fixed",
             _unit(n, s.unit), "yes" if s.recordable else "no", s.doc]
            for n, s in definition.states.items()
        ]  # fmt: skip
        parts += ["## States", _table(["name", "symbol", "initial value", "unit", "recordable", "meaning"], rows)]
    if definition.source or definition.threshold:
        parts.append("Spikes are recordable as `spikes`.")
    if definition.receptors:
        parts += ["## Receptors", _receptors(definition)]
    parts += ["## Backends", _table(["backend", "available", "there"], _backend_rows(model, backends))]
    if definition.source or (definition.equations.strip() and definition.receptors):
        parts += ["## Accuracy", _accuracy(definition)]
    literature = _text(model, "literature")
    if literature:
        parts += ["## Literature", "\n".join(f"- {work.strip()}" for work in literature.split(";"))]
    return "\n\n".join(parts) + "\n"


def write_pages(folder: Path, backends: Iterable[Any]) -> None:
    """Bring `folder` up to date: a page for every model and no others; a page that stays the same is not touched."""
    folder.mkdir(exist_ok=True)
    wanted = {f"{model.__name__}.md": page(model, backends) for group in models().values() for model in group}
    for file in folder.glob("*.md"):
        if file.name not in wanted:
            file.unlink()
    for name, text in wanted.items():
        file = folder / name
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")


def index(backends: Iterable[Any]) -> str:
    """Groups of models, each model with its summary and the backends that have it; and the navigation."""
    parts = []
    for heading, group in models().items():
        rows = []
        for model in group:
            summary = inspect.cleandoc(model.__doc__ or "").split("\n\n")[0].replace("\n", " ")
            having = [row[0] for row in _backend_rows(model, backends) if row[1] != "no"]
            rows.append([f"[{model.__name__}](models/{model.__name__}.md)", summary, ", ".join(having)])
        parts += [f"## {heading}", _table(["model", "what it is", "backends"], rows)]
    names = [f"models/{model.__name__}" for group in models().values() for model in group]
    return "\n\n".join([*parts, "```{toctree}\n:hidden:\n\n" + "\n".join(names) + "\n```"])
