"""Where a Milvus server is, and who asks: `milvus://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from gallery_index.errors import InvalidRequest

DEFAULT_PORT = 19530


@dataclass(frozen=True, slots=True)
class Server:
    """user and password are empty where the server asks for none."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str


def parse(url: str) -> Server:
    """Raises InvalidRequest. The message does not quote the URL: a password may be anywhere in a broken one."""
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORT
    except ValueError:
        raise _refused("its port is not 0 to 65535, or its host is no address") from None
    if not parts.hostname:
        raise _refused("it names no host")
    if parts.query or parts.fragment or "@" in parts.path:
        raise _refused("it has a '?' or '#', or an '@' behind a '/'")
    return Server(
        host=parts.hostname,
        port=port,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=unquote(parts.path.strip("/")) or "default",
    )


def _refused(reason: str) -> InvalidRequest:
    return InvalidRequest(
        f"the milvus:// URL cannot be used ({reason}); allowed: milvus://[USER:PASSWORD@]HOST[:PORT][/DATABASE], "
        "with @ : / ? # and % of user and password percent-encoded"
    )
