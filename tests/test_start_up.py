"""A first run starts at once: what a command computes without is not imported."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

HEAVY = ("sklearn", "scipy.stats", "pandas", "matplotlib", "torch")


def loaded_by(folder, *commands):
    """Return which heavy libraries a fresh process has loaded after these commands, all of which work."""
    script = (
        "import json, sys\nfrom downslope.cli.main import run\n"
        f"for words in {[list(command) for command in commands]!r}:\n    assert run(words) == 0, words\n"
        f"print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))\n"
    )
    environment = os.environ | {"XDG_CACHE_HOME": str(folder / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_training_on_digits_loads_no_library_it_computes_without(tmp_path):
    assert loaded_by(tmp_path, ["train", "digits", "--epochs", "1"]) == []


@pytest.mark.slow
def test_nor_does_training_on_a_table_of_numbers_and_judging_by_it(tmp_path):
    random = np.random.default_rng(0)
    rows = [f"{a:.3f},{'' if a > 1 else 7},{2 * a:.3f}" for a in random.normal(size=60)]
    (tmp_path / "numbers.csv").write_text("\n".join(["a,b,price", *rows]))
    train = ["train", "numbers.csv", "--target", "price", "--epochs", "1", "--network", "4", "--store", "run"]
    assert loaded_by(tmp_path, [*train, "--metric", "mae"], ["evaluate", "run", "numbers.csv"]) == []


@pytest.mark.slow
def test_nor_does_any_small_data_set(tmp_path):
    names = ("digits", "iris", "wine", "breast_cancer", "diabetes", "old_faithful")
    script = (
        f"import sys\nfrom downslope.data import load\nfor name in {names!r}:\n    load(name)\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\nassert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
