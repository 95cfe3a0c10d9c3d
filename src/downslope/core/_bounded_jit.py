"""Compiled functions that keep a bounded number of programs.

`jax.jit` keeps a program for every shape that it has seen, megabytes and memory maps each, as long as the process
lives: some hundred widths with eigenvalues, or thousands without, end it. Ours forget theirs when there are many, and
compile what comes again. Programs of the user's own functions are not touched.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import jax

Result = TypeVar("Result")

MOST_PROGRAMS = 32
"""A function keeps so many programs at most: more shapes than one sweep or search has, and some hundred megabytes."""


def bounded_jit(function: Callable[..., Result], *, most: int = MOST_PROGRAMS, **options: Any) -> Callable[..., Result]:
    """Return a function compiled as by `jax.jit`, which forgets its programs once it holds `most` of them.

    Args:
        function: to compile.
        most: how many programs it keeps, 1 or more.
        **options: of `jax.jit`.

    Example:
        >>> import jax.numpy as jnp
        >>> double = bounded_jit(lambda x: 2 * x, most=2)
        >>> [double(jnp.ones(n)).size for n in (1, 2, 3)]
        [1, 2, 3]
    """
    traced = 0

    @wraps(function)
    def counted(*arguments: Any, **named: Any) -> Result:
        nonlocal traced
        traced += 1  # a function is traced once for each program
        return function(*arguments, **named)

    compiled: Any = jax.jit(counted, **options)  # its type does not know of `clear_cache`

    @wraps(function)
    def call(*arguments: Any, **named: Any) -> Result:
        nonlocal traced
        if traced >= most:
            traced = 0
            compiled.clear_cache()
        return compiled(*arguments, **named)

    return call
