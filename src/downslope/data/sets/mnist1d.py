"""Digits as lines: a task small enough for a laptop and hard enough to tell models apart."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from downslope.core import generator
from downslope.data.dataset import Dataset

ROWS_A_CLASS = 500
PADDING = (36, 60)
LENGTH = 12 + PADDING[1]
FEATURES = 40
MAX_TRANSLATION = 48
SCALE_SPREAD = 0.4
SHEAR_SPREAD = 0.75
SMOOTH_NOISE, SMOOTHING = 0.25, 2.0
PIXEL_NOISE = 0.02

# The heights of the ten digits as drawn by Greydanus and Kobak, twelve points each.
DRAWINGS = (
    (5, 6, 6.5, 6.75, 7, 7, 7, 7, 6.75, 6.5, 6, 5),
    (5, 3, 3, 3.4, 3.8, 4.2, 4.6, 5, 5.4, 5.8, 5, 5),
    (5, 6, 6.5, 6.5, 6, 5.25, 4.75, 4, 3.5, 3.5, 4, 5),
    (5, 6, 6.5, 6.5, 6, 5, 5, 6, 6.5, 6.5, 6, 5),
    (5, 4.4, 3.8, 3.2, 2.6, 2.6, 5, 5, 5, 5, 5, 5),
    (5, 3, 3, 3, 3, 5, 6, 6.5, 6.5, 6, 4.5, 5),
    (5, 4, 3.5, 3.25, 3, 3, 3, 3, 3.25, 3.5, 4, 5),
    (5, 7, 7, 6.6, 6.2, 5.8, 5.4, 5, 4.6, 4.2, 5, 5),
    (5, 4, 3.5, 3.5, 4, 5, 5, 4, 3.5, 3.5, 4, 5),
    (5, 4, 3.5, 3.5, 4, 5, 5, 5, 5, 4.7, 4.3, 5),
)


def mnist1d(seed: int) -> Dataset:
    """Return 5,000 lines of 40 points in ten classes, in random order, made by the procedure of the paper.

    Each line is a digit's drawing, padded by 36 to 60 zeros, stretched to 72 points, scaled by up to ±20 %, moved along
    the line, with smooth noise where it is empty and fine noise everywhere, sheared, and sampled at 40 points; all
    lines together have mean 0 and deviation 1. The paper trains on 4,000 and tests on 1,000 of them. Numbers are drawn
    by our generator, so the rows are alike but not the same bits as in the file the authors publish.

    References:
        Greydanus and Kobak, "Scaling down deep learning with MNIST-1D", ICML 2024, section 3 and appendix A; defaults
        as in the authors' `mnist1d` package.
    """
    from scipy.ndimage import gaussian_filter1d

    random = generator(seed, "mnist1d")
    y = random.permutation(np.repeat(np.arange(len(DRAWINGS)), ROWS_A_CLASS))
    signal = _shifted(_templates()[y], random)
    smooth = gaussian_filter1d(SMOOTH_NOISE * random.normal(size=signal.shape), SMOOTHING, axis=1)
    lines = np.where(signal != 0, signal, smooth) + PIXEL_NOISE * random.normal(size=signal.shape)
    shear = SHEAR_SPREAD * random.uniform(-0.5, 0.5, len(y))
    lines -= shear[:, None] * np.linspace(-0.5, 0.5, LENGTH)[None, :]
    x = np.stack([_stretched(line, FEATURES) for line in lines])
    return Dataset((x - x.mean()) / x.std(), y, task="classification")


def _templates() -> Float64[np.ndarray, "10 12"]:
    """Return the drawings, each with deviation 1/6 and starting at 0."""
    drawn = np.array(DRAWINGS)
    drawn = (drawn - drawn.mean(axis=1, keepdims=True)) / drawn.std(axis=1, keepdims=True)
    return (drawn - drawn[:, :1]) / 6.0


def _shifted(digits: Float64[np.ndarray, "rows 12"], random: np.random.Generator) -> Float64[np.ndarray, "rows length"]:
    """Return digits somewhere on an empty line; exactly 0 is empty, so the digits are moved off it by a hair."""
    padding = random.integers(PADDING[0], PADDING[1], size=len(digits), endpoint=True)
    shifts = random.integers(MAX_TRANSLATION, size=len(digits))
    scales = 1 + SCALE_SPREAD * random.uniform(-0.5, 0.5, len(digits))
    lines = [
        np.roll(scale * _stretched(np.pad(digit + 1e-8, (0, pad)), LENGTH), shift)
        for digit, pad, scale, shift in zip(digits, padding, scales, shifts, strict=True)
    ]
    return np.stack(lines)


def _stretched(line: np.ndarray, length: int) -> np.ndarray:
    """Return a line sampled at `length` even points, linear between its own."""
    return np.interp(np.linspace(0, 1, length), np.linspace(0, 1, len(line)), line)
