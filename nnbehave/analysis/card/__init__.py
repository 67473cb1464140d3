"""The behaviour card of a platform: the nine findings of the paper (Tang et al., MLSys 2021), stated for it.

``nine_findings`` fills a card; ``channels``, ``blocks``, ``operators`` and ``choices`` judge the findings. A name is
loaded when it is first used; the names are listed once, in ``__init__.pyi``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
