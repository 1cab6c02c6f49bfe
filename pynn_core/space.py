"""Where cells are: structures that give positions, shapes, and distances between positions.

Positions are arrays of shape (3, n), in a unit of the script's own choice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pyNN.errors import InvalidDimensionsError, InvalidParameterValueError
from pyNN.random import AbstractRNG, NumpyRNG
from pyNN.random.streams import derive_key

FloatArray = NDArray[np.float64]


class Space:
    """How distance is measured: along which axes, and whether the space is closed onto itself.

    `axes` is any of "x", "y", "z", "xy", "yz", "xz", "xyz" (or None, all three). Post-synaptic positions are moved by
    `offset` (a number or three), then multiplied by `scale_factor` (a number or three). `periodic_boundaries` has a
    pair (low, high) or None for each axis; on a periodic axis the distance is the shorter way round.
    """

    AXES: ClassVar[dict[str | None, list[int]]] = {
        "x": [0],
        "y": [1],
        "z": [2],
        "xy": [0, 1],
        "yz": [1, 2],
        "xz": [0, 2],
        "xyz": [0, 1, 2],
        None: [0, 1, 2],
    }

    def __init__(
        self,
        axes: str | None = None,
        scale_factor: Any = 1.0,
        offset: Any = 0.0,
        periodic_boundaries: tuple[tuple[float, float] | None, ...] | None = None,
    ) -> None:
        if axes not in self.AXES:
            raise InvalidParameterValueError(
                f"axes={axes!r} is not possible; choose from {', '.join(repr(a) for a in self.AXES)}."
            )
        self.axes = np.array(self.AXES[axes])
        self.scale_factor = scale_factor
        self.offset = offset
        self.periodic_boundaries = periodic_boundaries
        self._scale = _one_or_three(scale_factor, "scale_factor")
        self._shift = _one_or_three(offset, "offset")
        self._periods = _periods(periodic_boundaries)

    def _per_axis(self, a: FloatArray, b: FloatArray, axis: int) -> FloatArray:
        """Distance along one axis between coordinates `a` and (post-synaptic) `b`, which broadcast."""
        d = np.abs(a - self._scale[axis] * (b + self._shift[axis]))
        period = self._periods[axis]
        if period is not None:
            d = np.mod(d, period)
            d = np.minimum(d, period - d)
        return d

    def pairwise(self, a: Any, b: Any) -> FloatArray:
        """Distance from a[:, k] to b[:, k] for two position arrays of shape (3, n), elementwise.

        The arrays may have more dimensions and broadcast: (3, m, 1) and (3, 1, n) give all m x n distances.
        """
        a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
        for positions in (a, b):
            if positions.ndim == 0 or positions.shape[0] != 3:
                raise InvalidDimensionsError(f"Positions have the shape (3, n), and not {positions.shape}.")
        if len(self.axes) == 1:
            return self._per_axis(a[self.axes[0]], b[self.axes[0]], self.axes[0])
        parts = (self._per_axis(a[axis], b[axis], axis) for axis in self.axes)
        squares = [d * d for d in parts]
        return np.sqrt(sum(squares[1:], squares[0]))

    def distances(self, A: Any, B: Any, expand: bool = False) -> FloatArray:
        """Distances from all positions in A to all in B, each of shape (3,) or (n, 3); flat, B changes fastest.

        With `expand`, the absolute differences along each axis, one axis after the other, flat as well.
        """
        a, b = _rows_of_three(A), _rows_of_three(B)
        if not expand:
            return self.pairwise(a.T[:, :, None], b.T[:, None, :]).ravel()
        return np.concatenate([self._per_axis(a[:, None, i], b[None, :, i], i).ravel() for i in self.axes])

    def distance_generator(self, f: Callable[[Any], Any], g: Callable[[Any], Any]) -> Callable[[Any, Any], FloatArray]:
        """A function of indices (i, j): the distances between the positions f(i) and g(j)."""

        def distance_map(i: Any, j: Any) -> FloatArray:
            return self.distances(f(i), g(j))

        return distance_map

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Space) and self._description() == other._description()

    def __hash__(self) -> int:
        return hash(self._description())

    def _description(self) -> tuple[Any, ...]:
        return tuple(self.axes), tuple(self._scale), tuple(self._shift), tuple(self._periods)

    def __repr__(self) -> str:
        axes = "".join("xyz"[i] for i in self.axes)
        return (
            f"Space(axes={axes!r}, scale_factor={self.scale_factor!r}, offset={self.offset!r}, "
            f"periodic_boundaries={self.periodic_boundaries!r})"
        )


def _one_or_three(value: Any, name: str) -> FloatArray:
    try:
        array = np.broadcast_to(np.asarray(value, dtype=float), (3,))
    except (TypeError, ValueError):
        raise InvalidParameterValueError(f"{name} is one number or three (x, y, z), not {value!r}.") from None
    if not np.isfinite(array).all():
        raise InvalidParameterValueError(f"{name} must be finite, not {value!r}.")
    return array


def _periods(boundaries: Any) -> list[float | None]:
    if boundaries is None:
        return [None, None, None]
    try:
        pairs = [None if pair is None else (float(pair[0]), float(pair[1])) for pair in boundaries]
    except (TypeError, ValueError, IndexError):
        pairs = []
    if len(pairs) != 3 or any(pair is not None and not pair[0] < pair[1] for pair in pairs):
        raise InvalidParameterValueError(
            "periodic_boundaries has a pair (low, high), low < high, or None for each of the axes x, y, z, "
            f"for example ((0, 100), (0, 100), None), not {boundaries!r}."
        )
    return [None if pair is None else pair[1] - pair[0] for pair in pairs]


def _rows_of_three(positions: Any) -> FloatArray:
    array = np.asarray(positions, dtype=float)
    if array.shape == (3,):
        return array[None, :]
    if array.ndim != 2 or array.shape[1] != 3:
        raise InvalidDimensionsError(
            f"distances() takes positions of shape (3,) or (n, 3); an array of {array.shape} was given. "
            "For positions of shape (3, n) use positions.T, or pairwise()."
        )
    return array


def distance(
    src: Any,
    tgt: Any,
    mask: Any = None,
    scale_factor: Any = 1.0,
    offset: Any = 0.0,
    periodic_boundaries: Any = None,
) -> float:
    """Distance between two cells (objects with a `position`), along the axes `mask` (indices) or all three.

    `periodic_boundaries` has the period of each axis.
    """
    d = np.abs(np.asarray(src.position, dtype=float) - scale_factor * (np.asarray(tgt.position, dtype=float) + offset))
    if periodic_boundaries is not None:
        period = np.asarray(periodic_boundaries, dtype=float)
        d = np.mod(d, period)
        d = np.minimum(d, period - d)
    if mask is not None:
        d = d[mask]
    return float(np.sqrt(np.dot(d, d)))


# --- structures -----------------------------------------------------------------------------------------------------


class BaseStructure:
    """Base of all structures: a subclass names its parameters and implements `generate_positions`."""

    parameter_names: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.get_parameters() == other.get_parameters()

    def __hash__(self) -> int:
        return hash((type(self), *(str(v) for v in self.get_parameters().values())))

    def get_parameters(self) -> dict[str, Any]:
        """Names and values of the parameters."""
        return {name: getattr(self, name) for name in self.parameter_names}

    def generate_positions(self, n: int) -> FloatArray:
        """Positions of n cells, shape (3, n)."""
        raise NotImplementedError(f"{type(self).__name__} must define generate_positions(self, n).")

    def keyed_positions(self, n: int, key: int) -> FloatArray:
        """Positions of n cells; what is random, and has no generator of its own, comes from the stream `key`."""
        return self.generate_positions(n)

    def describe(self, template: str | None = "structure_default.txt", engine: str = "default") -> Any:
        """A sentence on the structure; the raw context dictionary with ``template=None``."""
        from pyNN import descriptions

        context = {"name": type(self).__name__, "parameters": self.get_parameters()}
        return descriptions.render(engine, template, context)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.get_parameters().items())})"


def _stream(key: int) -> NumpyRNG:
    return NumpyRNG(seed=derive_key(key, "positions") % 2**32)


class Line(BaseStructure):
    """Cells along the x axis, `dx` apart, the first at (x0, y, z)."""

    parameter_names = ("dx", "x0", "y", "z")

    def __init__(self, dx: float = 1.0, x0: float = 0.0, y: float = 0.0, z: float = 0.0) -> None:
        self.dx = dx
        self.x0 = x0
        self.y = y
        self.z = z

    def generate_positions(self, n: int) -> FloatArray:
        """Positions of n cells, shape (3, n)."""
        positions = np.empty((3, n))
        positions[0] = self.dx * np.arange(n, dtype=float) + self.x0
        positions[1] = self.y
        positions[2] = self.z
        return positions


class _Grid(BaseStructure):
    """What grids share: the order in which places are filled, and its generator."""

    def __init__(self, fill_order: str, rng: AbstractRNG | None) -> None:
        if fill_order not in ("sequential", "random"):
            raise InvalidParameterValueError(f"fill_order is 'sequential' or 'random', not {fill_order!r}.")
        if rng is not None and not isinstance(rng, AbstractRNG):
            raise InvalidParameterValueError(f"rng must be a generator such as NumpyRNG(42), not {rng!r}.")
        self.fill_order = fill_order
        self.rng = rng

    def _places(self, n: int) -> FloatArray:
        raise NotImplementedError

    def generate_positions(self, n: int) -> FloatArray:
        """Positions of n cells, shape (3, n). Raises InvalidDimensionsError where n places do not make a full grid."""
        places = self._places(n)
        if self.fill_order == "sequential":
            return places
        if self.rng is None:
            self.rng = NumpyRNG()
        return self._shuffled(places, self.rng)

    def keyed_positions(self, n: int, key: int) -> FloatArray:
        if self.fill_order == "sequential" or self.rng is not None:
            return self.generate_positions(n)
        return self._shuffled(self._places(n), _stream(key))

    @staticmethod
    def _shuffled(places: FloatArray, rng: AbstractRNG) -> FloatArray:
        if isinstance(rng, NumpyRNG):
            return places[:, rng.permutation(places.shape[1])]
        return places[:, np.argsort(rng.next(places.shape[1]), kind="stable")]


def _positive(**ratios: Any) -> None:
    for name, ratio in ratios.items():
        if not ratio > 0:
            raise InvalidParameterValueError(f"{name} must be greater than 0, not {ratio!r}.")


def _side(exact: float, name: str, n: int, what: str) -> int:
    side = round(exact)
    if side < 1 or abs(exact - side) > 1e-9 * max(exact, 1.0):
        raise InvalidDimensionsError(f"{n} cells do not fill {what}: it would be {exact:.4g} places along {name}.")
    return side


class Grid2D(_Grid):
    """Cells on a grid of nx by ny places in the plane `z`, with nx/ny = `aspect_ratio`; y changes fastest.

    The first place is (x0, y0); `fill_order` "random" shuffles the cells over the places, by `rng`.
    """

    parameter_names = ("aspect_ratio", "dx", "dy", "x0", "y0", "z", "fill_order")

    def __init__(
        self,
        aspect_ratio: float = 1.0,
        dx: float = 1.0,
        dy: float = 1.0,
        x0: float = 0.0,
        y0: float = 0.0,
        z: float = 0,
        fill_order: str = "sequential",
        rng: AbstractRNG | None = None,
    ) -> None:
        super().__init__(fill_order, rng)
        _positive(aspect_ratio=aspect_ratio)
        self.aspect_ratio = aspect_ratio
        self.dx = dx
        self.dy = dy
        self.x0 = x0
        self.y0 = y0
        self.z = z

    def calculate_size(self, n: int) -> tuple[int, int]:
        """(nx, ny) for n cells."""
        if n == 0:
            return 0, 0
        what = f"a Grid2D with aspect_ratio {self.aspect_ratio:g}"
        nx = _side(float(np.sqrt(n * self.aspect_ratio)), "x", n, what)
        return nx, _side(n / nx, "y", n, what)

    def _places(self, n: int) -> FloatArray:
        nx, ny = self.calculate_size(n)
        x, y = np.indices((nx, ny), dtype=float)
        return np.array(
            [self.x0 + self.dx * x.ravel(), self.y0 + self.dy * y.ravel(), np.full(n, self.z, dtype=float)]
        )


class Grid3D(_Grid):
    """Cells on a grid of nx by ny by nz places, nx/ny = `aspect_ratioXY`, nx/nz = `aspect_ratioXZ`; z changes fastest.

    The first place is (x0, y0, z0); `fill_order` "random" shuffles the cells over the places, by `rng`.
    """

    parameter_names = ("aspect_ratios", "dx", "dy", "dz", "x0", "y0", "z0", "fill_order")

    def __init__(
        self,
        aspect_ratioXY: float = 1.0,
        aspect_ratioXZ: float = 1.0,
        dx: float = 1.0,
        dy: float = 1.0,
        dz: float = 1.0,
        x0: float = 0.0,
        y0: float = 0.0,
        z0: float = 0,
        fill_order: str = "sequential",
        rng: AbstractRNG | None = None,
    ) -> None:
        super().__init__(fill_order, rng)
        _positive(aspect_ratioXY=aspect_ratioXY, aspect_ratioXZ=aspect_ratioXZ)
        self.aspect_ratios = (aspect_ratioXY, aspect_ratioXZ)
        self.dx = dx
        self.dy = dy
        self.dz = dz
        self.x0 = x0
        self.y0 = y0
        self.z0 = z0

    def calculate_size(self, n: int) -> tuple[int, int, int]:
        """(nx, ny, nz) for n cells."""
        if n == 0:
            return 0, 0, 0
        a, b = self.aspect_ratios
        what = f"a Grid3D with aspect ratios {a:g} and {b:g}"
        nx = _side(float(np.cbrt(n * a * b)), "x", n, what)
        ny = _side(nx / a, "y", n, what)
        return nx, ny, _side(n / (nx * ny), "z", n, what)

    def _places(self, n: int) -> FloatArray:
        x, y, z = np.indices(self.calculate_size(n), dtype=float)
        return np.array(
            [self.x0 + self.dx * x.ravel(), self.y0 + self.dy * y.ravel(), self.z0 + self.dz * z.ravel()]
        )


class Shape:
    """Base of volumes; a subclass implements `sample`."""

    def sample(self, n: int, rng: AbstractRNG) -> FloatArray:
        """n points in the volume, shape (n, 3), drawn with `rng`."""
        raise NotImplementedError(f"{type(self).__name__} must define sample(self, n, rng).")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), *vars(self).values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"


_MINUS_ONE_TO_ONE: Mapping[str, float] = {"low": -1.0, "high": 1.0}


class Cuboid(Shape):
    """A box centred on the origin: `width` along x, `height` along y, `depth` along z."""

    def __init__(self, width: float, height: float, depth: float) -> None:
        if min(width, height, depth) < 0:
            raise InvalidParameterValueError(f"A Cuboid's sides cannot be negative: {width}, {height}, {depth}.")
        self.width = width
        self.height = height
        self.depth = depth

    def sample(self, n: int, rng: AbstractRNG) -> FloatArray:
        """n points spread evenly over the box, shape (n, 3)."""
        points = np.asarray(rng.next(3 * n, "uniform", _MINUS_ONE_TO_ONE), dtype=float).reshape(n, 3)
        return 0.5 * points * (self.width, self.height, self.depth)


class Sphere(Shape):
    """A ball of the given radius around the origin."""

    def __init__(self, radius: float) -> None:
        if not radius > 0:
            raise InvalidParameterValueError(f"A Sphere's radius must be greater than 0, not {radius!r}.")
        self.radius = radius

    def sample(self, n: int, rng: AbstractRNG) -> FloatArray:
        """n points spread evenly over the ball, shape (n, 3)."""
        accepted = np.empty((0, 3))
        while len(accepted) < n:
            missing = n - len(accepted)
            points = np.asarray(rng.next(3 * missing, "uniform", _MINUS_ONE_TO_ONE), dtype=float).reshape(missing, 3)
            accepted = np.concatenate([accepted, points[(points * points).sum(axis=1) <= 1.0]])
        return self.radius * accepted


class RandomStructure(BaseStructure):
    """Cells at random places within `boundary` (a Shape), whose centre is moved to `origin`."""

    parameter_names = ("boundary", "origin", "rng")

    def __init__(
        self, boundary: Shape, origin: tuple[float, float, float] = (0.0, 0.0, 0.0), rng: AbstractRNG | None = None
    ) -> None:
        if not isinstance(boundary, Shape):
            raise InvalidParameterValueError(f"boundary is a Shape, such as Sphere(100.0), not {boundary!r}.")
        if np.shape(origin) != (3,):
            raise InvalidParameterValueError(f"origin has three numbers (x, y, z), not {origin!r}.")
        if rng is not None and not isinstance(rng, AbstractRNG):
            raise InvalidParameterValueError(f"rng must be a generator such as NumpyRNG(42), not {rng!r}.")
        self.boundary = boundary
        self.origin = origin
        self.rng = rng

    def generate_positions(self, n: int) -> FloatArray:
        """Positions of n cells, shape (3, n)."""
        if self.rng is None:
            self.rng = NumpyRNG()
        return self._sampled(n, self.rng)

    def keyed_positions(self, n: int, key: int) -> FloatArray:
        return self._sampled(n, _stream(key) if self.rng is None else self.rng)

    def _sampled(self, n: int, rng: AbstractRNG) -> FloatArray:
        return (self.boundary.sample(n, rng) + np.asarray(self.origin, dtype=float)).T
