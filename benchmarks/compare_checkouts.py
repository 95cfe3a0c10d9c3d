"""Compare what two checkouts compute and print, bit by bit: the proof that a refactoring changed no result.

    python benchmarks/compare_checkouts.py ../before .
    python benchmarks/compare_checkouts.py ../before . --case 'train/*' --case resume --jobs 2
    python benchmarks/compare_checkouts.py --list

Each checkout runs the cases of `checkout_cases.py` in processes of its own, with its own `src` alone on the path. A
case is some small work through public names: a training, a sweep, a spectrum, a slice, a report, a command. Every
array, number and text that comes out is compared by type, shape and bytes; times and facts about the machine are left
out. The table has a line for each case: how many values, their digest, and `equal`, or the largest difference. The exit
code is 0 if all cases are equal, else 1; a case that fails in both checkouts is not equal.

Compiled programs are kept in a folder of the comparison and shared: where both checkouts compile the same program, it
is compiled once. Bits hold for one machine and one number of processors, so both run here.
"""

from __future__ import annotations

import argparse
import fnmatch
import hashlib
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

CASES = Path(__file__).with_name("checkout_cases.py")
Values = dict[str, "np.ndarray | str"]
"""What a case came to: arrays and texts by name."""


class Difference(NamedTuple):
    """One value that is not the same in both checkouts.

    Attributes:
        name: of the value.
        size: the largest difference of its numbers; infinite for texts, types, shapes and missing values.
        text: the difference in words.
    """

    name: str
    size: float
    text: str


