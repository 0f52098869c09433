"""What a benchmark says: tables with every repetition, and one line for each goal."""

import statistics
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Goal:
    """A figure and what it should be. `limit` None: printed only."""

    name: str
    value: float
    limit: float | None = None
    unit: str = ""
    at_least: bool = False

    @property
    def is_met(self) -> bool:
        if self.limit is None:
            return True
        return self.value >= self.limit if self.at_least else self.value < self.limit

    def __str__(self) -> str:
        said = f"{self.name}: {number(self.value)}{self.unit}"
        if self.limit is None:
            return f"            {said}"
        sign = ">=" if self.at_least else "<"
        return f"{'goal met   ' if self.is_met else 'goal MISSED'} {said} (goal {sign} {number(self.limit)}{self.unit})"


@dataclass
class Report:
    """Collects the goals of a benchmark while its tables are printed."""

    title: str
    goals: list[Goal] = field(default_factory=list)

    def __post_init__(self) -> None:
        print(f"\n==== {self.title} ====", flush=True)

    def close(self) -> None:
        """Print a line for each figure."""
        print(flush=True)
        for goal in self.goals:
            print(f"  {goal}")
        sys.stdout.flush()


def number(value: float) -> str:
    """With three significant digits, large ones in full."""
    if value != value:  # nothing was measured
        return "-"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; the first column is text, the others are numbers."""
    cells = [[number(cell) if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headers, *cells, strict=True)]
    for row in (headers, *cells):
        first, *rest = row
        padded = [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
        print("  " + "  ".join([first.ljust(widths[0]), *padded]), flush=True)


def raw(values: Iterable[float]) -> str:
    """All repetitions, as they came."""
    return ", ".join(map(number, values))


def percentile(values: Sequence[float], share: float) -> float:
    """The value under which `share` of all lie; NaN of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def median(values: Sequence[float]) -> float:
    """The middle one; NaN of none."""
    return statistics.median(values) if values else float("nan")
