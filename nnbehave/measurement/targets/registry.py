"""The list of built-in targets, and the function that finds the target that a text names.

The scheme, the part before the first colon, chooses the target's class. A plug-in registers its class under the entry
point group ``nnbehave.targets``.
"""

from __future__ import annotations

from nnbehave.errors import InvalidInputError
from nnbehave.measurement.targets._base import Target
from nnbehave.measurement.targets.android import AndroidTarget
from nnbehave.measurement.targets.local import LocalTarget, PythonTarget
from nnbehave.measurement.targets.ssh import SSHTarget
from nnbehave.registry import Registry, subclass_of

TARGETS: Registry[type[Target]] = Registry(
    "target",
    "nnbehave.targets",
    [LocalTarget, PythonTarget, SSHTarget, AndroidTarget],
    subclass_of(Target),  # type: ignore[type-abstract]
    name_of=lambda cls: cls.scheme,
)


def get_target(text: str) -> Target:
    """Return the target that a text names.

    Parameters
    ----------
    text : str
        ``local``: this machine.
        ``python:/path/to/python``: another Python on this machine.
        ``ssh://[user@]host[:port][?python=/path]``: a host over SSH; its Python is ``python3`` by default.
        ``adb://serial?benchmark_model=/path``: an Android device, with TensorFlow Lite's tool built for it.
        Plug-ins add other forms.

    Raises
    ------
    InvalidInputError
        The text has none of these forms.
    """
    scheme = text.partition(":")[0] if isinstance(text, str) else ""
    try:
        cls = TARGETS.get(scheme)
    except InvalidInputError:
        forms = [known.form for known in TARGETS.all().values()]
        raise InvalidInputError(f"target {text!r}: expected {', '.join(forms[:-1])} or {forms[-1]}") from None
    return cls.from_text(text)
