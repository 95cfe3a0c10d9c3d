"""One page's session: requests in, answers and frames out.

`session.py` dispatches requests; long work (`work.py`) runs in a thread beside it (`jobs.py`). `player.py` advances the
descents, `screen.py` sends their points, through the flow control of `outbox.py`.
"""

from downslope.explorer.session.session import Session
from downslope.explorer.session.wording import PAGE

__all__ = [
    "PAGE",
    "Session",
]
