"""Machine code for AArch64: its instructions, and the cycles that a core takes for them."""
