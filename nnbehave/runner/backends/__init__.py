"""The backends: one module for each runtime, which loads artifacts into it and reads which kernels run."""
