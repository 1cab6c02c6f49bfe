"""Structures and distances: against closed forms and against what PyNN 0.13 gives for the same generator."""

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.stats
from scipy.spatial.distance import cdist

from pyNN.errors import InvalidDimensionsError, InvalidParameterValueError
from pyNN.random import AbstractRNG, NumpyRNG
from pyNN.space import (
    BaseStructure,
    Cuboid,
    Grid2D,
    Grid3D,
    Line,
    RandomStructure,
    Shape,
    Space,
    Sphere,
    distance,
)

A = np.random.default_rng(1).uniform(-50, 50, (7, 3))
B = np.random.default_rng(2).uniform(-50, 50, (5, 3))


def test_distances_are_euclidean():
    # SciPy adds the squares in the same order at most up to rounding of the sum.
    np.testing.assert_allclose(Space().distances(A, B), cdist(A, B).ravel(), rtol=1e-14)
    np.testing.assert_allclose(Space().pairwise(A[:5].T, B.T), np.diag(cdist(A[:5], B)), rtol=1e-14)
    np.testing.assert_allclose(Space().pairwise(A.T[:, :, None], B.T[:, None, :]), cdist(A, B), rtol=1e-14)
    np.testing.assert_allclose(Space().distances(A[0], B[0]), cdist(A[:1], B[:1]).ravel(), rtol=1e-14)


@pytest.mark.parametrize(("axes", "columns"), [("x", [0]), ("z", [2]), ("xy", [0, 1]), ("xz", [0, 2]), ("yz", [1, 2])])
def test_distance_along_some_axes(axes, columns):
    expected = cdist(A[:, columns], B[:, columns]).ravel()
    np.testing.assert_allclose(Space(axes).distances(A, B), expected, rtol=1e-14)


def test_offset_and_scale_act_on_the_post_synaptic_position():
    space = Space(scale_factor=(1.0, 2.0, 3.0), offset=(1.0, 0.0, -1.0))
    expected = cdist(A, (B + [1, 0, -1]) * [1, 2, 3]).ravel()
    np.testing.assert_allclose(space.distances(A, B), expected, rtol=1e-14)
    np.testing.assert_allclose(Space(scale_factor=2.0, offset=1.0).distances(A, B), cdist(A, 2 * (B + 1)).ravel())


def test_periodic_distance_is_the_shortest_to_any_image():
    space = Space(periodic_boundaries=((-20, 20), None, (0, 30)))
    images = [[40 * k, 0, 30 * m] for k in range(-4, 5) for m in range(-5, 6)]
    expected = np.min([cdist(A, B + np.array(image)) for image in images], axis=0).ravel()
    np.testing.assert_allclose(space.distances(A, B), expected, rtol=1e-12)
    np.testing.assert_allclose(space.distances(B, A), expected.reshape(7, 5).T.ravel(), rtol=1e-12)


def test_expanded_distances_as_in_pynn():
    b, c = np.array([[1.0, 2, 3], [4, 5, 6]]), np.array([[0.0, 0, 0], [1, 1, 1], [2, 2, 2]])
    # Measured with PyNN 0.13.0.
    expected = [1, 0, 1, 4, 3, 2, 2, 1, 0, 5, 4, 3, 3, 2, 1, 6, 5, 4]
    np.testing.assert_array_equal(Space().distances(b, c, expand=True), expected)
    assert Space("xy").distances(b[:1], b, expand=True).tolist() == [0, 3, 0, 3]


def test_distance_generator():
    generate = Space().distance_generator(lambda i: A[i], lambda j: B[j])
    np.testing.assert_allclose(generate(0, 1), cdist(A[:1], B[1:2]).ravel())
    np.testing.assert_allclose(generate([0, 1], [2, 2]), cdist(A[:2], B[[2, 2]]).ravel())


def test_distance_between_two_cells():
    a, b = SimpleNamespace(position=np.zeros(3)), SimpleNamespace(position=np.array([3.0, 1.0, 1.0]))
    assert distance(a, b) == pytest.approx(np.sqrt(11))
    assert distance(a, b, periodic_boundaries=np.array([4.0, 4.0, 4.0])) == pytest.approx(np.sqrt(3))
    assert distance(a, b, mask=np.array([0]), scale_factor=2.0, offset=1.0) == 8.0


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"axes": "q"}, "axes='q' is not possible"),
        ({"periodic_boundaries": 3}, "pair .low, high."),
        ({"periodic_boundaries": ((0, 2), (0, 2))}, "each of the axes"),
        ({"periodic_boundaries": ((2, 0), None, None)}, "low < high"),
        ({"scale_factor": (1, 2)}, "one number or three"),
        ({"offset": "a"}, "one number or three"),
        ({"offset": np.nan}, "finite"),
    ],
)
def test_bad_spaces(arguments, match):
    with pytest.raises(InvalidParameterValueError, match=match):
        Space(**arguments)


