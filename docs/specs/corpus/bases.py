"""Good logs: what a writer makes, from a seed. Built with the encoder of the vectors, apart from the Rust code."""
import generate as vectors  # ../vectors/generate.py

IDS = ("audit.example.com/corpus/1", "audit.example.com/other/1")
SEEDS = vectors.SEEDS
KINDS = ("bare", "bare-signed", "none", "checkpoint", "record")
INSTANCES = ("00000000000000a1", "00000000000000b2", "00000000000000c3")
LANES = ("t0", "t1", "shared")


class Rng:
    """SplitMix64: the same numbers on every machine and in every version of Python."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) % 2**64
        z = self.state
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        return z ^ z >> 31

    def below(self, limit):
        return self.next() % limit

    def choice(self, items):
        return items[self.below(len(items))]

    def one_in(self, n):
        return self.below(n) == 0


# Four keys for each of two ids; making one takes milliseconds.
_KEYS = {}


def key(cid, role, number=0):
    name = cid + role
    if (name, number) not in _KEYS:
        _KEYS[name, number] = vectors.Key(name, SEEDS[number])
    return _KEYS[name, number]


class Base:
    """A log as it was written, with all that is known of it.

    kind       one of KINDS
    chain      the chain of the vectors' encoder: lines, hashes, head, checkpoint
    verdict    completeness
    events     positions of records that are not about the log itself
    """

    def __init__(self, rng, kind, events, cid=IDS[0], openings=1, losses=True, unclean=False, closed=True, change=None):
        self.kind, self.id, self.rng = kind, cid, rng
        self.signed = kind in ("bare-signed", "record")
        self.record_key = key(cid, "/record", 2) if self.signed else None
        self.log_key = key(cid, "", 0) if kind in ("checkpoint", "record") else None
        self.chain = vectors.Chain(cid, self.record_key)
        self.events, self.change, self.lost, self.positions = [], change or {}, False, {}
        self.bare = kind.startswith("bare")
        for number in range(1 if self.bare else openings):
            last = number == openings - 1
            self.opening(number, max(1, events // openings), losses, closed if last else not unclean)
        self.verdict = "UNKNOWN" if self.bare or not closed or unclean and openings > 1 else "LOSSY" if self.lost else "COMPLETE"

    def add(self, kind, data, src, **more):
        position = len(self.chain.lines) + 1
        self.positions.setdefault(kind, []).append(position)
        self.chain.add(kind, data, src, change=self.change.get(position), **more)
        return position

    def opening(self, number, events, losses, closed):
        instance, sealer = INSTANCES[number], INSTANCES[number] + "/sealer"
        if not self.bare:
            self.open(number, sealer)
        for _ in range(events):
            self.event(instance, sealer, losses)
        if closed and not self.bare:
            lanes = self.lanes_of(instance)
            self.add("producer_closed", {"instance": instance, "lanes": {**lanes, "sealer": self.chain.lane[sealer] + 2}}, sealer)
            self.add("log_closed", {"reason": "shutdown", "records": len(self.chain.lines) + 1}, sealer)

    def open(self, number, sealer):
        mode = self.kind
        keys = [k.vkey for k in (self.log_key, self.record_key) if k]
        data = vectors.opened(mode=mode, keys=keys, resumed_seq=len(self.chain.lines))
        producer = {"instance": INSTANCES[number]}
        if number:
            before = INSTANCES[number - 1]
            last = {lane: n for lane, n in self.lanes_of(before).items()}
            producer.update(last_known=last, predecessor=before)
            if self.chain.bodies[-1]["event"]["kind"] != "log_closed":
                data["unclean"] = {"instance": before, "lanes": last}
        self.add("log_opened", data, sealer)
        self.add("producer_opened", producer, sealer)

    def lanes_of(self, instance):
        return {src.split("/")[1]: n for src, n in self.chain.lane.items() if src.startswith(instance)}

    def event(self, instance, sealer, losses):
        rng = self.rng
        src = f"{instance}/{rng.choice(LANES)}"
        if not self.bare and rng.one_in(9):
            self.add("access", {"action": "read", "count": 1 + rng.below(9), "reader": "svc-siem"}, sealer)
        if losses and not self.bare and rng.one_in(11):
            self.lose(src, sealer)
        keys = {"lease": str(rng.below(100)), "node": "node-" + rng.choice("abc")}
        who = {"tenant": "acme", "workload": "indexer"}
        kind, data = rng.choice((
            ("lease_allocated", {"bytes": str(rng.next()), "resource": "mem"}),
            ("lease_renewed", {"resource": "net", "ttl_ms": "60000"}),
            ("operation_failed", {"detail": 'node "b"\tgone\u2028\U0001f4a5', "error": "internal", "op": "read"}),
            ("vault.object_put", {"flags": [True, False, -rng.below(2**53)], "key": "a/b", "none": {}}),
        ))
        self.events.append(self.add(kind, data, src, keys=keys, who=who))

    def lose(self, src, sealer):
        first = self.chain.lane.get(src, 0) + 1
        self.chain.lane[src] = first + self.rng.below(7)
        self.lost = True
        self.add("records_lost", {"first_n": first, "last_n": self.chain.lane[src], "reason": "queue_full", "src": src}, sealer)

    # What an auditor may hold

    @property
    def lines(self):
        return list(self.chain.lines)

    @property
    def size(self):
        return len(self.chain.lines)

    def anchor(self, size=None):
        anchor = self.chain.head(size)
        return {**anchor, "checkpoint": self.chain.checkpoint(self.log_key, size)} if self.log_key else anchor

    def keys(self):
        return [k.vkey for k in (self.log_key, self.record_key) if k]


# What a forger does

def body_of(line):
    return line[8:-216] if line[-3:-2] == b"}" else line[8:-76]


def with_body(line, body):
    """The line with another body and the hash of that; what stands behind the hash is kept."""
    behind = line[-143:] if line[-3:-2] == b"}" else line[-3:]
    return b'{"body":' + body + b',"hash":"' + vectors.leaf(body).hex().encode() + behind[:0] + (behind if line[-3:-2] == b"}" else b'"}\n')


def relink(lines, start):
    """Makes every link from index `start` on anew."""
    for index in range(max(start, 1), len(lines)):
        body = body_of(lines[index])
        at = body.index(b'"prev":"') + 8
        link = vectors.leaf(body_of(lines[index - 1])).hex().encode()
        lines[index] = with_body(lines[index], body[:at] + link + body[at + 64:])
    return lines


def edited(line, old, new):
    """The line with `old` in its body replaced once, and the hash made anew."""
    body = body_of(line)
    assert old in body, (old, body)
    return with_body(line, body.replace(old, new, 1))
