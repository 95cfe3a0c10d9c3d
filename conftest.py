"""Strict settings for every test: float64, no silent promotion of ranks or types, shapes in signatures checked."""

import jax
import pytest
from jax._src import compiler
from jaxtyping import install_import_hook

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")

install_import_hook("downslope", "beartype.beartype")


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
    quick = request.node.get_closest_marker("optimized") is None
    jax.config.update("jax_disable_most_optimizations", quick)
    with pytest.MonkeyPatch.context() as patched:
        if quick:
            patched.setattr(compiler, "get_compile_options", _quick_options)
        yield
    jax.config.update("jax_disable_most_optimizations", False)


_USERS_OPTIONS = compiler.get_compile_options


def _quick_options(*arguments, **named):
    """Return compile options without the emitters of fused loops, which take half of the time."""
    options = _USERS_OPTIONS(*arguments, **named)
    options.env_option_overrides = [*options.env_option_overrides, ("xla_cpu_use_fusion_emitters", "False")]
    return options