def test_bad_positions():
    with pytest.raises(InvalidDimensionsError, match=r"\(3,\) or \(n, 3\)"):
        Space().distances(A.T, B)
    with pytest.raises(InvalidDimensionsError, match=r"shape \(3, n\)"):
        Space().pairwise(A, B)


def test_line_and_grids():
    line = Line(dx=2.0, x0=1.0, y=3.0, z=4.0)
    np.testing.assert_array_equal(line.generate_positions(3), [[1, 3, 5], [3] * 3, [4] * 3])
    np.testing.assert_array_equal(
        Grid2D(aspect_ratio=1.5, dx=2.0, y0=5.0, z=7).generate_positions(6),
        [[0, 0, 2, 2, 4, 4], [5, 6, 5, 6, 5, 6], [7] * 6],
    )
    np.testing.assert_array_equal(
        Grid3D(dz=3.0).generate_positions(8),
        [[0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 0, 0, 1, 1], [0, 3, 0, 3, 0, 3, 0, 3]],
    )


def test_sizes_of_grids():
    assert Grid2D(2.0).calculate_size(8) == (4, 2)
    assert Grid3D(1.0, 0.5).calculate_size(16) == (2, 2, 4)
    assert Grid2D(3 / 7).calculate_size(21) == (3, 7)
    assert Grid3D(2 / 3, 2 / 5).calculate_size(30) == (2, 3, 5)
    with pytest.raises(InvalidDimensionsError, match="6 cells do not fill a Grid2D with aspect_ratio 1: .* 2.449"):
        Grid2D().generate_positions(6)
    with pytest.raises(InvalidDimensionsError, match="7 cells do not fill a Grid3D"):
        Grid3D().generate_positions(7)
    with pytest.raises(InvalidParameterValueError, match="greater than 0"):
        Grid2D(-1.0)
    with pytest.raises(InvalidParameterValueError, match="'sequential' or 'random'"):
        Grid2D(fill_order="foo")


def test_random_fill_with_an_explicit_rng_is_that_of_pynn():
    # Measured with PyNN 0.13.0 and NumpyRNG(3).
    np.testing.assert_array_equal(
        Grid2D(fill_order="random", rng=NumpyRNG(3)).generate_positions(4), [[1, 0, 0, 1], [1, 1, 0, 0], [0] * 4]
    )
    np.testing.assert_array_equal(
        Grid3D(fill_order="random", rng=NumpyRNG(3)).generate_positions(8),
        [[1, 1, 1, 1, 0, 0, 0, 0], [0, 1, 0, 1, 1, 0, 0, 1], [1, 1, 0, 0, 1, 1, 0, 0]],
    )


def test_samples_with_an_explicit_rng_are_those_of_pynn():
    # Measured with PyNN 0.13.0 and NumpyRNG(3); printed with eight decimals.
    np.testing.assert_allclose(
        Cuboid(1, 2, 3).sample(2, NumpyRNG(3)),
        [[0.0507979, 0.41629565, -0.62728578], [0.01082761, 0.78589391, 1.18887927]],
        atol=1e-8,
    )
    np.testing.assert_allclose(
        Sphere(2).sample(3, NumpyRNG(3)),
        [
            [0.20319161, 0.83259129, -0.83638104],
            [-0.23676063, -1.88049516, -0.1726671],
            [0.59657619, -0.88605087, 0.70501961],
        ],
        atol=1e-8,
    )
    np.testing.assert_allclose(
        RandomStructure(Cuboid(1, 2, 3), (1, 1, 1), rng=NumpyRNG(3)).generate_positions(2),
        [[1.0507979, 1.01082761], [1.41629565, 1.78589391], [0.37271422, 2.18887927]],
        atol=1e-8,
    )


