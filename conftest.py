"""Strict settings for every test: float64, no silent promotion of ranks or types, shapes in signatures checked."""

import jax
import pytest
from jaxtyping import install_import_hook

from sampling import pairwise

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")

install_import_hook("downslope", "beartype.beartype")


def pytest_addoption(parser):
    """Add `--pairwise SHARE`: run a share of the tests, chosen so that most pairs of their parameters are met."""
    parser.addoption("--pairwise", type=float, metavar="SHARE", help="run a share of the tests, such as 0.1")


SHARE_OF_PRODUCTS = 1 / 3


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config, items):
    """Leave most cases of a law marked `product` to the slow tests; then keep the share that `--pairwise` asks for."""
    products = [item for item in items if item.get_closest_marker("product")]
    chosen = set(pairwise([(_function(item), *_case(item)) for item in products], SHARE_OF_PRODUCTS))
    for index, item in enumerate(products):
        if index not in chosen:
            item.add_marker("slow")
    yield
    share = config.getoption("--pairwise")
    if share is not None:
        chosen = set(pairwise([(_file(item), *_case(item)) for item in items], share))
        config.hook.pytest_deselected(items=[item for index, item in enumerate(items) if index not in chosen])
        items[:] = [item for index, item in enumerate(items) if index in chosen]


def _file(item):
    """Return the file of a test, or the folder of an example."""
    return item.path.parent if isinstance(item, pytest.DoctestItem) else item.path


def _function(item):
    """Return the name of a test without its case, file included."""
    return item.nodeid.partition("[")[0]


def _case(item):
    """Return the function of a test, and the values of its parameters."""
    return _function(item), tuple(item.callspec.id.split("-")) if hasattr(item, "callspec") else ()


def pytest_configure(config):
    """Keep compiled code: tests that compile the same find it there, those of another process too."""
    jax.config.update("jax_compilation_cache_dir", str(config.cache.mkdir("compiled")))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


@pytest.fixture
def float32():
    """Run the test as users do: with JAX's x64 mode off."""
    with jax.enable_x64(False):
        yield


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
