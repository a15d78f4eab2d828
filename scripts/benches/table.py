"""Tables of medians, ranges and ratios, and the same as JSON."""

from __future__ import annotations

import json
import platform
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass
class Row:
    """One measured thing: its samples, their unit, and the reference it is held against (more is better, or less).

    `size`: of what it was measured at, for rows that are measured at several; the chart draws them against it.
    """

    name: str
    samples: list[float]
    unit: str
    reference: str | None = None
    ratio: float | None = None
    goal: str = ""
    note: str = ""
    size: int | None = None

    @property
    def middle(self) -> float:
        """The median of the samples."""
        return median(self.samples)


@dataclass
class Bench:
    """One bench's rows."""

    title: str
    rows: list[Row] = field(default_factory=list)

    def add(
        self,
        name: str,
        samples: Sequence[float],
        unit: str,
        *,
        goal: str = "",
        note: str = "",
        size: int | None = None,
    ) -> Row:
        """Add a row of samples."""
        row = Row(name, list(samples), unit, goal=goal, note=note, size=size)
        self.rows.append(row)
        return row

    def compare(self, row: Row, reference: Row, *, faster: bool) -> None:
        """Hold a row against a reference of the same run; `faster`: how many times faster, or else the cost."""
        row.reference = reference.name
        more_is_better = row.unit.endswith("/s")
        row.ratio = row.middle / reference.middle
        if faster and not more_is_better:
            row.ratio = reference.middle / row.middle


def show(benches: Sequence[Bench], out: Path | None) -> None:
    """Print the tables, and write them as JSON where `out` names a file."""
    console = Console() if sys.stdout.isatty() else Console(width=180)
    for bench in benches:
        table = Table(title=bench.title, title_justify="left")
        for column in ("what", "median", "range", "ratio", "goal", "note"):
            table.add_column(column, justify="right" if column in ("median", "range", "ratio") else "left")
        for row in bench.rows:
            ratio = "" if row.ratio is None else f"{row.ratio:.2f} × {row.reference}"
            span = f"{number(min(row.samples))} … {number(max(row.samples))}" if len(row.samples) > 1 else ""
            name = row.name if row.size is None else f"{row.name}, {row.size:,}"
            table.add_row(name, f"{number(row.middle)} {row.unit}", span, ratio, row.goal, row.note)
        console.print(table)
    console.print(machine())
    if out is not None:
        out.write_text(
            json.dumps({"machine": machine(), "benches": [asdict(bench) for bench in benches]}, indent=1) + "\n"
        )
        console.print(f"written to {out}")


def number(value: float) -> str:
    """Print a figure with three meaningful digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def machine() -> str:
    """Name the machine: processor, cores, system, Python."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    cores = sum(line.startswith("processor") for line in Path("/proc/cpuinfo").read_text().splitlines())
    return f"{model}, {cores} cores, {platform.system()} {platform.release()}, Python {platform.python_version()}"
