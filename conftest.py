"""Strict settings for every test: float64, no silent promotion of ranks or types, shapes in signatures checked."""

import gc
from collections import defaultdict
from importlib.util import find_spec
from pathlib import Path

import jax
import pytest
from jaxtyping import install_import_hook

from rooms import files_standing_on
from sampling import pairwise, whose_turn

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")

install_import_hook("downslope", "beartype.beartype")

# the one module that cannot be imported without PyTorch, which no set-up command installs
collect_ignore = [] if find_spec("torch") else ["src/downslope/adapters/_torch_evaluation.py"]


def pytest_addoption(parser):
    """Add the options that choose tests."""
    parser.addoption("--pairwise", type=float, metavar="SHARE", help="a share of the tests that meets most pairs: 0.1")
    parser.addoption("--room", metavar="ROOM", help="the tests and examples of a room and of all that stands on it")
    parser.addoption("--turn", type=int, metavar="N", help="of the slow and the long tests those whose turn N is")


SHARE_OF_PRODUCTS = 1 / 4

TURNS = {"long": 10, "slow": 5}
"""So many turns it takes until all tests of a mark have run."""


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config, items):
    """Leave most cases of a law marked `product` to the long tests; keep what the options ask for."""
    for cases in _products(items).values():
        share = cases[0].get_closest_marker("product").kwargs.get("share", SHARE_OF_PRODUCTS)
        chosen = set(pairwise([(None, *_case(item)) for item in cases], share))
        for index, item in enumerate(cases):
            if index not in chosen:
                item.add_marker("long")
    yield
    share, turn = config.getoption("--pairwise"), config.getoption("--turn")
    if share is not None:
        _keep(config, items, pairwise([(_file(item), *_case(item)) for item in items], share))
    if turn is not None:
        _keep(config, items, _of_turn(items, turn))


def _of_turn(items, turn):
    """Return the indices of the tests whose turn it is, and of those that take no turns."""
    kinds = [next((mark for mark in TURNS if item.get_closest_marker(mark)), None) for item in items]
    chosen = {
        name
        for mark, turns in TURNS.items()
        for name in whose_turn(
            [item.nodeid for item, kind in zip(items, kinds, strict=True) if kind == mark], turns, turn
        )
    }
    return [index for index, item in enumerate(items) if kinds[index] is None or item.nodeid in chosen]


def _products(items):
    """Return the cases of every law marked `product`, but for those that are slow or long in any case."""
    laws = defaultdict(list)
    for item in items:
        marks = {mark.name for mark in item.iter_markers()}
        if "product" in marks and not marks & {"slow", "long"}:
            laws[_function(item)].append(item)
    return laws


def _keep(config, items, indices):
    """Deselect the tests whose indices are not listed."""
    chosen = set(indices)
    config.hook.pytest_deselected(items=[item for index, item in enumerate(items) if index not in chosen])
    items[:] = [item for index, item in enumerate(items) if index in chosen]


def pytest_collection_finish():
    """Let garbage collection pass over what stays until the end: modules and tests are a million objects."""
    gc.collect()
    gc.freeze()


def pytest_ignore_collect(collection_path, config):
    """Leave out the files that `--room` does not concern, before they are imported."""
    files = config.stash.get(FILES, None)
    return True if files is not None and collection_path.is_file() and collection_path not in files else None


def pytest_report_header(config):
    """Say whose turn it is."""
    turn = config.getoption("--turn")
    return (
        []
        if turn is None
        else [f"{mark} tests: turn {turn % turns} of 0 to {turns - 1}" for mark, turns in TURNS.items()]
    )


def _file(item):
    """Return the file of a test, or the folder of an example."""
    return item.path.parent if isinstance(item, pytest.DoctestItem) else item.path


def _function(item):
    """Return the name of a test without its case, file included."""
    return item.nodeid.partition("[")[0]


def _case(item):
    """Return the function of a test, and the values of its parameters."""
    return _function(item), tuple(item.callspec.id.split("-")) if hasattr(item, "callspec") else ()


FILES = pytest.StashKey()

MOST_MAPS = 20_000


def pytest_configure(config):
    """Find the files of `--room`; keep compiled code: tests that compile the same find it, in other processes too."""
    if room := config.getoption("--room"):
        config.stash[FILES] = files_standing_on(room)
    jax.config.update("jax_compilation_cache_dir", str(config.cache.mkdir("compiled")))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


@pytest.fixture
def float32():
    """Run the test as users do: with JAX's x64 mode off."""
    with jax.enable_x64(False):
        yield


@pytest.fixture(scope="module", autouse=True)
def few_programs():
    """Forget compiled programs after a module, once they take a third of the memory maps that Linux allows a process.

    Beyond the limit, 65,530 as a rule, the next program ends the process.
    """
    yield
    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_bytes().count(b"\n") > MOST_MAPS:
        jax.clear_caches()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Compile quickly, unless a test asks for the programs that users run by the mark `optimized`.

    Laws in float64 hold to rounding either way, and compiling is most of their time. Set before the fixtures of a
    module are made, so that those are compiled as the first test that needs them.
    """
    quick = item.get_closest_marker("optimized") is None
    jax.config.update("jax_disable_most_optimizations", quick)
    # JAX looks for programs in memory without that option: by another, the ones of either kind are found apart
    jax.config.update("jax_xla_profile_version", int(quick))
