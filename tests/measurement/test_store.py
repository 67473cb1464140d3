from __future__ import annotations

import math
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

import nnbehave as nb
from nnbehave.design.graph import Graph
from nnbehave.design.space import Space
from nnbehave.errors import InvalidInputError, StoreError
from nnbehave.measurement.converters import Artifact
from nnbehave.measurement.session.events import Checked, Counted, Loaded, Outcome, Process, Retest, Sample, Stopped
from nnbehave.measurement.settings import Settings
from nnbehave.measurement.store import SampleRecord, Store
from nnbehave.measurement.store.schema import VERSION
from nnbehave.measurement.store.session_record import (
    CountRecord,
    OutcomeRecord,
    ProcessRecord,
    RetestRecord,
    StopRecord,
)
from nnbehave.records import Counts, Environment, Fidelity, Point, Status, StopRule
from nnbehave.runner.kernels import Kernel

SAMPLE = Sample("layer", 0, 0, 0, 2, (10, 20, 30), {"cpu_ns": 60}, 1.0)
READ = SampleRecord("layer", 0, 0, 2, (10, 20, 30), {"cpu_ns": 60}, 1.0)
HERE = Environment({"machine": "here"}, {"runtime": "1"})


def begin(store: Store) -> int:
    """Begin a session of one layer, from whose latency that of an empty call is taken."""
    session = store.begin_session("simulated", "local", store.add_environment(HERE), "whole", "warm", Settings(), [1])
    store.add_terms(session, {"layer": [("layer", 1.0), ("call", -1.0)]})
    return session


def test_what_is_written_is_read_back(tmp_path: Path, space: Space) -> None:
    path = tmp_path / "results.db"
    graph = Graph([space.slots[0].base])
    with Store(path) as store:
        for _ in range(2):  # a space may be added again
            key = store.add_space(space)
        session = begin(store)
        artifact = Artifact("/cache/x", "abc", graph.id, "tflite", "1", 0, 10, 0.1, 0.2)
        store.add_event(session, Loaded(graph.id, 0.5, (Kernel("kernel", "int8", False),)), artifact)
        store.add_event(session, Process(0, 20, True, {"steal_ms": False}))
        store.add_event(session, Checked("layer", 0.1, 0.9, 0.2, 0.3))
        store.add_event(session, SAMPLE)
        store.add_event(session, Outcome("other", "failed", "why"))
        store.add_event(session, Retest("layer", 3, ("left", "right")))
        store.add_event(session, Stopped("layer", StopRule.INTERVAL, 12, 0.01))
        store.add_event(session, Counted("call", 0.2, {"cycles": 5.0}, ("gelu",)))
        assert not next(store.sessions()).is_finished
        store.end_session(session)
    with Store(f"sqlite:///{path}", must_exist=True) as store:
        (record,) = store.sessions()
        assert record == store.session(session)
        assert (record.platform, record.target, record.method) == ("simulated", "local", "whole")
        assert (record.is_finished, record.settings) == (True, Settings())
        assert (record.asked, record.references) == ({"layer"}, set())
        assert record.terms == {"layer": [("layer", 1.0), ("call", -1.0)]}
        assert record.samples == [READ]
        assert record.processes == [ProcessRecord(20, True, {"steal_ms": False})]
        assert record.fidelities == {"layer": Fidelity(0.1, 0.9, 0.2, 0.3)}
        assert record.outcomes == {"other": OutcomeRecord(Status.FAILED, "why")}
        assert record.retests == {"layer": RetestRecord(3, ["left", "right"])}
        assert record.stops == {"layer": StopRecord(StopRule.INTERVAL, 0.01)}
        assert record.counts == {"call": CountRecord(0.2, Counts({"cycles": 5.0}, ("gelu",)))}
        assert record.loads[graph.id].kernels == [Kernel("kernel", "int8", False)]
        assert store.subjects()[graph.id] == graph
        assert store.points() == store.points(key)
        assert set(store.points()[graph.id]) == {Point("twenty", "conv", "out_channels")}
        assert store.artifacts()[0]["sha256"] == "abc"
        assert store.environments() == {record.environment: HERE}
        assert list(store.sessions(["tflite"])) == []


