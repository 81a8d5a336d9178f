"""A milvus:// URL as an operator writes it; no server and no client library are needed."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gallery_index import InvalidRequest
from gallery_index.milvus_url import Server, parse


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("milvus://here", Server("here", 19530, "", "", "default")),
        ("milvus://here:1234/people/", Server("here", 1234, "", "", "people")),
        ("milvus://[::1]:1234", Server("::1", 1234, "", "", "default")),
        ("milvus://me:p%40ss%3A%2F@here", Server("here", 19530, "me", "p@ss:/", "default")),
        ("milvus://me:a+b@here", Server("here", 19530, "me", "a+b", "default")),
    ],
)
def test_parts(url: str, server: Server) -> None:
    assert parse(url) == server


@given(user=st.text(min_size=1), password=st.text(min_size=1))
def test_any_password_can_be_written_percent_encoded(user: str, password: str) -> None:
    server = parse(f"milvus://{quote(user, safe='')}:{quote(password, safe='')}@here:1234/db")
    assert server == Server("here", 1234, user, password, "db")


@pytest.mark.parametrize(
    "url",
    [
        "milvus://",
        "milvus://me:secret@",
        "milvus://me:secret@here:port",
        "milvus://me:secret@here:99999",
        "milvus://me:secret/@here",
        "milvus://secret:12/34@here",
        "milvus://me:#secret@here",
        "milvus://me:secret?@here",
        "milvus://here:1/db?secret",
        "milvus://[me:secret@here",
    ],
)
def test_what_cannot_be_used_is_refused_without_telling_the_password(url: str) -> None:
    with pytest.raises(InvalidRequest, match=r"allowed: milvus://\[USER:PASSWORD@\]HOST") as refused:
        parse(url)
    assert "secret" not in str(refused.value)
    assert "secret" not in repr(refused.value.__cause__)


def test_a_server_does_not_tell_its_password() -> None:
    assert "secret" not in repr(parse("milvus://me:secret@here"))
