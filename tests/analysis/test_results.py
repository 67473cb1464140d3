from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np
import pytest

import nnbehave as nb
from nnbehave.analysis.results import Results
from nnbehave.design.graph import Graph
from nnbehave.design.space import Slot, Space, Stage
from nnbehave.errors import InvalidInputError, StoreError
from nnbehave.measurement.derive import Derivation
from nnbehave.measurement.session.events import Checked, Outcome, Retest, Sample
from nnbehave.measurement.settings import Settings
from nnbehave.measurement.store import Store
from nnbehave.records import COLUMNS, Environment

DESIGN_COLUMNS = (
    "space slot dimension platform target session subject arrangement depth op kernel stride height width in_channels "
    "out_channels precision batch activation groups dilation expansion latency_ms latency_low_ms latency_high_ms "
    "std_error_ms relative_latency rounds method status reason executed_precision placement complete "
    "ops mac"
).split()


def begin(store: Store, subjects: Iterable[str], references: Collection[str] = (), environment: str = "here") -> int:
    """Begin a session on the simulated platform in which each subject is its own part."""
    where = store.add_environment(Environment({"machine": environment}, {}))
    key = store.begin_session("simulated", "local", where, "whole", "warm", Settings())
    store.add_terms(key, {subject: [(subject, 1.0)] for subject in subjects}, references)
    return key


def session(
    store: Store,
    latencies: dict[str, float],
    rounds: int = 8,
    finished: bool = True,
    spread: float = 0.0,
    references: Collection[str] = (),
    environment: str = "here",
) -> int:
    """Write a session in which each subject takes so many ms in every round, give or take ``spread``."""
    key = begin(store, latencies, references, environment)
    for number in range(rounds):
        for place, (subject, ms) in enumerate(latencies.items()):
            span = round(ms * (1 + spread * (-1) ** (number + place)) * 1e6)  # neighbours up and down in turn
            store.add_event(key, Sample(subject, number, place, 0, 1, (span,) * 3, {}, 0.0))
    if finished:
        store.end_session(key)
    return key


def results_of(store: Store) -> Results:
    return Results.of(Derivation(store).measurements())


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
    frame = results_of(store).frame
    assert tuple(frame.columns) == COLUMNS
    assert set(DESIGN_COLUMNS) <= set(COLUMNS)
    assert (frame["status"] == "ok").all()
    assert set(frame["dimension"]) == {"out_channels"}


def test_latency_is_the_median_over_rounds_and_relative_to_the_reference(store: Store, space: Space) -> None:
    session(store, staircase(space) | {"reference": 0.5}, references=["reference"])
    frame = results_of(store).frame.set_index("out_channels")
    assert frame.loc[5, "latency_ms"] == pytest.approx(3.0)
    assert frame.loc[5, "relative_latency"] == pytest.approx(6.0)
    assert len(frame) == 20


def test_a_wide_interval_is_noisy_and_says_how_wide(store: Store, space: Space) -> None:
    session(store, staircase(space), spread=0.1)
    frame = results_of(store).frame
    assert (frame["status"] == "noisy").all()
    assert frame["reason"].str.contains(r"±10\.0% after 8 rounds, ±2\.0% asked").all()


def test_too_few_rounds_are_no_measurement(store: Store, space: Space) -> None:
    session(store, staircase(space), rounds=5, finished=False)
    assert results_of(store).frame.empty


def test_what_failed_is_a_row_with_its_reason_and_no_latency(store: Store, space: Space) -> None:
    latencies = staircase(space)
    victim = next(iter(latencies))
    key = session(store, latencies)
    store.add_event(key, Outcome(victim, "timeout", "no answer"))
    frame = results_of(store).frame.set_index("subject")
    assert (frame.loc[victim, "status"], frame.loc[victim, "reason"]) == ("timeout", "no answer")
    assert np.isnan(frame.loc[victim, "latency_ms"])
    assert len(frame) == 20


def test_a_later_success_takes_the_place_of_a_failure(store: Store, space: Space) -> None:
    latencies = staircase(space)
    victim = next(iter(latencies))
    key = session(store, {subject: ms for subject, ms in latencies.items() if subject != victim})
    store.add_event(key, Outcome(victim, "failed", "once"))
    session(store, latencies)
    frame = results_of(store).frame.set_index("subject")
    assert frame.loc[victim, "status"] == "ok"


def test_sessions_are_joined_by_the_points_they_share(store: Store, space: Space) -> None:
    """The machine was 10 % slower the second time; eight anchors bring the two onto the scale of the larger."""
    first = dict(list(staircase(space).items())[:12])
    second = dict(list(staircase(space, 1.1).items())[4:])
    session(store, first)
    session(store, second)
    results = results_of(store)
    frame = results.frame.sort_values("out_channels")
    np.testing.assert_allclose(frame["latency_ms"], list(staircase(space, 1.1).values()), rtol=1e-6)
    assert set(frame["session"]) == {1, 2}
    assert results.step_map().width == 4


def test_sessions_that_share_too_little_are_not_joined_and_not_analysed(store: Store, space: Space) -> None:
    session(store, dict(list(staircase(space).items())[:12]))
    session(store, dict(list(staircase(space, 1.1).items())[10:]))
    results = results_of(store)
    assert results.frame["join_factor"].isna().sum() == 8
    with pytest.raises(InvalidInputError, match="fewer than 8 common points"):
        results.step_map()
    (row,) = results.steps().to_dict("records")
    assert "fewer than 8 common points" in row["note"]


