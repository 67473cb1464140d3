"""Studies, one file for each question. A study plans what must be measured, measures it, and returns a finding.

A name is loaded when it is first used; the names are listed once, in ``__init__.pyi``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
