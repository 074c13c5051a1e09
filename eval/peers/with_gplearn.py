"""gplearn: plain genetic programming with constants drawn at random, none fitted.

Two runs a case. The laws of the last generation's hall of fame are tried, and with each the scale and the offset
that least squares gives it, which is what its lack of fitted constants needs most.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from gplearn.genetic import SymbolicRegressor

import derivatives
from observations import Observations

BINARY = {"add": "({} + {})", "sub": "({} - {})", "mul": "({}*{})", "div": "({}/{})"}
UNARY = {"sin": "sin({})", "cos": "cos({})", "neg": "(-{})", "sqrt": "sqrt(abs({}))", "log": "log(abs({}))"}


def propose(raw: Observations) -> Iterator[tuple[list[str], int, Observations]]:
    return derivatives.propose(regress, raw)


def regress(states: np.ndarray, slopes: np.ndarray, seed: int) -> list[tuple[str, int]]:
    """The best laws of a run, smallest error first."""
    scale = float(np.abs(slopes).max()) or 1.0
    largest = max(1.0, float(np.abs(states).max()))
    regressor = SymbolicRegressor(
        population_size=1000,
        generations=25,
        tournament_size=20,
        const_range=(-largest, largest) if largest < 100 else (-100.0, 100.0),
        init_depth=(2, 5),
        function_set=(*BINARY, *UNARY),
        metric="mse",
        parsimony_coefficient="auto",
        p_crossover=0.7,
        p_subtree_mutation=0.1,
        p_hoist_mutation=0.05,
        p_point_mutation=0.1,
        n_jobs=1,
        random_state=seed + 1,
    )
    target = slopes / scale
    regressor.fit(states, target)
    best = sorted(filter(None, regressor._programs[-1]), key=lambda p: p.raw_fitness_)
    laws: dict[str, int] = {}
    for program in best[:40]:
        text, size = written(program.program)
        laws.setdefault(f"{scale!r}*{text}", size)
        values = program.execute(states)
        if np.ptp(values) > 0 and np.isfinite(values).all():
            (slope, offset), *_ = np.linalg.lstsq(np.column_stack([values, np.ones_like(values)]), target, rcond=None)
            laws.setdefault(f"{scale!r}*({offset:.10g} + {slope:.10g}*{text})", size + 2)
        if len(laws) >= 16:
            break
    return list(laws.items())


def written(program: list) -> tuple[str, int]:
    """A program, which is in prefix order, as a text; and how many numbers, states and functions it has."""
    size = sum(not hasattr(node, "arity") or node.arity == 1 for node in program)
    stack: list[str] = []
    for node in reversed(program):
        if isinstance(node, (int, np.integer)):
            stack.append(f"x{node}")
        elif isinstance(node, float):
            stack.append(f"({node:.10g})")
        else:
            form = BINARY.get(node.name) or UNARY[node.name]
            stack.append(form.format(*(stack.pop() for _ in range(node.arity))))
    return stack.pop(), size
