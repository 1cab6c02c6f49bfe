"""Random number generators and distributions.

An explicit generator (NumpyRNG, GSLRNG, a user's own AbstractRNG) is a sequential stream, as in PyNN. What a network
needs without one is drawn from keyed streams (pyNN.random.streams), which are the same on any number of processes.
"""

from __future__ import annotations

import importlib
import importlib.util
import operator
import sys
from collections.abc import Callable, Mapping
from typing import Any, SupportsIndex

import numpy as np
from lazyarray import VectorizedIterable, partial_shape
from numpy.typing import NDArray

from pyNN.errors import BackendNotInstalledError, InvalidParameterValueError, PyNNError, nearest
from pyNN.random import streams, transforms

FloatArray = NDArray[np.float64]

available_distributions: dict[str, tuple[str, ...]] = {
    "binomial": ("n", "p"),
    "gamma": ("k", "theta"),
    "exponential": ("beta",),
    "lognormal": ("mu", "sigma"),
    "normal": ("mu", "sigma"),
    "normal_clipped": ("mu", "sigma", "low", "high"),
    "normal_clipped_to_boundary": ("mu", "sigma", "low", "high"),
    "poisson": ("lambda_",),
    "uniform": ("low", "high"),
    "uniform_int": ("low", "high"),
    "vonmises": ("mu", "kappa"),
}
"""Name of each distribution -> names of its parameters, in the order in which they may be given."""

MAX_REDRAWS = 1000
"""How often a sequential generator draws again for values outside the limits of `normal_clipped` before it gives up."""

have_gsl = importlib.util.find_spec("pygsl") is not None


class UnknownDistributionError(PyNNError, KeyError):
    """A name that is not a distribution, or parameters that are not those of the distribution."""

    def __str__(self) -> str:
        return str(self.args[0])


class DrawError(InvalidParameterValueError):
    """A distribution whose limits leave practically nothing to draw."""


def get_mpi_config() -> tuple[int, int]:
    """(rank, number of processes) of the MPI world; (0, 1) in a process that was not started through MPI."""
    from pyNN.parallel import default_communicator

    communicator = default_communicator()
    return communicator.rank, communicator.size


def _distribution_parameters(distribution: str) -> tuple[str, ...]:
    try:
        return available_distributions[distribution]
    except (KeyError, TypeError):
        raise UnknownDistributionError(
            f"There is no distribution {distribution!r}.{nearest(distribution, available_distributions)} "
            f"Available: {', '.join(available_distributions)}."
        ) from None


def _check_seed(seed: Any) -> int | None:
    if seed is None:
        return None
    try:
        return operator.index(seed)
    except TypeError:
        raise InvalidParameterValueError(
            f"A seed is an integer (a Python int or a NumPy integer), or None; {seed!r} is not."
        ) from None


def _check_count(n: Any) -> int:
    try:
        count = operator.index(n)
    except TypeError:
        raise InvalidParameterValueError(f"The number of samples must be an integer, not {n!r}.") from None
    if count < 0:
        raise InvalidParameterValueError(f"The number of samples must not be negative; it is {n}.")
    return count


# --- generators -----------------------------------------------------------------------------------------------------


class AbstractRNG:
    """Base of all generators; a subclass implements `next`."""

    def __init__(self, seed: SupportsIndex | None = None) -> None:
        self.seed: Any = _check_seed(seed)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(seed={self.seed!r})"

    def next(
        self,
        n: SupportsIndex | None = None,
        distribution: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        mask: Any = None,
    ) -> Any:
        """One number (n=None) or an array of `n`, of a distribution (None: uniform in [0, 1))."""
        raise NotImplementedError(f"{type(self).__name__} must define next(self, n, distribution, parameters, mask).")


