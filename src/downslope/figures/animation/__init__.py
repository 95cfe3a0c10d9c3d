"""Figures in motion, and their files."""

from downslope.figures.animation.animate_descent import animate_descent
from downslope.figures.animation.animate_paths import animate_paths
from downslope.figures.animation.animation import Animation, save_animation
from downslope.figures.animation.movies import find_ffmpeg

__all__ = [
    "Animation",
    "animate_descent",
    "animate_paths",
    "find_ffmpeg",
    "save_animation",
]
