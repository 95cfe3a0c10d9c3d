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


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """Keep the share that `--pairwise` asks for, of what the other options have left."""
    share = config.getoption("--pairwise")
    if share is None:
        return
    chosen = set(pairwise([_described(item) for item in items], share))
    config.hook.pytest_deselected(items=[item for index, item in enumerate(items) if index not in chosen])
    items[:] = [item for index, item in enumerate(items) if index in chosen]


def _described(item):
    """Return the group of a test (its file, or the folder of an example), its function and its parameters' values."""
    if isinstance(item, pytest.DoctestItem):
        return str(item.path.parent), item.name, ()
    values = item.callspec.id.split("-") if hasattr(item, "callspec") else ()
    return str(item.path), item.originalname, tuple(values)


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


@pytest.fixture(autouse=True)
def compilation(request):
    """Compile quickly, unless a test asks for the programs that users run by the mark `optimized`.

    Laws in float64 hold to rounding either way, and compiling is most of their time.
    """
    jax.config.update("jax_disable_most_optimizations", request.node.get_closest_marker("optimized") is None)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