def test_steps_say_what_to_keep_among_the_candidates(store: Store, space: Space) -> None:
    session(store, staircase(space))
    (row,) = results_of(store).steps().to_dict("records")
    assert (row["kind"], row["width"], row["kept"], row["candidates"]) == ("staircase", 4, 5, 20)
    assert row["keep"] == [4, 8, 12, 16, 20]
    assert (row["low"], row["high"]) == (1, 20)


def test_a_curve_without_latencies_is_a_row_that_says_so(store: Store, space: Space) -> None:
    key = session(store, {})
    for subject in staircase(space):
        store.add_event(key, Outcome(subject, "unsupported", "not here"))
    (row,) = results_of(store).steps().to_dict("records")
    assert (row["kind"], row["note"]) == ("unexplained", "no latencies in this curve (20 unsupported)")


def test_a_step_map_is_asked_for_by_name(store: Store, space: Space) -> None:
    session(store, staircase(space))
    results = results_of(store)
    assert results.step_map(platform="simulated", dimension="out_channels").kind == "staircase"
    with pytest.raises(InvalidInputError, match="0 curves match; name one of.*platform='simulated'"):
        results.step_map(platform="tflite")


def test_the_newest_environment_is_the_one_measured_last(store: Store, space: Space) -> None:
    """A machine may go back to an earlier runtime: what counts is when it was measured, not when it was first seen."""
    points = list(staircase(space).items())
    session(store, dict(points[:12]), environment="a")
    session(store, staircase(space, 3.0), environment="b")
    session(store, dict(points[4:]), environment="a")
    results = results_of(store)
    assert len(results) == 40
    assert dict(results.step_map().measured)[20] == pytest.approx(6.0)
    (map_a,) = results.step_maps()
    assert map_a == results.step_map()


def test_results_of_one_platform_may_be_asked_for_by_one_name(store: Store, space: Space) -> None:
    session(store, staircase(space))
    results = results_of(store)
    assert results.of_platforms("simulated").records == results.of_platforms(["simulated"]).records == results.records
    with pytest.raises(InvalidInputError, match="no results of 's'|no results of 'sim'"):
        results.of_platforms("sim")


def test_a_slot_without_choices_is_no_curve(base: nb.Layer) -> None:
    store = Store()
    space = Space("some", (Stage("all", (Slot("fixed", base), Slot("conv", base, {"out_channels": (1, 2, 3)}))),))
    store.add_space(space)
    session(store, {layer.id: 1.0 for layer in space.layers})
    results = results_of(store)
    assert [curve.slot for curve in results.curves()] == ["conv"]
    assert results.select(slot="fixed").frame["dimension"].isna().tolist() == [True]
    assert len(results.steps()) == 1


def test_results_survive_a_file(store: Store, space: Space, tmp_path: Path) -> None:
    session(store, staircase(space))
    results = results_of(store)
    results.save(tmp_path / "results.csv")
    again = nb.load_results(tmp_path / "results.csv")
    assert again.step_map() == results.step_map()
    assert tuple(again.frame.columns) == COLUMNS
    results.save(tmp_path / "results.json")
    assert nb.load_results(tmp_path / "results.json").step_map() == results.step_map()
    with pytest.raises(InvalidInputError, match="saved as .csv"):
        results.save(tmp_path / "results.xlsx")


def test_files_that_hold_no_results_are_refused(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InvalidInputError, match="lacks the columns platform"):
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
    (row,) = results_of(store).frame.to_dict("records")
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
    results = results_of(store)
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
    results = results_of(store)
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
    key = begin(store, names)
    for number in range(12):
        for name in names:
            ms = near if name != names[9] else first if number < 6 else again
            store.add_event(key, Sample(name, number, 0, number // 6, 1, (round(ms * 1e6),) * 3, {}, 0.0))
    store.add_event(key, Retest(names[9], 1, (names[7], names[8], names[10], names[11])))
    store.end_session(key)
    return results_of(store)


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


def test_a_layer_most_of_whose_samples_were_disturbed_is_noisy(store: Store, space: Space) -> None:
    (sweep,) = space.sweeps()
    key = begin(store, [layer.id for layer in sweep.layers])
    for number in range(6):
        for layer in sweep.layers:
            seen = {"disturbed": "preempted"} if layer == sweep.layers[0] and number % 2 else {}
            store.add_event(key, Sample(layer.id, number, 0, 0, 1, (1_000_000,) * 3, seen, 0.0))
            store.add_event(key, Sample(layer.id, number, 0, 0, 1, (9_000_000,) * 3, {"discarded": "stolen"}, 0.0))
    store.end_session(key)
    frame = results_of(store).frame
    assert frame["status"].tolist() == ["noisy"] + ["ok"] * 19
    assert frame["latency_ms"].to_numpy() == pytest.approx(1.0)  # what was discarded is not in it
    assert (frame["discarded_samples"] == 6).all()


@pytest.mark.process
def test_samples_can_be_read_raw_and_normalised(tmp_path: Path, space: Space) -> None:
    path = tmp_path / "r.db"
    nb.sweep(space, platforms="simulated?world=2", store=path, progress=False)
    samples = nb.load_samples(path)
    assert samples["raw_ms"].gt(0).all()
    assert samples["normalised_ms"].notna().all()
    assert samples["is_reference"].any()
    assert set(samples["bound"]) == {"compute", "memory"}
    assert samples.groupby("bound")["exponent"].nunique().eq(1).all()


def test_the_reference_s_own_error_is_in_the_relative_interval(store: Store, space: Space) -> None:
    session(store, staircase(space) | {"reference": 0.5}, spread=0.02, references=["reference"])
    frame = results_of(store).frame
    own = (frame["latency_high_ms"] - frame["latency_low_ms"]) / frame["latency_ms"]
    assert ((frame["relative_high"] - frame["relative_low"]) / frame["relative_latency"] > own).all()
