"""The protocol between nnbehave and its worker processes: lines of JSON over a pair of pipes.

A request is one line on standard input: a JSON object with ``cmd``. An answer is one line on standard output, with
``ok``. If ``ok`` is false, ``error`` says why and ``kind`` is a status, ``unsupported`` or ``failed``. Whatever
libraries print goes to standard error. A worker ends when its standard input ends.

The requests of the runner (``python -m nnbehave.runner``), protocol version 7:

=============  ===============================================  ==================================================
``cmd``        request                                          answer
=============  ===============================================  ==================================================
``hello``                                                       ``protocol``, ``machine``, ``versions``, ``cpus``,
                                                                ``state`` (:func:`.machine.state`), ``witnesses``
                                                                (:meth:`.Witnesses.available`),
                                                                ``last_cache_bytes``
``load``       ``handle``, ``path``, ``seed`` (of the inputs),  ``load_s``, ``kernels`` (the fields of each
               ``precision``                                    :class:`.Kernel`), ``fidelity``
                                                                (:class:`.Fidelity`, or None if there is no
                                                                reference)
``run``        ``handle``, ``inputs`` (arrays)                  ``outputs`` (arrays)
``warm_up``    ``handle``, ``span_ns``                          ``spans`` (how many), ``steady``
``time``       ``handles``, ``span_ns``, ``sample_ns``          for each handle in order a sample: ``handle``,
                                                                ``calls_per_span``, ``spans_ns``, ``witnesses``
``rotate``     ``handles``, ``passes``, ``evict_bytes``         for each handle in order a sample
``profile``    ``handles``, ``sample_ns``                       for each handle in order a sample, by the
                                                                runtime's own clock
``estimate``   ``handles``                                      for each handle in order: ``handle``, and the
                                                                fields of its :class:`.Cost`, or ``refused`` (why)
``unload``     ``handle``
=============  ===============================================  ==================================================

An array is ``{"dtype": …, "shape": […], "data": base64 of its bytes in C order}``. The timed requests are explained in
:mod:`nnbehave.runner.timing`, the witnesses in :mod:`nnbehave.runner.witnesses`.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from typing import Any, Callable, Dict, Iterable

PROTOCOL_VERSION = 7

_MOST_REASON_CHARACTERS = 2000

Message = Dict[str, Any]  # a request or an answer: an object of JSON, whose fields the table above lists
Handler = Callable[[Message], Iterable[Message]]


class Unsupported(Exception):
    """The runtime refuses what was asked. The answer then has the kind ``unsupported`` and this error's message."""


def serve(handlers: dict[str, Handler]) -> None:
    """Answer requests until standard input ends.

    Parameters
    ----------
    handlers : dict of str to callable
        For each ``cmd`` a function that takes the request and yields the answers, without ``ok``.
    """
    answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)  # what libraries print must not come between the answers
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
        except Exception as error:  # the parent decides what a failure means; the worker goes on
            reason = f"{type(error).__name__}: {error}".strip()
            _say(answers, {"ok": False, "kind": "failed", "error": reason[:_MOST_REASON_CHARACTERS]})


def _read(requests: queue.SimpleQueue[str]) -> None:
    """Queue the requests. When the input ends, the parent is gone, so end this process at once, even if it is busy."""
    for line in sys.stdin:
        requests.put(line)
    os._exit(0)


def _say(answers: Any, answer: Message) -> None:
    """Write an answer. End this process if nobody reads it."""
    try:
        answers.write(json.dumps(answer) + "\n")
    except BrokenPipeError:
        os._exit(0)
