"""Rows of results whose truth is known."""

from __future__ import annotations

from typing import Any

import nnbehave as nb


def row(of: nb.Layer | str, ms: float, error: float = 0.005, **changes: Any) -> dict[str, Any]:
    """Return the row of a layer, or of what the ids of some layers say, that takes so long, ``error`` being a share."""
    if isinstance(of, str):
        count = of.count(";") + 1
        what: dict[str, Any] = {"layers": of, "arrangement": ["single", "pair", "chain"][min(count, 3) - 1]}
        what["precision"] = "fp32"
    else:
        what = {**of.model_dump(), "layers": of.id, "arrangement": "single"}
        what |= {"ops": of.ops, "mac": of.mac, "mac_bytes": of.mac_bytes}
    return {
        **what,
        "platform": "some",
        "environment": "here",
        "method": "whole",
        "session": 1,
        "latency_ms": ms,
        "std_error_ms": error * ms,
        "relative_latency": ms / 2,
        "relative_low": ms / 2 * (1 - 1.96 * error),
        "relative_high": ms / 2 * (1 + 1.96 * error),
        "status": "ok",
        "reason": "",
        "kernels": None,
        "executed_precision": changes.get("precision", what["precision"]),
        "placement": "full",
        "output_error": 0.0,
        "output_cosine": 1.0,
        "largest_error": 0.0,
        "rounding_error": 0.0,
    } | changes
