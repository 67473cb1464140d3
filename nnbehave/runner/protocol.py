"""Lines of JSON over a pair of pipes: how nnbehave talks to a worker process.

A request is one line on standard input, a JSON object with ``cmd``; an answer is one line on standard output with
``ok``. Where ``ok`` is false, ``error`` says why and ``kind`` is a status (``unsupported`` or ``failed``). Whatever
libraries print goes to standard error. A worker ends when its standard input does.

The runner (``python -m nnbehave.runner``), protocol version 5:

=============  ==============================================  ==================================================
``cmd``        request                                         answer
=============  ==============================================  ==================================================
``hello``                                                      ``protocol``, ``machine``, ``versions``, ``cpus``,
                                                               ``state`` (:func:`.machine.state`), ``witnesses``
                                                               (which of them there are)
``load``       ``handle``, ``path``, ``seed`` (of the input),  ``load_s``, ``kernels`` (of each its fields, as
               ``precision``                                   :class:`.kernels.Kernel` has them), ``fidelity``
                                                               (:class:`.reference.Fidelity`; None where nothing is
                                                               known to compare with)
``run``        ``handle``, ``inputs`` (arrays)                 ``outputs`` (arrays)
``warm_up``    ``handle``, ``value_ns``                        ``spans`` that it took, ``steady``
``time``       ``handles``, ``value_ns``, ``block_ns``         one line a handle, in order: ``handle``, ``inner``,
                                                               ``times_ns``, ``witnesses``
``rotate``     ``handles``, ``passes``, ``evict_bytes``        the same lines
``alternate``  ``handles``, ``passes``, ``evictor`` (a handle)  the same lines, each with one of the evictor after
``profile``    ``handles``, ``block_ns``                       the same lines, by the runtime's own clock
``estimate``   ``handles``                                     one line a handle, in order: ``handle``,
                                                               ``latency_ns``, ``counts``, ``left_out``
                                                               (:class:`.backends.base.Cost`), or ``refused``, why
``unload``     ``handle``
=============  ==============================================  ==================================================

An array is ``{"dtype": …, "shape": […], "data": base64 of its bytes in C order}``. ``times_ns``
holds spans, each of ``inner`` calls in a row; what was witnessed meanwhile is :mod:`nnbehave.runner.witnesses`'s.
"""

from __future__ import annotations

import base64
import json
import os
import queue
import sys
import threading
from typing import Any, Callable, Dict, Iterable

import numpy as np
import numpy.typing as npt

PROTOCOL_VERSION = 5

Handler = Callable[[Dict[str, Any]], Iterable[Dict[str, Any]]]


class Unsupported(Exception):
    """The runtime cannot do what was asked; the answer's ``kind`` is ``unsupported``."""


def serve(handlers: dict[str, Handler]) -> None:
    """Answer requests until standard input ends.

    Parameters
    ----------
    handlers : dict[str, Any] of str to callable
        For each ``cmd``, what takes the request and yields the answers.
    """
    answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)  # what libraries print must not mix with the protocol
    requests: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(requests,), daemon=True).start()
    while True:
        request = json.loads(requests.get())
        try:
            handler = handlers.get(request["cmd"])
            if handler is None:
                raise ValueError(f"unknown command {request['cmd']!r}")
            for answer in handler(request):
                _say(answers, {"ok": True, **answer})
        except Unsupported as error:
            _say(answers, {"ok": False, "kind": "unsupported", "error": str(error)})
        except Exception as error:  # the parent decides what a failure means; the worker stays up
            reason = f"{type(error).__name__}: {error}".strip()
            _say(answers, {"ok": False, "kind": "failed", "error": reason[:2000]})


def _read(requests: queue.SimpleQueue[str]) -> None:
    """Queue requests. The end of input means that the parent has gone, so the process goes at once, busy or not."""
    for line in sys.stdin:
        requests.put(line)
    os._exit(0)


def _say(answers: Any, answer: dict[str, Any]) -> None:
    try:
        answers.write(json.dumps(answer) + "\n")
    except BrokenPipeError:
        os._exit(0)


def encode_array(array: npt.NDArray[Any]) -> dict[str, Any]:
    """Return an array as JSON can hold it."""
    array = np.ascontiguousarray(array)
    data = base64.b64encode(array.tobytes()).decode("ascii")
    return {"dtype": str(array.dtype), "shape": list(array.shape), "data": data}


def decode_array(encoded: dict[str, Any]) -> npt.NDArray[Any]:
    """Return the array that ``encode_array`` encoded."""
    flat = np.frombuffer(base64.b64decode(encoded["data"]), dtype=encoded["dtype"])
    return flat.reshape(encoded["shape"])
