"""What is done to good logs, and what a verifier must say of each: exit code, reason and record of the first failure."""
import generate as vectors
import keyed
from bases import IDS, INSTANCES, KINDS, Base, body_of, edited, key, relink, with_body
from shapes import BAD_DATA, BAD_HEADERS, BAD_VALUES, GOOD_DATA, GOOD_VALUES, RESPELT

ROUNDS = 12


class Case:
    """A log, what the verifier is given, and what it must answer.

    log        bytes of one file, or segments by name
    expected   exit code, reason (None: not known beforehand), position (None: of no record)
    """

    def __init__(self, recipe, log, anchor, keys, expected, completeness=None, stored=None, require_anchored_tail=False):
        self.recipe, self.log, self.anchor, self.keys = ascii(recipe)[1:-1], log, anchor, keys
        self.expected, self.completeness, self.stored = expected, completeness, stored
        self.require_anchored_tail = require_anchored_tail


VALID = (0, None, None)
NO_HEAD = (3, "no-head", None)


def tampered(reason, position):
    return (1, reason, position)


def absent(position):
    return (3, "absent", position)


def all_cases(rng):
    for number in range(ROUNDS):
        for kind in KINDS:
            openings = 1 + rng.below(3)
            base = Base(rng, kind, 6 + rng.below(12), openings=openings, unclean=rng.one_in(2), closed=not rng.one_in(4))
            name = f"{kind} {number}"
            for part in (clean, whole_lines, cuts, flips, fields, forgeries, heads, in_segments):
                yield from part(rng, name, base)
        yield from spellings(rng, number)
        yield from accounts(rng, number)
        yield from policies(rng, number)
    yield from checkpoints(rng)
    for name, log, anchor, keys, expected in keyed.all_keyed(rng):
        yield Case(name, b"".join(log.lines), anchor, keys, expected)
    for name, log in keyed.damaged(rng):
        for part in (whole_lines, cuts, flips, in_segments):
            yield from (unled(case, log) for case in part(rng, name, log))
    yield from data_of_every_kind(rng)
    yield from values_of_every_form(rng)


def unled(case, log):
    """A log of which records are absent up to a handover does not lead from the old key to the new one."""
    code, reason, position = case.expected
    up_to = log.at.get("handover", 0)
    if code == 3 and position and position <= up_to and case.anchor["seq"] > log.at["rotated"]:
        case.expected = (5, "key", log.size)
    return case


def case(name, what, base, lines, expected, **more):
    """A case whose verifier holds the last head and the keys of the base."""
    log = lines if isinstance(lines, (bytes, dict)) else b"".join(lines)
    return Case(f"{name}: {what}", log, more.pop("anchor", base.anchor()), more.pop("keys", base.keys()), expected, **more)


# --- good logs --------------------------------------------------------------------------------------------------------

def clean(rng, name, base):
    whole, n = base.lines, base.size
    k = 1 + rng.below(n)
    yield case(name, "whole", base, whole, VALID, completeness=base.verdict)
    yield case(name, f"whole, head at {k}", base, whole, VALID, anchor=base.anchor(k))
    yield case(name, f"whole, head at {k} and no tail allowed", base, whole, VALID if k == n else (3, "tail", k + 1),
               anchor=base.anchor(k), require_anchored_tail=True)
    yield case(name, "whole, nothing kept", base, whole, NO_HEAD, anchor=None, keys=[])
    yield case(name, "whole, no key given", base, whole, VALID, keys=[])
    root = {m: v for m, v in base.anchor().items() if m != "root"}
    yield case(name, "whole, anchor without root", base, whole, VALID, anchor=root)
    torn = whole[rng.below(n)]
    yield case(name, "an unfinished line behind the head", base, whole + [torn[: 1 + rng.below(len(torn) - 1)]], VALID)
    if base.log_key:
        stored = base.chain.checkpoint(base.log_key, k)
        yield case(name, f"whole, no anchor and a checkpoint of {k}", base, segmented(rng, whole), VALID, anchor=None, stored=stored)


