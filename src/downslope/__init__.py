"""Train neural networks, and measure, explain and show the loss surface they descend.

The public names are listed in `__init__.pyi`; each is imported when first used, so `import downslope` is instant.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
