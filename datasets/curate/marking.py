"""Marking one end of an order: ``last 20``, ``first 5%``, ``below 40``, ``above 1.5``, ``rest``."""

from __future__ import annotations

import re

import numpy as np

from datasets.curate.figures import Figures
from datasets.curate.marks import Marks
from datasets.curate.order import Order
from datasets.errors import InputError

_PATTERN = re.compile(r"(?:(first|last)\s+(\d+)(%?)|(below|above)\s+(-?\d+(?:\.\d+)?)|(rest))")


def picked(order: Order, rule: str, keep: int | None) -> np.ndarray:
    """Which places of an order a rule picks, int64 in rising order.

    Args:
        rule: ``first N``, ``last N``, ``first N%``, ``last N%``, ``below X``, ``above X``, or ``rest``.
        keep: how many of the beginning ``rest`` leaves.

    Raises:
        InputError: it is no such rule.
    """
    found = _PATTERN.fullmatch(rule.strip().lower())
    if not found:
        raise InputError(
            f"{rule!r} does not say what to mark: last N, first N (a number, or a part as in 'last 10%'), below X, "
            "above X, or rest."
        )
    end, count, percent, side, limit, rest = found.groups()
    size = len(order.index)
    if rest:
        if keep is None:
            raise InputError("'rest' marks what --keep N does not keep; give --keep too.")
        return np.arange(min(keep, size), size)
    if end:
        number = round(size * int(count) / 100) if percent else int(count)
        number = min(number, size)
        return np.arange(number) if end == "first" else np.arange(size - number, size)
    value = float(limit)
    return np.nonzero(order.figure < value if side == "below" else order.figure > value)[0]


def sorted_out(figures: Figures, order: Order, places: np.ndarray) -> tuple[str, Marks]:
    """(reason, marks) for the faces at these places of an order."""
    reason = f"sorted by {order.by}"
    return reason, {
        figures.file[int(order.index[place])]: {reason: f"{order.unit}: {order.figure[place]:.4g}"}
        for place in places.tolist()
    }
