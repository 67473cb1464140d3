"""nnbehave: how neural-network latency really behaves on an inference platform, and which channels are worth keeping.

Importing it loads no TensorFlow, runtime, pandas or SQLAlchemy: a name is loaded when it is first used. The names are
listed once, in ``__init__.pyi``. Analysers, rules and studies live in :mod:`nnbehave.analysis`,
:mod:`nnbehave.pruning` and :mod:`nnbehave.studies`; each of their public names can be reached from here too.
"""

from importlib import import_module

import lazy_loader

__version__ = "0.1.0"

_find, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
_PACKAGES = ("analysis", "pruning", "studies")


def __getattr__(name: str) -> object:
    """Return a public name of this package, or of one of the packages named above."""
    if name not in __all__ and not name.startswith("_"):
        for package in _PACKAGES:
            module = import_module(f"{__name__}.{package}")
            if name in module.__all__:
                return getattr(module, name)
    return _find(name)
