"""Draw cost against size as SVG, from what `scripts/bench --json` wrote: `python -m scripts.benches.chart OUT FILE…`.

One panel for each thing that was measured at several sizes: what should be flat is to look flat.  Both axes are
logarithmic; a bar is the range of the samples, a dashed line the goal.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from statistics import median
from typing import Any, Final

WIDTH: Final = 420
HEIGHT: Final = 260
LEFT, RIGHT, TOP, BOTTOM = 64, 20, 46, 44
COLUMNS: Final = 2
_GOAL: Final = re.compile(r"([≤≥]) ([\d.]+)(k?)")


@dataclass(frozen=True)
class Point:
    """What was measured at one size: the median, the least and the most."""

    size: int
    middle: float
    least: float
    most: float


@dataclass(frozen=True)
class Panel:
    """One thing against size; `goal` in the unit, with its sign before it."""

    title: str
    unit: str
    points: list[Point]
    goal: tuple[str, float] | None


def panels(rows: Sequence[dict[str, Any]]) -> list[Panel]:
    """Return a panel for each name that has rows of more than one size."""
    by_name: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        if row["size"] is not None:
            by_name.setdefault((row["name"], row["unit"]), []).append(row)
    made = []
    for (name, unit), found in by_name.items():
        points = {row["size"]: _point(row["size"], row["samples"]) for row in found if max(row["samples"]) > 0}
        if len(points) > 1:
            goal = next((goal for row in found if (goal := _goal(row["goal"]))), None)
            made.append(Panel(name, unit, [points[size] for size in sorted(points)], goal))
    return made


def _point(size: int, samples: Sequence[float]) -> Point:
    shown = [sample for sample in samples if sample > 0]  # an axis of powers has no place for nothing
    return Point(size, median(shown), min(shown), max(shown))


def _goal(text: str) -> tuple[str, float] | None:
    found = _GOAL.search(text)
    return None if found is None else (found[1], float(found[2]) * (1000 if found[3] else 1))


def draw(found: Sequence[Panel], caption: str) -> str:
    """Return the SVG of all panels, two to a line."""
    lines = -(-len(found) // COLUMNS)
    width, height = COLUMNS * WIDTH, lines * HEIGHT + 24
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" font-size="11">',
        "<style>text { font-family: system-ui, sans-serif; fill: #333 }</style>",
        f"<title>{escape('; '.join(panel.title for panel in found))}</title>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for place, panel in enumerate(found):
        line, column = divmod(place, COLUMNS)
        parts.append(f'<g transform="translate({column * WIDTH} {line * HEIGHT})">')
        parts.extend(_panel(panel))
        parts.append("</g>")
    parts.append(f'<text x="12" y="{height - 8}" style="fill: #777">{escape(caption)}</text></svg>')
    return "\n".join(parts) + "\n"


def _panel(panel: Panel) -> Iterator[str]:
    values = [value for point in panel.points for value in (point.least, point.most)]
    values += [panel.goal[1]] if panel.goal else []
    low, high = _decades(values)
    sizes = [math.log10(point.size) for point in panel.points]
    first, last = sizes[0] - 0.25, sizes[-1] + 0.25

    def x(size: float) -> float:
        return LEFT + (math.log10(size) - first) / (last - first) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (math.log10(value) - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    yield f'<text x="{LEFT}" y="20" font-weight="600" font-size="12">{escape(panel.title)}</text>'
    goal = f"; dashed: the goal, {panel.goal[0]} {panel.goal[1]:,g}" if panel.goal else ""
    yield f'<text x="{LEFT}" y="35" style="fill: #777">{escape(panel.unit + goal)}</text>'
    for power in range(low, high + 1):
        yield f'<path d="M{LEFT} {y(10**power):.1f}H{WIDTH - RIGHT}" stroke="#e5e5e5"/>'
        yield f'<text x="{LEFT - 6}" y="{y(10**power) + 4:.1f}" text-anchor="end">{10**power:,g}</text>'
    for power in range(math.ceil(first), math.floor(last) + 1):
        label = {3: "1k", 4: "10k", 5: "100k", 6: "1M", 7: "10M", 8: "100M"}.get(power, f"{10**power:,}")
        yield f'<text x="{x(10**power):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{label}</text>'
    if panel.goal:
        at = y(panel.goal[1])
        yield f'<path d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}" stroke="#b3541e" stroke-dasharray="5 4"/>'
    line = " ".join(f"{x(point.size):.1f},{y(point.middle):.1f}" for point in panel.points)
    yield f'<polyline points="{line}" fill="none" stroke="#1b6e53" stroke-width="2"/>'
    for point in panel.points:
        here = x(point.size)
        yield f'<path d="M{here:.1f} {y(point.least):.1f}V{y(point.most):.1f}" stroke="#1b6e53"/>'
        yield f'<circle cx="{here:.1f}" cy="{y(point.middle):.1f}" r="3.5" fill="#1b6e53"/>'
        words = f"{point.middle:,.3g}" if point.middle < 1000 else f"{point.middle:,.0f}"
        yield f'<text x="{here:.1f}" y="{y(point.most) - 8:.1f}" text-anchor="middle">{words}</text>'


def _decades(values: Sequence[float]) -> tuple[int, int]:
    """Return the powers of ten around the values, with some air above."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(1.4 * max(values)))
    return low, max(high, low + 1)


def main() -> None:
    """Read the JSON files, later ones after earlier, and write the SVG."""
    out, *files = sys.argv[1:]
    rows, machine = [], ""
    for name in files:
        run = json.loads(Path(name).read_text())
        machine = run["machine"]
        rows += [row for bench in run["benches"] for row in bench["rows"]]
    found = panels(rows)
    if not found:
        raise SystemExit("nothing in these files was measured at more than one size")
    Path(out).write_text(draw(found, machine))


if __name__ == "__main__":
    main()
