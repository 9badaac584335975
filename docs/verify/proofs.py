"""Proofs that need no log: that a record is in it (C2SP tlog-proof), and that it only grew (RFC 9162)."""
from notes import Checkpoint, is_consistent, root_of_inclusion
from record import Malformed, Record, decode_base64, is_u64


class Contradiction(Exception):
    """What is present contradicts: exit 1."""


class NotMet(Exception):
    """A given key did not sign: exit 5."""


def require_signed(checkpoint, keys):
    """The keys that signed a checkpoint; without keys nothing is vouched for, and the text says so."""
    outcomes = {key.text: checkpoint.judged_by(key) for key in keys}
    if False in outcomes.values():
        raise Contradiction("the checkpoint's signature is not by the key that it names")
    signers = [text for text, outcome in outcomes.items() if outcome]
    if keys and not any(key.name == checkpoint.origin for key in keys if key.text in signers):
        raise NotMet("no given key of the log signed the checkpoint")
    return signers


def read_proof(text):
    """C2SP tlog-proof: index, path, checkpoint."""
    header, separator, note = text.partition("\n\n")
    lines = header.split("\n")
    if not separator or lines.pop(0) != "c2sp.org/tlog-proof@v1":
        raise Malformed("it is no tlog-proof")
    if lines and lines[0].startswith("extra "):
        decode_base64(lines.pop(0)[6:])
    if not lines or not lines[0].startswith("index ") or not is_u64(lines[0][6:]):
        raise Malformed("it names no index")
    index, path = int(lines[0][6:]), [decode_base64(line) for line in lines[1:]]
    if len(path) > 63 or any(len(item) != 32 for item in path):
        raise Malformed("its path is malformed")
    return index, path, Checkpoint(note)


def verify_proof(proof, line, keys):
    """Whether a record is in the log that a checkpoint speaks of."""
    try:
        record = Record(line)
    except Malformed as error:
        raise Contradiction(f"the record is malformed: {error}") from None
    if record.stated != record.hash.hex():
        raise Contradiction("the record does not state the hash of its body")
    index, path, checkpoint = read_proof(proof)
    if (record.chain["id"], record.chain["seq"] - 1) != (checkpoint.origin, index):
        raise Contradiction("the proof is of another chain or record")
    signers = require_signed(checkpoint, keys)
    try:
        root = root_of_inclusion(index, checkpoint.size, record.hash, path)
    except Malformed as error:
        raise Contradiction(f"the proof does not lead to a root: {error}") from None
    if root != checkpoint.root:
        raise Contradiction("the proof leads to another root than the checkpoint's")
    return f"record {index + 1} of {checkpoint.origin}, in the tree of {checkpoint.size} records", signers


def verify_consistency(old, new, proof, keys):
    """Whether the log of a newer checkpoint is the one of an older checkpoint, continued."""
    old, new = Checkpoint(old), Checkpoint(new)
    path = [decode_base64(line) for line in proof.split("\n") if line]
    if old.origin != new.origin:
        raise Contradiction("the checkpoints are of two logs")
    signers = require_signed(old, keys) and require_signed(new, keys)
    if not is_consistent(old.size, old.root, new.size, new.root, path):
        raise Contradiction("the newer tree does not continue the older one")
    return f"the tree of {new.size} records of {new.origin} continues the one of {old.size}", signers