class WrappedRNG(AbstractRNG):
    """Base of generators that hand on to another library's; `translations` has its names of the distributions.

    With `parallel_safe`, numbers do not depend on the number of processes: all are drawn on every one, and those
    outside `mask` are thrown away. Without, the process's rank is added to the seed.
    """

    translations: Mapping[str, tuple[str, Mapping[str, str]]] = {}

    def __init__(self, seed: SupportsIndex | None = None, parallel_safe: bool = True) -> None:
        super().__init__(seed)
        self.parallel_safe = parallel_safe
        self.mpi_rank, self.num_processes = get_mpi_config()
        if self.seed is not None and not parallel_safe:
            self.seed += self.mpi_rank

    def next(
        self,
        n: SupportsIndex | None = None,
        distribution: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        mask: Any = None,
    ) -> Any:
        """One number (n=None) or an array of `n`, of a distribution (None: uniform in [0, 1)).

        `mask` (indices, or one boolean for each of the n) selects those that are returned.
        """
        if distribution is None:
            distribution, parameters = "uniform", {"low": 0.0, "high": 1.0}
        _distribution_parameters(distribution)
        if n is None:
            return self._next(distribution, 1, parameters or {})[0]
        count = _check_count(n)
        if mask is None or self.parallel_safe:
            values = self._next(distribution, count, parameters or {}) if count else np.empty(0)
            return values if mask is None else values[mask]
        mask = np.asarray(mask)
        count = int(mask.sum()) if mask.dtype == bool else mask.size
        return self._next(distribution, count, parameters or {}) if count else np.empty(0)

    def _next(self, distribution: str, n: int, parameters: Mapping[str, Any]) -> Any:
        if distribution not in self.translations:
            raise UnknownDistributionError(
                f"{type(self).__name__} cannot draw from '{distribution}', only from: {', '.join(self.translations)}."
            )
        name, names = self.translations[distribution]
        if set(parameters) != set(names):
            raise UnknownDistributionError(_wrong_names(distribution, tuple(names), tuple(parameters)))
        return self._draw(name, {names[key]: value for key, value in parameters.items()}, n)

    def _draw(self, name: str, parameters: Mapping[str, Any], n: int) -> Any:
        return getattr(self, name)(size=n, **parameters)

    def __getattr__(self, name: str) -> Any:
        # Without this guard, copying and unpickling would look for `rng` in an object that has nothing yet.
        if name.startswith("__") or name == "rng":
            raise AttributeError(f"{type(self).__name__} has no attribute '{name}'")
        return getattr(self.rng, name)

    def describe(self) -> str:
        """Type, seed and place in the MPI world, in a sentence."""
        return (
            f"{type(self).__name__}() with seed {self.seed} for MPI rank {self.mpi_rank} "
            f"(MPI processes {self.num_processes}). {'Is' if self.parallel_safe else 'Not'} parallel safe."
        )


def _clipped(
    draw: Callable[[int], FloatArray], low: float, high: float, size: int | None, what: str
) -> float | FloatArray:
    """Numbers in [low, high]: those outside are drawn again, MAX_REDRAWS times at most."""
    values = np.atleast_1d(draw(1 if size is None else size))
    for _ in range(MAX_REDRAWS):
        outside = np.flatnonzero((values < low) | (values > high))
        if not outside.size:
            return values[0] if size is None else values
        values[outside] = draw(outside.size)
    raise DrawError(
        f"{what}, between {low:g} and {high:g}: {MAX_REDRAWS} redraws were not enough. "
        "The limits leave out nearly all of the distribution."
    )