def test_a_session_is_read_without_its_samples(tmp_path: Path) -> None:
    with Store(tmp_path / "results.db") as store:
        store.add_event(begin(store), SAMPLE)
        (record,) = store.sessions(with_samples=False)
        assert record.samples == []
        assert record.asked == {"layer"}


def test_two_spaces_of_one_name_are_told_apart(tmp_path: Path, base: nb.Layer) -> None:
    with Store(tmp_path / "results.db") as store:
        store.add_space(Space.from_layer(base, "out_channels", [1, 2], name="same"))
        store.add_space(Space.from_layer(base.replace(kernel=1), "out_channels", [1, 2], name="same"))
        names = {point.space for points in store.points().values() for point in points}
    assert len(names) == 2
    assert all(name.startswith("same@") for name in names)


@pytest.mark.parametrize("content", [b"not a database at all, only text", bytes(range(256)) * 40])
@pytest.mark.parametrize("must_exist", [False, True])
def test_what_is_no_database_is_refused_and_left_alone(tmp_path: Path, content: bytes, must_exist: bool) -> None:
    path = tmp_path / "results.db"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="not a database"):
        Store(path, must_exist=must_exist)
    assert path.read_bytes() == content


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("create table users (id integer)")
    content = path.read_bytes()
    for must_exist in (False, True):
        with pytest.raises(StoreError, match="not a store of nnbehave") as caught:
            Store(path, must_exist=must_exist)
        with sqlite3.connect(path, timeout=0) as other:  # nothing is held, even while the error is
            other.execute("select * from users")
            assert caught.value is not None
    assert path.read_bytes() == content
    assert [file.name for file in tmp_path.iterdir()] == ["other.db"]


def test_a_newer_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "results.db"
    Store(path).close()
    with sqlite3.connect(path) as raw:
        raw.execute("update meta set value = ? where key = 'schema_version'", (str(VERSION + 1),))
    for must_exist in (False, True):
        with pytest.raises(StoreError, match="written by a newer nnbehave.*update nnbehave"):
            Store(path, must_exist=must_exist)


def test_missing_files_and_folders_are_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store at"):
        Store(tmp_path / "nothing.db", must_exist=True)
    with pytest.raises(StoreError, match="there is no directory"):
        Store(tmp_path / "no" / "results.db")
    with pytest.raises(StoreError, match="is a directory"):
        Store(tmp_path)
    with pytest.raises(InvalidInputError, match="neither a database URL nor a path"):
        Store("://x")
    with pytest.raises(InvalidInputError, match="writes to sqlite or postgresql, not mysql"):
        Store("mysql://host/db")
    with pytest.raises(StoreError, match="needs a database driver|connect"):
        Store("postgresql://127.0.0.1:1/db")
    with pytest.raises(InvalidInputError, match="give the path of the file alone"):
        Store(f"sqlite:///{tmp_path}/ghost.db?timeout=5", must_exist=True)
    for odd in ("a\0b", "x" * 5000):
        with pytest.raises(StoreError, match="not the path of a file"):
            Store(odd)
    assert list(tmp_path.iterdir()) == []


def test_a_read_only_store_is_read_and_not_written(tmp_path: Path) -> None:
    path = tmp_path / "results.db"
    with Store(path) as store:
        store.add_event(begin(store), SAMPLE)
    with Store(path, must_exist=True) as store:
        assert next(store.sessions()).samples == [READ]
        with pytest.raises(StoreError, match="readonly"):
            store.add_event(1, SAMPLE)
    url = f"sqlite:///file:{path}?mode=ro&uri=true"
    with pytest.raises(StoreError, match="readonly"):
        begin(Store(url))