def main() -> None:
    """Run all chosen cases in both checkouts, print the table, exit 1 if something differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkouts", nargs="*", type=Path, metavar="CHECKOUT", help="the old one, then the new one")
    parser.add_argument("--case", action="append", metavar="PATTERN", help="cases whose name fits, such as 'train/*'")
    parser.add_argument("--jobs", type=int, default=1, help="processes at once")
    parser.add_argument("--all-differences", action="store_true", help="print every value that differs, not the worst")
    parser.add_argument("--list", action="store_true", help="print the names of all cases, and stop")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(case_names()))
        return
    if len(arguments.checkouts) != 2:
        parser.error("two checkouts are compared: name the old one, then the new one")
    for checkout in arguments.checkouts:
        if not (checkout / "src" / "downslope").is_dir():
            parser.error(f"{checkout} is no checkout: it has no src/downslope")
    names = chosen_cases(arguments.case)
    if not names:
        parser.error("no case has such a name; --list prints them all")
    with tempfile.TemporaryDirectory(prefix="compare-checkouts-") as folder:
        begun = time.perf_counter()
        old, new = run_cases(arguments.checkouts, names, jobs=arguments.jobs, folder=Path(folder))
        differing = print_table(names, old, new, everything=arguments.all_differences)
        print(f"{len(names)} cases in {time.perf_counter() - begun:.0f} s: {len(differing) or 'none'} differ.")
    sys.exit(1 if differing else 0)


def case_names() -> list[str]:
    """Return the names of all cases, as `checkout_cases.py` lists them without importing the library."""
    listed = subprocess.run([sys.executable, str(CASES), "--list"], check=True, capture_output=True, text=True)
    return listed.stdout.splitlines()


def chosen_cases(patterns: Sequence[str] | None) -> list[str]:
    """Return the names that fit one of the patterns, as a whole or in part."""
    if not patterns:
        return case_names()
    return [name for name in case_names() if any(fnmatch.fnmatch(name, p) or p in name for p in patterns)]


def run_cases(checkouts: Sequence[Path], names: list[str], *, jobs: int, folder: Path) -> list[dict[str, Values]]:
    """Run the cases in each checkout; return their values by the name of the case.

    Args:
        checkouts: their folders.
        names: of the cases.
        jobs: how many processes run at once. The cases of a checkout are dealt to as many, and the second checkout runs
            after the first, whose compiled programs it finds.
        folder: where processes write.
    """
    tasks = []
    for index, checkout in enumerate(checkouts):
        results = folder / str(index)
        results.mkdir()
        tasks += [(checkout, results, names[start::jobs]) for start in range(jobs) if names[start::jobs]]
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(lambda task: run_group(*task, compiled=folder / "compiled"), tasks))
    return [{name: read_values(folder / str(index), name) for name in names} for index in range(len(checkouts))]


def run_group(checkout: Path, results: Path, names: list[str], *, compiled: Path) -> None:
    """Run some cases in one process, in which the library is that of the checkout."""
    environment = os.environ | {
        "PYTHONPATH": str(checkout.resolve() / "src"),
        "PYTHONHASHSEED": "0",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "COLUMNS": "120",
        "JAX_COMPILATION_CACHE_DIR": str(compiled),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    with tempfile.TemporaryDirectory(dir=results.parent) as place:
        subprocess.run([sys.executable, str(CASES), str(results), *names], env=environment, cwd=place, check=False)


def read_values(results: Path, name: str) -> Values:
    """Return what a case came to; a process that died before it wrote gives one text that says so."""
    path = results / f"{name.replace('/', '.')}.pickle"
    return pickle.loads(path.read_bytes()) if path.is_file() else {"failed": "the process ended before the case did"}  # noqa: S301 (our own file)


def print_table(names: list[str], old: dict[str, Values], new: dict[str, Values], *, everything: bool) -> list[str]:
    """Print a line for each case; return the names of those that differ."""
    width = max(map(len, names))
    print(f"{'case':{width}s}  values  digest        result")
    differing = []
    for name in names:
        found = differences(old[name], new[name])
        if failure := old[name].get("failed"):
            result = f"fails in {'both checkouts' if not found else 'the old checkout'}: {failure}"
        elif found:
            worst = max(found, key=lambda difference: difference.size)
            result = f"DIFFERS in {len(found)} values, most in {worst.name}: {worst.text}"
        else:
            result = "equal"
        if result != "equal":
            differing.append(name)
        print(f"{name:{width}s}  {len(new[name]):6d}  {digest(new[name])}  {result}", flush=True)
        if everything:
            for difference in found:
                print(f"{'':{width}s}    {difference.name}: {difference.text}")
    return differing


def digest(values: Values) -> str:
    """Return a digest of all names, types, shapes and bytes."""
    whole = hashlib.sha256()
    for name, value in sorted(values.items()):
        array = value if isinstance(value, np.ndarray) else np.frombuffer(value.encode(), np.uint8)
        whole.update(f"{name} {array.dtype} {array.shape}".encode())
        whole.update(array.tobytes())
    return whole.hexdigest()[:12]


def differences(old: Values, new: Values) -> list[Difference]:
    """Return what is not bitwise the same."""
    missing = [Difference(name, np.inf, "only in the old checkout") for name in old.keys() - new.keys()]
    added = [Difference(name, np.inf, "only in the new checkout") for name in new.keys() - old.keys()]
    shared = [difference(name, old[name], new[name]) for name in old if name in new]
    return [*missing, *added, *(item for item in shared if item is not None)]


def difference(name: str, a: np.ndarray | str, b: np.ndarray | str) -> Difference | None:
    """Return how two values differ; None where type, shape and bytes are the same."""
    if isinstance(a, str) or isinstance(b, str):
        return None if isinstance(a, str) and a == b else Difference(name, np.inf, text_difference(str(a), str(b)))
    if (a.dtype, a.shape) != (b.dtype, b.shape):
        return Difference(name, np.inf, f"{a.dtype}{list(a.shape)} → {b.dtype}{list(b.shape)}")
    if a.tobytes() == b.tobytes():
        return None
    with np.errstate(all="ignore"):
        gaps = np.abs(a.astype(np.float64) - b.astype(np.float64))
        same = (a == b) | (np.isnan(a) & np.isnan(b)) if a.dtype.kind == "f" else a == b
    gap = float(np.max(np.where(same, 0, np.where(np.isnan(gaps), np.inf, gaps))))
    scale = float(np.max(np.abs(a[np.isfinite(a)]), initial=0))
    share = f", {gap / scale:.1e} of the largest number" if scale > 0 else ""
    return Difference(name, gap, f"by up to {gap:.3g}{share}")


def text_difference(a: str, b: str) -> str:
    """Return the first lines that differ."""
    lines, others = a.splitlines(), b.splitlines()
    for index in range(max(len(lines), len(others))):
        line, other = (text[index] if index < len(text) else "(nothing)" for text in (lines, others))
        if line != other:
            return f"line {index + 1}: {line!r} → {other!r}"
    return "line ends"


if __name__ == "__main__":
    main()
