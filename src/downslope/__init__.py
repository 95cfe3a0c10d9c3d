"""Train neural networks, and measure, explain and show the loss surface they descend.

The public names are listed in `__init__.pyi`; each is imported when first used, so `import downslope` is instant.
"""

import lazy_loader as _lazy

_import_public, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    """Return a public name, imported when first used, or the version that is installed."""
    if name == "__version__":
        from importlib.metadata import version

        return version("downslope")
    return _import_public(name)
