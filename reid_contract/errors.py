"""The two ways in which the agreement between training and serving can be broken."""


class ContractError(ValueError):
    """A model file's contract is missing, malformed, or of a version this code does not know."""


class BadImage(ValueError):
    """Bytes that are not an image this project accepts; the message says why, in words for the sender."""