def segmented(rng, lines):
    """The lines in segments of random lengths."""
    segments, start = {}, 0
    while start < len(lines):
        end = min(len(lines), start + 1 + rng.below(len(lines)))
        segments[f"{start + 1:020}.jsonl"] = b"".join(lines[start:end])
        start = end
    return segments


# --- whole lines and cuts -----------------------------------------------------------------------------------------------

def whole_lines(rng, name, base):
    n = base.size
    k = 1 + rng.below(n)
    lines = base.lines
    del lines[k - 1]
    yield case(name, f"delete {k}", base, lines, absent(k) if k in (1, n) else tampered("seq", k))
    lines = base.lines
    lines.insert(k, lines[k - 1])
    yield case(name, f"duplicate {k}", base, lines, tampered("seq", k + 1))
    k = 1 + rng.below(n - 1)
    lines = base.lines
    lines[k - 1], lines[k] = lines[k], lines[k - 1]
    yield case(name, f"swap {k} and {k + 1}", base, lines, tampered("seq", max(k, 2)))
    k = 1 + rng.below(n + 1)
    lines = base.lines
    lines.insert(k - 1, b"\n")
    yield case(name, f"insert an empty line at {k}", base, lines, tampered("grammar", k))
    j = 1 + rng.below(n)
    if j not in (k, k - 1):
        lines = base.lines
        lines.insert(k - 1, lines[j - 1])
        yield case(name, f"insert a copy of {j} at {k}", base, lines, tampered("seq", max(k, 2)))
    k = 1 + rng.below(n)
    lines = base.lines
    lines[k - 1] = edited(lines[k - 1], IDS[0].encode(), IDS[1].encode())
    yield case(name, f"another chain from {k} on", base, relink(
        lines[: k] + [edited(x, IDS[0].encode(), IDS[1].encode()) for x in lines[k:]], k), tampered("id", k))


def cuts(rng, name, base):
    n = base.size
    kept = rng.below(n)
    expected = (3, "empty", 1) if kept == 0 else absent(kept + 1)
    yield case(name, f"cut behind {kept}", base, base.lines[:kept], expected)
    k = 1 + rng.below(n)
    torn = base.lines[k - 1]
    torn = torn[: 1 + rng.below(len(torn) - 1)]
    yield case(name, f"cut within {k} to {len(torn)} bytes", base, base.lines[: k - 1] + [torn], tampered("grammar", k))
    older = 1 + rng.below(n)
    report = VALID if not owes_a_number(base, older) else (3, "gap", older)
    yield case(name, f"rolled back to {older} with the head of then", base, base.lines[:older], report, anchor=base.anchor(older),
               keys=[] if base.kind == "record" and older < 1 else base.keys())


def owes_a_number(base, size):
    """Whether the record at `size` promises a log_closed that does not follow."""
    return base.chain.bodies[size - 1]["event"]["kind"] == "producer_closed"


# --- bytes --------------------------------------------------------------------------------------------------------------

def flips(rng, name, base):
    n = base.size
    for what, expected_reason, choose in (("a bit of the text", "hash", in_text), ("a quote", "grammar", in_structure),
                                          ("a bit of the hash", None, in_hash), ("a bit of the frame", "grammar", in_frame)):
        k = 1 + rng.below(n)
        lines = base.lines
        at, bit = choose(rng, lines[k - 1])
        line = bytearray(lines[k - 1])
        line[at] ^= bit
        lines[k - 1] = bytes(line)
        reason = expected_reason or ("hash" if chr(line[at]) in "0123456789abcdef" else "grammar")
        yield case(name, f"flip {what} in {k}, byte {at}", base, lines, tampered(reason, k))
    k = 1 + rng.below(n)
    body = body_of(base.lines[k - 1])
    at, bit = 8 + rng.below(len(body)), 1 << rng.below(8)
    line = bytearray(base.lines[k - 1])
    line[at] ^= bit
    if line[at] != 10:
        lines = base.lines
        lines[k - 1] = bytes(line)
        yield case(name, f"flip bit {bit} of byte {at} in {k}", base, lines, tampered(None, k))


