"""The figure of a profile: what it holds, how it is labeled, that it can be saved."""

from dataclasses import replace

import numpy as np
import pytest

import downslope as ds
from downslope import figures
from downslope.efficiency import LayerProfile, Profile, StepTime, Timing
from downslope.figures.runs.profile import MOST_LAYERS


def layer(place, forward, backward, share):
    times = Timing(forward, 0.01 * forward, 9), Timing(backward, 0.01 * backward, 9)
    between = 0.99 * share, 1.01 * share
    return LayerProfile(str(place), f"Dense({place + 1})", (place + 1,), 3, 3, 6, *times, share, between)


@pytest.fixture
def found():
    rows = (layer(0, 1e-3, 3e-3, 0.8), layer(1, 2e-4, 2e-4, 0.08), layer(2, 0.0, 0.0, 0.0), layer(3, 4e-4, 2e-4, 0.12))
    steps = tuple(
        StepTime(size, Timing(seconds, 0.01 * seconds, 9), 100)
        for size, seconds in ((1, 1e-3), (4, 2e-3), (32, 1.6e-2))
    )
    return Profile(rows, (4,), steps[-1], 1e11, 9e10, (), steps, 2**30, ())


def test_bars_are_the_times_of_the_layers(found):
    layers = figures.profile(found).axes[0]
    forward, backward = ([bar.get_width() for bar in bars] for bars in layers.containers[:2])
    np.testing.assert_allclose(forward, [1.0, 0.2, 0.4])
    np.testing.assert_allclose(backward, [3.0, 0.2, 0.2])
    assert [label.get_text() for label in layers.get_yticklabels()] == ["0  Dense(1)", "1  Dense(2)", "3  Dense(4)"]
    assert layers.get_xlabel() == "time for a batch of 32 (ms)"
    assert [text.get_text() for text in layers.texts] == ["80 %", "8 %", "12 %"]


def test_throughput_is_drawn_with_the_size_where_growth_stops(found):
    throughput = figures.profile(found).axes[1]
    sizes, rates = throughput.get_lines()[0].get_data()
    assert list(sizes) == [1, 4, 32]
    np.testing.assert_allclose(rates, [1000, 2000, 2000])
    assert throughput.get_xscale() == "log"
    assert (throughput.get_xlabel(), throughput.get_ylabel()) == ("batch size (examples)", "throughput (examples/s)")
    assert [text.get_text() for text in throughput.texts] == ["stops growing at 4"]


def test_growth_that_did_not_stop_is_marked_so(found):
    growing = replace(found, throughput=found.throughput[:2])
    assert [text.get_text() for text in figures.profile(growing).axes[1].texts] == ["still growing at 4"]


def test_what_the_spread_leaves_open_is_drawn_as_a_range(found):
    steps = tuple(
        StepTime(size, Timing(seconds, seconds, 9), 100) for size, seconds in ((1, 1e-3), (4, 2e-3), (32, 8e-3))
    )
    layers, throughput = figures.profile(replace(found, throughput=steps)).axes
    assert [text.get_text() for text in throughput.texts] == ["stops growing from 4 to 32, too noisy to say where"]
    band = throughput.collections[0].get_paths()[0].vertices[:, 1]
    np.testing.assert_allclose([band.min(), band.max()], [500, 4000])
    whiskers = [segment[:, 0] for segment in layers.collections[0].get_segments()]
    np.testing.assert_allclose(whiskers, [[4.0, 4.04], [0.4, 0.404], [0.6, 0.606]])


def test_a_single_batch_size_is_drawn_without_a_mark(found):
    throughput = figures.profile(replace(found, throughput=found.throughput[:1])).axes[1]
    assert len(throughput.get_lines()) == 1
    assert not throughput.texts


def test_without_throughput_there_is_one_panel(found):
    assert len(figures.profile(replace(found, throughput=())).axes) == 1


def test_of_many_layers_the_small_ones_share_a_bar(found):
    many = tuple(layer(place, 1e-5 * (place + 1), 0.0, 0.01) for place in range(60))
    drawn = figures.profile(replace(found, rows=many)).axes[0].get_yticklabels()
    assert len(drawn) == MOST_LAYERS
    assert drawn[-1].get_text() == f"{60 - MOST_LAYERS + 1} others"


def test_the_description_says_what_it_shows(found, tmp_path):
    drawn = figures.profile(found)
    assert "The bottleneck is Dense(1) at place 0: 80% (79% to 81%) of the time" in figures.alt_text(drawn)
    assert "stops growing at a batch size of 4" in figures.alt_text(drawn)
    assert figures.save(drawn, tmp_path / "profile.png").stat().st_size > 0


def test_a_profile_of_nothing_cannot_be_drawn(found):
    with pytest.raises(ds.DataError, match="needs a layer that was timed"):
        figures.profile(replace(found, rows=()))
