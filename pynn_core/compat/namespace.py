"""The names of PyNN 0.6 that scripts find in every backend's module besides those of pyNN.common.namespace."""

from pyNN.compat.models import SynapseDynamics, TsodyksMarkramMechanism
from pyNN.compat.populations import ID

__all__ = ["ID", "SynapseDynamics", "TsodyksMarkramMechanism"]
