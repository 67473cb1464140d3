"""What was measured, raw, in a database: a SQLite file by default.

Everything is written when it is taken, each block in a transaction of its own, so that a killed sweep leaves a store
that opens and lacks at most the block that was in flight. Latencies are derived from it, never stored.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from nnbehave.design.graph import Graph
from nnbehave.design.space import Space
from nnbehave.errors import InvalidInputError, StoreError
from nnbehave.measurement.converters import Artifact
from nnbehave.measurement.session.events import (
    Checked,
    Counted,
    Event,
    Loaded,
    Outcome,
    Process,
    Retest,
    Sample,
    Stopped,
)
from nnbehave.measurement.settings import Settings
from nnbehave.measurement.statistics import sample_ms
from nnbehave.measurement.store import schema
from nnbehave.runner.kernels import Kernel, executed_precision, placement

NO_DIMENSION = ""  # of a point that is no sweep's
_BUSY_TIMEOUT_S = 60
_CALLS_COUNTED = 1000
_TABLES: dict[type, sa.Table] = {
    Checked: schema.checks,
    Outcome: schema.outcomes,
    Process: schema.processes,
    Retest: schema.retests,
}
_INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


@dataclass
class SessionRecord:
    """A session as the store holds it.

    Attributes
    ----------
    id : int
    platform, target, environment, method : str
    settings : Settings
    finished : bool
        Whether it came to its end; an interrupted one did not.
    terms : dict of str to list of (str, float)
        For each subject the parts that make its latency, and what each counts for.
    loads : dict of str to dict
        By part.
    checks : dict of str to dict
        By part: how far its output is from TensorFlow's.
    outcomes : dict of str to dict
        By subject.
    retests : dict of str to dict
        By subject: the process it was measured again in, its neighbours on the swept axis.
    processes : list of dict
        How each was warmed up, what could be witnessed.
    blocks : list of BlockRecord
        In the order taken.
    """

    id: int
    platform: str
    target: str
    environment: str
    method: str
    settings: Settings
    finished: bool
    loads: dict[str, dict[str, Any]] = field(default_factory=dict)
    checks: dict[str, dict[str, Any]] = field(default_factory=dict)
    outcomes: dict[str, dict[str, Any]] = field(default_factory=dict)
    terms: dict[str, list[tuple[str, float]]] = field(default_factory=dict)
    retests: dict[str, dict[str, Any]] = field(default_factory=dict)
    processes: list[dict[str, Any]] = field(default_factory=list)
    blocks: list[BlockRecord] = field(default_factory=list)


class BlockRecord(NamedTuple):
    """A block as the store holds it."""

    part: str
    round: int
    process: int
    ms: float
    witnesses: dict[str, Any]
    taken_at: float


class Store:
    """A database of raw measurements.

    Parameters
    ----------
    url : str or path, optional
        An SQLAlchemy URL, or the path of a SQLite file; nothing for a store in memory.
    must_exist : bool
        Refuse to create a new one, and only read.

    Raises
    ------
    StoreError
        It cannot be opened, is not such a store, or was written by a newer nnbehave.
    """

    def __init__(self, url: str | Path | None = None, must_exist: bool = False) -> None:
        self.name = "in memory" if url is None else str(url)
        options: dict[str, Any] = {}
        address = _address(url, must_exist)
        if address.get_backend_name() == "sqlite":
            options = {"connect_args": {"timeout": _BUSY_TIMEOUT_S}}
        self._dialect = address.get_backend_name()
        if self._dialect not in _INSERT:
            known = " or ".join(_INSERT)
            raise InvalidInputError(f"store {self.name!r}: nnbehave writes to {known}, not {self._dialect}")
        with self._errors():
            self._engine = sa.create_engine(address, **options)
            self._connection = self._engine.connect()
            try:
                self._check_schema(must_exist)
                if self._dialect == "sqlite" and not must_exist:
                    # A reader beside a writer; a write survives the death of the process.
                    self._connection.exec_driver_sql("PRAGMA journal_mode=WAL")
                    self._connection.exec_driver_sql("PRAGMA synchronous=NORMAL")
                    self._connection.commit()
            except BaseException:
                self.close()
                raise

    def _check_schema(self, must_exist: bool) -> None:
        """Make the tables where there are none, all or nothing; refuse what is not ours or too new."""
        if self._dialect == "sqlite" and not must_exist:
            self._connection.exec_driver_sql("BEGIN IMMEDIATE")
        tables = set(sa.inspect(self._connection).get_table_names())
        if "meta" not in tables:
            if must_exist or tables:
                raise StoreError(f"{self.name} is a database, but not a store of nnbehave")
            schema.metadata.create_all(self._connection)
            self._add(schema.meta, [{"key": "schema_version", "value": str(schema.VERSION)}])
        elif not must_exist:  # those that came later
            schema.metadata.create_all(self._connection)
            there = self._what_is_there()
            for column in (column for table in schema.metadata.sorted_tables for column in table.columns):
                if column.name not in there[column.table.name]:
                    kind = column.type.compile(self._connection.dialect)
                    self._connection.exec_driver_sql(f"ALTER TABLE {column.table.name} ADD COLUMN {column.name} {kind}")
        self._columns = self._what_is_there()
        query = sa.select(schema.meta.c.value).where(schema.meta.c.key == "schema_version")
        found = self._connection.execute(query).scalar()
        if not must_exist and found is not None and found.isdigit() and int(found) < schema.VERSION:
            raised = schema.meta.update().where(schema.meta.c.key == "schema_version")
            self._connection.execute(raised.values(value=str(schema.VERSION)))
        self._connection.commit()
        if found is None or not found.isdigit() or int(found) > schema.VERSION:
            raise StoreError(
                f"{self.name} was written by a newer nnbehave (schema {found}, this one reads up to "
                f"{schema.VERSION}): update nnbehave to use it"
            )

    # ------------------------------------------------------------------ writing

    def add_space(self, space: Space) -> str:
        """Note a space, its subjects, and which of them are the points of which sweep; return its id."""
        text = space.to_yaml()
        key = hashlib.sha256(text.encode()).hexdigest()[:16]
        sweeps = space.sweeps()
        graphs = {layer.id: Graph([layer]) for layer in space.layers}
        self.add_subjects(graphs.values())
        points = [
            {"space": key, "slot": sweep.slot, "dimension": sweep.dimension, "subject": layer.id}
            for sweep in sweeps
            for layer in sweep.layers
        ]
        points += [
            {"space": key, "slot": slot.name, "dimension": NO_DIMENSION, "subject": slot.base.id}
            for slot in space.slots
            if not slot.choices
        ]
        with self._errors():
            self._add(schema.spaces, [{"id": key, "name": space.name, "yaml": text}])
            self._add(schema.points, points)
            self._connection.commit()
        return key

    def add_subjects(self, graphs: Iterable[Graph]) -> None:
        """Note graphs by their ids."""
        with self._errors():
            self._add(schema.subjects, [{"id": graph.id, "graph": graph.to_dict()} for graph in graphs])
            self._connection.commit()

    def add_environment(self, facts: Mapping[str, Any]) -> str:
        """Note an environment and return its id, equal for equal facts."""
        text = json.dumps(facts, sort_keys=True)
        key = hashlib.sha256(text.encode()).hexdigest()[:16]
        with self._errors():
            self._add(schema.environments, [{"id": key, "facts": dict(facts)}])
            self._connection.commit()
        return key

    def begin_session(
        self,
        platform: str,
        target: str,
        environment: str,
        method: str,
        settings: Settings,
        cpus: list[int],
        terms: Mapping[str, Sequence[tuple[str, float]]],
        state: Mapping[str, Any] | None = None,
    ) -> int:
        """Open a session that runs ``terms``, for each subject its parts and their weights; return its id.

        ``state`` is of the machine's clocks (:func:`nnbehave.runner.machine.state`).
        """
        row = {
            "platform": platform,
            "target": target,
            "environment": environment,
            "method": method,
            "settings": settings.model_dump(),
            "cpus": cpus,
            "state": dict(state or {}),
            "started_at": time.time(),
        }
        with self._errors():
            key = self._connection.execute(schema.sessions.insert().values(row)).inserted_primary_key
            assert key is not None
            self._connection.commit()
        self.add_terms(int(key[0]), terms)
        return int(key[0])

    def add_terms(self, session: int, terms: Mapping[str, Sequence[tuple[str, float]]]) -> None:
        """Note what a session runs further."""
        rows = [
            {"session": session, "subject": subject, "position": i, "part": part, "weight": weight}
            for subject, parts in terms.items()
            for i, (part, weight) in enumerate(parts)
        ]
        with self._errors():
            self._add(schema.terms, rows)
            self._connection.commit()

    def add_event(self, session: int, event: Event, artifact: Artifact | None = None) -> None:
        """Write what a session told; ``artifact`` is that of a load."""
        if isinstance(event, Stopped):  # no table has it yet
            return
        if isinstance(event, Counted):
            event = _as_sample(event)
        row = {"session": session, **_columns(event)}
        with self._errors():
            if isinstance(event, Sample):
                self._connection.execute(schema.blocks.insert(), row)
            elif not isinstance(event, Loaded):
                self._add(_TABLES[type(event)], [row])
            else:
                assert artifact is not None
                facts = {key: value for key, value in vars(artifact).items() if key != "path"}
                self._add(schema.artifacts, [facts])
                said = {"executed_precision": executed_precision(event.kernels), "placement": placement(event.kernels)}
                self._add(schema.loads, [{**row, **said, "artifact": artifact.sha256}])
            self._connection.commit()

    def end_session(self, session: int) -> None:
        """Note that a session came to its end."""
        with self._errors():
            query = schema.sessions.update().where(schema.sessions.c.id == session)
            self._connection.execute(query.values(finished_at=time.time()))
            self._connection.commit()

    def _add(self, table: sa.Table, rows: list[dict[str, Any]]) -> None:
        """Insert the rows whose keys are not there yet; another sweep may be adding them at the same moment."""
        if rows:
            self._connection.execute(_INSERT[self._dialect](table).on_conflict_do_nothing(), rows)

    # ------------------------------------------------------------------ reading

    def sessions(self, platforms: Collection[str] | None = None) -> Iterator[SessionRecord]:
        """Yield every session, or those on some platforms, with all that it holds, in the order begun."""
        chosen = sa.select(schema.sessions).order_by(schema.sessions.c.id)
        if platforms is not None:
            chosen = chosen.where(schema.sessions.c.platform.in_(platforms))
        with self._errors():
            rows = self._connection.execute(chosen).mappings().all()
            self._connection.rollback()
        for row in rows:
            with self._errors():
                record = self._session(dict(row))
                self._connection.rollback()
            yield record

    def _session(self, row: Mapping[str, Any]) -> SessionRecord:
        found = SessionRecord(
            row["id"],
            row["platform"],
            row["target"],
            row["environment"],
            row["method"],
            Settings(**row["settings"]),
            row["finished_at"] is not None,
        )
        for each in self._of(schema.loads, found.id):
            kernels = [Kernel(*kernel) if isinstance(kernel, list) else Kernel(kernel) for kernel in each["kernels"]]
            found.loads[each["subject"]] = {**each, "kernels": kernels}
        found.checks = {each["subject"]: each for each in self._of(schema.checks, found.id)}
        found.outcomes = {each["subject"]: each for each in self._of(schema.outcomes, found.id)}
        for each in self._of(schema.terms, found.id):
            found.terms.setdefault(each["subject"], []).append((each["part"], each["weight"]))
        found.retests = {each["subject"]: each for each in self._of(schema.retests, found.id)}
        found.processes = list(self._of(schema.processes, found.id))
        for each in self._of(schema.blocks, found.id):
            ms = sample_ms(each["times_ns"], each["inner"])
            found.blocks.append(
                BlockRecord(each["subject"], each["round"], each["process"], ms, each["witnesses"], each["taken_at"])
            )
        return found

    def _of(self, table: sa.Table, session: int) -> Iterator[dict[str, Any]]:
        """Yield a table's rows of a session, in the order written; an older store may lack it, or columns of it."""
        if table.name in self._columns:
            there = self._columns[table.name]
            query = (
                sa.select(*(column for column in table.columns if column.name in there))
                .where(table.c.session == session)
                .order_by(*table.primary_key.columns)
            )
            yield from map(dict, self._connection.execute(query).mappings())

    def _what_is_there(self) -> dict[str, set[str]]:
        """Return the columns of each table that the database has."""
        inspector = sa.inspect(self._connection)
        return {
            table: {column["name"] for column in inspector.get_columns(table)} for table in inspector.get_table_names()
        }

    def subjects(self) -> dict[str, Graph]:
        """Return every subject by id."""
        with self._errors():
            rows = self._connection.execute(sa.select(schema.subjects)).all()
            self._connection.rollback()
        return {key: Graph.from_dict(graph) for key, graph in rows}

    def points(self, space: str | None = None) -> dict[str, list[tuple[str, str, str]]]:
        """Return, for each subject, the (space, slot, dimension) of every sweep that it is a point of.

        Of all spaces, where two of one name are told apart by the beginning of their ids, or of the one with that id.
        """
        chosen, named = sa.select(schema.points), sa.select(schema.spaces.c.id, schema.spaces.c.name)
        if space is not None:
            chosen, named = chosen.where(schema.points.c.space == space), named.where(schema.spaces.c.id == space)
        with self._errors():
            spaces = self._connection.execute(named).all()
            rows = self._connection.execute(chosen).all()
            self._connection.rollback()
        names = [name for _, name in spaces]
        labels = {key: name if names.count(name) == 1 else f"{name}@{key[:6]}" for key, name in spaces}
        found: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
        for key, slot, dimension, subject in rows:
            found[subject].append((labels[key], slot, dimension))
        return found

    def environments(self) -> dict[str, dict[str, Any]]:
        """Return the facts of every environment by id."""
        with self._errors():
            rows = self._connection.execute(sa.select(schema.environments)).all()
            self._connection.rollback()
        return {str(key): facts for key, facts in rows}

    def artifacts(self) -> list[dict[str, Any]]:
        """Return what is known of every artifact, its content apart."""
        with self._errors():
            rows = self._connection.execute(sa.select(schema.artifacts)).mappings().all()
            self._connection.rollback()
        return [dict(row) for row in rows]

    # ------------------------------------------------------------------ life

    def close(self) -> None:
        """Close the store; what was added is in it."""
        self._connection.close()
        self._engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn the database's errors into one line of ours."""
        try:
            yield
        except ImportError as error:
            raise StoreError(f"store {self.name} needs a database driver: {error}") from None
        except (SQLAlchemyError, sqlite3.Error) as error:
            why = str(getattr(error, "orig", None) or error).splitlines()[0]
            raise StoreError(f"store {self.name}: {why}") from error


