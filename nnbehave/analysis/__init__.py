"""Measurements in, findings out: one file an analyser.

Nothing here reaches a runtime, a platform, a target or a database. A name is loaded when it is first used, so that
reading one saved finding loads nothing else; the names are listed once, in ``__init__.pyi``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
