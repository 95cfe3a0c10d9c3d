"""What decides the last bits of numbers besides code, versions and the count of processors, and what differs in it."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jax

from downslope.core import JSON

JAX_SETTINGS = (
    "jax_default_matmul_precision",
    "jax_threefry_partitionable",
    "jax_disable_jit",
    "jax_disable_most_optimizations",
    "jax_optimization_level",
    "jax_exec_time_optimization_effort",
    "jax_memory_fitting_level",
    "jax_compiler_enable_remat_pass",
)
"""Settings of JAX that decide what is computed, as far as its version has them."""

VARIABLES = (
    "LIBTPU_INIT_ARGS",
    "NVIDIA_TF32_OVERRIDE",
    "CUBLAS_WORKSPACE_CONFIG",
    "NPROC",
    "PJRT_NPROC",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NPY_DISABLE_CPU_FEATURES",
)
"""Environment variables that do, beside the flags of XLA."""

HARMLESS = re.compile(r"--(xla_dump|xla_force_host_platform_device_count|xla_gpu_dump|xla_hlo_profile)")
"""Flags of XLA that change no number, or are recorded otherwise."""

PROCESSOR_FEATURES = re.compile(r"^(fma|sse|avx|amx|f16c|neon|asimd|sve)")
"""Instructions that compiled code is chosen by."""


def current_computing() -> dict[str, Any]:
    """Return what decides the last bits of what this process computes, by name."""
    settings = {name: _plain(getattr(jax.config, name)) for name in JAX_SETTINGS if hasattr(jax.config, name)}
    variables = {name: os.environ[name] for name in VARIABLES if name in os.environ}
    devices = jax.devices()
    return {
        "jax": settings,
        "environment": variables,
        "xla_flags": _flags(os.environ.get("XLA_FLAGS", "")),
        "devices": f"{len(devices)} × {devices[0].device_kind} ({devices[0].platform})",
        "processor": _processor(),
        "processor_features": _processor_features(),
    }


def differences(then: Mapping[str, Any] | None) -> list[str]:
    """Return in words what differs now from what a run began with; nothing if its record does not tell.

    Args:
        then: what `current_computing` returned.
    """
    if then is None:
        return []
    now = current_computing()
    changed = [
        *_named(then["jax"], now["jax"], absent="unknown"),
        *_named(then["environment"], now["environment"], absent="not set"),
        *_lists("XLA_FLAGS", then["xla_flags"], now["xla_flags"]),
        *(f"{name} {then[name]}, now {now[name]}" for name in ("devices", "processor") if then[name] != now[name]),
    ]
    return changed + _lists("instructions of the processor", then["processor_features"], now["processor_features"])


def _named(then: Mapping[str, Any], now: Mapping[str, Any], *, absent: str) -> Iterable[str]:
    """Yield the settings whose values differ; one that only one version of JAX knows does not count."""
    for name in sorted({*then, *now}):
        known = name in then and name in now
        if then.get(name) != now.get(name) and (known or absent != "unknown"):
            yield f"{name} {then.get(name, absent)}, now {now.get(name, absent)}"


def _lists(name: str, then: list[str], now: list[str]) -> list[str]:
    """Return what differs between two lists of words, as one sentence part."""
    lost, new = [word for word in then if word not in now], [word for word in now if word not in then]
    if not lost and not new:
        return []
    return [f"{name} {' '.join(lost) or 'without'}, now {' '.join(new) or 'without'}"]


def _flags(text: str) -> list[str]:
    """Return the flags of XLA that may change numbers, sorted."""
    return sorted({flag for flag in text.split() if not HARMLESS.match(flag)})


def _plain(value: object) -> JSON:
    """Return a value as JSON holds it."""
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def _processor() -> str:
    """Return the name of the processor, as far as the system tells it."""
    return _of_processor("model name") or platform.processor() or platform.machine()


def _processor_features() -> list[str]:
    """Return the instructions of the processor that compiled code is chosen by, sorted; none where unknown."""
    words = (_of_processor("flags") or _of_processor("Features") or "").split()
    return sorted({word for word in words if PROCESSOR_FEATURES.match(word)})


def _of_processor(name: str) -> str | None:
    """Return what Linux tells of the first processor under a name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    values = (line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == name)
    return next(values, None)
