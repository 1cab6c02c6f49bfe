"""What the update of some cells tells who asked for it: the bits of a number."""

from __future__ import annotations

SPIKES = 1
"""A cell spikes."""
NOT_FINITE = 2
"""A state may have become infinite or no number."""
