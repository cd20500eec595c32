"""Verifies a log and a receipt with hashlib and python3-cryptography alone.

verify.py <folder of an export> <vkey> [<receipt>]
"""

import base64
import hashlib
import os
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def leaf_hash(entry):
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def open_checkpoint(note, vkey):
    """Size and root that a note is signed for."""
    name, key_id, typed = vkey.split("+", 2)
    typed = base64.b64decode(typed, validate=True)
    digest = hashlib.sha256(name.encode() + b"\n" + typed).digest()
    assert typed[0] == 1 and digest[:4].hex() == key_id, "the vkey is damaged"
    text, _, signatures = note.rpartition("\n\n")
    text += "\n"
    blobs = [line.split(" ")[2] for line in signatures.splitlines() if line.startswith(f"— {name} ")]
    blobs = [base64.b64decode(blob, validate=True) for blob in blobs]
    own = [blob[4:] for blob in blobs if blob[:4] == digest[:4]]
    assert own, "the log did not sign"
    for signature in own:
        Ed25519PublicKey.from_public_bytes(typed[1:]).verify(signature, text.encode())
    origin, size, root = text.split("\n")[:3]
    assert origin == name, "another log"
    check_time(name, typed[1:], text, blobs)
    return int(size), base64.b64decode(root, validate=True)


def check_time(name, key, text, blobs):
    """The log also says when, as a cosigner (C2SP tlog-cosignature) with the same key."""
    key_id = hashlib.sha256(name.encode() + b"\n\x04" + key).digest()[:4]
    timed = [blob[4:] for blob in blobs if blob[:4] == key_id]
    assert timed, "the log does not say when"
    time, signature = int.from_bytes(timed[0][:8], "big"), timed[0][8:]
    assert time > 1_700_000_000, "a time before this software"
    Ed25519PublicKey.from_public_bytes(key).verify(signature, f"cosignature/v1\ntime {time}\n{text}".encode())


def tile_path(level, index, width):
    groups = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03}")
    return f"tile/{level}/" + "/".join(groups) + ("" if width == 256 else f".p/{width}")


def read(folder, path):
    with open(os.path.join(folder, path), "rb") as file:
        return file.read()


def read_entries(folder, size):
    for first in range(0, size, 256):
        width = min(256, size - first)
        bundle = read(folder, tile_path("entries", first // 256, width))
        at = 0
        for _ in range(width):
            length = int.from_bytes(bundle[at : at + 2], "big")
            yield bundle[at + 2 : at + 2 + length]
            at += 2 + length
        assert at == len(bundle), "a bundle is not as long as its entries"


def check_tiles(folder, hashes):
    """Compares the tiles of one level and gives the hashes of the next; the odd ones stay for the root."""
    level = 0
    while hashes:
        for first in range(0, len(hashes), 256):
            part = hashes[first : first + 256]
            assert read(folder, tile_path(level, first // 256, len(part))) == b"".join(part), "a tile is another"
        hashes = [tree_root(hashes[at : at + 256]) for at in range(0, len(hashes) - 255, 256)]
        level += 1


def tree_root(hashes):
    if not hashes:
        return hashlib.sha256(b"").digest()
    while len(hashes) > 1:
        paired = [node_hash(*hashes[at : at + 2]) for at in range(0, len(hashes) - 1, 2)]
        hashes = paired + hashes[len(paired) * 2 :]
    return hashes[0]


def check_inclusion(leaf, index, size, path, root):
    """RFC 9162, 2.1.3.2."""
    fn, sn, result = index, size - 1, leaf
    assert index < size
    for sibling in path:
        assert sn > 0, "the path is too long"
        if fn & 1 or fn == sn:
            result = node_hash(sibling, result)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            result = node_hash(result, sibling)
        fn, sn = fn >> 1, sn >> 1
    assert sn == 0 and result == root, "the entry is not in the tree"


def check_receipt(path, vkey):
    with open(path, encoding="utf-8") as file:
        head, _, note = file.read().partition("\n\n")
    header, extra, index, *lines = head.split("\n")
    assert header == "c2sp.org/tlog-proof@v1" and extra.startswith("extra ") and index.startswith("index ")
    entry = base64.b64decode(extra[6:], validate=True)
    size, root = open_checkpoint(note, vkey)
    check_inclusion(leaf_hash(entry), int(index[6:]), size, [base64.b64decode(line) for line in lines], root)


def main(folder, vkey, receipt=None):
    size, root = open_checkpoint(read(folder, "checkpoint").decode(), vkey)
    hashes = [leaf_hash(entry) for entry in read_entries(folder, size)]
    check_tiles(folder, hashes)
    assert tree_root(hashes) == root, "the entries are not the ones that were signed"
    if receipt:
        check_receipt(receipt, vkey)
    print(f"verified {size} entries")


main(*sys.argv[1:])
