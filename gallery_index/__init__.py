"""The gallery: exact answers from small memory. SQLite is the truth, faiss a cache of it; Milvus beyond one machine."""

from gallery_index.connection import connect
from gallery_index.errors import (
    AuditFailed,
    DirectoryInUse,
    GalleryError,
    InvalidRequest,
    ModelMismatch,
    StorageFailed,
    UnknownEntry,
    UnknownGallery,
)
from gallery_index.interface import EVERYTHING, Galleries, Gallery
from gallery_index.types import (
    Attributes,
    AttributeValue,
    Embedding,
    Entry,
    Filter,
    Fusion,
    GalleryInfo,
    Match,
    Page,
    Sighting,
)

__all__ = [
    "EVERYTHING",
    "AttributeValue",
    "Attributes",
    "AuditFailed",
    "DirectoryInUse",
    "Embedding",
    "Entry",
    "Filter",
    "Fusion",
    "Galleries",
    "Gallery",
    "GalleryError",
    "GalleryInfo",
    "InvalidRequest",
    "Match",
    "ModelMismatch",
    "Page",
    "Sighting",
    "StorageFailed",
    "UnknownEntry",
    "UnknownGallery",
    "connect",
]
