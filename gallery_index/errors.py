"""All that a gallery can refuse, in one tree. The service's error table maps these to HTTP statuses."""


class GalleryError(Exception):
    """Base of everything below; the message names the thing, the value and what is allowed."""


class UnknownGallery(GalleryError):
    """No gallery of that name in this data directory."""


class UnknownEntry(GalleryError):
    """No entry of that id in this gallery."""


class ModelMismatch(GalleryError):
    """The gallery holds embeddings of another model; both are named."""


class InvalidRequest(GalleryError, ValueError):
    """An argument is out of range: a k of 0, a zero or non-finite embedding, a time without a zone…"""


class DirectoryInUse(GalleryError):
    """Another process owns the data directory."""


class StorageFailed(GalleryError):
    """The disk is full, read-only or damaged; nothing of the refused call was stored."""


class ErasureUnfinished(StorageFailed):
    """What was to be erased is gone from every answer, its bytes are still in a file. The next erasure, expiry or
    opening rewrites that."""

    def __init__(self, message: str, count: int) -> None:
        """count: of what is gone."""
        super().__init__(message)
        self.count = count


class AuditFailed(StorageFailed):
    """The audit log cannot be written; the message says what became of the call. Calls are refused before they change
    anything where the log cannot be opened; where it fails later, what was asked is done and stored, but not noted."""
