"""Packages of a release of Debian, unpacked into a folder: nothing is installed, and root is not needed.

Which packages are needed is left to apt, with a configuration and a state of its own, by which nothing is installed
yet. It uses the mirror and the proxy that this machine's apt does.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from nnbehave.measurement.platforms.preparation import need, run

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_CONFIGURATION = """
#clear APT::Architectures;
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Install-Recommends "false";
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::Retries "3";
Debug::NoLocking "true";
Dir::Cache "{folder}/cache";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferences "-";
Dir::Etc::preferencesparts "-";
Dir::State "{folder}/state";
Dir::State::status "{folder}/status";
"""


def unpack(folder: Path, release: str, architecture: str, packages: Sequence[str]) -> None:
    """Unpack packages, and all that they depend on, into ``folder``.

    ``packages.txt`` there lists them with their versions.

    Raises
    ------
    OSError
        There is no apt here, or it has no source of Debian's packages.
    SubprocessError
        apt could not fetch them.
    """
    for command in ("apt-get", "dpkg-deb"):
        need(command, "Debian's package tools are needed (no root): use Debian, in a container if need be")
    with tempfile.TemporaryDirectory() as place:
        apt = ["apt-get", f"--config-file={_configure(Path(place), release, architecture)}", "--quiet", "--yes"]
        run([*apt, "update", "--error-on=any"])
        run([*apt, "install", "--download-only", *packages])
        archives = sorted(Path(place, "cache/archives").glob("*.deb"))
        for archive in archives:
            run(["dpkg-deb", "--extract", str(archive), str(folder)])
    (folder / "packages.txt").write_text("".join(f"{archive.stem}\n" for archive in archives))


def version_of(folder: Path, package: str) -> str:
    """Return the version of a package that :func:`unpack` put into ``folder``."""
    for line in (folder / "packages.txt").read_text().splitlines():
        name, version, _ = line.split("_")
        if name == package:
            return version.replace("%3a", ":")
    raise KeyError(package)


def _configure(place: Path, release: str, architecture: str) -> Path:
    """Write apt's configuration into a folder; return its path."""
    for name in ("cache/archives/partial", "state/lists/partial"):
        (place / name).mkdir(parents=True)
    (place / "status").touch()
    signed = f"[signed-by={_KEYRING}] " if _KEYRING.exists() else ""
    (place / "sources.list").write_text(f"deb {signed}{_mirror()} {release} main\n")
    configuration = place / "apt.conf"
    configuration.write_text(_CONFIGURATION.format(folder=place, architecture=architecture))
    return configuration


def _mirror() -> str:
    """Return where this machine gets Debian's packages from."""
    sources = run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]).split()
    for source in sources:
        if source.rstrip("/").endswith("/debian"):
            return source
    raise OSError(
        "Debian's packages are needed, and this machine's apt has no source of them: use Debian, or a container of it"
    )