class NumpyRNG(WrappedRNG):
    """NumPy's RandomState (Mersenne twister MT19937) as a generator; its other methods can be called as well.

    Without a seed one is taken from the operating system and kept as `seed`, so that what was drawn can be repeated;
    under MPI all processes get the same one if `parallel_safe`.
    """

    translations = {
        "binomial": ("binomial", {"n": "n", "p": "p"}),
        "gamma": ("gamma", {"k": "shape", "theta": "scale"}),
        "exponential": ("exponential", {"beta": "scale"}),
        "lognormal": ("lognormal", {"mu": "mean", "sigma": "sigma"}),
        "normal": ("normal", {"mu": "loc", "sigma": "scale"}),
        "normal_clipped": ("normal_clipped", {"mu": "mu", "sigma": "sigma", "low": "low", "high": "high"}),
        "normal_clipped_to_boundary": (
            "normal_clipped_to_boundary",
            {"mu": "mu", "sigma": "sigma", "low": "low", "high": "high"},
        ),
        "poisson": ("poisson", {"lambda_": "lam"}),
        "uniform": ("uniform", {"low": "low", "high": "high"}),
        "uniform_int": ("randint", {"low": "low", "high": "high"}),
        "vonmises": ("vonmises", {"mu": "mu", "kappa": "kappa"}),
    }

    def __init__(self, seed: SupportsIndex | None = None, parallel_safe: bool = True) -> None:
        super().__init__(seed, parallel_safe)
        if self.seed is None:
            self.seed = _system_seed(shared=parallel_safe and self.num_processes > 1)
        if not 0 <= self.seed < 2**32:
            raise InvalidParameterValueError(f"The seed of a NumpyRNG is from 0 to {2**32 - 1}; {self.seed} is not.")
        self.rng = np.random.RandomState(self.seed)

    def normal_clipped(
        self,
        mu: float = 0.0,
        sigma: float = 1.0,
        low: float = -np.inf,
        high: float = np.inf,
        size: int | None = None,
    ) -> Any:
        """Normal numbers; those outside [low, high] are drawn again. DrawError after MAX_REDRAWS rounds."""
        return _clipped(
            lambda n: self.rng.normal(loc=mu, scale=sigma, size=n), low, high, size, f"Normal({mu:g}, {sigma:g})"
        )

    def normal_clipped_to_boundary(
        self,
        mu: float = 0.0,
        sigma: float = 1.0,
        low: float = -np.inf,
        high: float = np.inf,
        size: int | None = None,
    ) -> Any:
        """Normal numbers; those outside [low, high] become the limit."""
        return np.clip(self.rng.normal(loc=mu, scale=sigma, size=size), low, high)


def _system_seed(shared: bool) -> int:
    seed = int(np.random.SeedSequence().generate_state(1)[0])
    if not shared:
        return seed
    from pyNN.parallel import default_communicator

    return int(default_communicator().broadcast(seed))


class GSLRNG(WrappedRNG):
    """A generator of the GNU Scientific Library, through pygsl; `type` is GSL's name of it, e.g. "mt19937"."""

    translations = {
        "binomial": ("binomial", {"n": "n", "p": "p"}),
        "gamma": ("gamma", {"k": "k", "theta": "theta"}),
        "exponential": ("exponential", {"beta": "mu"}),
        "lognormal": ("lognormal", {"mu": "zeta", "sigma": "sigma"}),
        "normal": ("normal", {"mu": "mu", "sigma": "sigma"}),
        "normal_clipped": ("normal_clipped", {"mu": "mu", "sigma": "sigma", "low": "low", "high": "high"}),
        "poisson": ("poisson", {"lambda_": "mu"}),
        "uniform": ("flat", {"low": "a", "high": "b"}),
        "uniform_int": ("uniform_int", {"low": "low", "high": "high"}),
    }
    _positional = {
        "binomial": ("p", "n"),
        "exponential": ("mu",),
        "lognormal": ("zeta", "sigma"),
        "poisson": ("mu",),
        "flat": ("a", "b"),
    }
    """Order of the arguments of pygsl's functions, which take no names."""

    def __init__(self, seed: SupportsIndex | None = None, type: str = "mt19937", parallel_safe: bool = True) -> None:
        if not have_gsl:
            raise BackendNotInstalledError(
                "GSLRNG needs the GNU Scientific Library and pygsl: pip install pygsl. NumpyRNG needs neither."
            )
        super().__init__(seed, parallel_safe)
        gsl = importlib.import_module("pygsl.rng")
        if not hasattr(gsl, type):
            raise InvalidParameterValueError(f"GSL has no random number generator '{type}'.")
        if self.seed is None:
            self.seed = _system_seed(shared=parallel_safe and self.num_processes > 1)
        self.type = type
        self.rng = getattr(gsl, type)()
        self.rng.set(self.seed)

    def _draw(self, name: str, parameters: Mapping[str, Any], n: int) -> Any:
        if name not in self._positional:
            return np.atleast_1d(getattr(self, name)(size=n, **parameters))
        arguments = [parameters[key] for key in self._positional[name]]
        return np.atleast_1d(getattr(self.rng, name)(*arguments, n))

    def gamma(self, k: float, theta: float, size: int | None = None) -> Any:
        """Gamma numbers of shape `k` and scale `theta`."""
        return self.rng.gamma(k, theta, 1 if size is None else size)

    def normal(self, mu: float = 0.0, sigma: float = 1.0, size: int | None = None) -> Any:
        """Normal numbers of mean `mu` and standard deviation `sigma`."""
        return mu + self.rng.gaussian(sigma, 1 if size is None else size)

    def normal_clipped(
        self,
        mu: float = 0.0,
        sigma: float = 1.0,
        low: float = -np.inf,
        high: float = np.inf,
        size: int | None = None,
    ) -> Any:
        """Normal numbers; those outside [low, high] are drawn again. DrawError after MAX_REDRAWS rounds."""
        return _clipped(lambda n: self.normal(mu, sigma, n), low, high, size, f"Normal({mu:g}, {sigma:g})")

    def uniform_int(self, low: int, high: int, size: int | None = None) -> Any:
        """Whole numbers from `low` to `high` - 1."""
        return low + self.rng.uniform_int(high - low, 1 if size is None else size)