def in_text(rng, line):
    """A digit of the nanoseconds of src.time: 6 and 7 are one bit apart, and so are all even digits and the next."""
    return line.rindex(b'"time":"') + 8 + 20 + rng.below(9), 1


def in_structure(rng, line):
    quotes = [at for at in range(8, 8 + len(body_of(line))) if line[at : at + 1] == b'"']
    return rng.choice(quotes), 1 << rng.below(2)


def in_hash(rng, line):
    return 8 + len(body_of(line)) + 9 + rng.below(64), 1 << rng.below(8)


def in_frame(rng, line):
    return rng.below(8), 1 << rng.below(8)


# --- records that were changed and hashed again ---------------------------------------------------------------------------

def fields(rng, name, base):
    n = base.size
    k = 2 + rng.below(n - 1)
    edits = [("seq", f'"seq":{k},', f'"seq":{k + 1 + rng.below(9000)},', "seq"), ("time", '"time":"2026-', '"time":"2025-', "time"),
             ("prev", '"prev":"', None, "link")]
    for what, old, new, reason in edits:
        lines = base.lines
        line = lines[k - 1]
        if new is None:
            at = body_of(line).index(b'"prev":"') + 8
            body = body_of(line)
            line = with_body(line, body[:at] + (b"1" if body[at : at + 1] == b"0" else b"0") + body[at + 1 :])
        else:
            line = edited(line, old.encode(), new.encode())
        lines[k - 1] = line
        yield case(name, f"{what} of {k} changed, all linked anew", base, relink(lines, k), tampered(reason, k))


def forgeries(rng, name, base):
    n = base.size
    k = 1 + rng.below(n)
    lines = base.lines
    lines[k - 1] = edited(lines[k - 1], b'"outcome":"success"', b'"outcome":"failure"')
    forged = relink(list(lines), k)
    expected = tampered("signature", k) if base.signed else tampered("head", n)
    yield case(name, f"history written anew from {k} on", base, forged, expected)
    alone = tampered("signature", k) if base.kind == "record" else NO_HEAD
    yield case(name, f"history written anew from {k} on, nothing kept", base, forged, alone, anchor=None, keys=[])
    if k < n:
        yield case(name, f"{k} changed and hashed again", base, lines, tampered("signature", k) if base.signed else tampered("link", k + 1))
    if base.signed:
        yield from signatures(rng, name, base, k)
    else:
        lines = base.lines
        lines[k - 1] = vectors.line(body_of(lines[k - 1]), key=key(base.id, "/record", 3))
        expected = VALID if base.bare else tampered("mode", k)
        yield case(name, f"{k} signed", base, lines, expected)


def signatures(rng, name, base, k):
    n, right, wrong = base.size, base.record_key, key(base.id, "/record", 3)
    line = base.lines[k - 1]
    other = base.lines[k % n]
    unsigned = vectors.line(body_of(line))
    by_wrong = vectors.line(body_of(line), key=wrong)
    claimed = by_wrong.replace(wrong.id.hex().encode(), right.id.hex().encode())
    in_log = base.kind == "record"
    not_signed = tampered("mode", k) if in_log else (5, "key", k)
    padded = line[:-7] + bytes([line[-7] + 1]) + line[-6:]
    for what, forged, expected in (
            ("taken out", unsigned, not_signed), ("moved here from another", line[:-143] + other[-143:], tampered("signature", k)),
            ("by another key", by_wrong, not_signed), ("by another key under this id", claimed, tampered("signature", k)),
            ("with bits left over in its base64", padded, tampered("grammar", k)),
            ("with another algorithm", line.replace(b'"ed25519"', b'"ed25518"'), tampered("grammar", k))):
        lines = base.lines
        lines[k - 1] = forged
        yield case(name, f"signature of {k} {what}", base, lines, expected)
    yield case(name, "another record key given", base, base.lines, (5, "key", 1),
               keys=[wrong.vkey] + ([base.log_key.vkey] if base.log_key else []))


# --- heads --------------------------------------------------------------------------------------------------------------

