"""One contract over both stores: a folder, and a bucket of a real S3 service."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from server.files.store import FolderStore, S3Store, Store, StoreDown
from server.settings import Settings
from tests.server.files.services import ACCESS_KEY, BUCKET, SECRET_KEY, seaweed
from tests.tools.serving import free_port


@pytest.fixture(scope="module")
def s3_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with seaweed(tmp_path_factory.mktemp("weed")) as url:
        yield url


def s3(url: str, secret: str = SECRET_KEY) -> S3Store:
    return S3Store(Settings(s3_url=url, s3_bucket=BUCKET, s3_access_key=ACCESS_KEY, s3_secret_key=secret))


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return FolderStore(tmp_path / "files") if request.param == "folder" else s3(request.getfixturevalue("s3_url"))


def put(store: Store, folder: Path, data: bytes, key: str | None = None) -> str:
    name = key or sha256(data).hexdigest()
    source = folder / "source"
    source.write_bytes(data)
    store.put(name, source)
    assert not source.exists() or isinstance(store, FolderStore)
    return name


def test_what_is_put_is_read_back_byte_for_byte(store: Store, tmp_path: Path) -> None:
    # Above the size from which boto3 sends in parts.
    for data in (b"", b"\x00\xff" * 5, bytes(range(256)) * 40_000):
        key = put(store, tmp_path, data)
        with store.open(key) as stream:
            parts = list(iter(lambda: stream.read(1 << 16), b""))
        assert b"".join(parts) == data
        assert store.size(key) == len(data)


def test_putting_the_same_content_again_is_harmless(store: Store, tmp_path: Path) -> None:
    key = put(store, tmp_path, b"same")
    assert put(store, tmp_path, b"same") == key
    assert store.size(key) == 4


def test_an_absent_key_has_no_size_and_cannot_be_opened(store: Store) -> None:
    key = sha256(b"never stored").hexdigest()
    assert store.size(key) is None
    with pytest.raises(FileNotFoundError):
        store.open(key)


def test_deleting_removes_and_deleting_again_is_fine(store: Store, tmp_path: Path) -> None:
    key = put(store, tmp_path, b"to be deleted")
    store.delete(key)
    store.delete(key)
    assert store.size(key) is None


def test_small_versions_live_beside_their_original(store: Store, tmp_path: Path) -> None:
    key = put(store, tmp_path, b"original")
    put(store, tmp_path, b"small", f"{key}.thumb.webp")
    assert (store.size(key), store.size(f"{key}.thumb.webp"), store.size(f"{key}.preview.webp")) == (8, 5, None)


@pytest.mark.parametrize("key", ["", "../../etc/passwd", "A" * 64, "a" * 63, "a" * 64 + "/x", "a" * 64 + ".exe", "a" * 64 + "\n"])
def test_a_name_from_outside_never_becomes_a_path(store: Store, tmp_path: Path, key: str) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    for attempt in (lambda: store.put(key, source), lambda: store.open(key), lambda: store.size(key), lambda: store.delete(key)):
        with pytest.raises(ValueError, match="not a store key"):
            attempt()


def test_a_store_that_cannot_be_reached_is_not_an_absent_file(s3_url: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    key = sha256(b"x").hexdigest()
    for broken in (s3(s3_url, secret="wrong"), s3(f"http://127.0.0.1:{free_port()}")):
        for attempt in (lambda store: store.put(key, source), lambda store: store.open(key), lambda store: store.size(key)):
            with pytest.raises(StoreDown):
                attempt(broken)
    assert source.read_bytes() == b"x", "what could not be stored stays"
