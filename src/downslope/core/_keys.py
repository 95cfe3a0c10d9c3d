"""Randomness: one seed, folded by purpose, epoch and step into keys.

A key is two 32-bit words, of JAX's Threefry generator whatever its default is. Folding happens on the host with NumPy's
`SeedSequence`, so that nothing compiles before training starts, and no key depends on how many keys were drawn before
it: what one part of the program draws never shifts what another part draws.
"""

from __future__ import annotations

import zlib

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from downslope.core._errors import SettingError
from downslope.core._message import Setting

Key = int | np.ndarray | jax.Array
"""A seed, two words, or a key of `jax.random`."""


def key_words(key: Key) -> tuple[int, ...]:
    """Return the words of a seed, of a raw key (`jax.random.PRNGKey`) or of a typed one (`jax.random.key`).

    Raises:
        SettingError: the seed is negative, no whole number, or a key that is still being traced.
    """
    if isinstance(key, Tracer):
        raise SettingError(
            "A key must be a concrete value here, got a traced one. Draw outside of jit and vmap.", setting="key"
        )
    if isinstance(key, (int, np.integer)) and not isinstance(key, bool):
        if key < 0:
            raise SettingError(Setting("seed"), f"must be a whole number, 0 or more, got {key!r}.")
        return tuple(int(word) for word in np.random.SeedSequence(int(key)).generate_state(2))
    if isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        key = jax.random.key_data(key)
    words = np.asarray(key)
    if words.ndim != 1 or not np.issubdtype(words.dtype, np.integer):
        raise SettingError(Setting("key"), f"must be a seed or a key of `jax.random`, got {key!r}.")
    return tuple(int(word) for word in words)


def typed_key(key: Key) -> jax.Array:
    """Return a seed, or two words, which may be traced, as a typed key of JAX's Threefry, any other key as it is.

    What is drawn then does not depend on JAX's setting of a default generator, whose keys may have other sizes.
    """
    words = jnp.asarray(np.asarray(key_words(key), np.uint32) if isinstance(key, int) else key)
    is_raw = not jnp.issubdtype(words.dtype, jax.dtypes.prng_key) and words.shape == (2,)
    return jax.random.wrap_key_data(words, impl="threefry2x32") if is_raw else words


def fold(key: Key, *purpose: str | int) -> np.ndarray:
    """Return the key for a purpose: words and numbers, such as `fold(seed, "order", epoch)`.

    Args:
        key: a seed, or a key to fold further.
        purpose: what the key is for. Keys of different purposes are independent of each other.

    Returns:
        Two 32-bit words, usable wherever `jax.random` takes a key, as long as its default generator is Threefry.

    Example:
        >>> fold(0, "order", 3).shape
        (2,)
        >>> bool((fold(0, "order", 3) == fold(0, "order", 4)).all())
        False
    """
    numbers = [zlib.crc32(part.encode()) if isinstance(part, str) else int(part) for part in purpose]
    # the count comes last because a SeedSequence takes `(a,)` and `(a, 0)` for the same
    return np.random.SeedSequence((*key_words(key), *numbers, len(numbers))).generate_state(2)


def generator(key: Key, *purpose: str | int) -> np.random.Generator:
    """Return NumPy's generator (Philox) for a key, folded by the purpose."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(key_words(fold(key, *purpose)))))
