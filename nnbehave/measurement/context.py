"""Context: what is touched between two uses of a layer's weights, and so what the caches still hold of them.

In a network every layer runs once in a pass, and all others run before it runs again. How many bytes they touch, the
*distance*, decides from where its weights come: of a small network from the last cache, of a large one from memory.
That changed a layer's latency by up to 2.9 times. So a session controls the distance, and a measurement names it.

============= ========================================================================================================
``warm``      0 bytes: the layer is called over and over
``network``   24 MiB, as in MobileNetV1 in fp32 (17 MB of weights, 5 MB of activations)
``cold``      twice the last cache of the machine, no less than 64 MiB and no more than 512 MiB
a number      so many bytes
``loop``      of networks: the network is called over and over, so that each layer finds what the others leave
============= ========================================================================================================

The others are the layers that are called in turn with it, the other copies of a stack
(:mod:`nnbehave.measurement.isolation`), the memory of activations, and a buffer that is read for the rest. What a layer
reads was written just before it, in every context, as in a network.
"""

from __future__ import annotations

from nnbehave.errors import InvalidInputError

NETWORK_BYTES = 24 * 2**20
FEWEST_COLD_BYTES, MOST_COLD_BYTES = 64 * 2**20, 512 * 2**20
NAMES = ("warm", "network", "cold", "loop")
_COLD_CACHES = 2  # times the last cache

Context = str | int


def context_name(context: Context) -> str:
    """Return the name of a context, as measurements have it: a word, or a number of bytes in digits.

    Raises
    ------
    InvalidInputError
        It is no context.

    Examples
    --------
    >>> context_name("cold"), context_name(32 * 2**20), context_name("32MiB")
    ('cold', '33554432', '33554432')
    """
    name = str(context)
    if name.endswith("MiB") and name.removesuffix("MiB").isdecimal():
        name = str(int(name.removesuffix("MiB")) * 2**20)
    if isinstance(context, bool) or not (name in NAMES or (name.isdecimal() and int(name))):
        raise InvalidInputError(f"context: expected {', '.join(NAMES)} or a number of bytes, got {context!r}")
    return name


def distance_bytes(context: str, last_cache_bytes: int = 0) -> int:
    """Return the distance of a context by its name; 0 where calls follow one another at once.

    Parameters
    ----------
    context : str
    last_cache_bytes : int
        Size of the last cache of the machine; 0 if it is not known.
    """
    if context.isdecimal():
        return int(context)
    if context == "network":
        return NETWORK_BYTES
    if context == "cold":
        return min(MOST_COLD_BYTES, max(FEWEST_COLD_BYTES, _COLD_CACHES * last_cache_bytes))
    return 0
