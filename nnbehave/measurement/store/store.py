"""The database of raw measurements: a SQLite file by default, PostgreSQL where many write.

Each sample is written in a transaction of its own when it is taken, so that a killed sweep leaves a store that opens
and lacks at most the sample in flight. Latencies are derived from samples and never stored.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from nnbehave.design.graph import Graph
from nnbehave.design.space import Space
from nnbehave.errors import InvalidInputError, StoreError
from nnbehave.measurement.converters import Artifact
from nnbehave.measurement.session.events import Event, Loaded
from nnbehave.measurement.settings import Settings
from nnbehave.measurement.store import schema
from nnbehave.measurement.store.address import address_of
from nnbehave.measurement.store.reading import read_session
from nnbehave.measurement.store.session_record import SessionRecord
from nnbehave.measurement.store.upgrade import columns_of, prepare, write_ahead
from nnbehave.measurement.store.writing import load_row, row_of
from nnbehave.records import Environment, Point

NO_DIMENSION = ""  # of a point that is no sweep's
_BUSY_TIMEOUT_S = 60
_INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class Store:
    """A database of raw measurements; a context manager.

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
        address = address_of(url, must_exist)
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
                prepare(self._connection, self.name, must_exist)
                self._columns = columns_of(self._connection)
                if self._dialect == "sqlite" and not must_exist:
                    write_ahead(self._connection, _BUSY_TIMEOUT_S)
            except BaseException:
                self.close()
                raise

    # ------------------------------------------------------------------ writing

    def add_space(self, space: Space) -> str:
        """Note a space with its subjects and the points of its sweeps; return its id."""
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

    def add_environment(self, environment: Environment) -> str:
        """Note an environment and return its id, equal for equal facts."""
        facts = {"machine": dict(environment.machine), "versions": dict(environment.versions)}
        text = json.dumps(facts, sort_keys=True)
        key = hashlib.sha256(text.encode()).hexdigest()[:16]
        with self._errors():
            self._add(schema.environments, [{"id": key, "facts": facts}])
            self._connection.commit()
        return key

    def begin_session(
        self,
        platform: str,
        target: str,
        environment: str,
        method: str,
        context: str,
        settings: Settings,
        cpus: Sequence[int] = (),
        state: Mapping[str, object] | None = None,
    ) -> int:
        """Open a session and return its id; ``state`` is of the machine's clocks (:func:`.runner.machine.state`)."""
        row = {
            "platform": platform,
            "target": target,
            "environment": environment,
            "method": method,
            "context": context,
            "settings": settings.model_dump(),
            "cpus": list(cpus),
            "state": dict(state or {}),
            "started_at": time.time(),
        }
        with self._errors():
            key = self._connection.execute(schema.sessions.insert().values(row)).inserted_primary_key
            assert key is not None
            self._connection.commit()
        return int(key[0])

    def add_terms(
        self,
        session: int,
        terms: Mapping[str, Sequence[tuple[str, float]]],
        references: Collection[str] = (),
        asked: Collection[str] | None = None,
    ) -> None:
        """Note the parts that a session runs for its subjects.

        Parameters
        ----------
        session : int
        terms : mapping of str to sequence of (str, float)
            For each subject its parts and their weights.
        references : collection of str
            The subjects among them that are measured in every round for ``relative_latency``.
        asked : collection of str, optional
            The subjects that a caller asked for; by default all that are no references.
        """
        wanted = terms.keys() - set(references) if asked is None else set(asked)
        rows = [
            {"session": session, "subject": subject, "position": i, "part": part, "weight": weight}
            | {"is_reference": subject in references, "is_asked": subject in wanted}
            for subject, parts in terms.items()
            for i, (part, weight) in enumerate(parts)
        ]
        with self._errors():
            self._add(schema.terms, rows)
            self._connection.commit()

    def add_event(self, session: int, event: Event, artifact: Artifact | None = None) -> None:
        """Write an event of a session; ``artifact`` is that of a :class:`Loaded` part."""
        with self._errors():
            if isinstance(event, Loaded):
                assert artifact is not None
                facts = {key: value for key, value in vars(artifact).items() if key != "path"}
                self._add(schema.artifacts, [facts])
                self._add(schema.loads, [{"session": session, **load_row(event, artifact.sha256)}])
            else:
                table, row = row_of(event)
                self._write(table, {"session": session, **row})
            self._connection.commit()

    def end_session(self, session: int) -> None:
        """Note that a session came to its end."""
        with self._errors():
            query = schema.sessions.update().where(schema.sessions.c.id == session)
            self._connection.execute(query.values(finished_at=time.time()))
            self._connection.commit()

    def _write(self, table: sa.Table, row: dict[str, Any]) -> None:
        """Insert a row; what a session says again of a subject replaces what it said before."""
        inserted = _INSERT[self._dialect](table).values(row)
        keys = [column.name for column in table.primary_key.columns]
        if all(key in row for key in keys):
            inserted = inserted.on_conflict_do_update(index_elements=keys, set_=row)
        self._connection.execute(inserted)

    def _add(self, table: sa.Table, rows: list[dict[str, Any]]) -> None:
        """Insert the rows whose keys are new; another sweep may be adding the same rows at this moment."""
        if rows:
            self._connection.execute(_INSERT[self._dialect](table).on_conflict_do_nothing(), rows)

    # ------------------------------------------------------------------ reading

    def sessions(self, platforms: Collection[str] | None = None, with_samples: bool = True) -> Iterator[SessionRecord]:
        """Yield every session in the order begun, or those on some platforms.

        Without samples a session is read fast: what was run, what came of it, and which rule stopped it.
        """
        chosen = self._select_sessions().order_by(schema.sessions.c.id)
        if platforms is not None:
            chosen = chosen.where(schema.sessions.c.platform.in_(platforms))
        with self._errors():
            rows = self._connection.execute(chosen).mappings().all()
            self._connection.rollback()
        for row in rows:
            with self._errors():
                record = read_session(dict(row), self._of, with_samples)
                self._connection.rollback()
            yield record

    def session(self, key: int) -> SessionRecord:
        """Return one session with its samples."""
        with self._errors():
            row = self._connection.execute(self._select_sessions().where(schema.sessions.c.id == key)).mappings()
            record = read_session(dict(row.one()), self._of, with_samples=True)
            self._connection.rollback()
        return record

    def _select_sessions(self) -> sa.Select[Any]:
        """Return the query of the sessions; an older store lacks some of their columns."""
        there = self._columns["sessions"]
        return sa.select(*(column for column in schema.sessions.columns if column.name in there))

    def _of(self, table: sa.Table, session: int) -> Iterator[dict[str, Any]]:
        """Yield a table's rows of a session in the order written; an older store may lack the table, or columns."""
        if table.name in self._columns:
            there = self._columns[table.name]
            query = (
                sa.select(*(column for column in table.columns if column.name in there))
                .where(table.c.session == session)
                .order_by(*table.primary_key.columns)
            )
            yield from map(dict, self._connection.execute(query).mappings())

    def subjects(self, known: Collection[str] = ()) -> dict[str, Graph]:
        """Return every subject and part by id, in the order added, except those whose ids are known."""
        with self._errors():
            rows = self._connection.execute(sa.select(schema.subjects)).all()
            self._connection.rollback()
        return {key: Graph.from_dict(graph) for key, graph in rows if key not in known}

    def points(self, space: str | None = None) -> dict[str, list[Point]]:
        """Return for each subject its place on every sweep that it is a point of.

        Parameters
        ----------
        space : str, optional
            The id of a space; by default all spaces. Two spaces of one name are told apart by the beginning of their
            ids.
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
        found: dict[str, list[Point]] = defaultdict(list)
        for key, slot, dimension, subject in rows:
            found[subject].append(Point(labels[key], slot, dimension or None))
        return found

    def environments(self) -> dict[str, Environment]:
        """Return every environment by id."""
        with self._errors():
            rows = self._connection.execute(sa.select(schema.environments)).all()
            self._connection.rollback()
        return {str(key): Environment(facts.get("machine", {}), facts.get("versions", {})) for key, facts in rows}

    def artifacts(self) -> list[dict[str, Any]]:
        """Return the facts of every artifact; its content is in the artifact cache."""
        with self._errors():
            rows = self._connection.execute(sa.select(schema.artifacts)).mappings().all()
            self._connection.rollback()
        return [dict(row) for row in rows]

    # ------------------------------------------------------------------ life

    def close(self) -> None:
        """Close the store; all that was added is kept."""
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
        """Turn an error of the database into a StoreError of one line."""
        try:
            yield
        except ImportError as error:
            raise StoreError(f"store {self.name} needs a database driver: {error}") from None
        except (SQLAlchemyError, sqlite3.Error) as error:
            why = str(getattr(error, "orig", None) or error).splitlines()[0]
            raise StoreError(f"store {self.name}: {why}") from error
