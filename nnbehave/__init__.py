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
    from nnbehave.errors import NNBehaveError
    from nnbehave.graph import Graph
    from nnbehave.layer import Layer
    from nnbehave.networks import load_network
    from nnbehave.pruning import LatencyTable, PrunedSpace, load_pruned_space, prune, what_was_lost
    from nnbehave.results import Results, load_blocks, load_results
    from nnbehave.space import Space, load_space
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
    "Accuracy": "analysers",
    "Activations": "analysers",
    "Batches": "analysers",
    "Blocks": "analysers",
    "Card": "analysers",
    "Fusion": "analysers",
    "Graph": "graph",
    "LatencyTable": "pruning",
    "Layer": "layer",
    "NNBehaveError": "errors",
    "PlatformComparison": "analysers",
    "Precisions": "analysers",
    "PrunedSpace": "pruning",
    "Results": "results",
    "Roofline": "analysers",
    "Scaling": "analysers",
    "Space": "space",
    "Statement": "analysers",
    "StepMap": "analysers",
    "accuracy_by_precision": "studies",
    "check_composition": "studies",
    "check_fusion": "studies",
    "compare": "studies",
    "compare_batches": "analysers",
    "compare_blocks": "analysers",
    "compare_cards": "analysers",
    "compare_platforms": "analysers",
    "compare_precisions": "analysers",
    "detect_fusion": "analysers",
    "detect_steps": "analysers",
    "diagnose": "studies",
    "find_steps": "analysers",
    "fit_roofline": "analysers",
    "fit_scaling": "analysers",
    "judge_accuracy": "analysers",
    "load_blocks": "results",
    "load_card": "analysers",
    "load_network": "networks",
    "load_pruned_space": "pruning",
    "load_results": "results",
    "load_space": "space",
    "load_step_map": "analysers",
    "make_card": "studies",
    "measure_roofline": "studies",
    "measure_scaling": "studies",
    "prune": "pruning",
    "rank_activations": "analysers",
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
