"""What a page explores: an opened subject, a plane through it (`planes.py`), and descents (`descent.py`).

`exploration.py` holds the three together, `projection.py` projects points of descents onto the plane, and `views.py`
makes the views beside it.
"""

from downslope.explorer.exploration.descent import Descent, Point
from downslope.explorer.exploration.exploration import Stage, row_of, stage_of
from downslope.explorer.exploration.planes import levels, settled
from downslope.explorer.exploration.projection import Projector
from downslope.explorer.exploration.views import frames_of

__all__ = [
    "Descent",
    "Point",
    "Projector",
    "Stage",
    "frames_of",
    "levels",
    "row_of",
    "settled",
    "stage_of",
]