def heads(rng, name, base):
    n, plain = base.size, base.chain.head()
    other = "%064x" % rng.next()
    keys = [k for k in base.keys() if base.log_key is None or k != base.log_key.vkey]
    for what, anchor, expected in (
            ("another hash", {**plain, "hash": other}, tampered("head", n)), ("another root", {**plain, "root": other}, tampered("root", n)),
            ("another chain", {**plain, "chain": IDS[1]}, tampered("id", 1)), ("a larger seq", {**plain, "seq": n + 3}, absent(n + 1)),
            ("a smaller seq", {**plain, "seq": n - 1}, tampered("head", n - 1))):
        yield case(name, f"head with {what}", base, base.lines, expected, anchor=anchor, keys=keys)


def checkpoints(rng):
    for number in range(12):
        kind = rng.choice(("checkpoint", "record"))
        base = Base(rng, kind, 5 + rng.below(8))
        name, n, right = f"{kind} {number}", base.size, base.log_key
        wrong = key(base.id, "", 1)
        own, older = base.chain.checkpoint(right), base.chain.checkpoint(right, n - 1)
        text, signature = own.split("\n\n")
        tail = older.split("\n\n")[1]
        plain = base.chain.head()
        for what, anchor, expected in (
                ("of another size", {**plain, "checkpoint": older}, tampered("head", n)),
                ("with the signature of another", {**plain, "checkpoint": f"{text}\n\n{tail}"}, tampered("signature", n)),
                ("by another key of its name", {**plain, "checkpoint": base.chain.checkpoint(wrong)}, (5, "key", n)),
                ("with a second signature that fails", {**plain, "checkpoint": own + tail}, tampered("signature", n)),
                ("with a second signature of nobody known", {**plain, "checkpoint": own + "\u2014 example.org/w AAAAAAE=\n"}, VALID),
                ("without signatures", {**plain, "checkpoint": f"{text}\n"}, (5, "key", n)),
                ("without an empty line", {**plain, "checkpoint": own.replace("\n\n", "\n")}, (5, "key", n)),
                ("missing", plain, (5, "key", n))):
            yield case(name, f"checkpoint {what}", base, base.lines, expected, anchor=anchor)
        bent = own.replace(f"\n{n}\n", f"\n0{n}\n")
        yield case(name, "checkpoint that cannot be read, no key given", base, base.lines, (4, "unreadable", n),
                   anchor={**plain, "checkpoint": bent}, keys=[])
        k = 1 + rng.below(n)
        lines = base.lines
        lines[k - 1] = edited(lines[k - 1], b'"outcome":"success"', b'"outcome":"failure"')
        forged = relink(lines, k)
        expected = tampered("signature", k) if base.signed else tampered("root", n)
        yield case(name, f"history written anew from {k} on beside its checkpoint", base, segmented(rng, forged), expected, anchor=None,
                   keys=[], stored=own)
        stated = vectors.leaf(body_of(forged[-1])).hex()
        anchor = {"chain": base.id, "checkpoint": own, "hash": stated, "seq": n, "v": 1}
        yield case(name, f"history written anew from {k} on under a borrowed checkpoint", base, forged, expected, anchor=anchor)
        yield case(name, "last record gone, its checkpoint left", base, segmented(rng, base.lines[:-1]), absent(n), anchor=None, stored=own)
        yield case(name, "stored checkpoint that fails under a key in force", base, segmented(rng, base.lines), tampered("signature", n),
                   keys=[], stored=f"{text}\n\n{tail}")


# --- segments -----------------------------------------------------------------------------------------------------------

