"""Signals of current sources: closed forms on the grid, and the statistics of noise."""

import warnings

import numpy as np
import pytest
import scipy.stats

from pyNN.backend import Settings
from pyNN.errors import (
    InvalidDimensionsError,
    InvalidParameterValueError,
    InvalidTimeError,
    NoModelAvailableError,
    RoundingWarning,
)
from pyNN.models import Definition
from pyNN.specs import CurrentSpec, Ragged
from pyNN.standardmodels import electrodes
from pyNN.waveforms import check, signal

DT = 0.1


def settings(seed=42, trial=0, dt=DT):
    return Settings(dt=dt, min_delay_steps=None, max_delay_steps=None, rng_seed=seed, trial=trial)


def source(name, id=0, **given):
    model = getattr(electrodes, name)
    values = {k: Ragged.from_list([[]]) if p.is_array else p.default for k, p in model.parameters.items()}
    for key, value in given.items():
        values[key] = Ragged.from_list([value]) if isinstance(value, list) else value
    return CurrentSpec(id, model.definition, values, np.array([0]))


def test_dc_acts_from_start_and_is_zero_at_stop():
    values = signal(source("DCSource", amplitude=0.5, start=1.0, stop=2.0), settings(), 0, 40)
    np.testing.assert_array_equal(values, [0.5 if 10 <= k < 20 else 0.0 for k in range(40)])
    np.testing.assert_array_equal(signal(source("DCSource", amplitude=2.0), settings(), 0, 3), [2, 2, 2])
    forever = signal(source("DCSource", start=0.0, stop=np.inf), settings(), 5, 2)
    np.testing.assert_array_equal(forever, [1, 1])
    assert signal(source("DCSource", start=2.0, stop=1.0), settings(), 0, 40).sum() == 0.0


def test_times_are_rounded_to_the_nearest_step():
    values = signal(source("DCSource", start=0.14, stop=0.35), settings(), 0, 6)
    np.testing.assert_array_equal(values, [0, 1, 1, 1, 0, 0])


@pytest.mark.parametrize(
    "spec",
    [
        source("DCSource", start=1.0, stop=3.0),
        source("ACSource", start=1.0, stop=6.0, offset=1.0, phase=30.0),
        source("StepCurrentSource", times=[1.0, 2.5], amplitudes=[1.0, -1.0]),
        source("NoisyCurrentSource", start=1.0, stop=7.0, dt=0.3),
    ],
)
def test_a_signal_does_not_depend_on_how_it_is_cut(spec):
    whole = signal(spec, settings(), 0, 100)
    parts = [signal(spec, settings(), a, b - a) for a, b in [(0, 7), (7, 8), (8, 8), (8, 61), (61, 100)]]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert whole.dtype == np.float64


def test_ac_has_its_phase_at_start():
    spec = source("ACSource", amplitude=2.0, offset=0.5, frequency=40.0, phase=90.0, start=10.0, stop=60.0)
    values = signal(spec, settings(), 0, 700)
    t = np.arange(100, 600) * DT
    expected = 0.5 + 2.0 * np.cos(2 * np.pi * 0.04 * (t - 10.0))
    # Rounding of the argument, which reaches 4 pi.
    np.testing.assert_allclose(values[100:600], expected, atol=1e-13)
    assert values[100] == 2.5
    assert not values[:100].any()
    assert not values[600:].any()


def test_steps_hold_until_the_next_and_the_last_for_ever():
    values = signal(source("StepCurrentSource", times=[0.5, 1.0, 2.0], amplitudes=[1.0, -2.0, 3.0]), settings(), 0, 30)
    np.testing.assert_array_equal(values, [0] * 5 + [1] * 5 + [-2] * 10 + [3] * 10)
    late = signal(source("StepCurrentSource", times=[0.5], amplitudes=[1.0]), settings(), 10**6, 2)
    np.testing.assert_array_equal(late, [1, 1])
    assert not signal(source("StepCurrentSource"), settings(), 0, 10).any()


def test_of_several_changes_in_one_step_the_last_counts():
    spec = source("StepCurrentSource", times=[0.41, 0.42, 0.43, 0.9], amplitudes=[1.0, 2.0, 3.0, 4.0])
    np.testing.assert_array_equal(signal(spec, settings(), 0, 10), [0, 0, 0, 0, 3, 3, 3, 3, 3, 4])


@pytest.mark.parametrize(
    ("times", "amplitudes", "error", "match"),
    [
        ([-1.0, 2.0], [1.0, 2.0], InvalidTimeError, "-1 ms is not a time"),
        ([np.nan], [1.0], InvalidTimeError, "nan ms"),
        ([2.0, 1.0], [1.0, 2.0], InvalidTimeError, "times must increase, and 1 ms comes after 2 ms"),
        ([2.0, 2.0], [1.0, 2.0], InvalidTimeError, "times must increase"),
        ([1.0, 2.0], [1.0], InvalidDimensionsError, "it has 2 and 1"),
        ([1.0], [np.nan], InvalidParameterValueError, "NaN"),
    ],
)
def test_bad_steps(times, amplitudes, error, match):
    with pytest.raises(error, match=match):
        check(source("StepCurrentSource", times=times, amplitudes=amplitudes), settings())


