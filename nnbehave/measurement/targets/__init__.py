"""Targets: the places where runners execute. ``get_target("ssh://board")`` finds one.

:mod:`nnbehave.measurement.targets.registry` lists the built-in targets.
"""

from nnbehave.measurement.targets._base import Target
from nnbehave.measurement.targets.android import AndroidTarget
from nnbehave.measurement.targets.local import LocalTarget, PythonTarget
from nnbehave.measurement.targets.registry import TARGETS, get_target
from nnbehave.measurement.targets.ssh import SSHTarget

__all__ = ["TARGETS", "AndroidTarget", "LocalTarget", "PythonTarget", "SSHTarget", "Target", "get_target"]
