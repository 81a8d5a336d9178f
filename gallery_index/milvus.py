"""The same galleries on a Milvus server or cluster: one collection each.

Filters are pushed down as expressions, the index is exact (FLAT), reads are strongly consistent. What differs from the
embedded gallery: Milvus answers at most 16,384 candidates, a batch is as atomic as Milvus makes one request, and what
was erased leaves its object storage when Milvus collects its garbage, not when `erase` returns.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from pymilvus import CollectionSchema, DataType, FieldSchema, MilvusClient, MilvusException

from gallery_index.audit import Audit, AuditStream
from gallery_index.errors import StorageFailed, UnknownGallery
from gallery_index.expiry import expire, expire_all
from gallery_index.milvus_fields import one_of, schema
from gallery_index.milvus_gallery import Collection, MilvusGallery
from gallery_index.milvus_url import parse
from gallery_index.validation import check_name, check_same_model
from reid_contract import EmbeddingSpec

PREFIX = "reid_"
SETTINGS = "reidsettings"  # retention in days; a collection's description cannot be changed later


class MilvusGalleries:
    """All galleries of one Milvus database. Implements interface.Galleries."""

    def __init__(self, url: str, audit: Audit | None = None) -> None:
        server = parse(url)
        self._audit = audit or AuditStream()
        self._opened: dict[str, MilvusGallery] = {}
        self._changing = Lock()
        with milvus_errors(f"{server.host}:{server.port}"):
            self._client = MilvusClient(
                f"http://{server.host}:{server.port}",
                user=server.user,
                password=server.password,
                db_name=server.database,
                timeout=10,
            )
            self._open_settings()

    def names(self) -> list[str]:
        """In alphabetical order."""
        with milvus_errors("collections"):
            found = self._client.list_collections()
        return sorted(_gallery_name(collection) for collection in found if collection.startswith(PREFIX))

    def create(self, name: str, embedding: EmbeddingSpec, *, by: str) -> MilvusGallery:
        """Idempotent for the same model."""
        check_name(name)
        with self._changing:
            if name not in self.names():
                self._audit.check()
                with milvus_errors(name):
                    self._client.delete(SETTINGS, filter=one_of("name", [name]))  # of one that was dropped half
                    self._create(_collection_name(name), schema(embedding))
                self._audit.record("create", name, by=by, count=0, model_id=embedding.model_id)
            return self._open(name, embedding)

    def open(self, name: str, embedding: EmbeddingSpec | None = None) -> MilvusGallery:
        """The same object each time, until it is dropped."""
        check_name(name)
        with self._changing:
            return self._open(name, embedding)

    def drop(self, name: str, *, by: str) -> None:
        """Milvus removes the collection's files in its own time."""
        check_name(name)
        with self._changing:
            if name not in self.names():
                raise UnknownGallery(f"there is no gallery {name!r}")
            self._audit.check()
            if gallery := self._opened.pop(name, None):
                gallery.close()
            with milvus_errors(name):
                self._client.drop_collection(_collection_name(name))
                self._client.delete(SETTINGS, filter=one_of("name", [name]))
            self._audit.record("drop", name, by=by, count=0)

    def expire(self) -> int:
        """Erases what is past its gallery's retention."""
        return expire_all(self.names(), lambda name: _expire(self.open(name)))

    def close(self) -> None:
        """Ends the connection."""
        with self._changing:
            while self._opened:
                self._opened.popitem()[1].close()
            self._client.close()

    def _open(self, name: str, embedding: EmbeddingSpec | None) -> MilvusGallery:
        if name not in self._opened:
            if name not in self.names():
                raise UnknownGallery(f"there is no gallery {name!r}")
            with milvus_errors(name):
                self._client.load_collection(_collection_name(name))
                bound = json.loads(self._client.describe_collection(_collection_name(name))["description"])
            collection = Collection(self._client, _collection_name(name), SETTINGS)
            spec = EmbeddingSpec(bound["model_id"], bound["dim"])
            self._opened[name] = MilvusGallery(name, spec, collection, self._audit)
        check_same_model(name, self._opened[name].embedding, embedding)
        return self._opened[name]

    def _open_settings(self) -> None:
        if not self._client.has_collection(SETTINGS):
            fields = [
                FieldSchema("name", DataType.VARCHAR, max_length=64, is_primary=True),
                FieldSchema("retention_days", DataType.INT64),
                FieldSchema("embedding", DataType.FLOAT_VECTOR, dim=2),  # Milvus wants one
            ]
            self._create(SETTINGS, CollectionSchema(fields, "settings of the galleries"))
        self._client.load_collection(SETTINGS)

    def _create(self, collection: str, fields: CollectionSchema) -> None:
        index = MilvusClient.prepare_index_params()
        index.add_index("embedding", index_type="FLAT", metric_type="IP")
        self._client.create_collection(collection, schema=fields, index_params=index, consistency_level="Strong")


def _expire(gallery: MilvusGallery) -> int:
    return expire(gallery, gallery.retention_days())


def _collection_name(gallery: str) -> str:
    """Milvus allows no '-'."""
    return PREFIX + gallery.replace("_", "_u").replace("-", "_d")


def _gallery_name(collection: str) -> str:
    return collection.removeprefix(PREFIX).replace("_d", "-").replace("_u", "_")


@contextmanager
def milvus_errors(what: str) -> Iterator[None]:
    """Every failure of the server becomes StorageFailed."""
    try:
        yield
    except MilvusException as error:
        raise StorageFailed(f"Milvus, {what}: {error.message or error}") from error
