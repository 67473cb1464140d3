"""Instructions of AArch64: their text, and the classes in which they are counted."""

from __future__ import annotations

import re
import subprocess
from typing import Dict, Iterable, List, Sequence

CLASSES = (
    "fma",
    "dot_product",
    "vector_multiply",
    "vector_load",
    "vector_store",
    "vector_other",
    "load",
    "store",
    "branch",
    "other",
)
_WORD = 8  # hexadecimal digits in an instruction

_FMA = {"fmla", "fmls", "fmadd", "fmsub", "fnmadd", "fnmsub"}
_DOT_PRODUCT = {"sdot", "udot"}
_MULTIPLY = re.compile(r"(sq|sqr|s|u|f|fn)?(d?mul|ml[as])")
_BRANCH = re.compile(r"(b|bl|br|blr|ret|[ct]bn?z|b\..*)$")
_VECTOR = re.compile(r"(\{|[qdshbv]\d)")
_INVALID = re.compile(r"<stdin>:(\d+):\d+: warning: invalid instruction encoding")


def words(block: str) -> List[str]:
    """Return the instructions of a block, each as eight hexadecimal digits."""
    return [block[i : i + _WORD] for i in range(0, len(block), _WORD)]


def disassemble(code: Iterable[str], llvm_mc: Sequence[str]) -> Dict[str, str]:
    """Return LLVM's text of each instruction. Instructions that LLVM does not know have no entry.

    Parameters
    ----------
    code : iterable of str
        Instructions, each as eight hexadecimal digits.
    llvm_mc : sequence of str
        The command of the disassembler.

    Raises
    ------
    RuntimeError
        The output of the disassembler does not match its input.
    """
    known = sorted(set(code))
    lines = [" ".join(f"0x{byte:02x}" for byte in int(word, 16).to_bytes(4, "little")) for word in known]
    command = [*llvm_mc, "--disassemble", "-triple=aarch64", "-mattr=+all"]
    done = subprocess.run(command, input="\n".join(lines), capture_output=True, text=True, check=False)
    invalid = {int(line) - 1 for line in _INVALID.findall(done.stderr)}
    valid = [word for position, word in enumerate(known) if position not in invalid]
    texts = [" ".join(line.split()) for line in done.stdout.splitlines() if line.strip() not in ("", ".text")]
    if len(texts) != len(valid):
        raise RuntimeError(f"llvm-mc gave {len(texts)} instructions for {len(valid)}: {done.stderr[-300:]}")
    return dict(zip(valid, texts))


def instruction_class(text: str) -> str:
    """Return the class of an instruction, given as LLVM's text: one of ``CLASSES``."""
    name, _, operands = text.partition(" ")
    vector = bool(_VECTOR.match(operands))
    if name in _FMA:
        return "fma"
    if name in _DOT_PRODUCT:
        return "dot_product"
    if name.startswith(("ld", "st")):
        return ("vector_" if vector else "") + ("load" if name.startswith("ld") else "store")
    if vector:
        return "vector_multiply" if _MULTIPLY.match(name) else "vector_other"
    return "branch" if _BRANCH.match(name) else "other"