def in_segments(rng, name, base):
    size = 2 + rng.below(3)
    starts = list(range(0, base.size, size))
    names = [f"{start + 1:020}.jsonl" for start in starts]
    parts = [b"".join(base.lines[start : start + size]) for start in starts]
    whole = dict(zip(names, parts))
    yield case(name, f"segments of {size}", base, whole, VALID, completeness=base.verdict)
    yield case(name, f"segments of {size} and an empty one", base, {**whole, f"{base.size + 1:020}.jsonl": b""}, VALID)
    i = rng.below(len(parts))
    first = starts[i] + 1
    gone = {k: v for k, v in whole.items() if k != names[i]}
    # A log_closed that goes with the segment is a number that the record before promised.
    owed = 1 < first <= base.size - len(parts[-1].splitlines()) and owes_a_number(base, first - 1)
    missing = (3, "gap", first - 1) if owed else absent(first)
    yield case(name, f"segment {i} of {size} removed", base, gone, missing if gone else (3, "empty", 1))
    emptied = missing if len(parts) > 1 else (3, "empty", 1)
    yield case(name, f"segment {i} of {size} emptied", base, {**whole, names[i]: b""}, emptied)
    if i + 1 < len(parts):
        exchanged = {**whole, names[i]: parts[i + 1], names[i + 1]: parts[i]}
        yield case(name, f"segments {i} and {i + 1} of {size} exchanged", base, exchanged, tampered("seq", first))
        torn = {**whole, names[i]: parts[i][:-7]}
        yield case(name, f"segment {i} of {size} torn", base, torn, tampered("grammar", first + size - 1))
        short = {**whole, names[i]: b"".join(base.lines[starts[i] : starts[i] + size - 1])}
        yield case(name, f"segment {i} of {size} without its last record", base, short, absent(first + size - 1))
    late = {**gone, f"{first + 1:020}.jsonl": parts[i]}
    if len(parts) > 1:
        yield case(name, f"segment {i} of {size} under the next number", base, late, tampered("seq", first + 1))


# --- spelling -----------------------------------------------------------------------------------------------------------

def spellings(rng, number):
    base = Base(rng, rng.choice(KINDS), 4)
    for what, respell in RESPELT.items():
        k = rng.choice(base.events)
        lines = base.lines
        lines[k - 1] = respell(lines[k - 1])
        yield case(f"{base.kind} {number}", f"{what} in {k}", base, lines, tampered("grammar", k))


# --- lanes --------------------------------------------------------------------------------------------------------------

def accounts(rng, number):
    """Numbers that do not add up, in logs that are otherwise sealed as they should be."""
    def event(base, src, n=None):
        if n is not None:
            base.chain.lane[src] = n - 1
        return base.add("lease_renewed", {"resource": "mem"}, src)

    def log(*steps, closing=None):
        base = Base(rng, "none", 3, losses=False, closed=False)
        found = [step(base) for step in steps]
        lanes = {**base.lanes_of(INSTANCES[0]), **(closing or {})}
        sealer = INSTANCES[0] + "/sealer"
        lanes["sealer"] = base.chain.lane[sealer] + 2
        at = base.add("producer_closed", {"instance": INSTANCES[0], "lanes": lanes}, sealer)
        base.add("log_closed", {"reason": "shutdown", "records": len(base.chain.lines) + 1}, sealer)
        return base, found, at

    t9, sealer = INSTANCES[0] + "/t9", INSTANCES[0] + "/sealer"
    lost = lambda first, last: lambda base: base.add(
        "records_lost", {"first_n": first, "last_n": last, "reason": "refused", "src": t9}, sealer)
    more = 2 + rng.below(2**50)
    event_n = lambda n: lambda base: event(base, t9, n)
    name = f"lanes {number}"
    base, _, _ = log(event_n(1), lost(2, more), event_n(more + 1))
    yield case(name, f"{more - 1} declared lost", base, base.lines, VALID, completeness="LOSSY")
    base, _, _ = log(lost(1, more), closing={"t9": more})
    yield case(name, f"a lane of which all {more} are lost", base, base.lines, VALID, completeness="LOSSY")
    base, at, _ = log(event_n(1), event_n(1 + more))
    yield case(name, f"{more - 1} neither there nor declared", base, base.lines, (3, "gap", at[1]), completeness="UNKNOWN")
    base, at, _ = log(event_n(1), event_n(2), event_n(2))
    yield case(name, "a number used twice", base, base.lines, tampered("replay", at[2]))
    base, at, _ = log(event_n(1), event_n(2), lost(2, more))
    yield case(name, "a sealed record declared lost", base, base.lines, tampered("replay", at[2]))
    base, at, _ = log(lost(1, more), lost(more, more + 5))
    yield case(name, "lost twice", base, base.lines, tampered("replay", at[1]))
    base, _, at = log(event_n(1), closing={"t9": more})
    yield case(name, f"final number {more} not reached", base, base.lines, (3, "gap", at), completeness="UNKNOWN")
    base, _, at = log(event_n(1), event_n(2), closing={"t9": 1})
    yield case(name, "a number above the final one", base, base.lines, tampered("replay", at))
    base, _, _ = log(closing={"t9": 0})
    yield case(name, "a lane that was never used", base, base.lines, VALID, completeness="COMPLETE")
    base, _, _ = log(event_n(2), event_n(1), closing={"t9": 2})
    yield case(name, "a lane out of order", base, base.lines, VALID, completeness="COMPLETE")


