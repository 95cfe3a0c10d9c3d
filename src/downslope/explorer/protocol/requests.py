"""Requests of the page: a closed set of JSON messages, told apart by `type`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, TypeAdapter, create_model

from downslope.explorer.protocol.settings import (
    Coordinate,
    DescentId,
    DescentSettings,
    Part,
    Plane,
    RunNumber,
    Subject,
    fields_of_numbers,
)


class Hello(Part):
    """The first message of a page."""

    type: Literal["hello"]
    version: Literal[1]


class Open(Part):
    """Show another subject: descents end, running work is canceled. `run` is the page's next number."""

    type: Literal["open"]
    run: RunNumber
    subject: Subject
    plane: Plane = Plane()


class SliceAgain(Part):
    """Cut the surface elsewhere; descents stay, and their paths are sent again as they fall on the new plane."""

    type: Literal["slice"]
    run: RunNumber
    plane: Plane


class Start(Part):
    """Start a descent at a point of the plane, paused or playing as all are; an earlier one of this number ends."""

    type: Literal["start"]
    id: DescentId
    a: Coordinate
    b: Coordinate
    settings: DescentSettings = DescentSettings()


class Play(Part):
    """Play all descents."""

    type: Literal["play"]


class Pause(Part):
    """Pause all descents."""

    type: Literal["pause"]


class Step(Part):
    """Make steps in every descent, then pause."""

    type: Literal["step"]
    count: Annotated[int, Field(ge=1, le=10_000)] = 1


class Speed(Part):
    """Steps a second, at most; as many as the machine can where that is fewer."""

    type: Literal["speed"]
    steps_per_second: Annotated[float, Field(ge=0.5, le=100_000)]


class SetBasis(Part):
    """Change numbers of a descent, or of all, from its next step on; nothing is reset.

    Setting a rate ends a schedule. Numbers that an optimizer does not have are left out where all descents are set.
    """

    type: Literal["set"]
    id: DescentId | None = None


if TYPE_CHECKING:
    Set = SetBasis
else:
    Set = create_model(
        "Set",
        __base__=SetBasis,
        __doc__=SetBasis.__doc__,
        **{name: (kind | None, None) for name, kind in fields_of_numbers().items()},
    )


class Remove(Part):
    """Remove a descent, or all."""

    type: Literal["remove"]
    id: DescentId | None = None


class Watch(Part):
    """Turn the costlier views beside the surface on or off; all are off at first."""

    type: Literal["watch"]
    data: bool = False
    units: bool = False
    signals: bool = False


class Cancel(Part):
    """Stop the current computation: a slice, an eigenvalue, a diagnosis. Descents pause."""

    type: Literal["cancel"]


class Credit(Part):
    """The page has drawn so many frames and takes as many more."""

    type: Literal["credit"]
    frames: Annotated[int, Field(ge=1, le=4)]


class AskCode(Part):
    """Ask for Python code that reproduces the exploration."""

    type: Literal["code"]


class AskDiagnosis(Part):
    """Ask for the diagnosis of a descent, in words."""

    type: Literal["diagnose"]
    id: DescentId


class AskEigenvalue(Part):
    """Ask for the largest eigenvalue where a descent is, and the largest stable rate there."""

    type: Literal["eigenvalue"]
    id: DescentId


Request = Annotated[
    Hello | Open | SliceAgain | Start | Play | Pause | Step | Speed | Set | Remove | Watch | Cancel | Credit
    | AskCode | AskDiagnosis | AskEigenvalue,
    Field(discriminator="type"),
]  # fmt: skip

LONGEST_REQUEST = 16_384
"""Bytes of a message; no request needs a tenth of it."""

_REQUEST: TypeAdapter[Request] = TypeAdapter(Request)


def parse_request(text: str | bytes) -> Request:
    """Return a request read from JSON.

    Raises:
        pydantic.ValidationError: it is not JSON, not one of the requests, or a number of it is out of range.

    Example:
        >>> parse_request('{"type": "speed", "steps_per_second": 60}')
        Speed(type='speed', steps_per_second=60.0)
    """
    return _REQUEST.validate_json(text)
