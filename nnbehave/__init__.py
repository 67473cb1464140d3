"""nnbehave: measure how latency really behaves on an inference platform, find the steps, keep what is worth keeping.

Importing it loads no TensorFlow, runtime, pandas or SQLAlchemy: names are looked up when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

# These two are a module and a function of one name: bound here and now, the function is what the name means.
from nnbehave.measurement.platforms import platforms
from nnbehave.sweep import measure, sweep

if TYPE_CHECKING:
    from nnbehave.analysis import (
        Accuracy,
        Activations,
        Batches,
        Blocks,
        Card,
        Fusion,
        PlatformComparison,
        Precisions,
        Roofline,
        Scaling,
        Statement,
        StepMap,
        compare_batches,
        compare_blocks,
        compare_cards,
        compare_platforms,
        compare_precisions,
        detect_fusion,
        detect_steps,
        find_steps,
        fit_roofline,
        fit_scaling,
        judge_accuracy,
        load_card,
        load_step_map,
        rank_activations,
    )
    from nnbehave.analysis.results import Results, load_blocks, load_results
    from nnbehave.design.graph import Graph
    from nnbehave.design.layer import Layer
    from nnbehave.design.networks import load_network
    from nnbehave.design.space import Space, load_space
    from nnbehave.errors import NNBehaveError
    from nnbehave.pruning import LatencyTable, PrunedSpace, load_pruned_space, prune, what_was_lost
    from nnbehave.studies import (
        accuracy_by_precision,
        check_composition,
        check_fusion,
        compare,
        diagnose,
        make_card,
        measure_roofline,
        measure_scaling,
    )

__version__ = "0.1.0"

_LAZY = {
    "Accuracy": "analysis",
    "Activations": "analysis",
    "Batches": "analysis",
    "Blocks": "analysis",
    "Card": "analysis",
    "Fusion": "analysis",
    "Graph": "design.graph",
    "LatencyTable": "pruning",
    "Layer": "design.layer",
    "NNBehaveError": "errors",
    "PlatformComparison": "analysis",
    "Precisions": "analysis",
    "PrunedSpace": "pruning",
    "Results": "analysis.results",
    "Roofline": "analysis",
    "Scaling": "analysis",
    "Space": "design.space",
    "Statement": "analysis",
    "StepMap": "analysis",
    "accuracy_by_precision": "studies",
    "check_composition": "studies",
    "check_fusion": "studies",
    "compare": "studies",
    "compare_batches": "analysis",
    "compare_blocks": "analysis",
    "compare_cards": "analysis",
    "compare_platforms": "analysis",
    "compare_precisions": "analysis",
    "detect_fusion": "analysis",
    "detect_steps": "analysis",
    "diagnose": "studies",
    "find_steps": "analysis",
    "fit_roofline": "analysis",
    "fit_scaling": "analysis",
    "judge_accuracy": "analysis",
    "load_blocks": "analysis.results",
    "load_card": "analysis",
    "load_network": "design.networks",
    "load_pruned_space": "pruning",
    "load_results": "analysis.results",
    "load_space": "design.space",
    "load_step_map": "analysis",
    "make_card": "studies",
    "measure_roofline": "studies",
    "measure_scaling": "studies",
    "prune": "pruning",
    "rank_activations": "analysis",
    "what_was_lost": "pruning",
}

__all__ = [
    "Accuracy",
    "Activations",
    "Batches",
    "Blocks",
    "Card",
    "Fusion",
    "Graph",
    "LatencyTable",
    "Layer",
    "NNBehaveError",
    "PlatformComparison",
    "Precisions",
    "PrunedSpace",
    "Results",
    "Roofline",
    "Scaling",
    "Space",
    "Statement",
    "StepMap",
    "accuracy_by_precision",
    "check_composition",
    "check_fusion",
    "compare",
    "compare_batches",
    "compare_blocks",
    "compare_cards",
    "compare_platforms",
    "compare_precisions",
    "detect_fusion",
    "detect_steps",
    "diagnose",
    "find_steps",
    "fit_roofline",
    "fit_scaling",
    "judge_accuracy",
    "load_blocks",
    "load_card",
    "load_network",
    "load_pruned_space",
    "load_results",
    "load_space",
    "load_step_map",
    "make_card",
    "measure",
    "measure_roofline",
    "measure_scaling",
    "platforms",
    "prune",
    "rank_activations",
    "sweep",
    "what_was_lost",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
