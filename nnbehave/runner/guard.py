"""``python -m nnbehave.runner.guard TOKEN ARGUMENTS``: a runner on a remote host, and a parent that ends it.

A runner ends by itself when its input ends, but not while a call holds Python's lock, and processes that it started
may live on. So a parent process watches the input. When the input ends, it kills the runner and all that the runner
started.

The token is in the command line so that :mod:`nnbehave.runner.host` finds the processes of a sweep.
"""

from __future__ import annotations

import os
import select
import signal
import sys


def guard() -> None:
    """Fork, and return in the child. The parent kills the child and its process group when standard input ends.

    The parent exits with the child's exit code, or, like a shell, with 128 plus the number of the signal that killed
    the child.
    """
    ended, alive = os.pipe()  # the child holds the other end for as long as it lives
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        os.close(ended)
        return
    os.close(alive)
    watch = select.poll()
    watch.register(0, getattr(select, "POLLRDHUP", 0))
    watch.register(ended, 0)
    watch.poll()
    try:
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:  # the child has not made its process group yet
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os._exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))


if __name__ == "__main__":
    del sys.argv[1]
    guard()
    from nnbehave.runner.__main__ import main  # this imports NumPy, so it comes after the fork

    main()
