"""A stand-in for ``edgetpu_compiler`` that prints like the real one and fails in a chosen way."""

from __future__ import annotations

from pathlib import Path

PROGRAM = r"""#!/bin/sh
echo "Edge TPU Compiler version 16.0.384591198"
[ "$1" = --version ] && exit 0
while [ $# -gt 1 ]; do case $1 in --out_dir) out=$2; shift 2 ;; *) shift ;; esac; done
model=$1
echo "Started a compilation timeout timer of 180 seconds."
case "@cue@" in
  refuses) echo "Invalid model: $model"; echo "Model not quantized" >&2; exit 1 ;;
  crashes) echo "Internal compiler error. Aborting! " >&2; kill -ABRT $$ ;;
  nothing) echo "Compilation child process completed within timeout period."; echo "Compilation failed! "; exit 0 ;;
esac
cp "$model" "$out/model_edgetpu.tflite"
cat > "$out/model_edgetpu.log" <<END
Edge TPU Compiler version 16.0.384591198
Input: $model
Output: $out/model_edgetpu.tflite

Operator                       Count      Status

CONV_2D                        1          Mapped to Edge TPU
@extra@
END
echo "
Model compiled successfully in 20 ms.

Input model: $model
Input size: 4.24KiB
Output model: $out/model_edgetpu.tflite
Output size: 5.57KiB
Number of Edge TPU subgraphs: 1
Total number of operations: 1
Operation log: $out/model_edgetpu.log
See the operation log file for individual operation details."
"""


def stand_in(folder: Path, cue: str = "", extra: str = "") -> Path:
    """Write the stand-in into a folder. ``cue`` chooses a failure; ``extra`` is a further row of its log."""
    path = folder / "edgetpu_compiler"
    path.write_text(PROGRAM.replace("@cue@", cue).replace("@extra@", extra))
    path.chmod(0o755)
    return path
