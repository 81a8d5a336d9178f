"""The Python client of the re-identification service, and adapters for trackers. Needs httpx and numpy only."""

from reid_client.client import AsyncClient, Client
from reid_client.errors import Refused, ReidError, Unavailable
from reid_client.retry import Retries
from reid_client.types import Embeddings, Enrolled, Entry, Match, Search

__all__ = [
    "AsyncClient",
    "Client",
    "Embeddings",
    "Enrolled",
    "Entry",
    "Match",
    "Refused",
    "ReidError",
    "Retries",
    "Search",
    "Unavailable",
]