class NativeRNG(AbstractRNG):
    """Says that the simulation itself shall draw the numbers, with `seed` for its values.

    These are the streams that are also drawn from where no generator is given, the same on every backend: which numbers
    a projection or a population gets depends on setup(rng_seed=...), and on nothing else that draws.
    """

    def next(
        self,
        n: SupportsIndex | None = None,
        distribution: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        mask: Any = None,
    ) -> Any:
        raise InvalidParameterValueError(
            "A NativeRNG draws inside the simulator, and so cannot be asked for numbers here. Use NumpyRNG(seed)."
        )


# --- distributions --------------------------------------------------------------------------------------------------


def _wrong_names(distribution: str, expected: tuple[str, ...], given: tuple[str, ...]) -> str:
    return (
        f"Incorrect parameterization of random distribution '{distribution}': it has the parameters "
        f"{', '.join(expected)}; given: {', '.join(given) or 'none'}."
    )


class RandomDistribution(VectorizedIterable):
    """A distribution, such as ``RandomDistribution("normal", (0.5, 0.1))`` or ``("normal", mu=0.5, sigma=0.1)``.

    Names and parameters are in `available_distributions`; `uniform_int` excludes `high`, `exponential` has the mean
    `beta`, `gamma` the shape `k` and scale `theta`. With an `rng`, `next` takes numbers from its sequence.
    """

    def __init__(
        self,
        distribution: str,
        parameters_pos: tuple[Any, ...] | list[Any] | None = None,
        rng: AbstractRNG | None = None,
        **parameters_named: Any,
    ) -> None:
        names = _distribution_parameters(distribution)
        if rng is not None and not isinstance(rng, AbstractRNG):
            raise InvalidParameterValueError(f"rng must be a generator such as NumpyRNG(42), not {rng!r}.")
        self.name = distribution
        self.parameters = _matched(distribution, names, parameters_pos, parameters_named)
        self.rng = rng
        self._own_rng: NumpyRNG | None = None
        _check_parameters(distribution, self.parameters)

    def next(self, n: SupportsIndex | None = None, mask: Any = None) -> Any:
        """One number (n=None) or an array of `n`; `mask` selects among the n.

        They come in sequence from `rng`, or, without one, from a generator of this distribution's own.
        """
        rng = self.rng
        if rng is None:
            if self._own_rng is None:
                self._own_rng = NumpyRNG()
            rng = self._own_rng
        if n is None:
            # Also generators that give an array of one number for n=None are understood.
            value = rng.next(None, distribution=self.name, parameters=self.parameters, mask=None)
            return value[0] if isinstance(value, np.ndarray) and value.ndim else value
        values = rng.next(_check_count(n), distribution=self.name, parameters=self.parameters, mask=mask)
        return np.atleast_1d(values)

    def lazily_evaluate(self, mask: Any = None, shape: tuple[int, ...] | None = None) -> Any:
        """Numbers for the part `mask` (an index, a slice, ... or a tuple of them) of an array of `shape`, or all."""
        if shape is None:
            raise InvalidParameterValueError("The shape of the array is needed to know how many numbers to draw.")
        wanted = tuple(shape) if mask is None else partial_shape(mask, shape)
        if wanted == ():
            return self.next()
        return self.next(int(np.prod(wanted, dtype=int))).reshape(wanted)

    def draw(self, key: int, rows: Any, ordinals: Any) -> Any:
        """One number for each pair of `rows` and `ordinals` (integers that broadcast) of the stream `key`.

        Each is the quantile of one uniform, so it depends on nothing else: not on `rng`, not on order, not on MPI.
        """
        native = sys.modules.get("pyNN.random.native")
        if native is not None and np.ndim(rows) == 1 and np.shape(rows) == np.shape(ordinals) and self.name in _FILLED:
            # The same numbers, several times as fast; but they are not worth compiling for by themselves.
            transform = transforms.transform(self.name, self.parameters) if native.is_worth(len(rows)) else None
            if transform is not None:
                if transform.kind == transforms.NORMAL_CLIPPED:
                    _check_limits(width=float(transform.values[5]), **self.parameters)
                return native.fill_transformed(transform, key, rows, ordinals)
        return _QUANTILES[self.name](key, rows, ordinals, **self.parameters)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, RandomDistribution)
            and (self.name, self.parameters) == (other.name, other.parameters)
            and self.rng is other.rng
        )

    def __hash__(self) -> int:
        return hash((self.name, tuple(self.parameters.items())))

    def __repr__(self) -> str:
        return f"RandomDistribution('{self.name}', {self.parameters}, {self.rng!r})"


