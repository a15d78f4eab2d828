"""What bad input is called.  Our own bugs are plain exceptions and stop the program."""


class SealtrailError(Exception):
    """A problem with what somebody gave us, with a stable code and a sentence that says what and where.

    `code` is lower-case words joined by underscores, the same in Python and TypeScript.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __reduce__(self) -> tuple[object, ...]:
        """Go from process to process as it is, whatever a subclass's constructor takes."""
        return Exception.__new__, (type(self), self.message), self.__dict__


class Malformed(SealtrailError):
    """The bytes are not what the SPEC's grammar allows: nothing can be said of what they claim."""


class Altered(SealtrailError):
    """The bytes are well formed, and do not agree with what was committed."""


class Unproven(SealtrailError):
    """What was given neither proves nor refutes the claim (something is missing, or not trusted by the policy)."""
