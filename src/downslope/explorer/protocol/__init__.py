"""The wire between the page and the server: one WebSocket, JSON both ways, and binary frames to the page.

The page says `hello`; the answer lists all that can be chosen. It sends `open` with a subject and a plane, and a run
number that it counts up; the answer is `surface`, with the shape of the plane but no loss; frames of kind SURFACE of
that run fill it, coarse to fine, and `done` ends it. `slice` cuts elsewhere under a new number; descents stay, and each
path is sent again. `start` begins a descent at `(a, b)` of the plane; `play`, `pause`, `step` and `speed` hold for all
descents; `set` changes numbers without a reset. Each point of a path comes in a PATH frame, and exact in `rows`.

Frames need credit: the server sends 4, and one more for each that the page reports as drawn (`credit`). Without credit
descents wait, so a page that does not read costs nothing. JSON answers need none. A request that is refused is answered
by `error` and changes nothing. The page drops frames and answers of other runs than its last.

`offers.py` has what the tables offer, `settings.py` the choices, `requests.py` and `answers.py` the messages,
`frames.py` the bytes.
`tests/wire_golden.json` holds frames with their bytes for both sides.
"""

from downslope.explorer.protocol.answers import (
    Answer,
    Code,
    DataInfo,
    DescentAnswer,
    DescentStart,
    Diagnosis,
    Done,
    Eigenvalue,
    ExamplesView,
    FindingAnswer,
    FormulaInfo,
    Lesson,
    OptimizerInfo,
    PointsView,
    Problem,
    Range,
    Removed,
    Row,
    Rows,
    RowsView,
    ScheduleInfo,
    Severity,
    State,
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
    pack_frame,
    unpack_frame,
)
from downslope.explorer.protocol.offers import (
    ACTIVATIONS,
    CHOICES,
    CLASSICS,
    DATA_SETS,
    DIRECTIONS,
    INITIALIZERS,
    KINDS_OF_SCHEDULES,
    NORMS,
    NUMBERS,
    SETS,
    SIZES,
)
from downslope.explorer.protocol.requests import LONGEST_REQUEST, Open, SliceAgain, Watch, parse_request
from downslope.explorer.protocol.settings import (
    ClassicName,
    ClassicSubject,
    DescentSettings,
    LineSubject,
    NetworkSubject,
    Plane,
    RunSubject,
    Subject,
)
from downslope.explorer.protocol.wire import CREDIT, PROTOCOL, to_json

__all__ = [
    "ACTIVATIONS",
    "CHOICES",
    "CLASSICS",
    "CREDIT",
    "DATA_SETS",
    "DIRECTIONS",
    "HEADER",
    "INITIALIZERS",
    "KINDS_OF_SCHEDULES",
    "LAST",
    "LONGEST_REQUEST",
    "NORMS",
    "NUMBERS",
    "PATH_COLUMNS",
    "PROTOCOL",
    "REPLACES",
    "SETS",
    "SIZES",
    "Answer",
    "ClassicName",
    "ClassicSubject",
    "Code",
    "DataInfo",
    "DescentAnswer",
    "DescentSettings",
    "DescentStart",
    "Diagnosis",
    "Done",
    "Eigenvalue",
    "ExamplesView",
    "FindingAnswer",
    "FormulaInfo",
    "Frame",
    "Kind",
    "Lesson",
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
    "ScheduleInfo",
    "Severity",
    "SliceAgain",
    "State",
    "Status",
    "Subject",
    "SurfaceAnswer",
    "View",
    "Watch",
    "Welcome",
    "pack_frame",
    "parse_request",
    "to_json",
    "unpack_frame",
]
