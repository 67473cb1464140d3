"""The tables of a database: made where there are none, and brought up to date where an earlier version made them."""

from __future__ import annotations

import time

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from nnbehave.errors import StoreError
from nnbehave.measurement.store import schema

_VERSION = "schema_version"


def prepare(connection: sa.Connection, name: str, read_only: bool) -> None:
    """Make or upgrade the tables of a database, all or nothing; a database to read is only looked at.

    Parameters
    ----------
    connection : sqlalchemy.Connection
    name : str
        What messages call the store.
    read_only : bool

    Raises
    ------
    StoreError
        It is another program's database, or was written by a newer nnbehave.
    """
    if connection.dialect.name == "sqlite" and not read_only:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    tables = columns_of(connection)
    if "meta" not in tables:
        if read_only or tables:
            raise StoreError(f"{name} is a database, but not a store of nnbehave")
        schema.metadata.create_all(connection)
        connection.execute(schema.meta.insert().values(key=_VERSION, value=str(schema.VERSION)))
    else:
        found = connection.execute(sa.select(schema.meta.c.value).where(schema.meta.c.key == _VERSION)).scalar()
        if found is None or not found.isdigit() or int(found) > schema.VERSION:
            raise StoreError(
                f"{name} was written by a newer nnbehave (schema {found}, this one reads up to {schema.VERSION}): "
                "update nnbehave to use it"
            )
        if not read_only and int(found) < schema.VERSION:
            _upgrade(connection)
    connection.commit()


def _upgrade(connection: sa.Connection) -> None:
    """Add the tables and columns that later versions have."""
    schema.metadata.create_all(connection)
    there = columns_of(connection)
    for table in schema.metadata.sorted_tables:
        for column in table.columns:
            if column.name not in there[table.name]:
                kind = column.type.compile(connection.dialect)
                connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}")
    raised = schema.meta.update().where(schema.meta.c.key == _VERSION)
    connection.execute(raised.values(value=str(schema.VERSION)))


def write_ahead(connection: sa.Connection, timeout_s: float) -> None:
    """Let a SQLite database have readers beside a writer, and keep writes when the process dies.

    SQLite does not wait by itself to change its journal while another process writes, so it is asked again.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            break
        except OperationalError:
            connection.rollback()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    connection.exec_driver_sql("PRAGMA synchronous=NORMAL")
    connection.commit()


def columns_of(connection: sa.Connection) -> dict[str, set[str]]:
    """Return the columns of each table that a database has."""
    inspector = sa.inspect(connection)
    tables = inspector.get_table_names()
    return {table: {column["name"] for column in inspector.get_columns(table)} for table in tables}
