"""How much accuracy does a model lose at each precision? The user gives the model and the function that scores it.

Nothing is timed here, so models of integer precision may keep float inputs and outputs.
"""

from __future__ import annotations

import contextlib
import io
import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm.auto import tqdm

from nnbehave.analysis.accuracy import Accuracy, Scored, judge_accuracy
from nnbehave.errors import InvalidInputError, MissingExtraError, WorkerError
from nnbehave.measurement.converters.quantisation import FLOAT_ENDS, ask_for_precision
from nnbehave.measurement.platforms import Platform, get_platform
from nnbehave.measurement.targets import Target, get_target
from nnbehave.measurement.worker import Worker
from nnbehave.runner.kernels import Kernel, executed_precision
from nnbehave.runner.reference import compared
from nnbehave.runner.tensors import decode_array, encode_array

Array = npt.NDArray[Any]
Predict = Callable[[Any], Any]

_TIME_LIMIT_S = 120.0
_AS_IT_IS = "as it is"
_SAMPLES = 100  # the most examples of ``representative`` that are used


def accuracy_by_precision(
    model: Any,
    evaluate: Callable[[Predict], Any],
    *,
    platforms: str | Sequence[str] = ("tflite",),
    precisions: Sequence[str] | None = None,
    representative: Any = None,
    tolerance: float = 0.01,
    progress: bool = True,
    target: str = "local",
) -> Accuracy:
    """Convert a model to each precision, run it on each platform, and score it with ``evaluate``.

    Parameters
    ----------
    model : keras.Model, str or Path
        A model of one input and one output. A ``.keras`` or ``.h5`` file is loaded. A ``.tflite`` file cannot be
        converted again: it is scored as it is, and compared with its own scores on the first platform that runs it.
    evaluate : callable
        A function of ``predict``, which takes an array of examples, batch first, and returns their outputs. The
        function returns one score for each example, such as 1 for a correct class, or one score for all. A higher score
        is better.
    platforms : str or sequence of str
    precisions : sequence of str, optional
        By default all precisions of each platform.
    representative : array_like, shape (examples, …), optional
        Typical inputs, of which the first hundred are used: to find the ranges of integer precisions, and to compare
        outputs. Without them integer precisions are not scored.
    tolerance : float
        The largest drop of the mean score at which accuracy still counts as kept.
    progress : bool
    target : str
        Where the model runs, as in :func:`nnbehave.sweep`.

    Returns
    -------
    Accuracy

    Raises
    ------
    InvalidInputError
        The model is of another kind, has more inputs or outputs than one, or a precision is unknown.
    MissingExtraError
        TensorFlow or a runtime is not installed.

    Examples
    --------
    >>> def evaluate(predict):
    ...     return predict(images).argmax(axis=1) == labels
    >>> nb.accuracy_by_precision(model, evaluate, representative=images[:100])  # doctest: +SKIP
    """
    names = [platforms] if isinstance(platforms, str) else platforms
    given_platforms = [get_platform(name) for name in names]
    examples = None if representative is None else np.asarray(representative, dtype=np.float32)[:_SAMPLES]
    with tempfile.TemporaryDirectory(prefix="nnbehave-") as folder, get_target(target) as where:
        there = [where.adapt(platform) for platform in given_platforms]  # raises if a runtime is missing
        runs = [(platform, each) for platform in there for each in _asked(platform, precisions)]
        given = _Given(model, examples, Path(folder))
        if given.keras is None:
            runs = [(platform, _AS_IT_IS) for platform in dict.fromkeys(platform for platform, _ in runs)]
        rows, base = [], evaluate(given.predict) if given.keras is not None else None
        expected = given.predict(examples) if given.keras is not None and examples is not None else None
        for platform, precision in tqdm(runs, "score", unit="precision", disable=not progress, leave=False):
            row = Scored(str(platform), precision)
            try:
                with _loaded(where, platform, given.artifact(platform, precision), precision) as (predict, ran):
                    row = replace(row, scores=evaluate(predict), executed_precision=ran)
                    if expected is not None:
                        row = _compared(row, predict(examples), expected)
            except (WorkerError, _Refused) as error:
                row = replace(row, reason=str(error))
            rows.append(row)
    if base is None:  # a .tflite file: only its scores on the first platform that runs it can be the base
        base = next((row.scores for row in rows if row.scores is not None), math.nan)
    return judge_accuracy(base, rows, tolerance)


class _Refused(Exception):
    """A model cannot be converted to a precision, or cannot run at it."""


def _asked(platform: Platform, precisions: Sequence[str] | None) -> Sequence[str]:
    known = platform.precisions
    for precision in precisions or ():
        if precision not in known:
            raise InvalidInputError(f"precisions: {platform} has {', '.join(known)}, got {precision!r}")
    return precisions or known


