"""What stands above the records: the tree, verifier keys, and signed checkpoints (§6; C2SP signed-note and tlog-checkpoint)."""
from record import Malformed, decode_base64, is_u64, sha256

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    Ed25519PublicKey = None


# --- §6: tree -------------------------------------------------------------------------------------------------------------

def node(left, right):
    return sha256(b"\1" + left + right)


class Tree:
    """The RFC 6962 tree over the records so far: the roots of its perfect subtrees, the largest first."""

    def __init__(self):
        self.size, self.peaks = 0, []

    def append(self, leaf):
        self.size += 1
        self.peaks.append(leaf)
        for _ in range((self.size & -self.size).bit_length() - 1):
            right = self.peaks.pop()
            self.peaks[-1] = node(self.peaks[-1], right)

    def root(self):
        if not self.peaks:
            return sha256(b"")
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node(peak, root)
        return root


def root_of_inclusion(index, size, leaf, path):
    """The root that an inclusion proof leads to (RFC 9162, 2.1.3.2)."""
    if index >= size:
        raise Malformed(f"index {index} lies beyond the size {size}")
    fn, sn, root = index, size - 1, leaf
    for sibling in path:
        if sn == 0:
            raise Malformed("the proof is too long")
        if fn & 1 or fn == sn:
            root = node(sibling, root)
            while fn & 1 == 0 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            root = node(root, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise Malformed("the proof is too short")
    return root


def is_consistent(old_size, old_root, new_size, new_root, path):
    """Whether the tree of `new_size` extends that of `old_size` (RFC 9162, 2.1.4.2)."""
    if old_size == new_size:
        return not path and old_root == new_root
    if not 0 < old_size < new_size:
        return old_size == 0 and not path and old_root == sha256(b"")
    path = list(path)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return False
    fn, sn = old_size - 1, new_size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            old, new = node(sibling, old), node(sibling, new)
            while fn & 1 == 0 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            new = node(new, sibling)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and (old, new) == (old_root, new_root)


# --- §6: keys, notes and checkpoints (C2SP signed-note, tlog-checkpoint) ---------------------------------------------------

# Points of small order, with which anybody can sign. Those that are not fully reduced are refused by their size.
SMALL_ORDER = {bytes.fromhex(y) for y in (
    "01" + "00" * 31, "01" + "00" * 30 + "80", "ec" + "ff" * 30 + "7f", "ec" + "ff" * 31, "00" * 32, "00" * 31 + "80",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa")}


def is_sound_point(encoded):
    return int.from_bytes(encoded, "little") % 2**255 < 2**255 - 19 and encoded not in SMALL_ORDER


class Key:
    """A verifier key of type 1 (Ed25519): name+id+base64."""

    def __init__(self, vkey):
        parts = vkey.split("+", 2)
        if len(parts) != 3 or not parts[0] or any(c.isspace() for c in parts[0]):
            raise Malformed("it is no verifier key such as name+0123abcd+base64")
        self.name, self.id, self.text = parts[0], parts[1], vkey
        material = decode_base64(parts[2])
        if len(material) != 33 or material[0] != 1:
            raise Malformed("it is no Ed25519 key")
        if sha256(self.name.encode() + b"\n" + material)[:4].hex() != self.id:
            raise Malformed("its id is not that of its name and key")
        self.public = material[1:]
        if not is_sound_point(self.public):
            raise Malformed("it was not made by an honest generator")

    def verifies(self, message, signature):
        """Whether the signature holds; None where nothing can be checked because the package is missing."""
        if Ed25519PublicKey is None:
            return None
        if len(signature) != 64 or not is_sound_point(signature[:32]):
            return False
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


def key_or_none(vkey):
    try:
        return Key(vkey)
    except Malformed:
        return None


class Checkpoint:
    """A signed note whose text is a checkpoint: origin, size, root."""

    def __init__(self, note):
        if len(note.encode()) > 1_000_000 or any(c < " " and c != "\n" for c in note) or not note.endswith("\n"):
            raise Malformed("it is no note")
        at = note[:-1].rfind("\n\n")
        if at < 0:
            raise Malformed("no empty line separates a text from signatures")
        self.text = note[: at + 1]
        self.signatures = [self.signature(line) for line in note[at + 2 : -1].split("\n")]
        if len(self.signatures) > 100:
            raise Malformed("it has more than 100 signatures")
        lines = self.text[:-1].split("\n")
        if len(lines) < 3 or not all(lines) or not is_u64(lines[1]):
            raise Malformed("its text is no checkpoint")
        self.origin, self.size, self.root = lines[0], int(lines[1]), decode_base64(lines[2])
        if len(self.root) != 32:
            raise Malformed("its root has not 32 bytes")

    @staticmethod
    def signature(line):
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] != "\u2014" or not parts[1] or "+" in parts[1]:
            raise Malformed("a signature line is malformed")
        data = decode_base64(parts[2])
        if len(data) < 5:
            raise Malformed("a signature line is too short")
        return parts[1], data[:4].hex(), data[4:]

    def judged_by(self, key):
        """True if the key signed it, False if a signature that claims so fails, None if there is none or nothing can be checked."""
        outcomes = [key.verifies(self.text.encode(), signature) for name, id, signature in self.signatures
                    if (name, id) == (key.name, key.id)]
        return None if not outcomes else False if False in outcomes else outcomes[0]