def test_a_full_disk_is_told_and_loses_nothing_that_was_written(tmp_path: Path) -> None:
    path = tmp_path / "results.db"
    with Store(path) as store:
        session = begin(store)
        store.add_event(session, SAMPLE)
        pages = store._connection.exec_driver_sql("pragma page_count").scalar()
        store._connection.exec_driver_sql(f"pragma max_page_count = {pages}")
        store._connection.commit()
        big = Sample("layer", 0, 0, 0, 2, (10,) * 10_000, {}, 1.0)
        with pytest.raises(StoreError, match="full"):
            store.add_event(session, big)
    with Store(path) as store:
        assert next(store.sessions()).samples == [READ]
        store.add_event(session, SAMPLE)


WRITER = """\
import sys
from nnbehave.measurement.store import Store
from tests.measurement.test_store import SAMPLE, begin
store = Store(sys.argv[1])
session = begin(store)
for i in range(int(sys.argv[2])):
    store.add_event(session, SAMPLE)
    print(i + 1, flush=True)
"""


def start_writer(path: Path, samples: int) -> subprocess.Popen[str]:
    """Start a process that writes samples into a session of its own, and says each that is written."""
    command = [sys.executable, "-c", WRITER, str(path), str(samples)]
    root = Path(__file__).parent.parent.parent
    return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)


@pytest.mark.process
def test_writers_wait_for_one_another(tmp_path: Path) -> None:
    path = tmp_path / "results.db"
    writers = [start_writer(path, 100) for _ in range(3)]
    for writer in writers:
        with writer:
            assert writer.stdout is not None
            assert len(writer.stdout.readlines()) == 100
    with Store(path, must_exist=True) as store:
        assert [len(record.samples) for record in store.sessions()] == [100, 100, 100]


@pytest.mark.process
@pytest.mark.parametrize("lines", [1, 30])
def test_a_killed_writer_leaves_all_that_it_said_was_written(tmp_path: Path, lines: int) -> None:
    path = tmp_path / "results.db"
    with start_writer(path, 10**9) as writer:
        assert writer.stdout is not None
        for _ in range(lines):
            writer.stdout.readline()
        writer.kill()
        told = lines + len(writer.stdout.readlines())
    with Store(path, must_exist=True) as store:
        written = len([*store.sessions()][-1].samples)
    assert told <= written <= told + 1


@pytest.mark.process
def test_a_store_of_the_first_version_is_read_and_gone_on_with(tmp_path: Path, space: Space) -> None:
    """It lacks the tables that came later; a subject was then its own and only part."""
    path = tmp_path / "old.db"
    nb.sweep(space, platforms="simulated?noise=0.001", store=path, progress=False)
    with sqlite3.connect(path) as raw:
        for table in ("terms", "processes", "retests"):
            raw.execute(f"drop table {table}")
        raw.execute("update meta set value = '1' where key = 'schema_version'")
    frame = nb.load_results(path).frame
    frame = frame[frame["space"].notna()]
    assert (frame["status"] == "ok").all()
    assert frame["latency_ms"].min() == pytest.approx(0.06, rel=0.05)  # the call's 20 µs included
    with Store(path) as store:
        begin(store)
    with sqlite3.connect(path) as raw:
        assert raw.execute("select value from meta").fetchone() == (str(VERSION),)


@pytest.mark.process
def test_columns_that_came_later_are_added_when_an_older_store_is_written_to(tmp_path: Path, space: Space) -> None:
    path = tmp_path / "old.db"
    nb.sweep(space, platforms="simulated", store=path, progress=False)
    with sqlite3.connect(path) as raw:
        for column in ("output_cosine", "largest_error", "rounding_error"):
            raw.execute(f"alter table checks drop column {column}")
        raw.execute("insert into checks (session, subject, output_error) values (1, 'some', 0.5)")
        raw.execute("update meta set value = '3' where key = 'schema_version'")
    assert nb.load_results(path).frame["largest_error"].isna().all()
    with Store(path) as store:
        key = begin(store)
        store.add_event(key, Checked("some", 0.1, 0.9, 0.2))
        first, *_, last = (one.fidelities["some"] for one in store.sessions() if "some" in one.fidelities)
        assert first.output_error == 0.5
        assert math.isnan(first.output_cosine)
        assert (last.output_error, last.output_cosine, last.largest_error) == (0.1, 0.9, 0.2)
