"""`downslope surface`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from downslope.cli.compile_cache import keep_compiled_code
from downslope.cli.options import CLASSICS, JsonOption, reader
from downslope.cli.output import check_file, print_json, print_lines, say
from downslope.cli.surface_subject import SurfaceSubject, subject_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from downslope.figures import Animation
    from downslope.landscape import Projection, Slice

PICTURES = (".png", ".svg", ".pdf")
FILMS = (".gif", ".mp4")
ENDINGS = (*PICTURES, ".html", ".npz", *FILMS)
VIEWS = ("contour", "3d", "losses")


def surface(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="RUN|NAME",
            help=f"The folder of a run; or old_faithful, or a classic surface: {', '.join(CLASSICS)}.",
            show_default=False,
        ),
    ],
    directions: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="filter (random, as long as the weights), pca (along the descent's path), eigen (along the "
            "curvature), or axes (two parameters).",
            show_default="pca with a path, else filter",
        ),
    ] = None,
    size: Annotated[
        int, typer.Option(parser=reader(int, "an odd number"), metavar="NUMBER", help="Points along each direction.")
    ] = 51,
    span: Annotated[
        float | None,
        typer.Option(
            parser=reader(float, "a number above 0"),
            metavar="NUMBER",
            help="Half the width of the window, in units of the directions.",
            show_default="found",
        ),
    ] = None,
    optimizers: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Descend with each of these from the same start, on the same batches: sgd,momentum,rmsprop,adam; "
            "a rate may follow, as in adam:0.01.",
            show_default="the run's own path",
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            parser=reader(int, "a whole number, 1 or more"),
            metavar="NUMBER",
            help="How long they descend: epochs, or steps on a classic surface.",
            show_default="as the run, or 100",
        ),
    ] = None,
    mode: Annotated[
        str, typer.Option(metavar="NAME", help="inference, or training: batch norm by batch, dropout with masks.")
    ] = "inference",
    rows: Annotated[
        int | None,
        typer.Option(
            parser=reader(int, "a whole number of rows"),
            metavar="NUMBER",
            help="Measure over so many training rows, drawn at random, the same ones each time.",
            show_default="all",
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(parser=reader(int, "a whole number"), metavar="NUMBER", help="Draws random directions."),
    ] = 0,
    view: Annotated[str, typer.Option(metavar="NAME", help="What a picture shows: contour, 3d or losses.")] = "contour",
    output: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Write into this file, by its ending: a picture .png .svg .pdf, a page .html to turn and play, the "
            "numbers .npz, a film .gif .mp4 (MP4 needs pip install 'downslope\\[film]'). May be given several times.",
            show_default="surface.png and surface.html, in RUN/figures or here",
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Draw the loss around where a training ended, with the path that led there.

    Every cell is the true loss at its point. A path is drawn at its own true losses, with how far it lies off the
    plane, and how much of its movement the plane shows at all. Without --optimizers, a run's own path is drawn if it
    was recorded, or if --directions pca asks for it. Ctrl-C keeps the part that is there.
    """
    from downslope.core import check_choice, check_integer, check_number
    from downslope.landscape import project, slice_2d

    check_choice("view", view, VIEWS)
    check_choice("mode", mode, ("inference", "training"))
    check_integer("size", size, at_least=3)
    for name, value in (("rows", rows), ("epochs", epochs)):
        if value is not None:
            check_integer(name, value)
    if span is not None:
        check_number("span", span, above=0)
    if directions is not None:
        check_choice("directions", directions, ("filter", "pca", "eigen", "axes"))
    for path in output or []:
        check_file(path, "output", ENDINGS)
    if any(path.suffix.lower() == ".mp4" for path in output or []):
        from downslope.figures.animation import find_ffmpeg

        find_ffmpeg()  # before any long work, too
    keep_compiled_code()
    needs_path = directions == "pca"
    drawn = subject_of(subject, optimizers=optimizers, epochs=epochs, mode=mode, rows=rows, needs_path=needs_path)
    _check_paths(drawn, output or [], view)
    plane = slice_2d(
        drawn.surface,
        drawn.params,
        directions=directions or drawn.directions,
        size=size,
        span=drawn.span if span is None else span,
        key=seed,
        trajectory=drawn.trajectory(),
        progress="auto",
    )
    plane = drawn.with_names(plane)
    paths = {name: project(path, plane) for name, path in drawn.paths.items()}
    if json:
        print_json(_facts(subject, plane, paths))
    else:
        print_lines(_lines(drawn, plane, paths))
    for path in output or _default_files(drawn, subject):
        _write(path, drawn, plane, paths, view)
        say(f"Wrote {path}")
    if not plane.complete:
        raise typer.Exit(1)


