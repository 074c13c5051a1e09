"""Which of several laws is answered: the one of least BIC of its trajectory against the observations.

Laws are texts, one right-hand side a state, in the names x0, x1, …, with `**` for powers and the functions of
`NAMES`. A law is integrated from the smoothed first state; BIC = n·ln(SSE/n) + k·ln n with residuals relative to
the size of each state (Schwarz, 1978). What does not integrate is not chosen.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np
from scipy.integrate import solve_ivp

from observations import Observations

# Fewer than this many evaluations suffice for every law worth an answer.
MAX_EVALUATIONS = 20_000
# Residuals below this share of a state's size count as this: smoothing and differences are no better.
FLOOR = 1e-3

NAMES = {name: getattr(math, name) for name in ("sin", "cos", "tan", "tanh", "exp", "log", "sqrt")}
NAMES |= {"abs": abs, "__builtins__": {}}


class TooLong(Exception):
    """The law was evaluated too often."""


def compiled(law: Sequence[str]):
    """The right-hand side as a function of time and state; NaN where it has no value."""
    body = ",".join(law)
    names = ",".join(f"x{i}" for i in range(len(law)))
    function = eval(f"lambda {names}: ({body},)", dict(NAMES))  # texts of our own making
    left = MAX_EVALUATIONS

    def rhs(_t: float, x: np.ndarray) -> list[float]:
        nonlocal left
        left -= 1
        if left < 0:
            raise TooLong
        try:
            return [float(v) if not isinstance(v, complex) else math.nan for v in function(*x.tolist())]
        except (ArithmeticError, ValueError):
            return [math.nan] * len(x)

    return rhs


def trajectory(law: Sequence[str], x0: np.ndarray, t: np.ndarray, limit: np.ndarray) -> np.ndarray | None:
    """The solution at `t` (`n` × `D`), or nothing if it leaves ±`limit` or can't be integrated."""

    def inside(_t: float, x: np.ndarray) -> float:
        return float((limit - np.abs(x)).min())

    inside.terminal = True
    try:
        with np.errstate(all="ignore"):
            rhs = compiled(law)
            if not np.isfinite(rhs(0.0, x0)).all():
                return None
            scale = 1e-8 * limit
            solved = solve_ivp(rhs, (t[0], t[-1]), x0, "LSODA", t, events=inside, rtol=1e-6, atol=scale)
    except (TooLong, ValueError, ArithmeticError, RecursionError, MemoryError):
        return None
    if solved.status != 0 or solved.y.shape[1] != len(t) or not np.isfinite(solved.y).all():
        return None
    return solved.y.T


def bic(law: Sequence[str], size: int, seen: Observations, x0: np.ndarray) -> float:
    """The criterion of a law of this size; infinite if it has no trajectory."""
    scale = np.abs(seen.x).max(axis=0)
    scale[scale == 0] = 1.0
    path = trajectory(law, x0, seen.t, 20 * scale)
    if path is None:
        return math.inf
    residual = (path - seen.x) / scale
    mean = max(float((residual**2).mean()), FLOOR**2)
    return residual.size * math.log(mean) + size * math.log(residual.size)


def physical(law: Sequence[str], seen: Observations, states: Sequence[str]) -> list[str]:
    """The law in physical units and the names of the states."""

    def name(match: re.Match) -> str:
        i = int(match[1])
        factor = float(seen.scale[i])
        return states[i] if factor == 1.0 else f"({states[i]}/{factor!r})"

    out = []
    for i, text in enumerate(law):
        text = re.sub(r"\bx(\d+)\b", name, text)
        factor = float(seen.scale[i]) / seen.time
        out.append(text if factor == 1.0 else f"{factor!r}*({text})")
    return out
