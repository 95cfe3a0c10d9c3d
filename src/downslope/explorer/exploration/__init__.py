"""An exploration: an opened subject, a plane through it (`planes.py`), and descents on it (`descent.py`).

`exploration.py` holds the three together, `projection.py` projects points of descents onto the plane, and `views.py`
makes the views beside it.
"""

from downslope.explorer.exploration.descent import Descent, Point
from downslope.explorer.exploration.exploration import Exploration, exploration_of, table_row
from downslope.explorer.exploration.planes import slice_plane, with_directions
from downslope.explorer.exploration.projection import Projector
from downslope.explorer.exploration.views import frames_of

__all__ = [
    "Descent",
    "Exploration",
    "Point",
    "Projector",
    "exploration_of",
    "frames_of",
    "slice_plane",
    "table_row",
    "with_directions",
]
