"""PySR (Cranmer, 2023) on derivatives. It needs Julia, which pip can't bring everywhere; see docs/peers.md.

Two runs a case, bounded by iterations; every law of the hall of fame is tried.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import sympy
from pysr import PySRRegressor

import derivatives
from observations import Observations


def propose(raw: Observations) -> Iterator[tuple[list[str], int, Observations]]:
    return derivatives.propose(regress, raw)


def regress(states: np.ndarray, slopes: np.ndarray, seed: int) -> list[tuple[str, int]]:
    """The laws of a run's hall of fame, smallest error first."""
    scale = float(np.abs(slopes).max()) or 1.0
    regressor = PySRRegressor(
        niterations=40,
        populations=15,
        maxsize=20,
        binary_operators=["+", "-", "*", "/"],
        unary_operators=["sin", "cos", "exp", "log", "sqrt"],
        nested_constraints={f: {g: 0 for g in ("sin", "cos", "exp", "log")} for f in ("sin", "cos", "exp", "log")},
        parallelism="serial",
        deterministic=True,
        random_state=seed + 1,
        progress=False,
        verbosity=0,
        temp_equation_file=True,
    )
    names = [f"x{i}" for i in range(states.shape[1])]
    regressor.fit(states, slopes / scale, variable_names=names)
    table = regressor.equations_.sort_values("loss")
    laws = []
    for form in table["sympy_format"]:
        size = sum(1 for node in sympy.preorder_traversal(form) if node.is_Atom or node.is_Function)
        laws.append((f"{scale!r}*({form})", size))
    return laws
