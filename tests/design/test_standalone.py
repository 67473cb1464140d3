"""The design wing works where neither TensorFlow nor any other wing can be imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.process


def test_spaces_and_networks_are_read_without_tensorflow_or_another_wing() -> None:
    program = """
import sys
for name in ("tensorflow", "sqlalchemy", "pandas", "nnbehave.measurement", "nnbehave.runner", "nnbehave.analysis"):
    sys.modules[name] = None  # makes its import an ImportError
from nnbehave.design.networks import load_network
from nnbehave.design.space import load_space
space = load_space("ofa_mobilenet_v3")
assert space.sample(1).ops > 0 and load_network("mobilenet_v2").ops > 0 and space.to_yaml()
print(space.size)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"{(9**2 + 9**3 + 9**4) ** 5}\n"), done.stderr