def _default_files(drawn: SurfaceSubject, subject: str) -> list[Path]:
    """Return the default files: a picture and a page."""
    stem = "surface" if str(drawn.folder) != "." else f"{subject}-surface"
    drawn.folder.mkdir(parents=True, exist_ok=True)
    return [drawn.folder / f"{stem}{ending}" for ending in (".png", ".html")]


def _write(path: Path, drawn: SurfaceSubject, plane: Slice, paths: dict[str, Projection], view: str) -> None:
    """Write one file, by its ending."""
    from downslope import figures
    from downslope.landscape import save_slice

    ending = path.suffix.lower()
    if ending == ".npz":
        save_slice(plane, path)
    elif ending == ".html":
        page = figures.surface_page(
            plane, paths or None, data=drawn.fitted(plane), title=drawn.title, sample=drawn.sampled
        )
        path.write_text(page, encoding="utf-8")
    elif ending in FILMS:
        figures.save_animation(_film(drawn, plane, paths), path)
    else:
        figures.save(_picture(drawn, plane, paths, view), path)


def _check_paths(drawn: SurfaceSubject, output: list[Path], view: str) -> None:
    """Check, before any long work, that there is a path where one is to be drawn.

    Raises:
        SettingError: there is none.
    """
    from downslope.core import Setting, SettingError

    if drawn.paths:
        return
    advice = "Add --directions pca, or --optimizers."
    if view == "losses":
        raise SettingError(Setting("view"), f"losses needs a path. {advice}")
    films = [path for path in output if path.suffix.lower() in FILMS]
    if films:
        raise SettingError(Setting("output"), f"{films[0]} needs a path that moves. {advice}")


def _picture(drawn: SurfaceSubject, plane: Slice, paths: dict[str, Projection], view: str) -> Figure:
    """Return the figure of a view."""
    from downslope import figures

    if view == "losses":
        return figures.path_losses(paths)
    if view == "3d":
        return figures.surface_3d(plane, paths or None)
    return figures.surface_contour(plane, paths or None, center=drawn.center)


def _film(drawn: SurfaceSubject, plane: Slice, paths: dict[str, Projection]) -> Animation:
    """Return the film of the descent."""
    from downslope import figures

    if drawn.line is not None and len(paths) == 1:
        return figures.animate_descent(drawn.line)
    return figures.animate_paths(plane, paths)


def _lines(drawn: SurfaceSubject, plane: Slice, paths: dict[str, Projection]) -> list[str]:
    """Return the results for readers."""
    lines = [drawn.title, *([plane.description] if plane.description not in drawn.title else []), str(plane)]
    if plane.left_out:
        lines.append(f"Left as they are: {', '.join(plane.left_out)}.")
    for name, path in paths.items():
        losses = f"{path.losses[0]:.5g} to {path.losses[-1]:.5g}"
        lines.append(f"{name}: {len(path):,} points, loss {losses}{_off_plane(path)}.")
    return lines


def _off_plane(path: Projection) -> str:
    """Return how much of a path the plane shows, in words."""
    farthest = float(path.distances.max(initial=0.0))
    if path.explained is None:
        return ""
    if path.explained == 1:
        return "; all of it in the plane"
    return f"; the plane shows {100 * path.explained:.3g} % of its movement, the path is off it by up to {farthest:.3g}"


def _facts(subject: str, plane: Slice, paths: dict[str, Projection]) -> dict[str, object]:
    """Return the results for programs."""
    return {
        "subject": subject,
        "description": plane.description,
        "directions": plane.kind,
        "labels": list(plane.labels),
        "left_out": list(plane.left_out),
        "axes": [axis.tolist() for axis in plane.axes],
        "origins": list(plane.origins),
        "losses": plane.losses.tolist(),
        "center": plane.center,
        "standard_error": plane.standard_error,
        "complete": plane.complete,
        "rounding": {
            "shows": plane.rounding.shows,
            "spacing": plane.rounding.spacing,
            "precision": plane.rounding.precision,
            "sentence": plane.rounding.sentence,
        },
        "paths": {
            name: {
                "steps": path.steps.tolist(),
                "coordinates": path.coordinates.tolist(),
                "losses": path.losses.tolist(),
                "heights": path.heights.tolist(),
                "distances": path.distances.tolist(),
                "explained": path.explained,
            }
            for name, path in paths.items()
        },
    }