def test_noise_is_normal_and_held_for_its_interval():
    values = signal(source("NoisyCurrentSource", mean=0.7, stdev=0.2, dt=0.5), settings(), 0, 500_000)
    held = values.reshape(-1, 5)
    assert (held == held[:, :1]).all()
    # Fixed seed; right noise fails with probability 1e-4.
    assert scipy.stats.kstest(held[:, 0], scipy.stats.norm(0.7, 0.2).cdf).pvalue > 1e-4
    # Neighbouring values are uncorrelated: 1e5 pairs, standard deviation 0.0032.
    assert abs(np.corrcoef(held[:-1, 0], held[1:, 0])[0, 1]) < 0.016


def test_noise_is_keyed_by_seed_trial_and_source():
    def noise(id=0, **kwargs):
        return signal(source("NoisyCurrentSource", id), settings(**kwargs), 0, 100)

    np.testing.assert_array_equal(noise(), noise())
    for other in (noise(id=1), noise(seed=43), noise(trial=1)):
        assert not np.array_equal(noise(), other)


def test_noise_begins_a_value_at_start_and_is_zero_outside():
    values = signal(source("NoisyCurrentSource", start=1.3, stop=2.9, dt=0.5), settings(), 0, 40)
    assert not values[:13].any()
    assert not values[29:].any()
    np.testing.assert_array_equal(np.flatnonzero(np.diff(values)) + 1, [13, 18, 23, 28, 29])


def test_noise_off_the_grid_is_rounded_with_a_warning():
    with pytest.warns(RoundingWarning, match=r"multiples of the time step, 0.1 ms: dt = 0.27 ms becomes 0.3 ms"):
        check(source("NoisyCurrentSource", dt=0.27), settings())
    values = signal(source("NoisyCurrentSource", dt=0.27), settings(), 0, 9)
    np.testing.assert_array_equal(values, signal(source("NoisyCurrentSource", dt=0.3), settings(), 0, 9))
    with pytest.warns(RoundingWarning, match="0.1 ms becomes 1 ms"):
        check(source("NoisyCurrentSource", dt=0.1), settings(dt=1.0))
    with pytest.raises(InvalidTimeError, match="greater than 0"):
        check(source("NoisyCurrentSource", dt=0.0), settings())


@pytest.mark.filterwarnings("error")
def test_noise_on_the_grid_gives_no_warning():
    for dt in (0.1, 0.3, 0.7, 1.1, 1000.1):
        check(source("NoisyCurrentSource", dt=dt), settings())


def test_bad_numbers():
    with pytest.raises(InvalidParameterValueError, match="'amplitude' must be a number"):
        check(source("DCSource", amplitude=np.nan), settings())
    with pytest.raises(InvalidDimensionsError, match="'amplitude' is one number for a source, not 2"):
        check(source("DCSource", amplitude=np.array([1.0, 2.0])), settings())
    unknown = CurrentSpec(0, Definition("RampSource", {}), {}, np.array([0]))
    with pytest.raises(NoModelAvailableError, match="RampSource has no signal; there are: ACSource, DCSource"):
        check(unknown, settings())


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            ("StepCurrentSource", {"times": [1.0, 2.02, 3.07], "amplitudes": [1.0, 2.0, 3.0]}),
            "times = 2.02 ms becomes 2 ms",
        ),
        (("DCSource", {"start": 0.55, "stop": 2.01}), "start = 0.55 ms becomes 0.6 ms, stop = 2.01 ms becomes 2 ms"),
        (("ACSource", {"start": 0.14}), "start = 0.14 ms becomes 0.1 ms"),
    ],
)
def test_times_off_the_grid_give_one_warning(given, sentence):
    name, values = given
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check(source(name, **values), settings())
        signal(source(name, **values), settings(), 0, 50)
    assert len(caught) == 1 and caught[0].category is RoundingWarning
    assert str(caught[0].message).endswith(f"the time step, 0.1 ms: {sentence}.")


def test_times_on_the_grid_give_none():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for dt in (0.1, 0.025, 1.0):
            check(source("DCSource", start=3.0, stop=1e12), settings(dt=dt))
            check(source("StepCurrentSource", times=[0.0, 7.0, 1001.0], amplitudes=[1.0] * 3), settings(dt=dt))
        check(source("DCSource", stop=np.inf), settings())
        check(source("StepCurrentSource", times=[0.1 + 0.2, 0.7], amplitudes=[1.0] * 2), settings())
