"""The wire between the page and the server: one WebSocket, JSON both ways, and binary frames to the page.

The page says `hello` and is told all that can be chosen. It sends `open` with a subject and a plane, and a run number
that it counts up; the answer is `surface`, with the shape of the plane but no loss; frames of kind SURFACE of that run
fill it, coarse to fine, and `done` ends it. `slice` cuts elsewhere under a new number; descents stay, and each path is
sent again. `start` puts a ball at `(a, b)` of the plane; `play`, `pause`, `step` and `speed` hold for all balls; `set`
changes numbers without a reset. Each point of a path comes in a PATH frame, and exact in `rows`.

Frames want credit: the server sends 4, and one more for each that the page says it drew (`credit`). Without credit
descents wait, so a page that does not read costs nothing. JSON answers need none. Whatever cannot be is answered by
`error` and changes nothing. The page drops frames and answers of other runs than its last.

`settings.py` has what can be chosen, `requests.py` what the page asks, `answers.py` what the server says, `frames.py`
the bytes. `tests/wire_golden.json` holds frames with their bytes for both sides.
"""

from downslope.explorer.protocol.answers import (
    Answer,
    Code,
    DataInfo,
    DescentAnswer,
    Diagnosis,
    Done,
    Eigenvalue,
    ExamplesView,
    FindingAnswer,
    OptimizerInfo,
    PointsView,
    Problem,
    Range,
    Removed,
    Row,
    Rows,
    RowsView,
    Scene,
    SceneStart,
    Status,
    SurfaceAnswer,
    View,
    Welcome,
)
from downslope.explorer.protocol.frames import (
    HEADER,
    LAST,
    PATH_COLUMNS,
    REPLACES,
    Frame,
    Kind,
    packed_frame,
    unpacked_frame,
)
from downslope.explorer.protocol.requests import LONGEST_REQUEST, Open, SliceAgain, Watch, parsed
from downslope.explorer.protocol.settings import (
    CLASSICS,
    DATA_SETS,
    ClassicName,
    ClassicSubject,
    DescentSettings,
    InverseTimeDecay,
    LineSubject,
    NetworkSubject,
    Plane,
    RunSubject,
    Subject,
)
from downslope.explorer.protocol.wire import CREDIT, PROTOCOL, written

__all__ = [
    "CLASSICS",
    "CREDIT",
    "DATA_SETS",
    "HEADER",
    "LAST",
    "LONGEST_REQUEST",
    "PATH_COLUMNS",
    "PROTOCOL",
    "REPLACES",
    "Answer",
    "ClassicName",
    "ClassicSubject",
    "Code",
    "DataInfo",
    "DescentAnswer",
    "DescentSettings",
    "Diagnosis",
    "Done",
    "Eigenvalue",
    "ExamplesView",
    "FindingAnswer",
    "Frame",
    "InverseTimeDecay",
    "Kind",
    "LineSubject",
    "NetworkSubject",
    "Open",
    "OptimizerInfo",
    "Plane",
    "PointsView",
    "Problem",
    "Range",
    "Removed",
    "Row",
    "Rows",
    "RowsView",
    "RunSubject",
    "Scene",
    "SceneStart",
    "SliceAgain",
    "Status",
    "Subject",
    "SurfaceAnswer",
    "View",
    "Watch",
    "Welcome",
    "packed_frame",
    "parsed",
    "unpacked_frame",
    "written",
]
