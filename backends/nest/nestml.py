"""Cell and synapse types from NESTML descriptions, and the NESTML text of cell types that are given by equations.

A cell type that a script writes as equations needs none of this: `sim.Population(n, MyCell())` makes the text, compiles
it and loads it. See docs/nestml.md for what must be installed.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pyNN.errors import CapabilityError, InvalidModelError, nearest
from pyNN.models import BaseCellType
from pyNN.nest import nestml_build, nestml_models, nestml_text
from pyNN.nest.cells import NativeCellType, native_cell_type
from pyNN.nest.synapses import NativeSynapseType, native_synapse_type

__all__ = ["nestml_cell_type", "nestml_synapse_type", "nestml_text_of"]

_MODEL = re.compile(r"^\s*(?:model|neuron|synapse)\s+(\w+)\s*:", re.MULTILINE)


def nestml_cell_type(name: str, nestml_description: str | Path) -> type[NativeCellType]:
    """The model `name` of a NESTML file, or text, as a cell type: ``nestml_cell_type("my_cell", "my_cell.nestml")``.

    It is a native cell type: parameters, states and receptors have NESTML's names, numbers are in the units that the
    description declares, and weights of standard synapse types are in nA or uS (the model gets 1000 times the number).
    It is compiled the first time, which takes half a minute, and kept in the cache folder.

    Call it before the first run(): NEST takes new models only while it has no cells. Raises InvalidModelError for a
    description that NESTML does not accept, MissingPackageError where something is not installed, SimulatorError where
    the C++ does not compile, CapabilityError when NEST has cells already.
    """
    what, text = _read(name, nestml_description)
    module = nestml_build.build(what, text)
    nestml_models.register(module.models, module.path)
    made = native_cell_type(_find(name, module))
    return type(name, (made,), {"__doc__": f"{what}, with its names, units and defaults.", "__module__": __name__})


def nestml_synapse_type(
    synapse_name: str,
    nestml_description: str | Path,
    postsynaptic_neuron_nestml_description: str | Path | None = None,
    weight_variable: str = "w",
    delay_variable: str | None = None,
) -> type[NativeSynapseType]:
    """The model `synapse_name` of a NESTML file, or text, as a synapse type: what depends on presynaptic spikes only.

    It is a native synapse type. `weight_variable` is the parameter that is the weight, `delay_variable` that which is
    the delay. Errors are those of nestml_cell_type(); a synapse that depends on the postsynaptic cell raises
    CapabilityError.
    """
    what, text = _read(synapse_name, nestml_description)
    if postsynaptic_neuron_nestml_description is not None:
        raise CapabilityError(
            f"{what} needs a postsynaptic cell type that keeps variables for it: NESTML then makes one model out of "
            "both, which can be no one's cell type but this synapse's. Use one of NEST's plastic synapses "
            "(native_synapse_type), or give the equations in a synapse type of your own for the backend 'reference'."
        )
    options: dict[str, Any] = {
        "synapse_models": [synapse_name],
        "weight_variable": {synapse_name: weight_variable},
    }
    if delay_variable is not None:
        options["delay_variable"] = {synapse_name: delay_variable}
    module = nestml_build.build(what, text, options)
    nestml_models.register(module.models, module.path)
    made = native_synapse_type(_find(synapse_name, module))
    # NEST has the weight and the delay under its own names too, and these are what projections set.
    own = {weight_variable, delay_variable} - {"weight", "delay"}
    body = {
        "__doc__": f"{what}, with its names, units and defaults.",
        "__module__": __name__,
        "parameters": {name: p for name, p in made.parameters.items() if name not in own},
    }
    return type(synapse_name, (made,), body)


def nestml_text_of(celltype: BaseCellType | type[BaseCellType]) -> str:
    """The NESTML model that is made of a cell type's equations, as text; CapabilityError for what NESTML cannot say."""
    return nestml_text.export(celltype.definition).text


def _read(name: str, description: str | Path) -> tuple[str, str]:
    """What to call a model in messages, and the text that describes it."""
    if isinstance(description, Path) or "\n" not in str(description):
        path = Path(description).expanduser()
        if not path.is_file():
            raise InvalidModelError(
                f"There is no file {path} that describes '{name}'. Give the path of a NESTML file, or its text."
            )
        text, where = path.read_text(encoding="utf-8"), f" of {path.name}"
    else:
        text, where = str(description), ""
    found = _MODEL.findall(text)
    if name not in found:
        raise InvalidModelError(
            f"The NESTML description has no model '{name}'.{nearest(name, found)} It has: {', '.join(found) or 'none'}."
        )
    return f"the NESTML model {name}{where}", text


def _find(name: str, module: nestml_build.Module) -> str:
    """NEST's name of a model in a module."""
    return next(model for model in module.models if re.fullmatch(rf"{re.escape(name)}_[0-9a-f]{{10}}", model))
