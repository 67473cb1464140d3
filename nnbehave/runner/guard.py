"""``python -m nnbehave.runner.guard TOKEN ARGUMENTS``: the runner with these arguments, on a host that is far away.

A runner ends when its input does; but not in a call that holds Python's lock, and what it started may outlive it. So
its parent watches the input, and ends all of it. The token, in the command line, is what :mod:`nnbehave.runner.host`
finds it by.
"""

from __future__ import annotations

import os
import select
import signal
import sys


def guard() -> None:
    """Return in a child process. This one ends it, with whatever it started, when standard input ends.

    The exit code is the child's, or 128 and the signal's number where one killed it, as shells have it.
    """
    ended, alive = os.pipe()  # the child has the other end for as long as it lives
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
    except ProcessLookupError:  # it has not got as far as having a group
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os._exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))


if __name__ == "__main__":
    del sys.argv[1]
    guard()
    from nnbehave.runner.__main__ import main  # which imports NumPy, so after the fork

    main()
