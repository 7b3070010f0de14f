"""The dashboard *Notebooks & energy*: which notebook took what, and what nobody measured."""

from __future__ import annotations

from .boards import Section, board, choice
from .expressions import NODE, gpu, host, increase, narrowed, rate
from .panels import GREEN, RED, YELLOW, Panel, Query, bars, figures, limits, lines, pie, rows

KWH = 3.6e6
"""Joules."""
CELLS = f'{NODE},notebook=~"$notebook"'


def notebooks() -> str:
    """The dashboard as JSON."""
    sections: list[Section] = [("Energy", _energy()), ("Notebooks", _notebooks()), ("Power", _power())]
    about = (
        "Energy of boards and of measured cells. Notebooks are told apart where c.GpuMon.notebook_metrics is on: it is "
        "off by default, as it names them."
    )
    variables = [
        choice("instance", "Node", gpu("memory_total"), "instance"),
        choice("notebook", "Notebook", "gpumon_cell_energy_joules_total", "notebook"),
    ]
    return board("gpumon-notebooks", "Notebooks & energy", about, variables, sections)


def _boards() -> str:
    return gpu("energy", NODE)


def _cells() -> str:
    return narrowed("gpumon_cell_energy_joules_total", CELLS)


def _energy() -> list[Panel]:
    boards, cells = f"sum({increase(_boards())})", f"sum({increase(_cells())})"
    cpu, dram = f"sum({increase(host('cpu_energy', NODE))})", f"sum({increase(host('dram_energy', NODE))})"
    return [
        _sum("GPU energy", "Of all boards, in the range shown.", "joules", Query(boards, "boards")),
        _sum("GPU energy, kWh", "Of all boards, in the range shown.", "kwh", Query(f"{boards} / {KWH:g}", "boards")),
        _sum("Measured cells", "Charged to cells, in the range shown.", "joules", Query(cells, "cells")),
        _sum(
            "Share of measured cells", "The rest is idle, or nobody's.", "ratio", Query(f"{cells} / {boards}", "cells")
        ),
        _sum("CPU energy", "By RAPL, where it can be read.", "joules", Query(cpu, "CPU")),
        _sum("DRAM energy", "By RAPL, where it can be read.", "joules", Query(dram, "DRAM")),
    ]


def _sum(title: str, about: str, unit: str, query: Query) -> Panel:
    return figures(title, about, unit, query, steps=limits(GREEN), wide=4)


def _notebooks() -> list[Panel]:
    energy = f"sum by (notebook) ({increase(_cells())})"
    seconds = f"sum by (notebook) ({increase(narrowed('gpumon_cell_duration_seconds_total', CELLS))})"
    cells = f"sum by (notebook) ({increase(narrowed('gpumon_cells_total', CELLS))})"
    table = Query(energy, "energy"), Query(cells, "cells"), Query(seconds, "time in cells")
    top = Query(f"topk(10, {energy})", "{{notebook}}")
    ended = f"sum by (status) ({increase(narrowed('gpumon_cells_total', CELLS))})"
    return [
        bars("Notebooks by energy", "In the range shown.", "joules", top, steps=limits(GREEN), wide=12),
        pie("Share of each notebook", "Of all measured cells.", "joules", top, wide=12),
        rows("Notebooks", "In the range shown.", *table, units=("joules", "count", "seconds")),
        lines(
            *("Power of measured cells", "On average, by notebook; a cell counts when it has ended.", "watts"),
            Query(f"sum by (notebook) ({rate(_cells())})", "{{notebook}}"),
        ),
        bars(
            "Cells by how they ended", "In the range shown.", "count", Query(ended, "{{status}}"), steps=limits(GREEN)
        ),
        figures(
            *("Cells without an error", "Of all that were measured.", "ratio"),
            Query(narrowed("gpumon_cell_success_ratio", NODE), "{{instance}}"),
            steps=limits(RED, (0.9, YELLOW), (0.95, GREEN)),
        ),
    ]


def _power() -> list[Panel]:
    boards = Query(f"sum by (hostname) ({gpu('power', NODE)})", "{{hostname}} now")
    counted = Query(f"sum by (hostname) ({rate(_boards())})", "{{hostname}} by the energy counter")
    each = Query(increase(_boards(), "1h"), "{{hostname}} GPU {{gpu}}")
    return [
        lines("Power of the boards", "As read, and as the energy counter grows.", "watts", boards, counted),
        lines("Energy of the last hour, each GPU", "By each board's own counter.", "joules", each),
    ]
