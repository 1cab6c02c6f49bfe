"""ANNarchy's own synapses, in its notation: `from pyNN.equations.annarchy import STP, STDP, Hebb, Oja, IBCM`.

Of rate-coded cells, whose rate is a variable `r`: Hebb, Oja, IBCM. These transmit w*pre.r in every step.
"""

from __future__ import annotations

from functools import cache
from typing import Any

_TRANSMITTED = "w*pre.r"
_TEXTS: dict[str, dict[str, str]] = {
    "STP": {
        "parameters": "tau_rec = 100.0\ntau_facil = 0.01\nU = 0.5",
        "equations": "dx/dt = (1 - x)/tau_rec : init=1.0, event-driven\n"
                     "du/dt = (U - u)/tau_facil : init=0.5, event-driven",
        "pre_spike": "g_target += w*u*x; x *= 1 - u; u += U*(1 - u)",
        "description": "Short-term plasticity of Tsodyks and Markram: of what is available, x, a spike uses u.",
    },
    "STDP": {
        "parameters": "tau_plus = 20.0\ntau_minus = 20.0\nA_plus = 0.01\nA_minus = 0.01\nw_min = 0.0\nw_max = 1.0",
        "equations": "dx/dt = -x/tau_plus : event-driven\ndy/dt = -y/tau_minus : event-driven",
        "pre_spike": "g_target += w; x += A_plus*w_max; w = clip(w + y, w_min, w_max)",
        "post_spike": "y -= A_minus*w_max; w = clip(w + x, w_min, w_max)",
        "description": "Pairs of spikes change the weight (Song, Miller and Abbott); y is negative, A_minus positive.",
    },
    "Hebb": {
        "parameters": "eta = 0.01",
        "equations": "dw/dt = eta*pre.r*post.r : min=0.0",
        "psp": _TRANSMITTED,
        "description": "Hebb's rule: weights grow with the product of the rates.",
    },
    "Oja": {
        "parameters": "eta = 0.01\nalpha = 1.0",
        "equations": "dw/dt = eta*post.r*(pre.r - alpha*post.r*w) : min=0.0",
        "psp": _TRANSMITTED,
        "description": "Oja's rule: Hebb's, with a decay that bounds the sum of the squared weights of a cell.",
    },
    "IBCM": {
        "parameters": "eta = 0.01\ntau = 2000.0",
        # The weight sees the new threshold, as what belongs to a cell comes first in ANNarchy.
        "equations": "tau*dtheta/dt = post.r^2 - theta : postsynaptic, exponential\n"
                     "w += dt*eta*pre.r*post.r*(post.r - theta) : min=0.0",
        "psp": _TRANSMITTED,
        "description": "The rule of Intrator and Cooper: the threshold theta follows the square of the rate.",
    },
}  # fmt: skip
NAMES = tuple(_TEXTS)


@cache
def built_in(name: str) -> Any:
    """One of ANNarchy's synapse types, with its parameters: ``STDP(tau_plus=15.0, weight=0.5, delay=1.0)``."""
    from pyNN.equations.annarchy_synapse import Synapse

    return Synapse(name=name, **_TEXTS[name])  # type: ignore[arg-type]
