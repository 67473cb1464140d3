"""Contract tests for the authors of plug-ins: what nnbehave expects of a platform, as pytest tests to inherit."""

from nnbehave.testing._platform import PlatformContract

__all__ = ["PlatformContract"]
