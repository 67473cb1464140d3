from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nnbehave as nb
from nnbehave.analysis.results import Results
from nnbehave.design.graph import Graph
from nnbehave.design.space import Space
from nnbehave.errors import InvalidInputError, StoreError
from nnbehave.measurement.derive import COLUMNS, REFERENCE
from nnbehave.measurement.session.events import Checked, Outcome, Retest, Sample
from nnbehave.measurement.settings import Settings
from nnbehave.measurement.store.store import Store

DESIGN_COLUMNS = (
    "space slot dimension platform target session subject arrangement depth op kernel stride height width in_channels "
    "out_channels precision batch activation groups dilation expansion latency_ms latency_low_ms latency_high_ms "
    "std_error_ms relative_latency rounds method status reason executed_precision placement complete energy_mj power_w "
    "ops mac"
).split()


def session(
    store: Store, latencies: dict[str, float], rounds: int = 8, finished: bool = True, spread: float = 0.0
) -> int:
    """Write a session in which each subject takes so many ms in every round, give or take ``spread``."""
    key = store.begin_session("simulated", "local", store.add_environment({}), "whole", Settings(), [], {})
    for number in range(rounds):
        for place, (subject, ms) in enumerate(latencies.items()):
            span = round(ms * (1 + spread * (-1) ** (number + place)) * 1e6)  # neighbours up and down in turn
            store.add_event(key, Sample(subject, number, 0, 0, 1, (span,) * 3, {}, 0.0))
    if finished:
        store.end_session(key)
    return key


