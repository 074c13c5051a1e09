"""Operon (Burlacu, Kronberger and Kommenda, 2020) by its Python module pyoperon.

Two runs a case, each bounded by evaluations, not by time, so that a busy machine does not make it worse. Each is
multi-objective, error and length, with constants fitted by Levenberg-Marquardt; every law of its front is tried.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from pyoperon.sklearn import SymbolicRegressor

import derivatives
from observations import Observations

EVALUATIONS = 1_000_000
# An intercept below this, beside slopes of size 1, is rounding: Operon computes in single precision.
NOTHING = 1e-5
# Numbers, states and functions of a text.
NODES = re.compile(r"(?<![\w.])\d+\.\d*(?:e[+-]?\d+)?|x\d+|[a-z]{3,4}\(")


def propose(raw: Observations) -> Iterator[tuple[list[str], int, Observations]]:
    return derivatives.propose(regress, raw)


def regress(states: np.ndarray, slopes: np.ndarray, seed: int) -> list[tuple[str, int]]:
    """The laws on the front of a run, smallest error first."""
    regressor = SymbolicRegressor(
        allowed_symbols="add,sub,mul,div,constant,variable,sin,cos,exp,log,sqrt,square",
        objectives=["mse", "length"],
        optimizer_iterations=5,
        max_length=20,
        population_size=1000,
        pool_size=1000,
        generations=10_000,
        max_evaluations=EVALUATIONS,
        tournament_size=3,
        epsilon=1e-5,
        n_threads=1,
        random_state=seed + 1,
    )
    scale = float(np.abs(slopes).max()) or 1.0
    regressor.fit(states, slopes / scale)
    names = [f"x{i}" for i in range(states.shape[1])]
    laws = []
    for entry in sorted(regressor.pareto_front_, key=lambda e: e["mean_squared_error"]):
        text = regressor.get_model_string(entry["tree"], 10, names)
        text = f"{scale!r}*({rewritten(text)})"
        laws.append((text, len(NODES.findall(text)) - 1))
    return laws


def rewritten(text: str) -> str:
    """Operon's text in Python's syntax, without the intercept that it adds to every law where that is nothing."""
    text = text.replace("^", "**")
    intercept = re.fullmatch(r"\(\(?(-?[\d.]+(?:e[+-]?\d+)?)\)? \+ (.*)\)", text)
    if intercept and abs(float(intercept[1])) < NOTHING and balanced(intercept[2]):
        text = intercept[2]
    return text


def balanced(text: str) -> bool:
    """Whether no bracket closes before it opens."""
    depth = 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if depth < 0:
            return False
    return depth == 0
