"""One file a runtime: how to load an artifact into it, and what it says of the kernels that run."""