def _matched(
    distribution: str, names: tuple[str, ...], positional: Any, named: Mapping[str, Any]
) -> dict[str, Any]:
    """Parameters by name, from either way of giving them."""
    if positional is None:
        if set(named) != set(names):
            raise UnknownDistributionError(_wrong_names(distribution, names, tuple(named)))
        return {name: named[name] for name in names}
    if named:
        raise InvalidParameterValueError(
            f"Mixed positional and named parameters: give {', '.join(names)} of '{distribution}' either as a tuple or "
            "by name."
        )
    if isinstance(positional, Mapping) or not isinstance(positional, tuple | list | np.ndarray):
        raise _TypeOfParametersError(
            f"Positional parameters should be a tuple, not {positional!r}: "
            f"RandomDistribution('{distribution}', ({', '.join(names)}{',' if len(names) == 1 else ''}))."
        )
    if len(positional) != len(names):
        raise InvalidParameterValueError(
            f"Incorrect number of parameters for random distribution '{distribution}': it has {', '.join(names)}; "
            f"received {tuple(positional)}."
        )
    return dict(zip(names, positional, strict=True))


class _TypeOfParametersError(InvalidParameterValueError, TypeError):
    """Parameters of a distribution in a container that they cannot be in."""


_AT_LEAST_ZERO = {
    "binomial": ("n", "p"),
    "gamma": ("k", "theta"),
    "exponential": ("beta",),
    "lognormal": ("sigma",),
    "normal": ("sigma",),
    "normal_clipped": ("sigma",),
    "normal_clipped_to_boundary": ("sigma",),
    "poisson": ("lambda_",),
    "vonmises": ("kappa",),
}


