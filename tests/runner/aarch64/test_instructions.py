from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from nnbehave.measurement.platforms._arm64.setup import Installed
from nnbehave.measurement.platforms.preparation import Preparation
from nnbehave.runner.aarch64.instructions import CLASSES, disassemble, instruction_class, words

WORDS = st.integers(0, 2**32 - 1).map("{:08x}".format)


@pytest.mark.parametrize(
    ("text", "is_in"),
    [
        ("fmla v8.4s, v0.4s, v4.s[0]", "fma"),
        ("fmadd s0, s1, s2, s3", "fma"),
        ("sdot v16.4s, v0.16b, v2.4b[1]", "dot_product"),
        ("smlal2 v0.4s, v1.8h, v2.8h", "vector_multiply"),
        ("sqrdmulh v4.4s, v4.4s, v5.4s", "vector_multiply"),
        ("fmul v1.4s, v1.4s, v2.4s", "vector_multiply"),
        ("ldr q0, [x1, #16]!", "vector_load"),
        ("ld1 { v0.4s, v1.4s }, [x0], #32", "vector_load"),
        ("ldp d8, d9, [sp, #16]", "vector_load"),
        ("stp q0, q1, [x2], #32", "vector_store"),
        ("st1 { v3.s }[2], [x4]", "vector_store"),
        ("ldr x0, [sp, #8]", "load"),
        ("ldrsw x1, [x2, w3, sxtw #2]", "load"),
        ("str wzr, [x0]", "store"),
        ("b.ne #-12", "branch"),
        ("cbz x0, #16", "branch"),
        ("tbnz w1, #3, #8", "branch"),
        ("ret", "branch"),
        ("bl #4096", "branch"),
        ("bic x0, x1, x2", "other"),
        ("bfi w0, w1, #8, #8", "other"),
        ("smull x0, w1, w2", "other"),
        ("madd x0, x1, x2, x3", "other"),
        ("smax v0.4s, v1.4s, v2.4s", "vector_other"),
        ("dup v0.4s, w1", "vector_other"),
        ("scvtf s0, w0", "vector_other"),
        ("subs x3, x3, #1", "other"),
        ("svc #0", "other"),
        ("nop", "other"),
        ("", "other"),
    ],
)
def test_instructions_are_classified(text: str, is_in: str) -> None:
    assert is_in in CLASSES
    assert instruction_class(text) == is_in


@given(st.lists(WORDS))
def test_a_block_is_split_into_its_instructions(code: list[str]) -> None:
    assert words("".join(code)) == code


@pytest.mark.setup
def test_instructions_are_disassembled(arm64: Preparation) -> None:
    expected = {
        "4e22cc20": "fmla v0.4s, v1.4s, v2.4s",
        "4e829420": "sdot v0.4s, v1.16b, v2.16b",
        "3cc10400": "ldr q0, [x0], #16",
        "54ffffa1": "b.ne #-12",
        "d65f03c0": "ret",
    }
    assert disassemble(expected, Installed(arm64).tool("llvm-mc-19")) == expected


@pytest.mark.setup
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(code=st.lists(WORDS, min_size=1, max_size=40))
@example(code=["08800000"])  # LLVM disassembles it, with a warning that it may be undefined
def test_an_invalid_instruction_has_no_text_and_shifts_no_other(arm64: Preparation, code: list[str]) -> None:
    llvm_mc = Installed(arm64).tool("llvm-mc-19")
    together = disassemble([*code, "d503201f"], llvm_mc)
    assert together["d503201f"] == "nop"
    alone = disassemble(code[:1], llvm_mc)
    assert together.get(code[0]) == alone.get(code[0])
