"""Compiled code is kept between commands, in a folder that only the user can write."""

from __future__ import annotations

import os
import stat
from pathlib import Path

COMPILE_SECONDS_WORTH_KEEPING = 0.1


def keep_compiled_code() -> None:
    """Let JAX keep compiled code in the user's cache folder, if that folder can be private.

    Whoever can write such a folder decides what code runs; so a folder of someone else, or open to others, is not
    used. The environment variable `JAX_COMPILATION_CACHE_DIR` overrides the place.
    """
    if os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        return
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "downslope" / "xla"
    if not (make_private(folder.parent) and make_private(folder)):
        return
    import jax

    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", COMPILE_SECONDS_WORTH_KEEPING)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def make_private(folder: Path) -> bool:
    """Make a folder if need be, and return whether it is the user's own and open to no other user."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
    except OSError:
        return False
    if not stat.S_ISDIR(status.st_mode):
        return False
    return not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not status.st_mode & 0o077)
