"""Devices, hosts and run names by number, so that a row of samples is small."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Column, Connection, Table, select, update

from ..model import Device, Hello
from .insert import insert_rows
from .tables import Tables


class Ids:
    """What is known of a database's numbers. After an error a new one is made: what was not committed is not there."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self.devices: dict[str, int] = {}
        self._described: dict[str, Device] = {}
        self.hosts: dict[str, int] = {}
        self._runs: dict[str, int] = {"": 0}

    def run(self, connection: Connection, name: str) -> int:
        """The number of a run; 0 without a name."""
        return _number(connection, self._tables.runs.c.name, name, self._runs)

    def host(self, connection: Connection, hostname: str) -> int:
        """The number of a host."""
        return _number(connection, self._tables.hosts.c.hostname, hostname, self.hosts)

    def meet(self, connection: Connection, hello: Hello) -> None:
        """Describe the devices of a hello."""
        new = [device for device in hello.devices if self._described.get(device.uuid) != device]
        self.know(connection, [device.uuid for device in new])
        table = self._tables.devices
        for device in new:
            connection.execute(update(table).where(table.c.uuid == device.uuid).values(**described(device, hello)))
            self._described[device.uuid] = device

    def know(self, connection: Connection, uuids: Iterable[str]) -> None:
        """Number the devices that have none."""
        table = self._tables.devices
        missing = [uuid for uuid in uuids if uuid not in self.devices]
        if missing:
            insert_rows(connection, table, ("uuid",), [(uuid,) for uuid in missing])
            found = connection.execute(select(table.c.uuid, table.c.id).where(table.c.uuid.in_(missing)))
            self.devices |= {str(row.uuid): int(row.id) for row in found}


def _number(connection: Connection, column: Column[str], value: str, known: dict[str, int]) -> int:
    if value not in known:
        table: Table = column.table
        insert_rows(connection, table, (column.name,), [(value,)])
        known[value] = int(connection.execute(select(table.c.id).where(column == value)).scalar_one())
    return known[value]


def described(device: Device, hello: Hello) -> dict[str, object]:
    """A device's columns, but its UUID."""
    return {
        "gpu": device.label,
        "name": device.name,
        "vendor": device.vendor,
        "hostname": hello.hostname,
        "parent": device.parent,
        "pci": device.pci,
        "memory_total_bytes": device.memory_total,
        "power_limit_default_watts": device.power_limit_default,
        "simulated": hello.simulated,
    }
