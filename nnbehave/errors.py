"""The errors that nnbehave raises on purpose. Catch ``NNBehaveError`` for all of them."""


class NNBehaveError(Exception):
    """Root of every error that nnbehave raises on purpose."""


class InvalidInputError(NNBehaveError, ValueError):
    """A value that the caller gave cannot be used; the message names it and what was allowed."""


class InvalidLayerError(InvalidInputError):
    """A layer that cannot exist.

    Attributes
    ----------
    problems : list of (str, str)
        The field at fault (empty for the layer as a whole) and what is wrong with it.
    """

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{field}: {why}" if field else why for field, why in problems))


class SpaceError(InvalidInputError):
    """A space file that cannot be read; the message gives the line and key of every mistake."""


class UnknownPlatformError(InvalidInputError):
    """A platform name that nobody registered; the message lists the near ones."""


class MissingExtraError(NNBehaveError, ImportError):
    """A package is not installed; the message names the extra that brings it."""


class ConversionError(NNBehaveError):
    """A graph that a converter could not turn into an artifact.

    Attributes
    ----------
    status : {"unsupported", "failed", "timeout"}
        Whether the converter refused it, or broke on it.
    """

    def __init__(self, message: str, status: str = "failed") -> None:
        self.status = status
        super().__init__(message)


class StoreError(NNBehaveError):
    """A store that cannot be opened, read or written."""


class WorkerError(NNBehaveError):
    """A worker process died, hung, or said something that is not the protocol."""


class WorkerDied(WorkerError):
    """The worker process ended while an answer was due."""


class WorkerTimeout(WorkerError):
    """The worker process gave no answer in time and was killed."""


class ConnectionLost(WorkerError):
    """The connection to a worker on another host broke; the worker may have been well."""


class TargetError(NNBehaveError):
    """A host that cannot be reached, or on which nothing can be measured; the message says which and why."""


class SetupError(NNBehaveError):
    """A step of a platform's setup failed; the message says which and why. Running the setup again goes on there."""
