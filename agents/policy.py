"""Which weights spoke: a short content hash over a directory's weight files.

Two directories with the same `*.safetensors` files have the same policy version, wherever they lie. The hash
is over files, so the same tensors in another sharding are another version. Configuration, tokenizer and chat
template are not part of it.
"""

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

__all__ = ["DIGITS", "policy_of"]

DIGITS = 12
"""Hex digits kept: 48 bits, so that a million policies collide with a chance of 1 in 500."""


def policy_of(weights: Iterable[Path]) -> str:
    """Hash weight files into a policy version.

    Args:
        weights: The files; their order does not matter, their names and contents do.

    Returns:
        12 hexadecimal digits.
    """
    files = sorted(weights, key=lambda path: path.name)
    with ThreadPoolExecutor(max_workers=8) as pool:
        digests = list(pool.map(_digest, files))
    whole = hashlib.sha256()
    for path, digest in zip(files, digests, strict=True):
        whole.update(path.name.encode() + b"\0" + digest)
    return whole.hexdigest()[:DIGITS]


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
