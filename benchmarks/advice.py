"""Follow the advice of `downslope diagnose --verify` on real tables, and see whether it holds for rows set aside.

    python benchmarks/advice.py FOLDER
    python benchmarks/advice.py FOLDER --only bikeshare boston --seeds 3

FOLDER holds tables as .csv or .csv.gz and a file tables.json, `{"name": {"target": "column"}}`. Each table is trained
on as `downslope train` does by itself, and diagnosed; the options of the first fix that was verified to help are then
added to the command, as a reader would paste them. With other seeds, which set other rows aside, the command is run
with and without them. The score is r² of the rows set aside; for classes minus their loss, or the balanced accuracy
where they were to be weighted. Better or worse is what exceeds two standard errors of the mean difference over the
seeds.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

VERIFIED = re.compile(r"verified: (--.+?)(?: \(options of downslope train\))? helps:")
FINDING = re.compile(r"^(severe|warning|note): (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Followed:
    """The scores with and without the advice, seed by seed.

    Attributes:
        options: what was added to the command.
        without: the scores of the command as it was.
        followed: those with the options.
    """

    options: str
    without: np.ndarray
    followed: np.ndarray

    @property
    def outcome(self) -> str:
        """Better, worse, or neither."""
        gains = self.followed - self.without
        error = 2 * float(gains.std(ddof=1)) / np.sqrt(len(gains))
        if abs(gains.mean()) <= error:
            return "no difference"
        return "better" if gains.mean() > 0 else "worse"


def downslope(*words: str) -> str:
    """Return what a command prints."""
    done = subprocess.run([sys.executable, "-m", "downslope", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"downslope {shlex.join(words)}: {done.stderr[-500:]}")
    return done.stdout


def score(file: Path, target: str, store: Path, *options: str) -> float:
    """Return the score on rows set aside: r², balanced accuracy if it is asked for, else minus the loss."""
    text = downslope("train", str(file), "--target", target, "--store", str(store), "--overwrite", "--json", *options)
    judged = json.loads(text)["test"]
    return float(judged.get("r2", judged.get("balanced_accuracy", -judged["loss"])))


def follow(file: Path, target: str, folder: Path, seeds: int) -> tuple[str, Followed | None]:
    """Return the first finding, and what came of the first fix that was verified to help; None where there is none."""
    run = folder / "run"
    score(file, target, run)
    report = downslope("diagnose", str(run), "--verify")
    found = FINDING.search(report)
    words = " ".join(found.groups()) if found else "nothing"
    advice = VERIFIED.search(report)
    if advice is None:
        return words, None
    options = shlex.split(advice.group(1))
    judge = ["--metric", "balanced_accuracy"] if "--class-weight" in options else []
    arms = [
        np.array([score(file, target, run, *more, *judge, "--seed", str(seed)) for seed in range(1, seeds + 1)])
        for more in ([], options)
    ]
    return words, Followed(advice.group(1), *arms)


def main() -> None:
    """Follow the advice on each table, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="with the tables, and tables.json")
    parser.add_argument("--only", nargs="*", help="names of tables; all of tables.json if not given")
    parser.add_argument("--seeds", type=int, default=5, help="how many other seeds to follow the advice with")
    given = parser.parse_args()
    targets = {name: facts["target"] for name, facts in json.loads((given.folder / "tables.json").read_text()).items()}
    outcomes: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in given.only or targets:
            begun, file = time.perf_counter(), Path(scratch, f"{name}.csv")
            packed = given.folder / f"{name}.csv.gz"
            file.write_bytes(
                gzip.decompress(packed.read_bytes()) if packed.exists() else (given.folder / f"{name}.csv").read_bytes()
            )
            finding, followed = follow(file, targets[name], Path(scratch), given.seeds)
            outcome = "no advice" if followed is None else followed.outcome
            outcomes.append(outcome)
            print(f"{name:11} {outcome:13} {time.perf_counter() - begun:5.0f} s  {finding}", flush=True)
            if followed is not None:
                low, high = (
                    f"{arm.mean():.4f} ± {arm.std(ddof=1):.4f}" for arm in (followed.without, followed.followed)
                )
                print(f"{'':11} {followed.options}: {low} → {high}", flush=True)
    print(", ".join(f"{outcomes.count(kind)} {kind}" for kind in ("better", "no difference", "worse", "no advice")))


if __name__ == "__main__":
    main()
