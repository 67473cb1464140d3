"""Unpacks Debian packages into a folder. Nothing is installed, and root is not needed.

apt finds the packages that are needed. It runs with a configuration and a state of its own, in which no package is
installed yet, and uses the mirror and the proxy of this machine's apt.
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
    """Unpack packages and all packages that they depend on.

    The file ``packages.txt`` in ``folder`` then lists the packages with their versions.

    Parameters
    ----------
    folder : path
    release : str
        A release of Debian: ``"bookworm"``.
    architecture : str
        Debian's name of a processor architecture: ``"arm64"``.
    packages : sequence of str

    Raises
    ------
    OSError
        This machine has no apt, or its apt has no source of Debian packages.
    SubprocessError
        apt could not fetch a package.
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
    """Return the version of a package that :func:`unpack` has put into ``folder``. Raises KeyError."""
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
    """Return the URL from which this machine gets Debian packages. Raises OSError if there is none."""
    sources = run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]).split()
    for source in sources:
        if source.rstrip("/").endswith("/debian"):
            return source
    raise OSError(
        "Debian packages are needed, and this machine's apt has no source of them: use Debian, or a Debian container"
    )
