"""An OpenSSH server on this machine, with its own keys, to which only the tests can connect."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest


class Server:
    """A running server. The ``ssh`` of its ``path`` knows the server.

    Attributes
    ----------
    host : str
        As ``ssh`` there knows it.
    target : str
        It as a target, with this Python.
    cache : Path
        What is the user's cache directory for those who connect.
    log : Path
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.host, self.cache, self.log = folder, "Board", folder / "host", folder / "log"
        self.target = f"ssh://{self.host}?python={sys.executable}"
        for key in ("host_key", "user_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)], check=True)
        shutil.copy(folder / "user_key.pub", folder / "authorized")
        self.port = _free_port()
        self._write_configurations()
        self._process = self._start()

    def _write_configurations(self) -> None:
        public = (self.folder / "host_key.pub").read_text()
        (self.folder / "known").write_text(f"[127.0.0.1]:{self.port} {public}")
        (self.folder / "server").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.folder}/host_key\nPidFile none\nUsePAM no\n"
            f"AuthorizedKeysFile {self.folder}/authorized\nStrictModes no\nPasswordAuthentication no\n"
            f"KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n"
            f"SetEnv XDG_CACHE_HOME={self.cache} TMPDIR={tempfile.gettempdir()}\n"
        )
        (self.folder / "client").write_text(
            f"Host {self.host}\n HostName 127.0.0.1\n Port {self.port}\n User {getpass.getuser()}\n"
            f" IdentityFile {self.folder}/user_key\n IdentitiesOnly yes\n UserKnownHostsFile {self.folder}/known\n"
            " StrictHostKeyChecking yes\n RemoteCommand echo this must not run\n"
        )
        commands = self.folder / "bin"
        commands.mkdir()
        (commands / "ssh").write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {self.folder}/client "$@"\n')
        (commands / "ssh").chmod(0o755)
        self.path = f"{commands}{os.pathsep}{os.environ['PATH']}"

    def _start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            process = subprocess.Popen([_sshd() or "", "-D", "-e", "-f", str(self.folder / "server")], stderr=log)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return process
            time.sleep(0.05)
        process.kill()
        process.wait()
        pytest.skip(f"the SSH server does not start here: {self.log.read_text().strip()[-300:]}")

    def stop(self) -> None:
        """End the server and all its connections."""
        self.cut()
        self._process.kill()
        self._process.wait()
        self.cut()

    def start(self) -> None:
        """Start the server again on the same port."""
        self._process = self._start()

    def connections(self) -> list[psutil.Process]:
        """Return the server's processes, one for each connection."""
        if self._process.poll() is not None:
            return []
        children = psutil.Process(self._process.pid).children(recursive=True)
        return [child for child in children if _name(child).startswith("sshd")]

    def cut(self) -> int:
        """Kill all connections. Return the number of processes that were killed."""
        found = self.connections()
        for process in found:
            with suppress(psutil.NoSuchProcess):  # it may end by itself
                process.kill()
        return len(found)


def _name(process: psutil.Process) -> str:
    """Return the name of a process; empty if it has ended."""
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""


def needed() -> str:
    """Return what this machine lacks for such a server; empty if it lacks nothing."""
    lacking = [name for name in ("ssh", "ssh-keygen") if shutil.which(name) is None]
    if lacking or _sshd() is None:
        return "needs OpenSSH's client and server: apt-get install openssh-client openssh-server (it need not run)"
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # a server that root starts needs this folder
    return ""


def _sshd() -> str | None:
    return shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
