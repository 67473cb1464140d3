"""The platform ``simulated``: latencies by a known law, for tests, examples and authors of plug-ins."""

from nnbehave.design.precisions import PRECISIONS
from nnbehave.measurement.platforms._base import Platform


class Simulated(Platform):
    """Runs nothing, and gives latencies by a known law with seeded noise.

    :mod:`nnbehave.runner.backends.simulated` explains the options.
    """

    name = "simulated"
    options = {
        "law": "staircase",
        "dimension": "out_channels",
        "width": 16,
        "step_us": 40.0,
        "overhead_us": 20.0,
        "exponent": 1.0,
        "peak_gops": 50.0,
        "bandwidth_gbs": 10.0,
        "fuses": "",
        "noise": 0.01,
        "world": 0.0,
        "seed": 0,
        "fail_at": 0,
        "crash_at": 0,
        "hang_at": 0,
        "leaves_out": "",
    }
    choices = {"law": ("flat", "linear", "staircase", "power", "roofline")}
    methods = ("whole", "estimated")
    precisions = PRECISIONS
    converter = "layer_spec"
    backend = "nnbehave.runner.backends.simulated:SimulatedBackend"
    wall_clock = False