class _Given:
    """The given model, and its files at each precision."""

    def __init__(self, model: Any, examples: Array | None, folder: Path) -> None:
        self._examples, self._folder = examples, folder
        self.keras: Any = None
        if isinstance(model, str | Path) and Path(model).suffix == ".tflite":
            self._file = Path(model)
            if not self._file.is_file():
                raise InvalidInputError(f"model: there is no file {model}")
            return
        try:
            import tensorflow as tf
        except ImportError:
            raise MissingExtraError("converting a model needs tensorflow: pip install 'nnbehave[tensorflow]'") from None
        if isinstance(model, str | Path):
            try:
                model = tf.keras.models.load_model(model, compile=False)
            except (OSError, ValueError) as error:
                raise InvalidInputError(f"model: cannot read {model}: {error}") from None
        if not isinstance(model, tf.keras.Model):
            raise InvalidInputError(f"model: expected a Keras model or a file, got {type(model).__name__}")
        if len(model.inputs) != 1 or len(model.outputs) != 1:
            raise InvalidInputError("model: expected one input and one output")
        if None in model.inputs[0].shape[1:]:
            raise InvalidInputError(f"model: the shape of its input is not fixed: {model.inputs[0].shape}")
        self.keras = model

    def predict(self, x: Any) -> Array:
        """Return the outputs of the given model."""
        return np.asarray(self.keras.predict(np.asarray(x), verbose=0))

    def artifact(self, platform: Platform, precision: str) -> Path:
        """Return the file of the model at a precision for a platform. A converted model takes and gives floats."""
        if self.keras is None:
            return self._file
        integer = precision not in (*FLOAT_ENDS, "bf16")
        if integer and self._examples is None:
            raise _Refused("representative: integer precisions need some typical inputs to find their ranges")
        if platform.converter_for("fp32") != "tflite" and precision in ("fp16", "bf16"):
            precision = "fp32"  # this runtime takes an fp32 model and lowers its precision itself
        file = self._folder / f"{precision}.tflite"
        if not file.exists():
            file.write_bytes(self._converted(precision))
        return file

    def _converted(self, precision: str) -> bytes:
        import tensorflow as tf

        (given,) = self.keras.inputs
        one = tf.keras.Input(batch_shape=(1, *given.shape[1:]), dtype=given.dtype)
        converter = tf.lite.TFLiteConverter.from_keras_model(tf.keras.Model(one, self.keras(one)))
        ask_for_precision(converter, precision, self._samples, integer_ends=False)
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # it prints the path of a temporary folder
                content: bytes = converter.convert()
        except Exception as error:
            if type(error).__name__ != "ConverterError" and not isinstance(error, RuntimeError | ValueError):
                raise  # a fault of the converter, no refusal of the model
            raise _Refused("; ".join(dict.fromkeys(str(error).strip().splitlines()))[:300]) from None
        return content

    def _samples(self) -> Iterator[list[Array]]:
        assert self._examples is not None
        for example in self._examples:
            yield [example[None]]


@contextlib.contextmanager
def _loaded(target: Target, platform: Platform, file: Path, precision: str) -> Iterator[tuple[Predict, str]]:
    """Load a file in a runner. Yield a function that predicts with it, and the precision of its kernels."""
    hint = "fp32" if precision == _AS_IT_IS else precision
    with target.start(platform) as worker:
        answer = _ask(worker, "load", handle="model", path=worker.put(str(file)), seed=0, precision=hint)
        kernels = [Kernel(*each) for each in answer["kernels"]]

        def predict(x: Any) -> Array:
            outputs = []
            for example in np.asarray(x):
                answer = _ask(worker, "run", handle="model", inputs=[encode_array(example[None])])
                outputs.append(decode_array(answer["outputs"][0]))
            return np.concatenate(outputs)

        yield predict, executed_precision(kernels)


def _ask(worker: Worker, command: str, **fields: Any) -> dict[str, Any]:
    answer = worker.request(command, _TIME_LIMIT_S, **fields)
    if not answer["ok"]:
        raise _Refused(answer["error"])
    return answer


def _compared(row: Scored, found: Array, expected: Array) -> Scored:
    """Return a row with the comparison of outputs: signal over error (in dB), cosine and largest error."""
    error, cosine, largest, _ = compared(found.astype(float).ravel(), expected.astype(float).ravel())
    sqnr_db = math.inf if not error else -20 * math.log10(error) if error < math.inf else math.nan
    return replace(row, sqnr_db=sqnr_db, output_cosine=cosine, largest_error=largest)
