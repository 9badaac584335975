"""Logs whose keys change: rotations and epochs (§6), and what can be wrong with them."""
import base64

import generate as vectors
from bases import IDS, INSTANCES, Base, key

SEALER = INSTANCES[0] + "/sealer"
OLD, NEW, FOREIGN = key(IDS[0], "", 0), key(IDS[0], "", 1), key(IDS[0], "", 3)


def epoch_key(number, seed=None):
    return key(IDS[0], f"/epoch/{number}", number % 4 if seed is None else seed)


class Keyed(Base):
    """A log in mode checkpoint that goes through `steps`: events, ("rotate", how), ("epoch", number, how)."""

    def __init__(self, rng, steps, epoch_ms=False):
        self.key_at = [(0, OLD)]  # (above, log key)
        self.epoch_at = []  # (above, epoch key)
        self.steps, self.epoch_ms, self.at = steps, epoch_ms, {}
        super().__init__(rng, "checkpoint", 2)

    def opening(self, number, events, losses, closed):
        opened = vectors.opened(mode="checkpoint", keys=[OLD.vkey], **({"epoch_ms": 60000} if self.epoch_ms else {}))
        self.add("log_opened", opened, SEALER)
        self.add("producer_opened", {"instance": INSTANCES[0]}, SEALER)
        for step in self.steps:
            if step == "events":
                for _ in range(2 + self.rng.below(3)):
                    self.event(INSTANCES[0], SEALER, False)
            elif step[0] == "rotate":
                self.rotate(*step[1:])
            else:
                self.epoch(*step[1:])
        lanes = {**self.lanes_of(INSTANCES[0]), "sealer": self.chain.lane[SEALER] + 2}
        self.add("producer_closed", {"instance": INSTANCES[0], "lanes": lanes}, SEALER)
        self.add("log_closed", {"reason": "shutdown", "records": len(self.chain.lines) + 1}, SEALER)

    def rotate(self, handover):
        k = self.at["rotated"] = self.add("key_rotated", {"new_key": NEW.vkey, "old_key": OLD.vkey, "role": "log"}, SEALER)
        self.key_at.append((k, NEW))
        if handover:
            said = {"key": "keys.handover", "new_value": handover(self, k)}
            self.at["handover"] = self.add("config_changed", said, SEALER)

    def epoch(self, number, change=None, signer=None, named=None):
        size = len(self.chain.lines)
        before = signer or (self.epoch_at[-1][1] if self.epoch_at else self.log_key_at(size))
        own = epoch_key(number) if named is None else named
        data = {"epoch": number, "key": own.vkey, "root": vectors.root(self.chain.hashes).hex(), "size": size, **(change or {})}
        message = "\n".join(("counterfoil.dev/epoch/v1", IDS[0], str(number), str(data["size"]), data["root"], data["key"]))
        data["signature"] = base64.b64encode(vectors.sign(before.seed, message.encode())).decode()
        self.at[number] = self.add("epoch_started", data, SEALER)
        self.epoch_at.append((size, own))

    def log_key_at(self, size):
        return [k for above, k in self.key_at if above < size][-1]

    def note(self, size, *signers):
        """A checkpoint with a line by each of these keys."""
        text = f"{IDS[0]}\n{size}\n{base64.b64encode(vectors.root(self.chain.hashes[:size])).decode()}\n"
        return text + "\n" + "".join(signer.note(text).split("\n\n")[1] for signer in signers)

    def anchor(self, size=None, signers=None):
        size = size or self.size
        if signers is None:
            signers = [self.log_key_at(size)] + [k for above, k in self.epoch_at if above < size][-1:]
        return {**self.chain.head(size), "checkpoint": self.note(size, *signers)}

    def keys(self):
        return [OLD.vkey]


def handed_over(log, k):
    return log.note(k, OLD)


def of_another_size(log, k):
    return log.note(k - 1, OLD)


def by_nobody_trusted(log, k):
    return log.note(k, NEW)


def with_a_broken_signature(log, k):
    return log.note(k, OLD).split("\n\n")[0] + "\n\n" + log.note(k - 1, OLD).split("\n\n")[1]


def of_another_root(log, k):
    text = f"{IDS[0]}\n{k}\n{base64.b64encode(bytes(32)).decode()}\n"
    return OLD.note(text)


