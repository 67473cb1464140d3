"""The errors that nnbehave raises on purpose. Catch :class:`NNBehaveError` to catch all of them."""


class NNBehaveError(Exception):
    """Base class of all errors that nnbehave raises on purpose."""


class InvalidInputError(NNBehaveError, ValueError):
    """The caller gave a value that cannot be used. The message names it and says what is allowed."""


class InvalidLayerError(InvalidInputError):
    """A layer cannot exist.

    Attributes
    ----------
    problems : list of (str, str)
        Each problem: the name of the field, or an empty string for the layer as a whole, and what is wrong.
    """

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{field}: {why}" if field else why for field, why in problems))


class SpaceError(InvalidInputError):
    """A space file cannot be read. The message gives the line and the key of every mistake."""


class UnknownPlatformError(InvalidInputError):
    """No platform has this name. The message lists near names."""


class MissingExtraError(NNBehaveError, ImportError):
    """A package or a program that is needed is not installed. The message says how to install it."""


class ConversionError(NNBehaveError):
    """A converter could not turn a graph into an artifact.

    Attributes
    ----------
    status : {"unsupported", "failed", "timeout"}
        ``unsupported`` if the converter refused the graph, ``failed`` if it broke, ``timeout`` if it took too long.
    """

    def __init__(self, message: str, status: str = "failed") -> None:
        self.status = status
        super().__init__(message)


class StoreError(NNBehaveError):
    """A store cannot be opened, read or written."""


class WorkerError(NNBehaveError):
    """A worker process died, hung, or wrote something that is not in the protocol."""


class WorkerDied(WorkerError):
    """A worker process ended before it answered."""


class WorkerTimeout(WorkerError):
    """A worker process did not answer in time and was killed."""


class ConnectionLost(WorkerError):
    """The connection to a worker on another machine broke. The worker itself may have been well."""


class TargetError(NNBehaveError):
    """A target cannot be reached, or nothing can be measured there. The message names it and says why."""


class SetupError(NNBehaveError):
    """A step of a platform's setup failed. The message names it and says why. Another setup goes on at that step."""
