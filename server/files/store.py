"""The content-addressed store: bytes by SHA-256, on disk or in an S3 bucket, behind one interface.

Invariants: a key is 64 hex digits plus an optional variant suffix, checked here, so that no name from outside becomes a path;
a file is visible only when complete (rename, or a finished S3 put); writing the same content twice is harmless.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import IO, Any, Protocol, cast

from server.settings import Settings

KEY = re.compile(r"[0-9a-f]{64}(\.(thumb|preview)\.webp)?\Z")


class Store(Protocol):
    """What a store can do. Keys must match KEY; a missing key raises FileNotFoundError."""

    def put(self, key: str, source: Path) -> None:
        """Take over a finished local file (it may be moved away)."""

    def open(self, key: str) -> IO[bytes]:
        """A binary stream from the start."""

    def size(self, key: str) -> int | None:
        """Size in bytes, None when absent."""

    def delete(self, key: str) -> None:
        """Remove; absent is fine."""


class StoreDown(OSError):
    """The store cannot be reached or refuses; nothing is known about the file."""


def check_key(key: str) -> str:
    """The key itself, or ValueError."""
    if not KEY.match(key):
        raise ValueError("not a store key")
    return key


class FolderStore:
    """Files under `<root>/ab/cd/<key>`, synced before they are named."""

    def __init__(self, root: Path) -> None:
        """`root` is created on first use."""
        self.root = root

    def path(self, key: str) -> Path:
        """Where the key lives."""
        check_key(key)
        return self.root / key[:2] / key[2:4] / key

    def put(self, key: str, source: Path) -> None:
        """Move into place; across file systems copy, sync, then rename."""
        target = self.path(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.replace(source, target)
        except OSError:
            temporary = target.with_name(f"{target.name}.{os.getpid()}.part")
            shutil.copyfile(source, temporary)
            with temporary.open("rb+") as handle:
                os.fsync(handle.fileno())
            os.replace(temporary, target)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def open(self, key: str) -> IO[bytes]:
        """Open for reading."""
        return self.path(key).open("rb")

    def size(self, key: str) -> int | None:
        """Size or None."""
        try:
            return self.path(key).stat().st_size
        except FileNotFoundError:
            return None

    def delete(self, key: str) -> None:
        """Unlink."""
        self.path(key).unlink(missing_ok=True)


class S3Store:
    """Objects of one bucket under `files/<key>`; any S3-compatible service."""

    def __init__(self, settings: Settings) -> None:
        """Connects lazily; credentials come from settings or boto3's own chain."""
        import boto3
        from botocore.config import Config

        self.bucket = settings.s3_bucket
        self.client: Any = boto3.client(
            "s3",
            endpoint_url=settings.s3_url,
            aws_access_key_id=settings.s3_access_key,
            aws_secret_access_key=settings.s3_secret_key,
            region_name="us-east-1",
            config=Config(
                s3={"addressing_style": "path"}, retries={"max_attempts": 3, "mode": "standard"}, connect_timeout=5, read_timeout=60,
                # Trailing checksums of newer SDKs are unknown to many S3-compatible services; we verify SHA-256 ourselves.
                request_checksum_calculation="when_required", response_checksum_validation="when_required",
            ),
        )

    def _name(self, key: str) -> str:
        return f"files/{check_key(key)}"

    def put(self, key: str, source: Path) -> None:
        """Upload (multipart when large), then remove the local file."""
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self.client.upload_file(str(source), self.bucket, self._name(key))
        except (Boto3Error, BotoCoreError, ClientError) as error:
            raise StoreDown(type(error).__name__) from error
        source.unlink(missing_ok=True)

    def open(self, key: str) -> IO[bytes]:
        """The object's body."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return cast("IO[bytes]", self.client.get_object(Bucket=self.bucket, Key=self._name(key))["Body"])
        except ClientError as error:
            # Only "not there" means not there; a refused or broken store must not look like a lost file.
            if _is_missing(error):
                raise FileNotFoundError(key) from error
            raise StoreDown(type(error).__name__) from error
        except BotoCoreError as error:
            raise StoreDown(type(error).__name__) from error

    def size(self, key: str) -> int | None:
        """Size or None."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return int(self.client.head_object(Bucket=self.bucket, Key=self._name(key))["ContentLength"])
        except ClientError as error:
            if _is_missing(error):
                return None
            raise StoreDown(type(error).__name__) from error
        except BotoCoreError as error:
            raise StoreDown(type(error).__name__) from error

    def delete(self, key: str) -> None:
        """Delete the object."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self.client.delete_object(Bucket=self.bucket, Key=self._name(key))
        except (BotoCoreError, ClientError) as error:
            raise StoreDown(type(error).__name__) from error


def _is_missing(error: Any) -> bool:
    return bool(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404)


def make_store(settings: Settings) -> Store:
    """The store of the settings: S3 when an address is configured, else a folder."""
    return S3Store(settings) if settings.s3_url else FolderStore(settings.data_dir / "files")
