"""A case as a peer sees it: times, states, smoothed states and their derivatives.

Owns reading the exported tables, making them dimensionless, and smoothing. Smoothing is by cubic splines whose
stiffness is chosen by generalized cross-validation (Craven and Wahba, 1979), as scipy has them; with clean data
they interpolate.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.interpolate import make_smoothing_spline


@dataclass(frozen=True)
class Observations:
    """A series of `n` times (`n`) and states (`n` × `D`), in units that `time` and `scale` give."""

    t: np.ndarray
    x: np.ndarray
    time: float  # seconds, years, … that one unit of t is
    scale: np.ndarray  # physical units that one unit of each state is (`D`)

    @property
    def dimension(self) -> int:
        return self.x.shape[1]

    def dimensionless(self) -> "Observations":
        """The same with time from 0 to 1 and each state at most 1 in size."""
        span = float(self.t[-1] - self.t[0])
        size = np.abs(self.x).max(axis=0)
        size[size == 0] = 1.0
        return Observations((self.t - self.t[0]) / span, self.x / size, self.time * span, self.scale * size)

    def moderate(self) -> bool:
        """Whether numbers are of the size that regression in the units as they are can work with."""
        size = np.abs(self.x).max(axis=0)
        span = self.t[-1] - self.t[0]
        return bool((size > 1e-2).all() and (size < 1e3).all() and 1e-2 < span < 1e3)


def read(path: Path) -> Observations:
    """The observations in a table: first column time, all others states. Rows with a blank cell are dropped."""
    with open(path, newline="") as file:
        rows = list(csv.reader(file))[1:]
    data = np.array([[float(cell) if cell else math.nan for cell in row] for row in rows])
    data = data[~np.isnan(data).any(axis=1)]
    _, first = np.unique(data[:, 0], return_index=True)
    data = data[first]
    return Observations(data[:, 0], data[:, 1:], 1.0, np.ones(data.shape[1] - 1))


def smooth(t: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smoothed states and their derivatives, both `n` × `D`."""
    span = t[-1] - t[0]
    tau = (t - t[0]) / span
    states, slopes = np.empty_like(x), np.empty_like(x)
    for i in range(x.shape[1]):
        size = np.abs(x[:, i]).max() or 1.0
        spline = make_smoothing_spline(tau, x[:, i] / size)
        states[:, i] = spline(tau) * size
        slopes[:, i] = spline.derivative()(tau) * size / span
    return states, slopes
