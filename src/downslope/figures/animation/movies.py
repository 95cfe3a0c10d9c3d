"""Encoders of image sequences: GIF by Pillow, MP4 by FFmpeg, reproducible byte for byte."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import to_rgb
from PIL import Image

from downslope.core import Advice, DownslopeError, MissingExtraError
from downslope.figures.style import COLORS, GRAY

PALETTE_COLORS = 200
"""The number of colors of a GIF that are quantized from its frames; the others are the fixed colors of lines."""

LEAST_DIFFERENCE = 6
"""A quantized color that differs no more than this from that of a line is left out, of 255."""

LAST_SHOWN = 2.0
"""The seconds for which the last frame stays."""


def write_gif(path: Path, images: Iterator[np.ndarray], rate: float, description: str) -> None:
    """Write a GIF of one palette; pixels that do not change from one frame to the next are not stored again."""
    pictures = list(images)
    palette = _palette(pictures[0], pictures[-1])
    first, *rest = _in_palette(pictures, palette)
    durations = [round(1000 / rate)] * len(rest) + [round(1000 * LAST_SHOWN)]
    first.save(
        path, format="GIF", save_all=True, append_images=rest, duration=durations, loop=0, optimize=True,
        comment=description.encode(),
    )  # fmt: skip


def _palette(first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Return a palette for two images, `(colors, 3)`: colors of lines and of their faded edges, and quantized ones."""
    both = Image.fromarray(np.concatenate([first, last]))
    common = both.quantize(PALETTE_COLORS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    exact = np.array([to_rgb(color) for color in (*COLORS, GRAY)])
    faded = [share * exact + (1 - share) for share in (1.0, 0.66, 0.33)]
    lines = np.round(255 * np.concatenate([np.ones((1, 3)), *faded])).astype(np.int64)
    others = np.reshape(common.getpalette() or [], (-1, 3))[:PALETTE_COLORS]
    distances = np.abs(others[:, None, :] - lines[None, :, :]).max(axis=-1).min(axis=1) > LEAST_DIFFERENCE
    return np.concatenate([lines, others[distances]])


def _in_palette(images: list[np.ndarray], palette: np.ndarray) -> Iterator[Image.Image]:
    """Yield images in the nearest colors of a palette; Pillow's own quantization only approximates them."""
    before, indices = images[0], np.zeros(images[0].shape[:2], np.uint8)
    for number, image in enumerate(images):
        changed = np.any(image != before, axis=-1) if number else np.ones(indices.shape, bool)
        indices[changed], before = _nearest(image[changed], palette), image
        picture = Image.fromarray(indices)
        picture.putpalette(palette.ravel().tolist())
        yield picture.copy()


def _nearest(pixels: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Return the nearest color of a palette for each of many pixels, `(pixels, 3)`."""
    packed = pixels.astype(np.int64) @ np.array([65536, 256, 1])
    colors, indices = np.unique(packed, return_inverse=True)
    unique = np.stack([colors // 65536, colors // 256 % 256, colors % 256], axis=1)
    distances = np.sum(palette**2, axis=1)[None, :] - 2.0 * (
        unique.astype(float) @ palette.T
    )  # without the term that all colors share
    return np.argmin(distances, axis=1).astype(np.uint8)[indices]


def write_mp4(path: Path, images: Iterator[np.ndarray], rate: float, description: str) -> None:
    """Write an MP4 that all players read: H.264, 4:2:0 chroma subsampling, the index in front."""
    program, first = find_ffmpeg(), next(images)
    command = [program, "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"]
    command += ["-s", f"{first.shape[1]}x{first.shape[0]}", "-r", f"{rate:g}", "-i", "-", "-an", "-c:v", "libx264"]
    command += ["-pix_fmt", "yuv420p", "-crf", "23", "-threads", "1", "-movflags", "+faststart", "-fflags", "+bitexact"]
    command += ["-flags:v", "+bitexact", "-metadata", f"comment={description}", str(path)]
    with tempfile.TemporaryFile() as errors:
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=errors) as running:  # noqa: S603
            sink: Any = running.stdin
            with contextlib.suppress(BrokenPipeError):
                for last in chain([first], images):
                    sink.write(last.tobytes())
                for _ in range(round(LAST_SHOWN * rate) - 1):
                    sink.write(last.tobytes())
                sink.close()
        if running.returncode:
            errors.seek(0)
            raise DownslopeError(
                f"FFmpeg could not write {path.name}: {errors.read().decode(errors='replace').strip()}"
            )


def find_ffmpeg() -> str:
    """Return the path of FFmpeg.

    Raises:
        MissingExtraError: the package that brings it is not installed.
    """
    try:
        from imageio_ffmpeg import get_ffmpeg_exe
    except ImportError:
        otherwise = Advice("or end the file in .gif, which needs nothing more")
        raise MissingExtraError("imageio-ffmpeg", "film", feature="An MP4", otherwise=otherwise) from None
    return get_ffmpeg_exe()
