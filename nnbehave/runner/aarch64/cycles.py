"""The cycles that a core takes for a basic block of instructions, by LLVM's machine code analyser (llvm-mca).

The analyser takes a block as the body of a loop whose rounds overlap in the core's pipeline. So the cycles are what one
more execution adds while the loop runs. Loads find their data in the first-level cache, branches are predicted, and
calls and returns cost as much as jumps. Answers are kept in a file.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import subprocess
from collections import Counter
from contextlib import closing
from typing import Dict, Iterable, List, NamedTuple, Sequence

from nnbehave.runner.aarch64.instructions import disassemble, instruction_class, words

_ROUNDS = 100  # of the loop
_REVISION = 1  # must be raised by every change after which the same block gets another answer
_JUMPS = {"bl": "b", "blr": "br", "ret": "br x30"}  # replacements for calls, to which the analyser gives 100 cycles


class BlockCost(NamedTuple):
    """The cost of one execution of a basic block.

    Attributes
    ----------
    cycles : float
    classes : dict of str to int
        Number of its instructions in each class (:data:`.instructions.CLASSES`).
    """

    cycles: float
    classes: Dict[str, int]


class CycleModel:
    """Gives the costs of basic blocks on one core, and keeps them in a file.

    Parameters
    ----------
    llvm_mc, llvm_mca : sequence of str
        The commands of LLVM's disassembler and analyser.
    scheduler : str
        LLVM's name of the core.
    file : str
        An SQLite file, which is created if need be. Several processes may share it.
    """

    def __init__(self, llvm_mc: Sequence[str], llvm_mca: Sequence[str], scheduler: str, file: str) -> None:
        self._llvm_mc, self._llvm_mca, self._scheduler, self._file = llvm_mc, llvm_mca, scheduler, file
        self._known: Dict[str, BlockCost] = {}

    def costs(self, blocks: Iterable[str]) -> Dict[str, BlockCost]:
        """Return the cost of each block. A block is the hexadecimal text of its instructions.

        Raises
        ------
        RuntimeError
            The disassembler or the analyser fails.
        """
        wanted = {self._key(block): block for block in blocks}
        with closing(sqlite3.connect(self._file, timeout=60)) as kept:
            kept.execute("CREATE TABLE IF NOT EXISTS costs (key TEXT PRIMARY KEY, cost TEXT)")
            if not self._known:
                self._known = {key: BlockCost(*json.loads(cost)) for key, cost in kept.execute("SELECT * FROM costs")}
            if new := {key: block for key, block in wanted.items() if key not in self._known}:
                found = dict(zip(new, self._analyse(list(new.values()))))
                self._known.update(found)
                rows = [(key, json.dumps(cost)) for key, cost in found.items()]
                with kept:
                    kept.executemany("INSERT OR IGNORE INTO costs VALUES (?, ?)", rows)
        return {block: self._known[key] for key, block in wanted.items()}

    def _key(self, block: str) -> str:
        """Return the key of a block's cost in the file."""
        return hashlib.sha256(f"{_REVISION} {self._scheduler} {block}".encode()).hexdigest()[:24]

    def _analyse(self, blocks: List[str]) -> List[BlockCost]:
        """Return the costs of blocks that the file does not have."""
        code = [words(block) for block in blocks]
        texts = disassemble((word for block in code for word in block), self._llvm_mc)
        regions = [
            f"# LLVM-MCA-BEGIN {number}\n{''.join(_line(texts.get(word, '')) for word in block)}# LLVM-MCA-END\n"
            for number, block in enumerate(code)
        ]
        cycles = self._cycles("".join(regions))
        return [
            BlockCost(
                # Blocks that LLVM cannot schedule, such as those of system calls, get one cycle an instruction.
                cycles.get(number, float(len(block))),
                dict(Counter(instruction_class(texts.get(word, "")) for word in block)),
            )
            for number, block in enumerate(code)
        ]

    def _cycles(self, assembly: str) -> Dict[int, float]:
        """Return the cycles of each region of ``assembly``, without the regions that the analyser cannot schedule."""
        command = [*self._llvm_mca, "-mtriple=aarch64", f"-mcpu={self._scheduler}", "-mattr=+all", "--json"]
        command += [f"-iterations={_ROUNDS}", "--all-views=false", "--summary-view"]
        command += ["-skip-unsupported-instructions=any"]
        done = subprocess.run(command, input=assembly, capture_output=True, text=True, check=False)
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if "error" in line]
            raise RuntimeError(f"llvm-mca fails: {' '.join(errors)[-300:]}")
        regions = json.loads(done.stdout)["CodeRegions"]
        return {int(region["Name"]): region["SummaryView"]["TotalCycles"] / _ROUNDS for region in regions}


def _line(text: str) -> str:
    """Return an instruction as a line of the analyser's input. Calls and returns become jumps."""
    name = re.match(r"\w*", text)
    jump = _JUMPS.get(name[0]) if name else None
    return f"{jump}{text[len(name[0]) :]}\n" if name and jump else f"{text}\n"
