"""Which channel counts are worth keeping: the law of one curve, and the search for it.

A name is loaded when it is first used; the names are listed once, in ``__init__.pyi``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
