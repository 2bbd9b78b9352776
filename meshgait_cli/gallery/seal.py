"""Encryption at rest: what a passphrase opens.

A gallery's contents are sealed by AES-256-GCM under subkeys (HKDF-SHA256, one a purpose) of a random data
key. That key itself lies in the gallery's settings, sealed under one which scrypt derives from the
passphrase. Each box is nonce, ciphertext and tag, and is bound to what it belongs to: one that was changed,
or put in another's place, does not open. That boxes were taken out, or put back to an older state, does not
show.
"""

from __future__ import annotations

import json
import os
import secrets
from functools import lru_cache
from typing import Any

from ..errors import GalleryError, UsageError

__all__ = ["PASSPHRASE", "SHORTEST", "Seal", "said"]

PASSPHRASE = "MESHGAIT_PASSPHRASE"  # in the environment
SHORTEST = 8  # characters of a new passphrase
_SCRYPT = {"n": 1 << 17, "r": 8, "p": 1}  # 128 MB and some 0.3 s, as OWASP advises
_MOST_MEMORY = 1 << 30  # bytes that a gallery's settings may make scrypt take
_NONCE = 12
_ABOUT = b"meshgait gallery data key"


def said(passphrase: str | None, where: str) -> str:
    """The passphrase as given, or from the environment. Raises UsageError when it is in neither."""
    found = passphrase or os.environ.get(PASSPHRASE)
    if not found:
        raise UsageError(
            f"the gallery {where} is encrypted: its passphrase is asked for at a terminal, or taken from "
            f"{PASSPHRASE} or --passphrase-file"
        )
    return found


class Seal:
    """Opens and closes the boxes of one gallery."""

    def __init__(self, data_key: bytes) -> None:
        self._data_key = data_key
        self._ciphers: dict[str, Any] = {}

    def __repr__(self) -> str:
        return "Seal(…)"

    @classmethod
    def new(cls, passphrase: str) -> tuple[Seal, dict[str, Any]]:
        """With a new data key; and its header. Raises as `header` does."""
        seal = cls(secrets.token_bytes(32))
        return seal, seal.header(passphrase)

    @classmethod
    def unlocked(cls, header: dict[str, Any], passphrase: str, where: str) -> Seal:
        """header: what `header` gave. Raises GalleryError for a wrong passphrase or a damaged header."""
        return cls(_data_key(json.dumps(header, sort_keys=True), passphrase, where))

    def header(self, passphrase: str) -> dict[str, Any]:
        """What has to be kept in the clear to get at the data key by this passphrase again.

        Raises UsageError for one of less than 8 characters, or that is no text.
        """
        if len(passphrase) < SHORTEST:
            raise UsageError(f"a passphrase has at least {SHORTEST} characters")
        salt = secrets.token_bytes(16)
        kdf = {"name": "scrypt", **_SCRYPT, "salt": salt.hex()}
        box = _close(_cipher(_derived(passphrase, salt, **_SCRYPT)), self._data_key, _ABOUT)
        return {"cipher": "AES-256-GCM", "kdf": kdf, "key": box.hex()}

    def close(self, purpose: str, plain: bytes, about: str = "") -> bytes:
        """Seal. purpose: which subkey. about: to what the box belongs; it opens for the same only."""
        return _close(self._of(purpose), plain, about.encode())

    def open(self, purpose: str, box: bytes, about: str = "") -> bytes:
        """Raises GalleryError when the box was changed or belongs to something else."""
        from cryptography.exceptions import InvalidTag

        try:
            return self._of(purpose).decrypt(box[:_NONCE], box[_NONCE:], about.encode())  # type: ignore[no-any-return]
        except (InvalidTag, ValueError) as error:
            raise GalleryError(f"an encrypted part of the gallery ({purpose}) is damaged") from error

    def key(self, purpose: str) -> bytes:
        """A subkey of its own, 32 bytes."""
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

        return HKDFExpand(SHA256(), 32, f"meshgait gallery {purpose}".encode()).derive(self._data_key)

    def _of(self, purpose: str) -> Any:
        if purpose not in self._ciphers:
            self._ciphers[purpose] = _cipher(self.key(purpose))
        return self._ciphers[purpose]


@lru_cache(maxsize=8)  # a server opens its gallery at every request, and scrypt is slow on purpose
def _data_key(header: str, passphrase: str, where: str) -> bytes:
    from cryptography.exceptions import InvalidTag

    try:
        found = json.loads(header)
        kdf = found["kdf"]
        if (found["cipher"], kdf["name"]) != ("AES-256-GCM", "scrypt"):
            raise ValueError(f"{found['cipher']}, {kdf['name']}: unknown")
        n, r, p = kdf["n"], kdf["r"], kdf["p"]
        if not all(isinstance(each, int) and each > 0 for each in (n, r, p)):
            raise ValueError(f"scrypt does not go by {n}, {r}, {p}")
        if 128 * n * r > _MOST_MEMORY or p > 16:
            raise ValueError("its key derivation wants too much memory")
        key = _derived(passphrase, bytes.fromhex(kdf["salt"]), n, r, p)
        box = bytes.fromhex(found["key"])
        return _cipher(key).decrypt(box[:_NONCE], box[_NONCE:], _ABOUT)  # type: ignore[no-any-return]
    except InvalidTag:
        raise GalleryError(f"wrong passphrase for the gallery {where}") from None
    except (KeyError, TypeError, ValueError) as error:
        raise GalleryError(f"the key of the gallery {where} is damaged: {error}") from error


def _derived(passphrase: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    try:
        secret = passphrase.encode()
    except UnicodeEncodeError:
        raise UsageError(f"the passphrase is no text in UTF-8: look what {PASSPHRASE} holds") from None
    return Scrypt(salt=salt, length=32, n=n, r=r, p=p).derive(secret)


def _cipher(key: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def _close(cipher: Any, plain: bytes, about: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    return nonce + bytes(cipher.encrypt(nonce, plain, about))
