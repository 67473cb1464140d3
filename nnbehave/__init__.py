"""nnbehave: measure how latency really behaves on an inference platform, find the steps, keep what is worth keeping.

Importing it loads no TensorFlow, runtime, pandas or SQLAlchemy: names are looked up when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

# These two are a module and a function of one name: bound here and now, the function is what the name means.
from nnbehave.platforms import platforms
from nnbehave.sweep import measure, sweep

if TYPE_CHECKING:
    from nnbehave.analysers import (
        Activations,
        Blocks,
        Fusion,
        Precisions,
        Roofline,
        Scaling,
        StepMap,
        compare_blocks,
        compare_precisions,
        detect_fusion,
        detect_steps,
        find_steps,
        fit_roofline,
        fit_scaling,
        load_step_map,
        rank_activations,
    )
    from nnbehave.errors import NNBehaveError
    from nnbehave.graph import Graph
    from nnbehave.layer import Layer
    from nnbehave.networks import load_network
    from nnbehave.results import Results, load_blocks, load_results
    from nnbehave.space import Space, load_space
    from nnbehave.studies import (
        check_composition,
        check_fusion,
        compare,
        diagnose,
        measure_roofline,
        measure_scaling,
    )

__version__ = "0.1.0"

_LAZY = {
    "Activations": "analysers",
    "Blocks": "analysers",
    "Fusion": "analysers",
    "Graph": "graph",
    "Layer": "layer",
    "NNBehaveError": "errors",
    "Precisions": "analysers",
    "Results": "results",
    "Roofline": "analysers",
    "Scaling": "analysers",
    "Space": "space",
    "StepMap": "analysers",
    "check_composition": "studies",
    "check_fusion": "studies",
    "compare": "studies",
    "compare_blocks": "analysers",
    "compare_precisions": "analysers",
    "detect_fusion": "analysers",
    "detect_steps": "analysers",
    "diagnose": "studies",
    "find_steps": "analysers",
    "fit_roofline": "analysers",
    "fit_scaling": "analysers",
    "load_blocks": "results",
    "load_network": "networks",
    "load_results": "results",
    "load_space": "space",
    "load_step_map": "analysers",
    "measure_roofline": "studies",
    "measure_scaling": "studies",
    "rank_activations": "analysers",
}

__all__ = [
    "Activations",
    "Blocks",
    "Fusion",
    "Graph",
    "Layer",
    "NNBehaveError",
    "Precisions",
    "Results",
    "Roofline",
    "Scaling",
    "Space",
    "StepMap",
    "check_composition",
    "check_fusion",
    "compare",
    "compare_blocks",
    "compare_precisions",
    "detect_fusion",
    "detect_steps",
    "diagnose",
    "find_steps",
    "fit_roofline",
    "fit_scaling",
    "load_blocks",
    "load_network",
    "load_results",
    "load_space",
    "load_step_map",
    "measure",
    "measure_roofline",
    "measure_scaling",
    "platforms",
    "rank_activations",
    "sweep",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