# --- policy -------------------------------------------------------------------------------------------------------------

def policies(rng, number):
    sealer = INSTANCES[1] + "/sealer"
    retention = {"max_age_s": 1 + rng.below(10**9)}
    said = ("config_changed", {"key": "retention", "new_value": "x"})
    for name, member, announced in (("retention", {"retention": retention}, said), ("epoch_ms", {"epoch_ms": 60000}, (
            "config_changed", {"key": "epoch_ms", "new_value": "60000"}))):
        for told in (False, True):
            base = Base(rng, "none", 4)
            if told:
                base.add(*announced, sealer)
            at = base.add("log_opened", vectors.opened(resumed_seq=base.size, **member), sealer)
            base.add("producer_opened", {"instance": INSTANCES[1]}, sealer)
            expected = VALID if told else tampered("mode", at)
            what = f"{name} changed {'as announced' if told else 'unannounced'}"
            yield case(f"policy {number}", what, base, base.lines, expected)
    base = Base(rng, "bare", 4)
    at = base.add("log_opened", vectors.opened(), sealer)
    yield case(f"policy {number}", "a bare chain that is opened", base, base.lines, tampered("mode", at))


# --- data and values ----------------------------------------------------------------------------------------------------

def data_of_every_kind(rng):
    """Good and bad data of the records that the log writes about itself, and headers."""
    sealer = INSTANCES[2] + "/sealer"
    for kind, what, data in GOOD_DATA:
        base = Base(rng, "none", 2, losses=False)
        base.add(kind, data, sealer)
        yield case("data", f"{kind}: {what}", base, base.lines, VALID)
    for kind, what, data in BAD_DATA:
        base = Base(rng, "none", 2, losses=False)
        at = base.add(kind, data, sealer)
        yield case("data", f"{kind}: {what}", base, base.lines, tampered("grammar", at))
    for what, change in BAD_HEADERS:
        base = Base(rng, "none", 2, losses=False, change={4: change})
        yield case("header", what, base, base.lines, tampered("grammar", 4))


def values_of_every_form(rng):
    for what, text in GOOD_VALUES:
        base = Base(rng, "none", 3, losses=False)
        lines = [x for x in base.lines]
        k = base.events[0]
        body = body_of(lines[k - 1])
        start, end = body.index(b'{"data":') + 8, body.index(b',"kind":')
        lines[k - 1] = with_body(lines[k - 1], body[:start] + text + body[end:].replace(
            body[end + 8 : body.index(b'"', end + 9) + 1], b'"vault.object_put"', 1))
        relink(lines, k)
        anchor = {"chain": base.id, "hash": vectors.leaf(body_of(lines[-1])).hex(), "seq": base.size, "v": 1}
        yield case("value", what, base, lines, VALID, anchor=anchor)
    for what, text in BAD_VALUES:
        base = Base(rng, "none", 3, losses=False)
        lines = [x for x in base.lines]
        k = base.events[0]
        body = body_of(lines[k - 1])
        start, end = body.index(b'{"data":') + 8, body.index(b',"kind":')
        lines[k - 1] = with_body(lines[k - 1], body[:start] + text + body[end:].replace(
            body[end + 8 : body.index(b'"', end + 9) + 1], b'"vault.object_put"', 1))
        yield case("value", what, base, lines, tampered("grammar", k))