def staircase(space: Space, scale: float = 1.0) -> dict[str, float]:
    (sweep,) = space.sweeps()
    return {layer.id: scale * (1 + -(-layer.out_channels // 4)) for layer in sweep.layers}


@pytest.fixture
def store(space: Space) -> Store:
    store = Store()
    store.add_space(space)
    return store


def test_the_columns_are_those_of_the_design(store: Store, space: Space) -> None:
    session(store, staircase(space))
    frame = Results.from_store(store).frame
    assert list(frame.columns) == COLUMNS
    assert COLUMNS[: len(DESIGN_COLUMNS)] == DESIGN_COLUMNS
    assert (frame["status"] == "ok").all()
    assert set(frame["dimension"]) == {"out_channels"}


def test_latency_is_the_median_over_rounds_and_relative_to_the_reference(store: Store, space: Space) -> None:
    session(store, staircase(space) | {REFERENCE + "some layer": 0.5})
    frame = Results.from_store(store).frame.set_index("out_channels")
    assert frame.loc[5, "latency_ms"] == pytest.approx(3.0)
    assert frame.loc[5, "relative_latency"] == pytest.approx(6.0)
    assert len(frame) == 20


def test_a_wide_interval_is_noisy_and_says_how_wide(store: Store, space: Space) -> None:
    session(store, staircase(space), spread=0.1)
    frame = Results.from_store(store).frame
    assert (frame["status"] == "noisy").all()
    assert frame["reason"].str.contains(r"±10\.0% after 8 rounds, ±2\.0% asked").all()


def test_too_few_rounds_are_no_measurement(store: Store, space: Space) -> None:
    session(store, staircase(space), rounds=5, finished=False)
    assert Results.from_store(store).frame.empty


def test_what_failed_is_a_row_with_its_reason_and_no_latency(store: Store, space: Space) -> None:
    latencies = staircase(space)
    victim = next(iter(latencies))
    key = session(store, latencies)
    store.add_event(key, Outcome(victim, "timeout", "no answer"))
    frame = Results.from_store(store).frame.set_index("subject")
    assert (frame.loc[victim, "status"], frame.loc[victim, "reason"]) == ("timeout", "no answer")
    assert np.isnan(frame.loc[victim, "latency_ms"])
    assert len(frame) == 20


def test_a_later_success_takes_the_place_of_a_failure(store: Store, space: Space) -> None:
    latencies = staircase(space)
    victim = next(iter(latencies))
    key = session(store, {subject: ms for subject, ms in latencies.items() if subject != victim})
    store.add_event(key, Outcome(victim, "failed", "once"))
    session(store, latencies)
    frame = Results.from_store(store).frame.set_index("subject")
    assert frame.loc[victim, "status"] == "ok"


def test_sessions_are_joined_by_the_points_they_share(store: Store, space: Space) -> None:
    """The machine was 10 % slower the second time; eight anchors bring the two onto the scale of the larger."""
    first = dict(list(staircase(space).items())[:12])
    second = dict(list(staircase(space, 1.1).items())[4:])
    session(store, first)
    session(store, second)
    results = Results.from_store(store)
    frame = results.frame.sort_values("out_channels")
    np.testing.assert_allclose(frame["latency_ms"], list(staircase(space, 1.1).values()), rtol=1e-6)
    assert set(frame["session"]) == {1, 2}
    assert results.step_map().width == 4


def test_sessions_that_share_too_little_are_not_joined_and_not_analysed(store: Store, space: Space) -> None:
    session(store, dict(list(staircase(space).items())[:12]))
    session(store, dict(list(staircase(space, 1.1).items())[10:]))
    results = Results.from_store(store)
    assert results.frame["join_factor"].isna().sum() == 8
    with pytest.raises(InvalidInputError, match="fewer than 8 common points"):
        results.step_map()
    (row,) = results.steps().to_dict("records")
    assert "fewer than 8 common points" in row["note"]


def test_steps_say_what_to_keep_among_the_candidates(store: Store, space: Space) -> None:
    session(store, staircase(space))
    (row,) = Results.from_store(store).steps().to_dict("records")
    assert (row["kind"], row["width"], row["kept"], row["candidates"]) == ("staircase", 4, 5, 20)
    assert row["keep"] == [4, 8, 12, 16, 20]
    assert (row["low"], row["high"]) == (1, 20)


def test_a_curve_without_latencies_is_a_row_that_says_so(store: Store, space: Space) -> None:
    key = session(store, {})
    for subject in staircase(space):
        store.add_event(key, Outcome(subject, "unsupported", "not here"))
    (row,) = Results.from_store(store).steps().to_dict("records")
    assert (row["kind"], row["note"]) == ("unexplained", "no latencies in this curve (20 unsupported)")


def test_a_step_map_is_asked_for_by_name(store: Store, space: Space) -> None:
    session(store, staircase(space))
    results = Results.from_store(store)
    assert results.step_map(platform="simulated", dimension="out_channels").kind == "staircase"
    with pytest.raises(InvalidInputError, match="0 curves match; name one of.*platform='simulated'"):
        results.step_map(platform="tflite")


def test_results_survive_a_file(store: Store, space: Space, tmp_path: Path) -> None:
    session(store, staircase(space))
    results = Results.from_store(store)
    results.save(tmp_path / "results.csv")
    again = nb.load_results(tmp_path / "results.csv")
    assert again.step_map() == results.step_map()
    assert list(again.frame.columns) == COLUMNS
    with pytest.raises(InvalidInputError, match="saved as .csv"):
        results.save(tmp_path / "results.json")


def test_files_that_hold_no_results_are_refused(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InvalidInputError, match="lacks the columns space"):
        nb.load_results(tmp_path / "other.csv")
    with pytest.raises(InvalidInputError, match="cannot read"):
        nb.load_results(tmp_path / "nothing.csv")
    with pytest.raises(StoreError, match="there is no store"):
        nb.load_results(tmp_path / "nothing.db")


def test_a_graph_is_described_where_its_layers_agree(base: nb.Layer) -> None:
    store = Store()
    chain = Graph([base, base.replace(kernel=1)])
    store.add_subjects([chain])
    session(store, {chain.id: 1.0})
    (row,) = Results.from_store(store).frame.to_dict("records")
    assert (row["arrangement"], row["depth"], row["in_channels"], row["kernel"]) == ("chain", 2, 8, None)
    assert row["ops"] == chain.ops


@pytest.mark.parametrize("error", [0.3, np.inf])
def test_a_layer_that_computes_something_else_has_no_latency(store: Store, space: Space, error: float) -> None:
    key = session(store, staircase(space))
    name = space.layers[3].id
    store.add_event(key, Checked(name, error, 0.9, error))
    store.add_event(key, Checked(space.layers[4].id, 1e-6, 1.0, 2e-6))
    store.add_event(key, Checked(space.layers[6].id, 4e-3, 1.0, 4e-3, rounding_error=5e-4))
    store.add_event(key, Checked(space.layers[7].id, 6e-3, 1.0, 6e-3, rounding_error=5e-4))
    results = Results.from_store(store)
    rows = results.frame.set_index("subject")
    assert rows.loc[name, "status"] == "failed"
    assert rows.loc[name, "reason"] == f"its output is {error:.2g} off TensorFlow's"
    assert np.isnan(rows.loc[name, "latency_ms"])
    told = ["status", "output_error", "output_cosine", "largest_error"]
    assert rows.loc[space.layers[4].id, told].tolist() == ["ok", 1e-6, 1.0, 2e-6]
    assert rows.loc[space.layers[5].id, told[1:]].isna().all()
    assert rows.loc[space.layers[6].id, "status"] == "ok"  # a graph that makes as much of rounding
    assert rows.loc[space.layers[7].id, "status"] == "failed"
    (step,) = results.steps().to_dict("records")
    assert space.layers[3].out_channels not in step["keep"]
    assert "2 without a latency left out" in step["note"]


@pytest.mark.process
def test_a_plot_over_names_draws_a_point_for_each() -> None:
    pytest.importorskip("matplotlib", reason="needs nnbehave[plot]")
    results = nb.sweep("fig7_activations", platforms="simulated?dimension=kernel", progress=False)
    ax = results.plot()
    drawn = [label.get_text() for label in ax.get_xticklabels()]
    assert drawn == ["none", "relu", "relu6", "hardswish", "sigmoid", "swish", "hardsigmoid", "gelu"]
    assert results.steps().empty  # over which there are no steps


def test_a_plot_draws_every_curve_with_its_steps(store: Store, space: Space) -> None:
    matplotlib = pytest.importorskip("matplotlib", reason="needs nnbehave[plot]")
    session(store, staircase(space))
    results = Results.from_store(store)
    ax = results.plot()
    assert ax.get_xlabel() == "out_channels"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["simulated: staircase 4"]
    own = matplotlib.figure.Figure().subplots()
    assert results.plot(ax=own) is own
    with pytest.raises(InvalidInputError, match="these are over none"):
        results.plot(platform="tflite")


def measured_again(store: Store, space: Space, first: float, again: float, near: float) -> nb.Results:
    """A flat curve but for one layer that took ``first`` ms, and ``again`` in a process of its own."""
    (sweep,) = space.sweeps()
    names = [layer.id for layer in sweep.layers]
    key = store.begin_session("simulated", "local", store.add_environment({}), "whole", Settings(), [], {})
    for number in range(12):
        for name in names:
            ms = near if name != names[9] else first if number < 6 else again
            store.add_event(key, Sample(name, number, 0, number // 6, 1, (round(ms * 1e6),) * 3, {}, 0.0))
    store.add_event(key, Retest(names[9], 1, (names[7], names[8], names[10], names[11])))
    store.end_session(key)
    return Results.from_store(store)


@pytest.mark.parametrize(
    ("first", "again", "status", "latency_ms", "says"),
    [
        (0.8, 0.8, "ok", 0.8, ""),  # a real feature
        (1.3, 1.0, "ok", 1.0, "replaced: first 1.3 ms, measured again beside its neighbours 1 ms"),
        (1.3, 0.7, "unstable", None, "unstable: first 1.3 ms"),
    ],
)
def test_what_stood_alone_stays_is_replaced_or_is_unstable(
    store: Store, space: Space, first: float, again: float, status: str, latency_ms: float | None, says: str
) -> None:
    row = measured_again(store, space, first, again, 1.0).frame.iloc[9]
    assert row["status"] == status
    assert says in row["reason"]
    assert row["first_latency_ms"] == pytest.approx(first)
    if latency_ms:
        assert row["latency_ms"] == pytest.approx(latency_ms)


def test_a_layer_most_of_whose_blocks_were_disturbed_is_noisy(store: Store, space: Space) -> None:
    (sweep,) = space.sweeps()
    key = store.begin_session("simulated", "local", store.add_environment({}), "whole", Settings(), [], {})
    for number in range(6):
        for layer in sweep.layers:
            seen = {"disturbed": "preempted"} if layer == sweep.layers[0] and number % 2 else {}
            store.add_event(key, Sample(layer.id, number, 0, 0, 1, (1_000_000,) * 3, seen, 0.0))
            store.add_event(key, Sample(layer.id, number, 0, 0, 1, (9_000_000,) * 3, {"discarded": "stolen"}, 0.0))
    store.end_session(key)
    frame = Results.from_store(store).frame
    assert frame["status"].tolist() == ["noisy"] + ["ok"] * 19
    assert frame["latency_ms"].to_numpy() == pytest.approx(1.0)  # what was discarded is not in it
    assert (frame["discarded_blocks"] == 6).all()


@pytest.mark.process
def test_blocks_are_there_raw_and_normalised(tmp_path: Path, space: Space) -> None:
    path = tmp_path / "r.db"
    nb.sweep(space, platforms="simulated?world=2", store=path, progress=False)
    blocks = nb.load_blocks(path)
    assert blocks["raw_ms"].gt(0).all()
    assert blocks["normalised_ms"].notna().all()
    assert blocks["is_reference"].any()
    assert set(blocks["bound"]) == {"compute", "memory"}
    assert blocks.groupby("bound")["exponent"].nunique().eq(1).all()


def test_the_reference_s_own_error_is_in_the_relative_interval(store: Store, space: Space) -> None:
    session(store, staircase(space) | {REFERENCE + "x": 0.5}, spread=0.02)
    frame = Results.from_store(store).frame
    own = (frame["latency_high_ms"] - frame["latency_low_ms"]) / frame["latency_ms"]
    assert ((frame["relative_high"] - frame["relative_low"]) / frame["relative_latency"] > own).all()
