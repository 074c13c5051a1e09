#!/usr/bin/env python3
"""Runs a peer on exported cases, one after the other, on one core.

    run.py --system pysindy|gplearn|operon|pysr --cases DIR --out FILE.jsonl [--limit SECONDS] [--only TEXT]

DIR is what `nsode eval --export DIR` wrote. Each line of the output is an answer as `nsode eval --score` reads
it. Cases that the output has already are skipped, so a run that was stopped goes on. `seconds` is processor
time: one thread does the work, and other programs on the machine don't count.
"""

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "JULIA_NUM_THREADS"):
    os.environ[variable] = "1"

import argparse
import importlib
import json
import signal
import sys
import time
import warnings
from pathlib import Path

import numpy as np

import choice
import observations

SYSTEMS = {"pysindy": "with_pysindy", "gplearn": "with_gplearn", "operon": "with_operon", "pysr": "with_pysr"}


class OutOfTime(Exception):
    """The case took longer than its limit."""


def out_of_time(_signal, _frame):
    raise OutOfTime


def answer(propose, case: dict, folder: Path, limit: int) -> dict:
    """The line for one case. `propose` yields (law, its size, observations in whose units the law is)."""
    line = {"case": case["case"]}
    best = (float("inf"), None, None)
    start = time.process_time()
    signal.alarm(limit)
    try:
        seen = observations.read(folder / case["file"])
        first: dict[int, np.ndarray] = {}
        tried = set()
        for law, size, units in propose(seen):
            if (key := (id(units), *law)) in tried:
                continue
            tried.add(key)
            if id(units) not in first:
                first[id(units)] = observations.smooth(units.t, units.x)[0][0]
            score = choice.bic(law, size, units, first[id(units)])
            if score < best[0]:
                best = (score, law, units)
    except OutOfTime:
        line["error"] = f"out of time after {limit} s"
    except Exception as error:  # a peer's failure is its answer, and the others' cases go on
        line["error"] = f"{type(error).__name__}: {error}"
    finally:
        signal.alarm(0)
    line["seconds"] = time.process_time() - start
    if best[1] is not None:
        line["rhs"] = choice.physical(best[1], best[2], case["states"])
    elif "error" not in line:
        line["error"] = "no law that integrates"
    return line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--system", choices=SYSTEMS, required=True)
    parser.add_argument("--cases", type=Path, required=True, help="directory that `nsode eval --export` wrote")
    parser.add_argument("--out", type=Path, required=True, help="JSON Lines, appended to")
    parser.add_argument("--limit", type=int, default=120, help="seconds a case (default: 120)")
    parser.add_argument("--only", default="", help="only cases whose name has this text")
    arguments = parser.parse_args()

    warnings.filterwarnings("ignore")
    signal.signal(signal.SIGALRM, out_of_time)
    propose = importlib.import_module(SYSTEMS[arguments.system]).propose

    lines = (arguments.cases / "cases.jsonl").read_text().splitlines()
    cases = [case for case in map(json.loads, filter(None, lines)) if arguments.only in case["case"]]
    done = set()
    if arguments.out.exists():
        # A line that a kill cut short is taken away, and its case done again.
        whole = arguments.out.read_text()
        whole = whole[: whole.rfind("\n") + 1]
        arguments.out.write_text(whole)
        done = {json.loads(line)["case"] for line in whole.splitlines()}
    left = [case for case in cases if case["case"] not in done]
    print(f"{arguments.system}: {len(left)} of {len(cases)} cases to do", file=sys.stderr)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    with open(arguments.out, "a") as out:
        for number, case in enumerate(left, 1):
            line = {"system": arguments.system} | answer(propose, case, arguments.cases, arguments.limit)
            out.write(json.dumps(line) + "\n")
            out.flush()
            text = "; ".join(line.get("rhs", [line.get("error", "")]))[:90]
            print(f"{number}/{len(left)} {line['case']} {line['seconds']:.1f} s  {text}", file=sys.stderr)


if __name__ == "__main__":
    main()
