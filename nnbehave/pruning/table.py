"""The latency table: what each layer of a space takes, and so what any of its networks takes."""

from __future__ import annotations

import json
import math
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import Field

from nnbehave.analysis import StepMap
from nnbehave.design.graph import Graph
from nnbehave.design.layer import Layer
from nnbehave.errors import InvalidInputError, MissingExtraError

if TYPE_CHECKING:
    import pandas as pd

    from nnbehave.analysis.results import Results

_FORMAT, _VERSION = "nnbehave.latency_table", 1


class Entry(NamedTuple):
    """What a layer takes: latency and its standard error in ms."""

    latency_ms: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    std_error_ms: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class UnknownLayerError(InvalidInputError, KeyError):
    """A layer that the table has no latency of; the message names it."""

    __str__ = Exception.__str__


@dataclass(frozen=True, repr=False)
class LatencyTable:
    """Latencies of layers on one platform, by their ids.

    A network takes the sum of its layers, each as inside a network (method ``stacked``), without the call of the
    runtime itself. A layer's ``activation`` is part of it, and a block's shortcut; an ``add`` or ``concat`` that a
    network has between layers is a layer too.

    Attributes
    ----------
    platform, method : str
    versions : dict of str to str
        Packages that the latencies depend on.
    machine : str
        The processor.
    entries : dict of str to Entry
        By ``Layer.id``.
    maps : tuple of StepMap
        Along which layers are interpolated that were not measured; :meth:`interpolated` says which.
    missing : dict of str to str
        Layers that have no latency, and why.
    """

    platform: str
    method: str
    versions: dict[str, str]
    machine: str
    entries: dict[str, Entry]
    maps: tuple[StepMap, ...] = ()
    missing: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_results(
        cls,
        results: Results,
        platform: str | None = None,
        environment: str | None = None,
        method: str | None = None,
    ) -> LatencyTable:
        """Make the table of what was measured on one platform, of layers measured more than once the newest.

        Raises
        ------
        InvalidInputError
            The arguments leave several platforms, environments or methods, or nothing that has a latency.
        """
        from nnbehave.analysis.results import usable

        frame = results.frame[(results.frame["arrangement"] == "single") & (results.frame["method"] != "none")]
        for name, wanted in {"platform": platform, "environment": environment, "method": method}.items():
            frame = frame if wanted is None else frame[frame[name] == wanted]
            if len(several := sorted(set(frame[name].astype(str)))) > 1:
                told = ", ".join(_told(one, results.environments.get(one, {})) for one in several)
                raise InvalidInputError(f"a latency table is of one {name}, and these results are of {told}: give one")
        rows = usable(frame)
        if rows.empty:
            raise InvalidInputError("no layer of these results has a latency")
        known = zip(rows["subject"], rows["latency_ms"], rows["std_error_ms"], strict=True)
        entries = {subject: Entry(float(ms), float(error)) for subject, ms, error in known}
        lost = frame[~frame["subject"].isin(entries)]
        missing = dict(zip(lost["subject"], lost["reason"].fillna("").astype(str), strict=True))
        where = results.environments.get(str(rows["environment"].iloc[0]), {})
        return cls(
            str(rows["platform"].iloc[0]),
            str(rows["method"].iloc[0]),
            dict(where.get("versions", {})),
            str(where.get("machine", {}).get("cpu", "")),
            entries,
            tuple(
                found
                for found in results.step_maps()
                if found.origin and found.origin.platform in frame["platform"].values
            ),
            missing,
        )

    def latency(self, network: Graph | Iterable[Layer]) -> float:
        """Return what a network takes, in ms: the sum over its layers.

        Raises
        ------
        UnknownLayerError
            The table has no latency of one of them, and no step map along which it could be interpolated.
        """
        entries = self.entries
        layers = _layers(network)
        try:
            return math.fsum([entries[layer.id][0] for layer in layers])
        except KeyError:
            return math.fsum([self.of_layer(layer) for layer in layers])

    def latency_interval(self, network: Graph | Iterable[Layer]) -> tuple[float, float]:
        """Return the 95 % interval of a network's latency, as far as its measured layers' own errors make it.

        What layers do to one another in a network is not in it. Raises UnknownLayerError as ``latency``.
        """
        layers = _layers(network)
        latency = self.latency(layers)
        counts = Counter(layer.id for layer in layers)  # a layer that is there twice is off by the same twice
        errors = [count * self.entries[name].std_error_ms for name, count in counts.items() if name in self.entries]
        half = 1.96 * math.hypot(*errors)
        return latency - half, latency + half

    def of_layer(self, layer: Layer) -> float:
        """Return what a layer takes, in ms. Raises UnknownLayerError as ``latency``."""
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

        Raises UnknownLayerError as ``latency``.
        """
        return [layer.id for layer in _layers(network) if layer.id not in self.entries and self.of_layer(layer)]

    # ------------------------------------------------------------------ files

    def to_frame(self) -> pd.DataFrame:
        """Return one row a layer: ``platform layer``, its fields, ``latency_ms std_error_ms``."""
        import pandas as pd

        rows = [
            {"platform": self.platform, "layer": name, **Layer.from_id(name).model_dump(), **entry._asdict()}
            for name, entry in self.entries.items()
        ]
        return pd.DataFrame(rows)

    def export(self, format: str, path: str | Path | None = None) -> dict[str, Any]:
        """Return the table in another tool's format, and write it as JSON or YAML where a path is given.

        Parameters
        ----------
        format : {"ofa", "nn_meter"}
            As of :func:`nnbehave.pruning.table_formats.once_for_all` and ``nn_meter`` there.
        path : str or path, optional

        Raises
        ------
        InvalidInputError
            Another format or suffix, or a layer that the tool cannot take in.
        """
        from nnbehave.pruning.table_formats import export

        return export(self, format, path)

    def save(self, path: str | Path) -> None:
        """Write the table as ``.json`` or ``.parquet``; :meth:`load` reads either back, the same.

        Raises
        ------
        InvalidInputError
            Another suffix, or a path that cannot be written.
        MissingExtraError
            Parquet needs pyarrow.
        """
        path = Path(path)
        self.check_file(path)
        about = {"format": _FORMAT, "version": _VERSION, **{k: v for k, v in asdict(self).items() if k != "entries"}}
        try:
            if path.suffix == ".json":
                path.write_text(json.dumps(about | {"entries": self.entries}, indent=1) + "\n", encoding="utf-8")
            else:
                _parquet().write(self.to_frame(), about, path)
        except OSError as error:
            raise InvalidInputError(f"cannot write {path}: {error.strerror}") from None

    @staticmethod
    def check_file(path: Path) -> None:
        """Raise InvalidInputError for a file that a table is not saved to."""
        if path.suffix not in (".json", ".parquet"):
            raise InvalidInputError(f"a latency table is saved as .json or .parquet, not {path.name!r}")
        if not path.parent.is_dir():
            raise InvalidInputError(f"cannot write {path}: there is no folder {str(path.parent)!r}")

    @classmethod
    def load(cls, path: str | Path) -> LatencyTable:
        """Read a table that :meth:`save` wrote.

        Raises
        ------
        InvalidInputError
            It is none, or of another version of the format.

        Warns
        -----
        UserWarning
            A package is here in another version than the latencies were measured with.
        """
        from pydantic import TypeAdapter

        path = Path(path)
        try:
            data = _parquet().read(path) if path.suffix == ".parquet" else json.loads(path.read_text(encoding="utf-8"))
            kind, number = data.pop("format"), data.pop("version")
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidInputError(f"{path} is no latency table: {error}") from None
        if (kind, number) != (_FORMAT, _VERSION):
            raise InvalidInputError(
                f"{path}: {kind} version {number}; this nnbehave reads latency tables of version {_VERSION}"
            )
        try:
            data["maps"] = tuple(map(StepMap.from_dict, data["maps"]))
            table = TypeAdapter(cls).validate_python(data)
        except (ValueError, KeyError, TypeError) as error:  # a ValidationError of pydantic is a ValueError
            raise InvalidInputError(f"{path} is no latency table: {error}") from None
        for package, measured in table.versions.items():
            try:
                here = version(package)
            except PackageNotFoundError:
                continue
            if here != measured:
                warnings.warn(
                    f"{path} was measured with {package} {measured}, and {here} is here: measure it again", stacklevel=2
                )
        return table

    def __repr__(self) -> str:
        of = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        return (
            f"LatencyTable({len(self.entries)} layers on {self.platform}, {self.method}; {of or 'no versions known'})"
        )


def _layers(network: Graph | Iterable[Layer]) -> Sequence[Layer]:
    if isinstance(network, Layer):
        raise InvalidInputError("expected a Graph or layers; of_layer takes one layer")
    return network.layers if isinstance(network, Graph) else list(network)


def _told(name: str, environment: dict[str, Any]) -> str:
    versions = ", ".join(f"{package} {number}" for package, number in environment.get("versions", {}).items())
    return f"{name} ({versions})" if versions else name


class _Parquet:
    """The entries as rows, all else as metadata of the file."""

    def write(self, entries: pd.DataFrame, about: dict[str, Any], path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.Table.from_pandas(entries, preserve_index=False)
        pq.write_table(table.replace_schema_metadata({_FORMAT: json.dumps(about)}), path)

    def read(self, path: Path) -> dict[str, Any]:
        import pyarrow.parquet as pq

        table = pq.read_table(path)
        about: dict[str, Any] = json.loads(table.schema.metadata[_FORMAT.encode()])
        columns = (table.column(name).to_pylist() for name in ("layer", *Entry._fields))
        return about | {"entries": {name: (ms, error) for name, ms, error in zip(*columns, strict=True)}}


def _parquet() -> _Parquet:
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("Parquet needs pyarrow: pip install 'nnbehave[parquet]'") from error
    return _Parquet()
