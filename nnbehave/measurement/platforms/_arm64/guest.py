"""The program that runs under QEMU, in a Python for aarch64: it loads models into LiteRT and runs them.

Each model gets a process of its own, forked from this one, which does nothing else. So a model finds the same state
whichever models ran before it, and a model that crashes ends its own process only.

A request is a line of JSON on standard input. An answer is a line of JSON on the file descriptor whose number is the
first argument.

1. ``{"path", "xnnpack"}`` loads a model. The answer has its ``inputs``, ``nodes`` and ``tensors``.
2. ``{"inputs", "outputs"}`` runs the model twice, the second time between the marks of the counter (``counter.c``). The
   fields are the paths of the ``.npz`` files to read and to write. The answer has ``maps``: where code is in memory.

If LiteRT refuses, the answer is ``{"error": why}``. If the model's process dies, it is ``{"died": how}``. After both,
the next request must load a model.
"""

import io
import json
import os
import sys
from contextlib import suppress
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

_MARK = 0x6E6E6265  # as in counter.c
_NO_MORE = 3  # exit status of a process that found no request


def load(path: str, xnnpack: bool) -> Interpreter:
    """Load a model that runs on one thread."""
    resolver = OpResolverType.AUTO if xnnpack else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_path=path, num_threads=1, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    return interpreter


def described(interpreter: Interpreter) -> dict[str, Any]:
    """Return the description of a loaded model that answers the request to load it."""
    inputs, tensors = interpreter.get_input_details(), interpreter.get_tensor_details()
    return {
        "inputs": [[detail["shape"].tolist(), np.dtype(detail["dtype"]).name] for detail in inputs],
        "nodes": [
            {"op_name": node["op_name"], "index": node["index"]}
            | {side: [int(tensor) for tensor in node[side]] for side in ("inputs", "outputs")}
            for node in interpreter._get_ops_details()
        ],
        "tensors": [[int(tensor["index"]), np.dtype(tensor["dtype"]).name] for tensor in tensors],
    }


def run(interpreter: Interpreter, inputs: str, outputs: str) -> None:
    """Run a model once, which prepares what LiteRT prepares at the first call, and once more between the marks."""
    with np.load(inputs) as arrays:
        for detail, name in zip(interpreter.get_input_details(), arrays.files, strict=True):
            interpreter.set_tensor(detail["index"], arrays[name])
    interpreter.invoke()
    _mark(0)
    interpreter.invoke()
    _mark(1)
    with open(outputs, "wb") as file:
        np.savez(file, *[interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()])


def _mark(offset: int) -> None:
    """Make the system call that the counter watches for. The call has no other effect, because it fails."""
    with suppress(OSError):
        os.lseek(-1, _MARK + offset, os.SEEK_SET)


def _maps() -> list[list[str]]:
    """Return the address range and the file of each executable part of memory."""
    with open("/proc/self/maps", encoding="utf-8") as file:
        fields = [line.split() for line in file]
    return [[each[0], each[5]] for each in fields if "x" in each[1] and len(each) > 5]


def _serve(answers: int) -> bool:
    """Answer the requests for one model. Return False if there was none."""
    if not (request := _next_request()):
        return False
    try:
        interpreter = load(request["path"], request["xnnpack"])
        _say(answers, described(interpreter))
        if files := _next_request():
            run(interpreter, files["inputs"], files["outputs"])
            _say(answers, {"maps": _maps()})
    except (RuntimeError, ValueError) as error:
        _say(answers, {"error": str(error)})
    return True


def _next_request() -> Any:
    """Return the next request. Do not read further, because the request after it may be for another process."""
    return json.loads(sys.stdin.buffer.raw.readline() or "null")  # type: ignore[union-attr]


def _say(answers: int, answer: dict[str, Any]) -> None:
    """Write an answer."""
    os.write(answers, (json.dumps(answer) + "\n").encode())


def _translate_ahead() -> None:
    """Run the code that each process runs besides its model, so that QEMU translates it once for all of them."""
    file = io.BytesIO()
    np.savez(file, np.zeros(1, np.float32))
    file.seek(0)
    with np.load(file) as arrays:
        json.loads(json.dumps({"inputs": [arrays[name].tolist() for name in arrays.files], "maps": _maps()}))


def main() -> None:
    """Answer requests until there are no more."""
    answers = int(sys.argv[1])
    _translate_ahead()
    while True:
        child = os.fork()
        if not child:
            os._exit(0 if _serve(answers) else _NO_MORE)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status == _NO_MORE:
            return
        if status:
            _say(answers, {"died": f"signal {-status}" if status < 0 else f"exit {status}"})


main()
