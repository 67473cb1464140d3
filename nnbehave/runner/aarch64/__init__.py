"""Machine code for AArch64: which instructions it is, and how many cycles a core takes for it."""