def _check_parameters(distribution: str, parameters: Mapping[str, Any]) -> None:
    """Raise InvalidParameterValueError for parameters with which nothing can be drawn."""

    def fail(why: str) -> InvalidParameterValueError:
        given = ", ".join(f"{name}={value!r}" for name, value in parameters.items())
        return InvalidParameterValueError(f"RandomDistribution '{distribution}' with {given}: {why}")

    for name, value in parameters.items():
        if not isinstance(value, int | float | np.integer | np.floating):
            raise fail(f"{name} must be a number.")
        if np.isnan(value) or (np.isinf(value) and "clipped" not in distribution):
            raise fail(f"{name} must be a finite number.")
    for name in _AT_LEAST_ZERO.get(distribution, ()):
        if parameters[name] < 0:
            raise fail(f"{name} must not be negative.")
    if distribution == "binomial" and (parameters["p"] > 1 or parameters["n"] != int(parameters["n"])):
        raise fail("n must be a whole number, and p at most 1.")
    if "clipped" in distribution and not parameters["low"] <= parameters["high"]:
        raise fail("low must not be greater than high.")
    if distribution == "uniform_int":
        low, high = parameters["low"], parameters["high"]
        if low != int(low) or high != int(high):
            raise fail("low and high must be whole numbers.")
        if low >= high:
            raise fail("high, which is excluded, must be greater than low.")


# Quantile functions: from one uniform (or its standard normal or exponential transform) to one number.


def _open(key: int, rows: Any, ordinals: Any) -> FloatArray:
    """Uniforms without 0, for transforms that have no value there."""
    return np.maximum(streams.uniforms(key, rows, ordinals), streams.SMALLEST)


def _binomial(key: int, rows: Any, ordinals: Any, n: int, p: float) -> Any:
    from scipy.special import bdtr

    mean, spread = n * p, np.sqrt(n * p * (1.0 - p))
    return _discrete(lambda k: bdtr(k, n, p), mean, spread, int(n), _open(key, rows, ordinals))


def _gamma(key: int, rows: Any, ordinals: Any, k: float, theta: float) -> Any:
    from scipy.special import gammaincinv

    return theta * gammaincinv(k, _open(key, rows, ordinals)) if k > 0 else 0.0 * _open(key, rows, ordinals)


def _exponential(key: int, rows: Any, ordinals: Any, beta: float) -> Any:
    return beta * streams.exponentials(key, rows, ordinals)


def _lognormal(key: int, rows: Any, ordinals: Any, mu: float, sigma: float) -> Any:
    return np.exp(mu + sigma * streams.normals(key, rows, ordinals))


def _normal(key: int, rows: Any, ordinals: Any, mu: float, sigma: float) -> Any:
    return mu + sigma * streams.normals(key, rows, ordinals)


def _normal_clipped(key: int, rows: Any, ordinals: Any, mu: float, sigma: float, low: float, high: float) -> Any:
    u = _open(key, rows, ordinals)
    if sigma == 0:
        if not low <= mu <= high:
            raise DrawError(f"'normal_clipped' with sigma=0: mu={mu:g} is not between {low:g} and {high:g}.")
        return np.full_like(u, mu)
    below, width, sign = transforms.limits_of_normal(mu, sigma, low, high)
    _check_limits(mu, sigma, low, high, width)
    z = streams.normal_quantile_to_the_end(below + (1.0 - u if sign < 0 else u) * width)
    return np.clip(mu + sigma * (sign * z), low, high)


def _check_limits(mu: float, sigma: float, low: float, high: float, width: float) -> None:
    """DrawError for limits between which there is practically nothing."""
    if not width > 0 and low < high:
        raise DrawError(
            f"'normal_clipped' with mu={mu:g}, sigma={sigma:g}: practically nothing lies between {low:g} and {high:g}."
        )


def _normal_clipped_to_boundary(
    key: int, rows: Any, ordinals: Any, mu: float, sigma: float, low: float, high: float
) -> Any:
    return np.clip(_normal(key, rows, ordinals, mu, sigma), low, high)


def _poisson(key: int, rows: Any, ordinals: Any, lambda_: float) -> Any:
    from scipy.special import pdtr

    return _discrete(lambda k: pdtr(k, lambda_), lambda_, np.sqrt(lambda_), None, _open(key, rows, ordinals))


