"""How many cycles a core takes for a block of instructions: LLVM's machine code analyser, with answers kept.

A block is taken as the body of a loop, of which the core has as many rounds in flight as fit: what one execution of it
adds where it is hot. Loads find their data in the first-level cache, branches are foreseen, and calls and returns cost
what jumps do.
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

_ROUNDS = 100
_REVISION = 1  # raised whenever the same block would get another answer
_JUMPS = {"bl": "b", "blr": "br", "ret": "br x30"}  # the analyser gives a call 100 cycles


class BlockCost(NamedTuple):
    """What one execution of a block takes.

    Attributes
    ----------
    cycles : float
    classes : dict of str to int
        How many of its instructions are in each class.
    """

    cycles: float
    classes: Dict[str, int]


class CycleModel:
    """Costs of blocks on one core, kept in a file between runs.

    Parameters
    ----------
    llvm_mc, llvm_mca : sequence of str
        The commands.
    scheduler : str
        The core, as LLVM calls it.
    file : str
        An SQLite file, made where there is none; any number of processes may share it.
    """

    def __init__(self, llvm_mc: Sequence[str], llvm_mca: Sequence[str], scheduler: str, file: str) -> None:
        self._llvm_mc, self._llvm_mca, self._scheduler, self._file = llvm_mc, llvm_mca, scheduler, file
        self._known: Dict[str, BlockCost] = {}

    def costs(self, blocks: Iterable[str]) -> Dict[str, BlockCost]:
        """Return the cost of each block, given as hexadecimal text.

        Raises
        ------
        RuntimeError
            The analyser fails.
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
        return hashlib.sha256(f"{_REVISION} {self._scheduler} {block}".encode()).hexdigest()[:24]

    def _analyse(self, blocks: List[str]) -> List[BlockCost]:
        code = [words(block) for block in blocks]
        texts = disassemble((word for block in code for word in block), self._llvm_mc)
        regions = [
            f"# LLVM-MCA-BEGIN {number}\n{''.join(_line(texts.get(word, '')) for word in block)}# LLVM-MCA-END\n"
            for number, block in enumerate(code)
        ]
        cycles = self._cycles("".join(regions))
        return [
            BlockCost(
                # what has no schedule at all, such as system calls, is taken as one instruction a cycle
                cycles.get(number, float(len(block))),
                dict(Counter(instruction_class(texts.get(word, "")) for word in block)),
            )
            for number, block in enumerate(code)
        ]

    def _cycles(self, assembly: str) -> Dict[int, float]:
        """Return the cycles of each region of ``assembly`` that the analyser has an answer for."""
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
    """Return an instruction as the analyser is to take it."""
    name = re.match(r"\w*", text)
    jump = _JUMPS.get(name[0]) if name else None
    return f"{jump}{text[len(name[0]) :]}\n" if name and jump else f"{text}\n"