def test_points_in_a_sphere_are_evenly_spread():
    points = Sphere(4.0).sample(20_000, NumpyRNG(5))
    radius = np.linalg.norm(points, axis=1) / 4.0
    # Fixed seed; a correct sampler fails each of these with probability 1e-4.
    assert scipy.stats.kstest(radius**3, "uniform").pvalue > 1e-4
    assert scipy.stats.kstest(points[:, 2] / (4.0 * radius), "uniform", (-1, 2)).pvalue > 1e-4


@pytest.mark.parametrize(
    "structure",
    [Grid2D(fill_order="random"), Grid3D(1.0, 1.0, fill_order="random"), RandomStructure(Sphere(2.0))],
)
def test_positions_without_an_rng_come_from_the_key(structure):
    n = 64
    first = structure.keyed_positions(n, 1)
    np.testing.assert_array_equal(first, structure.keyed_positions(n, 1))
    assert not np.array_equal(first, structure.keyed_positions(n, 2))
    assert first.shape == (3, n)
    assert structure.rng is None


def test_keyed_positions_of_structures_that_need_no_key():
    np.testing.assert_array_equal(Line().keyed_positions(3, 1), Line().generate_positions(3))
    explicit = RandomStructure(Sphere(2.0), rng=NumpyRNG(3)).keyed_positions(2, 1)
    np.testing.assert_array_equal(explicit, RandomStructure(Sphere(2.0), rng=NumpyRNG(3)).generate_positions(2))


def test_users_own_structure_shape_and_rng():
    class Ring(BaseStructure):
        parameter_names = ("radius",)

        def __init__(self, radius):
            self.radius = radius

        def generate_positions(self, n):
            angle = 2 * np.pi * np.arange(n) / n
            return self.radius * np.array([np.cos(angle), np.sin(angle), np.zeros(n)])

    class Halves(AbstractRNG):
        def next(self, n=None, distribution=None, parameters=None, mask=None):
            return np.full(n, 0.5)

    assert Ring(2.0) == Ring(2.0)
    assert Ring(2.0) != Ring(3.0)
    assert repr(Ring(2.0)) == "Ring(radius=2.0)"
    np.testing.assert_allclose(Ring(2.0).keyed_positions(4, 1)[0], [2, 0, -2, 0], atol=1e-15)
    np.testing.assert_array_equal(Cuboid(2, 4, 8).sample(1, Halves(0)), [[0.5, 1, 2]])
    with pytest.raises(NotImplementedError, match="must define generate_positions"):
        BaseStructure().generate_positions(2)
    with pytest.raises(NotImplementedError, match="must define sample"):
        Shape().sample(2, NumpyRNG(1))


def test_parameters_representation_equality():
    assert Grid3D().get_parameters()["aspect_ratios"] == (1.0, 1.0)
    assert repr(Grid2D(2.0)) == (
        "Grid2D(aspect_ratio=2.0, dx=1.0, dy=1.0, x0=0.0, y0=0.0, z=0, fill_order='sequential')"
    )
    assert Grid2D(2.0) == Grid2D(2.0)
    assert Grid2D(2.0) != Grid2D(1.0)
    assert Sphere(2) == Sphere(2)
    assert repr(Cuboid(1, 2, 3)) == "Cuboid(width=1, height=2, depth=3)"
    assert Space("xy") == Space("xy", scale_factor=1)
    assert Space("xy") != Space("xz")


@pytest.mark.parametrize(
    ("kind", "arguments", "match"),
    [
        (Sphere, {"radius": 0}, "radius must be greater than 0"),
        (Cuboid, {"width": -1, "height": 1, "depth": 1}, "cannot be negative"),
        (RandomStructure, {"boundary": 3}, "boundary is a Shape"),
        (RandomStructure, {"boundary": Sphere(1), "origin": (0, 0)}, "three numbers"),
        (RandomStructure, {"boundary": Sphere(1), "rng": 3}, "rng must be a generator"),
        (Grid2D, {"rng": 3}, "rng must be a generator"),
    ],
)
def test_bad_structures_and_shapes(kind, arguments, match):
    with pytest.raises(InvalidParameterValueError, match=match):
        kind(**arguments)


@pytest.mark.parametrize("structure", [Grid2D(aspect_ratio=2.0), Grid3D(), Grid2D(fill_order="random")])
def test_a_grid_of_no_cells_is_empty(structure):
    assert structure.generate_positions(0).shape == (3, 0)
