"""What the log says about itself: the mode, and the keys in force (§4, §6)."""
from keys import Epochs, LogKeys
from notes import key_or_none


class Policy:
    """The mode and the keys in force; which given record keys were in force or signed."""

    def __init__(self, given):
        self.mode = None  # None: not known; "bare": a chain that claims no policy
        self.keys, self.ever, self.opened, self.opened_at = [], set(), None, None
        self.announced = set()
        self.log_keys, self.epochs = LogKeys(given), Epochs(given)
        self.given = [key for key in given if key.name.endswith("/record")]
        self.without_given = None  # the first position at which none of them was in force
        self.signed = self.signed_up_to = self.verified = self.not_checked = 0

    def judge(self, record, position, is_first):
        """Faults of a record, as (reason, detail); learns what it says."""
        faults = []
        if record.kind == "log_opened":
            faults += self.open(record.data, position)
        elif is_first:
            self.mode = "bare"
        faults += self.judge_signature(record, position)
        if record.kind == "key_rotated":
            self.rotate(record, position, not faults)
        elif record.kind == "config_changed":
            self.announced.add(record.data["key"])
        return faults

    def rotate(self, record, position, holds):
        """The new key counts from the next record on. The line of a record key's rotation is the old key's word for the new one."""
        old, new = record.data["old_key"], record.data["new_key"]
        self.keys = [key for key in self.keys if key != old] + [new]
        self.ever.add(new)
        self.announced.add("keys")
        by_old = [key for key in self.given if key.text == old and key.id == record.key_id]
        if record.data["role"] == "log":
            self.log_keys.rotated(position, old, new)
        elif by_old and holds and record.signature and key_or_none(new):
            self.given = self.given + [key_or_none(new)]
        self.note_given(position + 1)

    def open(self, data, position):
        """§4 rule 2: policies change only as announced."""
        if self.mode == "bare":
            yield "mode", "a chain whose first record is no log_opened is bare and cannot be opened"
        for name in ("mode", "keys", "epoch_ms", "retention") if self.opened else ():
            if data.get(name) != self.opened.get(name) and name not in self.announced:
                yield "mode", f"{name} differs from the log_opened before, and nothing announced it"
        self.opened, self.opened_at = data, self.opened_at or position
        self.mode, self.keys, self.announced = data["mode"], list(data["keys"]), set()
        self.ever.update(data["keys"])
        self.log_keys.opened(position, data["keys"])
        self.epochs.opened(position, "epoch_ms" in data)
        self.note_given(position)

    def judge_signature(self, record, position):
        if record.signature is None:
            return [("mode", "it is not signed, and the mode in force is record")] if self.mode == "record" else []
        if self.mode in ("none", "checkpoint"):
            return [("mode", f"it is signed, and the mode in force is {self.mode}")]
        candidates = self.given
        if self.mode == "record":
            candidates = [key for key in map(key_or_none, self.keys) if key and key.name.endswith("/record")]
            if all(key.id != record.key_id for key in candidates):
                return [("mode", f"it is signed by {record.key_id}, which is no record key in force")]
        message = b"counterfoil.dev/record/v1\n" + bytes.fromhex(record.stated)
        outcomes = [key.verifies(message, record.signature) for key in candidates if key.id == record.key_id]
        if False in outcomes:
            return [("signature", f"its signature is not by the key {record.key_id} that it names")]
        given = any(key.id == record.key_id for key in self.given)
        if True not in outcomes or not given:
            # A signature that holds under a key that only the log names proves nothing.
            self.not_checked += 1
            return []
        self.verified += 1
        self.signed += 1
        self.signed_up_to += self.signed_up_to + 1 == position
        return []

    def note_given(self, position):
        in_force = self.mode == "record" and any(key.text in self.keys for key in self.given)
        if not in_force and self.without_given is None:
            self.without_given = position

    def counts_at(self, key, size, chain):
        """Whether a log key counts for heads of so many records; where the log does not say, any does."""
        return self.mode in (None, "bare") or key.text in [other.text for other in self.log_keys.at(size, chain)]

    def about_tree(self, record, root):
        """What a record says of keys that is held against the tree; `root` is the one before it, where it is known."""
        chain, data = record.chain["id"], record.data
        if record.kind == "epoch_started":
            yield from self.epochs.started(data, chain, record.chain["seq"], root, self.log_keys)
        elif record.kind == "config_changed" and data["key"] == "keys.handover" and isinstance(data.get("new_value"), str):
            yield from self.log_keys.handover(data["new_value"], chain)
