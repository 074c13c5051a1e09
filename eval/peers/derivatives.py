"""What genetic programming is given: the derivative of each state as a function of the states.

A run in the units as they are, where those are moderate, and one dimensionless; both on smoothed states and
slopes. The size of a law, for BIC, is its numbers, states and functions: numbers alone would let nested functions
take the place of terms for nothing. Points at the ends are left out of the regression, since slopes are worst there.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from observations import Observations, smooth

# (states n × D, slopes n, seed) to laws of one equation, best first: (text, size).
Regress = Callable[[np.ndarray, np.ndarray, int], list[tuple[str, int]]]

# Combinations of equations' laws that are integrated, where a system has several equations.
COMBINATIONS = 64


def propose(regress: Regress, raw: Observations, runs: int = 2) -> Iterator[tuple[list[str], int, Observations]]:
    """Laws with their sizes, and the units that they are in."""
    scaled = raw.dimensionless()
    for run in range(runs):
        seen = raw if run % 2 == 1 and raw.moderate() else scaled
        states, slopes = smooth(seen.t, seen.x)
        margin = max(1, len(seen.t) // 50)
        inner = slice(margin, len(seen.t) - margin)
        fronts = [regress(states[inner], slopes[inner, i], run) for i in range(seen.dimension)]
        for laws in combined(fronts):
            yield [text for text, _ in laws], sum(size for _, size in laws), seen


def combined(fronts: list[list[tuple[str, int]]]) -> Iterable[tuple[tuple[str, int], ...]]:
    """One law an equation: all combinations, of the best few if that would be many."""
    if not fronts or not all(fronts):
        return []
    most = max(1, int(COMBINATIONS ** (1 / len(fronts)))) if len(fronts) > 1 else COMBINATIONS
    return itertools.product(*(front[:most] for front in fronts))
