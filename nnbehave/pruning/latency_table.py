"""The latency table: the latency of each layer of a space, and so the latency of each of its networks."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import Field

from nnbehave.analysis.results import Results
from nnbehave.analysis.reuse_curve import ReuseCurve
from nnbehave.analysis.steps import StepMap
from nnbehave.design.graph import Graph
from nnbehave.design.layer import Layer
from nnbehave.errors import InvalidInputError
from nnbehave.pruning import latency_table_files
from nnbehave.pruning.chosen import curve_of, of_one
from nnbehave.pruning.places import Placed, distances_in, ends_of, places_of, price_at
from nnbehave.records import Environment, Measurements

if TYPE_CHECKING:
    import pandas as pd


class Entry(NamedTuple):
    """The latency of a layer and its standard error, in ms."""

    latency_ms: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    std_error_ms: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class UnknownLayerError(InvalidInputError, KeyError):
    """The table has no latency of a layer; the message names the layer."""

    __str__ = Exception.__str__  # that of KeyError puts the message in quotes


@dataclass(frozen=True, repr=False)
class LatencyTable:
    """Latencies of layers on one platform, by the ids of the layers.

    The latency of a network is the sum over its layers, each as it takes inside a network (method ``stacked``), without
    the call of the runtime itself. A layer includes its ``activation``, a block its shortcut. An ``add`` or ``concat``
    between layers of a network is a layer too. Layers that were measured in two contexts or more can be priced in any
    other.

    Attributes
    ----------
    platform, method : str
    versions : dict of str to str
        The versions of the packages that the latencies depend on.
    machine : str
        The processor.
    entries : dict of str to Entry
        By ``Layer.id``.
    maps : tuple of StepMap
        Layers that were not measured are interpolated along them; :meth:`interpolated` says which.
    missing : dict of str to str
        Layers that have no latency, and the reason.
    context : str
        The context of ``entries``.
    contexts : tuple of str
        All contexts that layers were measured in.
    places : dict of str to tuple of Placed
        By ``Layer.id``, the latencies at each distance that it was measured at, the nearest first.
    curve : ReuseCurve or None
        What weights cost on this machine by their distance. Layers are priced between and past their distances by it.
    """

    platform: str
    method: str
    versions: dict[str, str]
    machine: str
    entries: dict[str, Entry]
    maps: tuple[StepMap, ...] = ()
    missing: dict[str, str] = field(default_factory=dict)
    context: str = "unknown"
    contexts: tuple[str, ...] = ()
    places: dict[str, tuple[Placed, ...]] = field(default_factory=dict)
    curve: ReuseCurve | None = None

    @classmethod
    def from_results(
        cls,
        results: Measurements,
        platform: str | None = None,
        environment: str | None = None,
        method: str | None = None,
        context: str | None = None,
        curve: ReuseCurve | None = None,
    ) -> LatencyTable:
        """Return the table of the single layers that were measured on one platform.

        Parameters
        ----------
        results : Results or Measurements
        platform, environment, method : str, optional
            Which measurements to take; needed if the results have several. Measurements by the method ``none`` are
            left out.
        context : str, optional
            The context of ``entries``. By default ``network``, or where nothing was measured in it, the one of most
            measurements.
        curve : ReuseCurve, optional
            Of this machine and platform (:func:`nnbehave.studies.measure_reuse_curve`). By default it is found from
            the results, if layers were measured at three distances or more.

        Returns
        -------
        LatencyTable
            If a layer was measured more than once, its entry is the newest.

        Raises
        ------
        InvalidInputError
            The arguments leave several platforms, environments or methods, or no layer with a latency.
        """
        wanted = {"platform": platform, "environment": environment, "method": method}
        chosen = [one for one in results if one.subject.layer is not None and one.method != "none"]
        for name, value in wanted.items():
            chosen = of_one(name, value, chosen, results.environments)
        in_order = sorted(chosen, key=lambda one: one.session)  # of one layer the newest is the last, which stays
        contexts = Counter(one.context for one in in_order)
        chief = context or ("network" if "network" in contexts else max(contexts, key=contexts.__getitem__, default=""))
        by_age = [one for one in in_order if one.context == chief]
        usable = [(one, latency) for one in by_age if (latency := one.usable)]
        if not usable:
            raise InvalidInputError("results: no layer has a latency")
        entries = {one.subject.id: Entry(latency.ms, latency.std_error_ms) for one, latency in usable}
        first, _ = usable[0]
        facts = results.environments.get(first.environment, Environment())
        return cls(
            platform=first.platform,
            method=first.method,
            versions=dict(facts.versions),
            machine=str(facts.machine.get("cpu", "")),
            entries=entries,
            maps=tuple(Results(by_age, results.environments, results.choices).step_maps()),
            missing={one.subject.id: one.reason for one in by_age if one.subject.id not in entries},
            context=chief,
            contexts=tuple(sorted(contexts)),
            places=places_of(in_order),
            curve=curve or curve_of(in_order, results.environments),
        )

    def latency(self, network: Graph | Iterable[Layer], context: str | int | None = None) -> float:
        """Return the latency of a network in ms: the sum over its layers.

        Parameters
        ----------
        network : Graph or iterable of Layer
        context : {"loop", "cold"} or int, optional
            ``loop``: as where the network is called over and over; its weights and activations make the distance of
            each layer (:func:`nnbehave.design.working_set.working_set_bytes`). ``cold``: as where the caches were
            emptied before the call. A number: at a distance of so many bytes. By default in the table's own context.

        Raises
        ------
        UnknownLayerError
            The table has no latency of a layer, and no step map to interpolate it along.
        InvalidInputError
            There is no ``curve``, and a layer was measured at one distance only or none was measured ``cold``.
        """
        if context is not None:
            return float(self.interpolation(network, context)["latency_ms"].sum())
        entries = self.entries
        layers = _layers(network)
        try:
            return math.fsum([entries[layer.id][0] for layer in layers])
        except KeyError:
            return math.fsum([self.of_layer(layer) for layer in layers])

    def latency_interval(self, network: Graph | Iterable[Layer]) -> tuple[float, float]:
        """Return the 95 % interval of a network's latency in ms, from the standard errors of its measured layers.

        The effect of layers on each other inside a network is not included.

        Raises
        ------
        UnknownLayerError
            As ``latency``.
        """
        layers = _layers(network)
        latency = self.latency(layers)
        counts = Counter(layer.id for layer in layers)  # a layer that occurs twice has the same error twice
        errors = [count * self.entries[name].std_error_ms for name, count in counts.items() if name in self.entries]
        half = 1.96 * math.hypot(*errors)
        return latency - half, latency + half

    def of_layer(self, layer: Layer) -> float:
        """Return the latency of a layer in ms.

        Raises
        ------
        UnknownLayerError
            As ``latency``.
        """
        if layer.id in self.entries:
            return self.entries[layer.id].latency_ms
        if layer.id in self.missing:
            raise UnknownLayerError(f"{layer.id} has no latency on {self.platform}: {self.missing[layer.id]}")
        for found in self.maps:
            origin = found.origin
            if origin and all(getattr(layer, name) == value for name, value in origin.layer.items()):
                if found.kind == "unexplained":  # there is no law to interpolate by
                    continue
                n = getattr(layer, origin.dimension)
                if found.low <= n <= found.high:
                    return found.latency(n)
        raise UnknownLayerError(
            f"{layer.id} was not measured on {self.platform}, and lies on no step map: measure it "
            "(nnbehave.measure, nnbehave lut) and make the table again"
        )

    def interpolated(self, network: Graph | Iterable[Layer]) -> list[str]:
        """Return the ids of a network's layers that were not measured, but lie on a step map.

        Raises
        ------
        UnknownLayerError
            As ``latency``.
        """
        return [layer.id for layer in _layers(network) if layer.id not in self.entries and self.of_layer(layer)]

    def interpolation(self, network: Graph | Iterable[Layer], context: str | int) -> pd.DataFrame:
        """Return how each layer of a network is priced in a context.

        With a ``curve`` the latency follows the cost of weights. Without one it is interpolated over the logarithm of
        the distance; nearer than the nearest and further than the furthest it is that of the end.

        Returns
        -------
        pandas.DataFrame
            One row a layer: ``layer latency_ms distance_bytes nearest_bytes furthest_bytes``. The last two are the
            distances that it was measured at.

        Raises
        ------
        UnknownLayerError, InvalidInputError
            As ``latency``.
        """
        import pandas as pd

        layers = _layers(network)
        if context == "cold" and "cold" not in self.contexts and self.curve is None:
            raise InvalidInputError("context: no layer of this table was measured cold")
        distances = distances_in(network, layers, context)
        columns = ["layer", "latency_ms", "distance_bytes", "nearest_bytes", "furthest_bytes"]
        rows = []
        for layer, distance in zip(layers, distances, strict=True):
            if layer.id not in self.places:
                self.of_layer(layer)  # says why there is none
            places = self.places.get(layer.id, ())
            price = price_at(layer, places, distance, self.curve)
            rows.append((layer.id, price, distance, *ends_of(places)))
        return pd.DataFrame(rows, columns=columns)

    # ------------------------------------------------------------------ files

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each layer: ``platform layer``, the fields of the layer, ``latency_ms std_error_ms``."""
        import pandas as pd

        rows = [
            {"platform": self.platform, "layer": name, **Layer.from_id(name).model_dump(), **entry._asdict()}
            for name, entry in self.entries.items()
        ]
        return pd.DataFrame(rows)

    def export(self, format: str, path: str | Path | None = None) -> Any:
        """Return the table in the format of another tool, and write it as JSON or YAML if a path is given.

        Parameters
        ----------
        format : str
            ``ofa`` (:class:`~nnbehave.pruning.exporters.ofa.OFATableExporter`), ``nn_meter``
            (:class:`~nnbehave.pruning.exporters.nn_meter.NNMeterTableExporter`), or the format of a plug-in.
        path : str or path, optional

        Returns
        -------
        dict
            Plain Python data. Its shape depends on the format.

        Raises
        ------
        InvalidInputError
            The format or the suffix is unknown, the tool cannot take a layer, or the file cannot be written.
        """
        from nnbehave.pruning.exporters.registry import get_table_exporter

        return get_table_exporter(format).export(self, path)

    def save(self, path: str | Path) -> None:
        """Write the table as ``.json`` or ``.parquet``; :meth:`load` reads both back without loss.

        Raises
        ------
        InvalidInputError
            The file has another suffix or cannot be written.
        MissingExtraError
            Parquet needs pyarrow.
        """
        latency_table_files.save(self, Path(path))

    @staticmethod
    def check_file(path: Path) -> None:
        """Raise InvalidInputError if a table cannot be saved to a file."""
        latency_table_files.check_file(path)

    @classmethod
    def load(cls, path: str | Path) -> LatencyTable:
        """Read a table that :meth:`save` wrote.

        Raises
        ------
        InvalidInputError
            The file is no latency table, or was written in another version of the format.

        Warns
        -----
        UserWarning
            A package is installed in another version than the latencies were measured with.
        """
        return latency_table_files.load(cls, Path(path))

    def __repr__(self) -> str:
        versions = ", ".join(f"{name} {number}" for name, number in self.versions.items()) or "no versions known"
        return f"LatencyTable({len(self.entries)} layers on {self.platform}, {self.method}; {versions})"


def _layers(network: Graph | Iterable[Layer]) -> Sequence[Layer]:
    """Return the layers of a network."""
    if isinstance(network, Layer):
        raise InvalidInputError("network: expected a Graph or layers, got a Layer; of_layer takes one layer")
    return network.layers if isinstance(network, Graph) else list(network)
