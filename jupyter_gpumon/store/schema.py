"""The tables made, and brought up to date by adding what is missing: nothing is ever dropped or changed."""

from __future__ import annotations

from sqlalchemy import Connection, MetaData, Table, func, inspect, select
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from ..errors import SourceError
from .insert import insert_rows
from .tables import VERSION, Tables


def prepare(connection: Connection, tables: Tables) -> None:
    """Make what is missing of the tables.

    Raises:
        SourceError: a later version of jupyter-gpumon made them.
    """
    create(connection, tables.metadata)
    found = connection.execute(select(func.max(tables.schema.c.version))).scalar()
    if found is None:
        insert_rows(connection, tables.schema, ("version",), [(VERSION,)])  # another writer may just have said so
    elif found > VERSION:
        raise SourceError(f"Its tables are of version {found}, this jupyter-gpumon writes {VERSION}: update it.")


def create(connection: Connection, metadata: MetaData) -> None:
    """Create the tables that are not there, and add the columns that those which are there lack."""
    _create_missing(connection, metadata)
    inspector = inspect(connection)
    for table in metadata.sorted_tables:
        present = {column["name"] for column in inspector.get_columns(table.name)}
        for column in table.columns:
            if column.name not in present:
                _add(connection, table, column.name)


def _create_missing(connection: Connection, metadata: MetaData) -> None:
    """Two who begin to write into one file at the same moment both find no table: that is no error."""
    if connection.dialect.name != "sqlite":
        metadata.create_all(connection)
        return
    for table in metadata.sorted_tables:
        connection.execute(CreateTable(table, if_not_exists=True))
        for index in table.indexes:
            connection.execute(CreateIndex(index, if_not_exists=True))


def _add(connection: Connection, table: Table, name: str) -> None:
    words = connection.dialect.ddl_compiler(connection.dialect, None).process(CreateColumn(table.columns[name]))  # type: ignore[arg-type]
    quoted = connection.dialect.identifier_preparer.format_table(table)
    connection.exec_driver_sql(f"ALTER TABLE {quoted} ADD COLUMN {words}")
