"""Log keys over the sizes of a log: rotations, and epochs (§6)."""
from notes import Checkpoint, key_or_none
from record import Malformed, decode_base64, is_chain_id

END = float("inf")


class LogKeys:
    """Which log key counts for which sizes, and which is trusted: given, or handed over to by a trusted one."""

    def __init__(self, given):
        self.spans = []  # [key, above, up to]
        self.trusted = {key.text for key in given if is_chain_id(key.name)}
        self.replaced = set()  # trusted keys that have handed over; only a rotation brings one back
        self.rotation = None  # [old key, new key, seq, root at seq, whether the old key was in force] whose handover is still to come

    def opened(self, seq, keys):
        for span in self.spans:
            if span[2] == END and span[0] not in keys:
                span[2] = seq - 1
        for key in keys:
            if key not in self.replaced:
                self.begin(key, seq - 1)

    def rotated(self, seq, old, new):
        # Where the beginning was pruned, nothing may have said yet which keys are in force.
        in_force = not self.spans or any(span[0] == old and span[2] == END for span in self.spans)
        for span in self.spans:
            if span[0] == old:
                span[2] = min(span[2], seq)
        self.replaced.discard(new)
        self.begin(new, seq)
        self.rotation = [old, new, seq, None, in_force]

    def begin(self, key, above):
        runs = any(span[0] == key and span[2] == END for span in self.spans)
        if is_chain_id(key.split("+")[0]) and not runs:
            self.spans.append([key, above, END])

    def root_at(self, seq, root):
        if self.rotation and self.rotation[2] == seq:
            self.rotation[3] = root

    def handover(self, text, chain):
        """Takes up the old key's last signed head; faults as (reason, detail)."""
        try:
            note = Checkpoint(text)
        except Malformed:
            return
        if not self.rotation or (note.origin, note.size) != (chain, self.rotation[2]):
            return
        old, new, _, root, in_force = self.rotation
        key = key_or_none(old)
        outcome = key and note.judged_by(key)
        if outcome is False:
            yield "signature", "the handover is not signed by the old key"
        elif outcome and root and note.root != root:
            yield "root", "the handover has another root than the log"
        elif outcome and root:
            self.rotation = None
            if in_force and key.name == chain and old in self.trusted:
                self.trusted.add(new)
                self.replaced.add(old)

    def at(self, size, chain):
        """The keys that count for a head of so many records."""
        keys = [key_or_none(key) for key, above, up_to in self.spans if above < size <= up_to]
        return [key for key in keys if key and key.name == chain]

    def signers(self, note, chain):
        return [key for key in self.at(note.size, chain) if key.text in self.trusted and note.judged_by(key)]


def epoch_chain(name):
    """The chain of an epoch key's name, or None."""
    chain, separator, number = name.rpartition("/epoch/")
    counted = number.isascii() and number.isdigit() and not number.startswith("0")
    return chain if separator and counted and is_chain_id(chain) else None


class Epochs:
    """Each epoch is begun by the one before, and every head bears the line of its epoch."""

    def __init__(self, given):
        self.given = [key for key in given if epoch_chain(key.name)]
        # From heads of more than `above` records on: "none", "asked" (epochs are set and none runs), "unknown" or "running".
        self.states = [(-1, "none", None)]  # (above, state, (number, key))
        self.begun = []  # [key, above, up to]
        self.hole = False

    def change(self, size, state, running=None):
        # Where records are absent nobody knows whether the epoch ended.
        for epoch in self.begun if state != "unknown" else ():
            epoch[2] = min(epoch[2], size)
        self.states.append((size, state, running))

    def opened(self, seq, with_epochs):
        if with_epochs and self.states[-1][1] == "none":
            self.change(seq - 1, "asked")

    def lose(self, seq):
        """Records from `seq` on are absent or not read: nobody knows which epoch runs."""
        self.hole = True
        self.change(seq - 1, "unknown")

    def started(self, data, chain, seq, root, log_keys):
        number, key = data["epoch"], key_or_none(data["key"])
        _, state, running = self.states[-1]
        if not self.hole and number != (running[0] + 1 if state == "running" else 1):
            yield "mode", f"epoch {number} is not the next"
        if data["size"] != seq - 1:
            yield "mode", f"it says that it begins at size {data['size']}, which is {seq - 1}"
        if not data["key"].startswith(f"{chain}/epoch/{number}+"):
            key = None
        if key is None:
            yield "mode", f"its key is not named {chain}/epoch/{number}"
        if root and root.hex() != data["root"]:
            yield "root", "it states another root than the log has there"
        if not self.hole:
            lines = ("counterfoil.dev/epoch/v1", chain, str(number), str(data["size"]), data["root"], data["key"])
            before = [running[1]] if state == "running" else log_keys.at(seq - 1, chain)
            outcomes = [k.verifies("\n".join(lines).encode(), decode_base64(data["signature"])) for k in before if k]
            if True not in outcomes and None not in outcomes:
                yield "signature", f"its signature is not by the key before epoch {number}"
        self.hole = False
        self.change(seq - 1, "running", (number, key))
        if key:
            self.begun = [epoch for epoch in self.begun if epoch[0].text != key.text] + [[key, seq - 1, END]]

    def judge(self, note):
        """What is wrong with the lines of epoch keys in a checkpoint."""
        for key, above, up_to in self.begun:
            names_it = any((name, id) == (key.name, key.id) for name, id, _ in note.signatures)
            if names_it and not above < note.size <= up_to:
                return f"the checkpoint of size {note.size} is signed by {key.name}, which counts for others"
            if names_it and note.judged_by(key) is False:
                return f"the signature by {key.name} does not hold"
        return None

    def lacks_line(self, note):
        """Whether a checkpoint by the log key does not count for lack of its epoch's line."""
        state, running = [(s, r) for above, s, r in self.states if above < note.size][-1]
        return state == "asked" or state == "running" and not (running[1] and note.judged_by(running[1]))

    def foreign(self, chain):
        """Given epoch keys that are not the keys of their epochs in this log."""
        begun = [epoch[0].text for epoch in self.begun]
        return [key for key in self.given if epoch_chain(key.name) == chain and key.text not in begun]