def _columns(event: Event) -> dict[str, Any]:
    """Return an event's fields by the names of the columns."""
    names = {"part": "subject", "calls_per_span": "inner", "spans_ns": "times_ns"}
    return {names.get(field, field): value for field, value in vars(event).items()}


def _as_sample(event: Counted) -> Sample:
    """Return an exact cost in the form that the table of blocks holds: one span of 1000 calls in whole ns."""
    said = {"counts": event.counts, "left_out": list(event.left_out)}
    spans_ns = (round(event.latency_ms * 1e6 * _CALLS_COUNTED),)
    return Sample(event.part, 0, 0, 0, _CALLS_COUNTED, spans_ns, said, time.time())


def _address(url: str | Path | None, must_exist: bool) -> sa.URL:
    """Return the URL to open: a path is a SQLite file, and one that must exist is opened for reading alone."""
    if url is None:
        return sa.make_url("sqlite://")
    text = str(url)
    path = Path(text)
    if "://" in text:
        try:
            parsed = sa.make_url(text)
        except sa.exc.ArgumentError:
            raise InvalidInputError(f"store {text!r} is neither a database URL nor a path") from None
        if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.query:
            if must_exist and parsed.get_backend_name() == "sqlite" and "uri" not in parsed.query:
                raise InvalidInputError(f"store {text!r}: give the path of the file alone to read it")
            return parsed
        path = Path(parsed.database)
    try:
        if "\0" in text:
            raise ValueError("embedded null byte")
        if path.is_dir():
            raise StoreError(f"store {text} is a directory; name a file in it")
        if must_exist and not path.is_file():
            raise StoreError(f"there is no store at {text}")
        if not path.parent.is_dir():
            raise StoreError(f"store {text}: there is no directory {path.parent}")
    except (OSError, ValueError) as error:  # too long, or with a character that no path has
        raise StoreError(f"store {text!r} is not the path of a file: {error}") from None
    if not must_exist:
        return sa.URL.create("sqlite", database=str(path))
    query = {"mode": "ro", "uri": "true"}
    if not path.with_name(path.name + "-wal").exists():
        query["immutable"] = "1"  # without it, SQLite wants to write beside even a file that it only reads
    return sa.URL.create("sqlite", database=f"file:{quote(str(path.resolve()))}", query=query)
