"""The key pair of access tokens. Made on first start, kept in DATA_DIR/keys."""

import contextlib
import functools
import os
from typing import NamedTuple

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings


class Keys(NamedTuple):
    """Both halves as PEM text."""

    private: str
    public: str


@functools.cache
def keys() -> Keys:
    """This installation's pair. Of two processes that start at once the first one's is taken by both."""
    folder = settings.DATA_DIR / "keys"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / "access-token.pem"
    if not path.exists():
        draft = folder / f"access-token.{os.getpid()}.{os.urandom(4).hex()}"
        draft.touch(0o600)
        draft.write_bytes(
            rsa.generate_private_key(65537, 2048).private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
        draft.unlink()
    private = path.read_bytes()
    public = (
        serialization.load_pem_private_key(private, None)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return Keys(private.decode(), public.decode())
