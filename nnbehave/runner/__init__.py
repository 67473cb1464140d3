"""The runner: a program that loads artifacts into one runtime and times them, in a process of its own.

It needs only the standard library, NumPy and the runtime, and imports nothing else of nnbehave. This folder, copied
beside an empty ``nnbehave/__init__.py``, runs in any Python from 3.8 on. :mod:`nnbehave.runner.protocol` documents the
requests and answers.
"""
