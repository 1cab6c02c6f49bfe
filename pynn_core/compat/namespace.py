"""The names that scripts find in every backend's module: those of PyNN 0.13 and, besides, those of PyNN 0.6."""

from pyNN.common import namespace
from pyNN.common.namespace import *  # noqa: F403
from pyNN.compat.models import SynapseDynamics, TsodyksMarkramMechanism
from pyNN.compat.populations import ID

__all__ = [*namespace.__all__, "ID", "SynapseDynamics", "TsodyksMarkramMechanism"]
