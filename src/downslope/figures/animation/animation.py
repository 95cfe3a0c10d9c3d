"""Animations as GIF and MP4 files, reproducible byte for byte."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from downslope.core import Setting, SettingError, check_integer, check_number, seconds_text
from downslope.figures.animation.movies import write_gif, write_mp4
from downslope.figures.style import alt_text

ENDINGS = (".gif", ".mp4")
MOST_FRAMES = 100
WIDTH = 800

REPORT_SECONDS = 2.0
"""Seconds before the first line about progress, and between lines."""


@dataclass(frozen=True, eq=False)
class Animation:
    """A figure with moving artists.

    Attributes:
        figure: the figure, with its last frame.
        moving: the artists that change from frame to frame; the background is drawn once.
        frames: the number of frames.
        show: updates the moving artists for a frame, counted from 0.
    """

    figure: Figure
    moving: tuple[Artist, ...]
    frames: int
    show: Callable[[int], None]

    def images(self, width: int = WIDTH) -> Iterator[np.ndarray]:
        """Yield the frames as images, `(height, width, 3)`, both even numbers of pixels.

        Args:
            width: in pixels.
        """
        yield from _images(self, width)


def frame_indices(points: int, most: int = MOST_FRAMES) -> np.ndarray:
    """Return the indices of a path's points that become frames: the first, the last, and evenly spaced ones between.

    Example:
        >>> frame_indices(3).tolist(), frame_indices(1001).tolist()[:3], len(frame_indices(1001))
        ([0, 1, 2], [0, 10, 20], 100)
    """
    return np.unique(np.round(np.linspace(0, points - 1, min(points, most))).astype(int))


def save_animation(
    animation: Animation,
    path: str | os.PathLike[str],
    *,
    width: int = WIDTH,
    frames_per_second: float | int = 12,
    progress: bool = True,
) -> Path:
    """Write an animation to a file and return the path.

    The last frame stays for two seconds. Equal animations are equal files. Work of more than two seconds reports its
    progress on stderr.

    Args:
        animation: as returned by `animate_descent` or `animate_paths`.
        path: ends in `.gif` (plays on and on, everywhere) or `.mp4` (H.264: smaller, can be paused; needs
            `pip install 'downslope[film]'`); the folder must be there.
        width: in pixels.
        frames_per_second: how fast it plays.
        progress: whether long work reports its progress.

    Raises:
        SettingError: another ending, or a number that cannot be.
        MissingExtraError: an MP4 without the extra `downslope[film]`, which brings FFmpeg.
        DownslopeError: FFmpeg could not write the file.

    Example:
        >>> import tempfile
        >>> figure = Figure(figsize=(2, 1))
        >>> (dot,) = figure.subplots().plot([0], [0], "o")
        >>> rolling = Animation(figure, (dot,), 3, lambda frame: dot.set_data([frame / 100], [0]))
        >>> save_animation(rolling, Path(tempfile.mkdtemp()) / "rolling.gif", width=100).name
        'rolling.gif'
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise SettingError(Setting("path"), f"must end in {' or '.join(ENDINGS)}, got {path.name!r}.")
    width = check_integer("width", width, at_least=16)
    rate = check_number("frames_per_second", frames_per_second, above=0, at_most=60)
    write = write_gif if ending == ".gif" else write_mp4
    images = _images(animation, width)
    write(path, report_progress(images, animation.frames) if progress else images, rate, alt_text(animation.figure))
    return path


def _images(animation: Animation, width: int) -> Iterator[np.ndarray]:
    """Draw the background once, and the moving artists for each frame."""
    figure = animation.figure
    canvas, dpi = FigureCanvasAgg(figure), figure.dpi
    for artist in animation.moving:
        artist.set_animated(True)
    try:
        figure.dpi = width / figure.get_figwidth()
        canvas.draw()
        figure.set_layout_engine("none")
        canvas.draw()
        background = canvas.copy_from_bbox(figure.bbox)
        for frame in range(animation.frames):
            canvas.restore_region(background)
            animation.show(frame)
            for artist in animation.moving:
                if isinstance(artist.axes, Axes):
                    artist.axes.draw_artist(artist)
            pixels = np.asarray(canvas.buffer_rgba())[:, :, :3]
            yield pixels[: pixels.shape[0] // 2 * 2, : pixels.shape[1] // 2 * 2].copy()
    finally:
        for artist in animation.moving:
            artist.set_animated(False)
        animation.show(animation.frames - 1)
        figure.dpi = dpi


def report_progress(
    images: Iterator[np.ndarray], frames: int, clock: Callable[[], float] = time.monotonic
) -> Iterator[np.ndarray]:
    """Yield images unchanged, and write the progress of long work to stderr.

    Args:
        images: as many as there are frames.
        frames: their number.
        clock: returns the time in seconds.
    """
    start = reported = clock()
    for done, image in enumerate(images, start=1):
        yield image
        current = clock()
        if current - reported >= REPORT_SECONDS and done < frames:
            left = (current - start) / done * (frames - done)
            sys.stderr.write(f"frame {done}/{frames}, about {seconds_text(left)} left\n")
            sys.stderr.flush()
            reported = current