ROTATED = ("events", ("rotate", handed_over), "events")
EPOCHS = (("epoch", 1), "events", ("epoch", 2), ("epoch", 3), "events")


def rotations(rng):
    """(what, log, anchor, keys, expected)"""
    log = Keyed(rng, ROTATED)
    n, k = log.size, log.at["rotated"]
    unmet = (5, "key", n)
    yield "followed from the old key", log, log.anchor(), log.keys(), (0, None, None)
    yield "the new key given", log, log.anchor(), [NEW.vkey], (0, None, None)
    yield "no key given", log, log.anchor(), [], (0, None, None)
    yield "a head of the old key, up to the rotation", log, log.anchor(k), log.keys(), (0, None, None)
    yield "a head of the new key, one record on", log, log.anchor(k + 1), log.keys(), (0, None, None)
    yield "a head that the old key signed after its time", log, log.anchor(signers=[OLD]), log.keys(), unmet
    yield "a head that the new key signed before its time", log, log.anchor(k, signers=[NEW]), log.keys(), (5, "key", k)
    for handover, expected in ((None, unmet), (of_another_size, unmet), (by_nobody_trusted, unmet), (with_a_broken_signature, "signature"),
                               (of_another_root, "root")):
        log = Keyed(rng, ("events", ("rotate", handover), "events"))
        expected = (1, expected, log.at["handover"]) if isinstance(expected, str) else (5, "key", log.size)
        what = handover.__name__.replace("_", " ") if handover else "missing"
        yield f"a handover {what}", log, log.anchor(), log.keys(), expected


def epochs(rng):
    log = Keyed(rng, EPOCHS, epoch_ms=True)
    n, second = log.size, log.at[2]
    last, first = log.epoch_at[-1][1], log.epoch_at[0][1]
    yield "epochs one after another", log, log.anchor(), log.keys(), (0, None, None)
    yield "a head in the first epoch", log, log.anchor(second - 1), log.keys(), (0, None, None)
    yield "the first epoch's key given", log, log.anchor(), log.keys() + [first.vkey], (0, None, None)
    yield "another key for the first epoch given", log, log.anchor(), log.keys() + [epoch_key(1, 3).vkey], (5, "key", 1)
    yield "a head without its epoch's line", log, log.anchor(signers=[OLD]), log.keys(), (5, "key", n)
    yield "a head with the line of an older epoch", log, log.anchor(signers=[OLD, last, first]), log.keys(), (1, "signature", n)
    yield "an older head sealed by a newer epoch", log, log.anchor(second - 1, signers=[OLD, last]), log.keys(), (1, "signature", second - 1)
    yield "a head with the line of nobody's epoch", log, log.anchor(signers=[OLD, last, epoch_key(9)]), log.keys(), (0, None, None)
    log = Keyed(rng, ("events",), epoch_ms=True)
    yield "epochs that are set and do not run", log, log.anchor(), log.keys(), (5, "key", log.size)
    for what, steps, reason, number in (
            ("that leaves a number out", (("epoch", 1), "events", ("epoch", 3)), "mode", 3), ("that begins with 2", (("epoch", 2), "events"), "mode", 2),
            ("again", (("epoch", 1), "events", ("epoch", 1)), "mode", 1), ("of another size", (("epoch", 1, {"size": 9}),), "mode", 1),
            ("of another root", (("epoch", 1, {"root": "ab" * 32}),), "root", 1),
            ("by another key", (("epoch", 1), "events", ("epoch", 2, None, FOREIGN)), "signature", 2),
            ("by the log key instead of the epoch's", (("epoch", 1), "events", ("epoch", 2, None, OLD)), "signature", 2),
            ("under another name", (("epoch", 1, None, None, epoch_key(7)),), "mode", 1)):
        log = Keyed(rng, steps + ("events",), epoch_ms=True)
        yield f"an epoch {what}", log, log.anchor(), log.keys(), (1, reason, log.at[number])


def all_keyed(rng):
    """Every rotation and epoch, and such logs for the damages that any log can suffer."""
    for number in range(3):
        for part in (rotations, epochs):
            for what, log, anchor, keys, expected in part(rng):
                yield f"{part.__name__} {number}: {what}", log, anchor, keys, expected


def damaged(rng):
    for number in range(6):
        yield f"rotated {number}", Keyed(rng, ROTATED)
        yield f"epochs {number}", Keyed(rng, EPOCHS, epoch_ms=True)
