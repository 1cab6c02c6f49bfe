"""Keyed streams: known answers, bit identity of NumPy and Numba, and the distributions against SciPy."""

import numpy as np
import pytest
import scipy.special
import scipy.stats

from pyNN.random import streams

# Known-answer tests for philox4x32-10, Random123 (Salmon et al. 2011), file kat_vectors.
KNOWN_ANSWERS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN_ANSWERS)
def test_philox_gives_the_known_answers(counter, key, expected):
    from pyNN.random import compiled

    assert tuple(int(w) for w in streams.philox(*counter, *key)) == expected
    arguments = (np.uint64(w) for w in (*counter, *key))
    assert tuple(int(w) for w in compiled.philox(*arguments)) == expected


def test_uniform_is_made_of_the_words_of_philox():
    key, row, ordinal = 0x0123456789ABCDEF, 2**40 + 7, 2**33 + 5
    w0, w1, _, _ = streams.philox(ordinal % 2**32, ordinal >> 32, row % 2**32, row >> 32, 0x89ABCDEF, 0x01234567)
    expected = ((int(w0) >> 5) * 2**26 + (int(w1) >> 6)) / 2**53
    assert streams.uniforms(key, row, ordinal) == expected


def test_numba_and_numpy_give_the_same_bits():
    from pyNN.random import compiled, native

    key = streams.derive_key(7, "test")
    rows = np.arange(200_000) * 12_345_678_901
    ordinals = np.arange(200_000) % 977
    theirs = native.fill_uniforms(key, rows, ordinals)
    np.testing.assert_array_equal(theirs.view(np.uint64), streams.philox_uniforms(key, rows, ordinals).view(np.uint64))
    for name, one in (("normals", compiled.normal), ("exponentials", compiled.exponential)):
        ours = getattr(streams, name)(key, rows[:2000], ordinals[:2000])
        theirs = np.array([one(np.uint64(key), r, o) for r, o in zip(rows[:2000], ordinals[:2000], strict=True)])
        np.testing.assert_array_equal(ours.view(np.uint64), theirs.view(np.uint64), err_msg=name)


def test_the_compiled_logarithm_splits_all_positive_numbers():
    from pyNN.random import compiled

    x = np.concatenate([2.0 ** np.arange(-1074, 1024), np.nextafter(2.0 ** np.arange(-1000, 1000), 0.0), [5e-324]])
    np.testing.assert_array_equal(streams.log(x), [compiled.log(value) for value in x])


def test_numba_and_numpy_quantiles_agree_in_the_tails():
    from pyNN.random import compiled

    u = np.concatenate([2.0 ** -np.arange(1, 54), 1 - 2.0 ** -np.arange(1, 54), [0.0, 0.075, 0.925]])
    numba = np.array([compiled.normal_quantile(x) for x in u])
    np.testing.assert_array_equal(streams.normal_quantile(u), numba)


def test_value_depends_on_key_row_and_ordinal_only():
    rng = np.random.default_rng(1)
    rows, ordinals = rng.integers(0, 100, 30_000), rng.integers(0, 100, 30_000)
    matrix = streams.normals(5, np.arange(100)[:, None], np.arange(100))
    np.testing.assert_array_equal(streams.normals(5, rows, ordinals), matrix[rows, ordinals])
    assert streams.normals(5, 3, 4) == matrix[3, 4]
    assert streams.uniforms(5, np.empty(0, dtype=int), 0).shape == (0,)


def test_keys_differ_with_every_part():
    keys = [
        streams.derive_key(1, "a"),
        streams.derive_key(2, "a"),
        streams.derive_key(1, "b"),
        streams.derive_key(1, "a", 0),
        streams.derive_key(1, "a", 0, 0),
        streams.derive_key(1, "a", "0"),
        streams.derive_key(1, "a", 1, 0),
        streams.derive_key(1, "a", 10),
        streams.derive_key(-1, "a"),
        streams.derive_key(1, "a;i0"),
    ]
    assert len(set(keys)) == len(keys)
    assert all(0 <= key < 2**64 for key in keys)
    assert streams.derive_key(np.int64(1), "a", np.int32(0)) == keys[3]


def test_streams_of_neighbouring_keys_and_rows_are_uncorrelated():
    n = 100_000
    a = streams.uniforms(10, np.arange(n), 0)
    others = [
        streams.uniforms(11, np.arange(n), 0),
        streams.uniforms(10, np.arange(n), 1),
        streams.uniforms(10, np.arange(n) + 1, 0),
    ]
    for b in others:
        # Under independence the correlation has the standard deviation 1/sqrt(n); five of them: 6e-7 for a false alarm.
        assert abs(np.corrcoef(a, b)[0, 1]) < 5 / np.sqrt(n)


@pytest.mark.parametrize(
    ("name", "distribution"), [("uniforms", "uniform"), ("normals", "norm"), ("exponentials", "expon")]
)
def test_streams_have_their_distribution(name, distribution):
    values = getattr(streams, name)(streams.derive_key(3, name), np.arange(200_000), 0)
    # The streams are fixed, so this either passes always or never; a correct generator fails with probability 1e-4.
    assert scipy.stats.kstest(values, distribution).pvalue > 1e-4


def test_log_is_exact_to_a_unit_in_the_last_place():
    x = np.concatenate([np.random.default_rng(2).uniform(0, 2, 100_000), 2.0 ** -np.arange(60), [1.0, 0.5, 1 - 2**-53]])
    x = x[x > 0]
    np.testing.assert_array_max_ulp(streams.log(x), np.log(x), maxulp=2)
    assert streams.log(1.0) == 0.0


def test_normal_quantile_agrees_with_scipy():
    u = np.concatenate([np.linspace(0, 1, 100_001)[1:-1], 2.0 ** -np.arange(2, 54)])
    u = u[u != 0.5]
    # AS 241 states a relative accuracy of about 1e-16; a few units in the last place come with the arithmetic.
    np.testing.assert_allclose(streams.normal_quantile(u), scipy.special.ndtri(u), rtol=2e-15, atol=1e-17)
    assert np.isfinite(streams.normal_quantile(0.0)).all()
    assert np.isfinite(streams.normal_quantile(1 - 2**-53)).all()
