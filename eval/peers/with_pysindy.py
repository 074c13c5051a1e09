"""PySINDy (Brunton, Proctor and Kutz, 2016): every combination of derivative, library and threshold of a grid.

Derivatives: finite differences, smoothed finite differences (Savitzky-Golay on an even grid), smoothing splines;
and the weak form, which needs none (Reinbold, Gurevich and Grigoriev, 2020). Libraries: polynomials of degree 2,
3 and, for one state, 5; cubic polynomials with sines and cosines; a custom one with roots, exponentials,
reciprocals and logarithms where the data allow them. In the units as they are, where those are moderate, and
dimensionless.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pysindy as ps

from observations import Observations, smooth

THRESHOLDS = (0.005, 0.03, 0.1, 0.3)


def features(library: str, x: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Texts and columns of a library's functions on states `x` (`n` × `D`)."""
    dimension = x.shape[1]
    degree = {"quadratic": 2, "cubic": 3, "quintic": 5, "fourier": 3, "custom": 2}[library]
    polynomial = ps.PolynomialLibrary(degree=degree).fit(x)
    columns = np.asarray(polynomial.transform(x))
    names = polynomial.get_feature_names([f"x{i}" for i in range(dimension)])
    out = [(n.replace(" ", "*").replace("^", "**"), columns[:, j]) for j, n in enumerate(names)]
    for i in range(dimension):
        u, name = x[:, i], f"x{i}"
        if library == "fourier":
            out += [(f"sin({name})", np.sin(u)), (f"cos({name})", np.cos(u))]
        if library == "custom":
            with np.errstate(all="ignore"):
                extra = [
                    (f"sqrt({name})", np.sqrt(u)),
                    (f"exp(-{name})", np.exp(-u)),
                    (f"1/{name}", 1 / u),
                    (f"log({name})", np.log(u)),
                    (f"{name}*log({name})", u * np.log(u)),
                    (f"1/(1 + {name})", 1 / (1 + u)),
                    (f"1/(1 + {name}**2)", 1 / (1 + u**2)),
                ]
            out += [(n, c) for n, c in extra if np.isfinite(c).all() and np.abs(c).max() < 1e4]
    return out


class Given(ps.feature_library.base.BaseFeatureLibrary):
    """A library of the functions that `features` lists."""

    def __init__(self, library: str = "cubic"):
        super().__init__()
        self.library = library

    def fit(self, x_full, y=None):
        x = np.asarray(x_full[0])
        self.names_ = [name for name, _ in features(self.library, x)]
        self.n_features_in_ = x.shape[1]
        self.n_output_features_ = len(self.names_)
        return self

    def transform(self, x_full):
        return [ps.AxesArray(self.columns(np.asarray(x)), {"ax_time": 0, "ax_coord": 1}) for x in x_full]

    def columns(self, x: np.ndarray) -> np.ndarray:
        return np.column_stack([column for _, column in features(self.library, x)])

    def get_feature_names(self, input_features=None):
        return self.names_


def savitzky_golay(t: np.ndarray, x: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times, smoothed states and derivatives by PySINDy's smoothed finite differences, on an even grid."""
    even = np.linspace(t[0], t[-1], len(t))
    x = np.column_stack([np.interp(even, t, column) for column in x.T])
    method = ps.SmoothedFiniteDifference(smoother_kws={"window_length": window, "polyorder": 3})
    slopes = np.asarray(method._differentiate(x, even))
    return even, np.asarray(method.smoothed_x_), slopes


def text(names: list[str], coefficients: np.ndarray) -> str:
    """A sum of the features that have a coefficient."""
    terms = [f"{c:.10g}" if n == "1" else f"{c:.10g}*{n}" for n, c in zip(names, coefficients) if c != 0]
    return " + ".join(terms).replace("+ -", "- ") or "0"


def settings(seen: Observations) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """Derivative methods: name, times, states, derivatives."""
    t, x = seen.t, seen.x
    yield "differences", t, x, np.asarray(ps.FiniteDifference(order=2)._differentiate(x, t))
    if len(t) >= 24:
        yield "smoothed", *savitzky_golay(t, x, max(11, len(t) // 16 * 2 + 1))
    yield "spline", t, *smooth(t, x)


def propose(raw: Observations) -> Iterator[tuple[list[str], int, Observations]]:
    """Laws with their number of constants, and the units that they are in."""
    scales = [raw.dimensionless()]
    if raw.moderate():
        scales.append(raw)
    libraries = ["quadratic", "cubic", "fourier", "custom"] + (["quintic"] if raw.dimension == 1 else [])
    for seen in scales:
        for _, t, x, slopes in settings(seen):
            for library in libraries:
                for threshold in THRESHOLDS:
                    # Thresholds are relative to the largest derivative, whatever the unit of time.
                    limit = threshold * float(np.abs(slopes).max())
                    optimizer = ps.STLSQ(threshold=limit, alpha=1e-6)
                    model = ps.SINDy(optimizer=optimizer, feature_library=Given(library))
                    try:
                        model.fit(x, t=t, x_dot=slopes)
                    except (ValueError, np.linalg.LinAlgError):
                        continue
                    yield law(model, seen)
        yield from weak(seen)


def law(model: ps.SINDy, seen: Observations) -> tuple[list[str], int, Observations]:
    coefficients = np.asarray(model.coefficients())
    names = model.feature_library.get_feature_names()
    texts = [text(names, row) for row in coefficients]
    return texts, int(np.count_nonzero(coefficients)), seen


def weak(seen: Observations) -> Iterator[tuple[list[str], int, Observations]]:
    """The weak form with polynomials; its test functions are placed at random, so the seed is set."""
    names = [f"x{i}" for i in range(seen.dimension)]
    for degree in (2, 3) + ((5,) if seen.dimension == 1 else ()):
        np.random.seed(0)
        try:
            polynomials = ps.PolynomialLibrary(degree=degree, include_bias=False)
            library = ps.WeakPDELibrary(
                polynomials, spatiotemporal_grid=seen.t, K=100, include_bias=True, is_uniform=False
            )
            for threshold in THRESHOLDS:
                slope = float(np.abs(np.gradient(seen.x, seen.t, axis=0)).mean())
                optimizer = ps.STLSQ(threshold=threshold * slope, alpha=1e-10)
                model = ps.SINDy(optimizer=optimizer, feature_library=library)
                model.fit(seen.x, t=seen.t)
                rows = np.asarray(model.coefficients())
                found = [n.replace(" ", "*").replace("^", "**") for n in library.get_feature_names(names)]
                texts = [text(found, row) for row in rows]
                yield texts, int(np.count_nonzero(rows)), seen
        except (ValueError, IndexError, np.linalg.LinAlgError):
            continue
