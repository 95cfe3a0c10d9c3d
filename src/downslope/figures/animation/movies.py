"""Images as moving pictures: GIF by Pillow, MP4 by FFmpeg, the same bytes each time."""

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

from downslope.core import DownslopeError, SettingError
from downslope.figures.style import COLORS, GRAY

FOUND = 200
"""So many colors of a GIF are found in its frames; others are those of lines."""

LIKE = 6
"""A color found that differs so little from that of a line is left out, of 255."""

LAST_SHOWN = 2.0
"""So many seconds the last frame stays."""


def write_gif(path: Path, images: Iterator[np.ndarray], rate: float, description: str) -> None:
    """Write a GIF of one palette; what does not change from one frame to the next is not stored again."""
    pictures = list(images)
    palette = _palette(pictures[0], pictures[-1])
    first, *rest = _in_palette(pictures, palette)
    durations = [round(1000 / rate)] * len(rest) + [round(1000 * LAST_SHOWN)]
    first.save(
        path, format="GIF", save_all=True, append_images=rest, duration=durations, loop=0, optimize=True,
        comment=description.encode(),
    )  # fmt: skip


def _palette(first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Return the colors that suit two images, `(colors, 3)`: those of lines and of their faded edges, and others."""
    from PIL import Image

    both = Image.fromarray(np.concatenate([first, last]))
    common = both.quantize(FOUND, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    exact = np.array([to_rgb(color) for color in (*COLORS, GRAY)])
    faded = [share * exact + (1 - share) for share in (1.0, 0.66, 0.33)]
    lines = np.round(255 * np.concatenate([np.ones((1, 3)), *faded])).astype(np.int64)
    others = np.reshape(common.getpalette() or [], (-1, 3))[:FOUND]
    apart = np.abs(others[:, None, :] - lines[None, :, :]).max(axis=-1).min(axis=1) > LIKE
    return np.concatenate([lines, others[apart]])


def _in_palette(images: list[np.ndarray], palette: np.ndarray) -> Iterator[Any]:
    """Yield images in the nearest colors of a palette; Pillow itself only comes near them."""
    from PIL import Image

    before, places = images[0], np.zeros(images[0].shape[:2], np.uint8)
    for number, image in enumerate(images):
        changed = np.any(image != before, axis=-1) if number else np.ones(places.shape, bool)
        places[changed], before = _nearest(image[changed], palette), image
        found = Image.fromarray(places)
        found.putpalette(palette.ravel().tolist())
        yield found.copy()


def _nearest(pixels: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Return the nearest color of a palette for each of many pixels, `(pixels, 3)`."""
    packed = pixels.astype(np.int64) @ np.array([65536, 256, 1])
    colors, places = np.unique(packed, return_inverse=True)
    each = np.stack([colors // 65536, colors // 256 % 256, colors % 256], axis=1)
    apart = np.sum(palette**2, axis=1)[None, :] - 2.0 * (each.astype(float) @ palette.T)  # less what all share
    return np.argmin(apart, axis=1).astype(np.uint8)[places]


def write_mp4(path: Path, images: Iterator[np.ndarray], rate: float, description: str) -> None:
    """Write an MP4 that all players read: H.264, every second sample of color, the index in front."""
    program, first = _ffmpeg(), next(images)
    command = [program, "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"]
    command += ["-s", f"{first.shape[1]}x{first.shape[0]}", "-r", f"{rate:g}", "-i", "-", "-an", "-c:v", "libx264"]
    command += ["-pix_fmt", "yuv420p", "-crf", "23", "-threads", "1", "-movflags", "+faststart", "-fflags", "+bitexact"]
    command += ["-flags:v", "+bitexact", "-metadata", f"comment={description}", str(path)]
    with tempfile.TemporaryFile() as said:
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=said) as running:  # noqa: S603
            sink: Any = running.stdin
            with contextlib.suppress(BrokenPipeError):
                for last in chain([first], images):
                    sink.write(last.tobytes())
                for _ in range(round(LAST_SHOWN * rate) - 1):
                    sink.write(last.tobytes())
                sink.close()
        if running.returncode:
            said.seek(0)
            raise DownslopeError(f"FFmpeg could not write {path.name}: {said.read().decode(errors='replace').strip()}")


def _ffmpeg() -> str:
    """Return the path of FFmpeg.

    Raises:
        SettingError: the package that brings it is not installed.
    """
    try:
        from imageio_ffmpeg import get_ffmpeg_exe
    except ImportError:
        raise SettingError(
            "An MP4 needs the package `imageio-ffmpeg`, which is not installed: pip install imageio-ffmpeg. A `.gif` "
            "needs nothing more.",
            setting="path",
        ) from None
    return get_ffmpeg_exe()