def _discrete(cdf: Callable[[Any], Any], mean: float, spread: float, largest: int | None, u: FloatArray) -> Any:
    """Smallest k with cdf(k) >= u: found in a table that reaches far beyond the smallest and largest u that exist."""
    first = max(0, int(mean - 12.0 * spread - 40.0))
    last = int(mean + 12.0 * spread + 40.0)
    last = last if largest is None else min(last, largest)
    table = cdf(np.arange(first, last, dtype=np.float64))
    return first + np.searchsorted(table, u)


def _uniform(key: int, rows: Any, ordinals: Any, low: float, high: float) -> Any:
    values = streams.uniforms(key, rows, ordinals)
    values *= high - low
    values += low
    return values


def _uniform_int(key: int, rows: Any, ordinals: Any, low: int, high: int) -> Any:
    width = int(high) - int(low)
    steps = np.floor(streams.uniforms(key, rows, ordinals) * width).astype(np.int64)
    return int(low) + np.minimum(steps, width - 1)


def _vonmises(key: int, rows: Any, ordinals: Any, mu: float, kappa: float) -> Any:
    u = _open(key, rows, ordinals)
    angle = (2.0 * u - 1.0) * np.pi if kappa == 0 else _vonmises_quantile(kappa, u)
    return np.mod(mu + angle + np.pi, 2.0 * np.pi) - np.pi


def _vonmises_quantile(kappa: float, u: FloatArray) -> FloatArray:
    """Quantiles between -pi and pi: Newton's method from a table, kept between the table's neighbouring points.

    The distribution function is summed up from Gauss-Legendre sums of the density, which are exact to the last digits
    on intervals that short.
    """
    from scipy.special import i0e

    scale = 1.0 / (2.0 * np.pi * i0e(kappa))
    nodes, weights = (array.tolist() for array in np.polynomial.legendre.leggauss(4))

    def density(angle: FloatArray) -> FloatArray:
        return scale * np.exp(kappa * (np.cos(angle) - 1.0))

    def mass(low: FloatArray, high: FloatArray) -> FloatArray:
        half = 0.5 * (high - low)
        places = [low + half * (1.0 + node) for node in nodes]
        return half * sum(weight * density(place) for weight, place in zip(weights, places, strict=True))

    # Far from the middle a narrow distribution has nothing that a uniform number could reach.
    reach = min(np.pi, 10.0 / np.sqrt(kappa))
    grid = np.linspace(-reach, reach, 4097)
    table = np.concatenate([[0.0], np.cumsum(mass(grid[:-1], grid[1:]))])
    result = np.empty(u.shape)
    flat, values = result.reshape(-1), u.reshape(-1)
    for start in range(0, values.size, _VONMISES_BLOCK):
        part = values[start : start + _VONMISES_BLOCK]
        place = np.clip(np.searchsorted(table, part), 1, grid.size - 1)
        low, high = grid[place - 1], grid[place]
        angle = np.interp(part, table, grid)
        for _ in range(2):
            angle = np.clip(angle - (table[place - 1] + mass(low, angle) - part) / density(angle), low, high)
        flat[start : start + _VONMISES_BLOCK] = angle
    return result


_VONMISES_BLOCK = 8192
"""Angles worked out at a time: the intermediate arrays then stay in the processor's cache."""

_FILLED = frozenset(transforms.POSSIBLE) - {"uniform_int"}
"""Of what compiled code can draw, what it gives with the same type."""

_QUANTILES: dict[str, Callable[..., Any]] = {
    "binomial": _binomial,
    "gamma": _gamma,
    "exponential": _exponential,
    "lognormal": _lognormal,
    "normal": _normal,
    "normal_clipped": _normal_clipped,
    "normal_clipped_to_boundary": _normal_clipped_to_boundary,
    "poisson": _poisson,
    "uniform": _uniform,
    "uniform_int": _uniform_int,
    "vonmises": _vonmises,
}
