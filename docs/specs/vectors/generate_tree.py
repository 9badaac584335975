#!/usr/bin/env python3
"""Writes the known-answer vectors of tree, tiles and C2SP texts beside itself. Standard library only, deterministic.

From RFC 6962, RFC 9162 and the C2SP texts alone, apart from the Rust code; Ed25519 comes from generate.py.
"""
import base64, functools, json, re, struct

from generate import HERE, ID, SEEDS, Key, b64, sha, sign

hexes = lambda hashes: [h.hex() for h in hashes]


# --- tree (RFC 6962 §2.1) --------------------------------------------------------------------------------------------
def entry(i):
    return f"entry {i}".encode()


def node(left, right):
    return sha(b"\x01" + left + right)


def split(n):
    return 1 << (n - 1).bit_length() - 1


@functools.lru_cache(maxsize=None)
def mth(begin, end):
    if end - begin <= 1:
        return sha(b"\x00" + entry(begin)) if end > begin else sha(b"")
    k = begin + split(end - begin)
    return node(mth(begin, k), mth(k, end))


def path(m, begin, end):
    if end - begin == 1:
        return []
    k = begin + split(end - begin)
    return path(m, begin, k) + [mth(k, end)] if m < k else path(m, k, end) + [mth(begin, k)]


def subproof(m, begin, end, complete):
    if m == end:
        return [] if complete else [mth(begin, end)]
    k = begin + split(end - begin)
    return subproof(m, begin, k, complete) + [mth(k, end)] if m <= k else subproof(m, k, end, False) + [mth(begin, k)]


def consistency(old, new):
    return subproof(old, 0, new, True) if old else []


# --- verifiers (RFC 9162 §2.1.3.2 and §2.1.4.2) ----------------------------------------------------------------------
def included(leaf, index, size, proof, root):
    if index >= size:
        return False
    f, s, r = index, size - 1, leaf
    for p in proof:
        if s == 0:
            return False
        if f & 1 or f == s:
            r = node(p, r)
            while f and not f & 1:
                f, s = f >> 1, s >> 1
        else:
            r = node(r, p)
        f, s = f >> 1, s >> 1
    return s == 0 and r == root


def consistent(old, old_root, new, root, proof):
    if old > new:
        return False
    if old == 0:
        return not proof and old_root == sha(b"") and (new > 0 or root == old_root)
    if old == new:
        return not proof and old_root == root
    if not proof:
        return False
    proof = [old_root] * (old & (old - 1) == 0) + proof
    f, s = old - 1, new - 1
    while f & 1:
        f, s = f >> 1, s >> 1
    fr = sr = proof[0]
    for c in proof[1:]:
        if s == 0:
            return False
        if f & 1 or f == s:
            fr, sr = node(c, fr), node(c, sr)
            while f and not f & 1:
                f, s = f >> 1, s >> 1
        else:
            sr = node(sr, c)
        f, s = f >> 1, s >> 1
    return s == 0 and fr == old_root and sr == root


def tree():
    inclusions, consistencies = [], []

    def inclusion(name, index, size, proof, leaf=None, root=None, leaf_index=None):
        leaf = leaf or mth(leaf_index if leaf_index is not None else index, (leaf_index if leaf_index is not None else index) + 1)
        root = root or mth(0, size)
        inclusions.append({"index": index, "leaf": leaf.hex(), "name": name, "proof": hexes(proof), "root": root.hex(), "size": size,
                           "valid": included(leaf, index, size, proof, root)})

    def grows(name, old, new, proof, old_root=None, root=None):
        old_root, root = old_root or mth(0, old), root or mth(0, new)
        consistencies.append({"name": name, "new_root": root.hex(), "new_size": new, "old_root": old_root.hex(), "old_size": old, "proof": hexes(proof),
                              "valid": consistent(old, old_root, new, root, proof)})

    sizes = [(i, n) for n in range(1, 10) for i in range(n)]
    sizes += [(i, n) for n in (255, 256, 257, 1000, 70000) for i in (0, 1, n // 2, n - 2, n - 1)]
    for i, n in sizes:
        inclusion("made", i, n, path(i, 0, n))
    for old, new in [(o, n) for n in range(1, 10) for o in range(n + 1)] + [(o, n) for n in (257, 1000, 70000) for o in (0, 1, 255, 256, n - 1, n)]:
        grows("made", old, new, consistency(old, new))

    good, n = path(5, 0, 7), 7
    flip = lambda h, bit=0: bytes([h[0] ^ 1 << bit]) + h[1:]
    inclusion("index beyond the tree", 7, n, good, leaf_index=5)
    inclusion("another index", 4, n, good, leaf_index=5)
    inclusion("another leaf", 5, n, good, leaf_index=4)
    inclusion("another size", 5, 8, good)
    inclusion("root of another size", 5, n, good, root=mth(0, 8))
    inclusion("last hash missing", 5, n, good[:-1])
    inclusion("first hash missing", 5, n, good[1:])
    inclusion("a hash behind", 5, n, good + [mth(0, n)])
    inclusion("a hash in front", 5, n, [mth(5, 6)] + good)
    inclusion("hashes swapped", 5, n, [good[1], good[0]] + good[2:])
    inclusion("no proof", 5, n, [])
    inclusion("no tree", 0, 0, [], leaf=mth(0, 1), root=sha(b""))
    inclusion("root is the leaf, in a larger tree", 0, 2, [], root=mth(0, 1))
    inclusion("a node passed off as a leaf", 0, 4, [mth(2, 4)], leaf=mth(0, 2), root=mth(0, 4))
    for at in range(len(good)):
        inclusion(f"bit changed in hash {at}", 5, n, good[:at] + [flip(good[at])] + good[at + 1:])

    good = consistency(3, 7)
    empty = sha(b"")
    grows("sizes swapped", 7, 3, good)
    grows("roots swapped", 3, 7, good, mth(0, 7), mth(0, 3))
    grows("another old size", 4, 7, good)
    grows("another new size", 3, 8, good)
    grows("another history", 3, 7, good, flip(mth(0, 3)))
    grows("last hash missing", 3, 7, good[:-1])
    grows("first hash missing", 3, 7, good[1:])
    grows("a hash behind", 3, 7, good + [mth(0, 7)])
    grows("no proof", 3, 7, [])
    grows("equal sizes, a hash behind", 7, 7, [mth(0, 7)])
    grows("equal sizes, other root", 7, 7, [], root=mth(0, 6))
    grows("from nothing, a hash", 0, 7, [mth(0, 7)])
    grows("from nothing, a root", 0, 7, [], old_root=mth(0, 1))
    grows("nothing to nothing, a root", 0, 0, [], old_root=mth(0, 1), root=mth(0, 1))
    grows("nothing to nothing", 0, 0, [], empty, empty)
    for at in range(len(good)):
        grows(f"bit changed in hash {at}", 3, 7, good[:at] + [flip(good[at])] + good[at + 1:])
    return {"comment": "Entry i is the ASCII text `entry <i>`. Old size 0 is consistent with every tree, with an empty proof and the root of nothing.",
            "consistency": consistencies, "inclusion": inclusions,
            "roots": {str(n): mth(0, n).hex() for n in (0, 1, 2, 3, 7, 8, 255, 256, 257, 1000, 65536, 65537, 70000)}}


# --- tiles -----------------------------------------------------------------------------------------------------------
def index_path(n):
    groups = [f"{n % 1000:03}"]
    while n >= 1000:
        n //= 1000
        groups.insert(0, f"x{n % 1000:03}")
    return "/".join(groups)


def tile_path(level, index, width):
    return f"tile/{level}/{index_path(index)}" + (f".p/{width}" if width < 256 else "")


def tiles_of(size):
    """Level, index and width of every tile of a tree."""
    level = 0
    while size >> 8 * level:
        hashes = size >> 8 * level
        for index in range((hashes + 255) // 256):
            yield level, index, min(256, hashes - 256 * index)
        level += 1


def tile_bytes(level, index, width):
    span = 256**level
    return b"".join(mth((256 * index + i) * span, (256 * index + i + 1) * span) for i in range(width))


def bundle(entries):
    return b"".join(struct.pack(">H", len(e)) + e for e in entries)


def tiles():
    layout = [{"size": size, "tiles": [{"path": tile_path(*t), "sha256": sha(tile_bytes(*t)).hex()} for t in tiles_of(size)]} for size in (1, 255, 256, 257, 1000)]
    big = [t for t in tiles_of(70000) if t[0] > 0 or t[1] in (0, 272, 273)]
    growth = []
    for old, new in ((0, 0), (0, 1), (1, 2), (200, 256), (255, 257), (256, 512), (300, 300), (1000, 1300), (65535, 65536), (65536, 65537), (65000, 66000)):
        before = set(tiles_of(old))
        growth.append({"new_size": new, "old_size": old, "written": [tile_path(*t) for t in tiles_of(new) if t not in before]})
    entries = [b"", b"\x00", b"one", entry(3), b"\xff" * 300]
    whole = bundle(entries)
    return {"bundles": [{"bundle": whole.hex(), "entries": hexes(entries), "valid": True, "width": 5},
                        {"bundle": whole.hex(), "valid": False, "width": 4, "why": "an entry behind"},
                        {"bundle": whole.hex(), "valid": False, "width": 6, "why": "an entry is missing"},
                        {"bundle": whole[:-1].hex(), "valid": False, "width": 5, "why": "ends inside an entry"},
                        {"bundle": (whole + b"\0").hex(), "valid": False, "width": 5, "why": "a byte behind"},
                        {"bundle": "", "entries": [], "valid": True, "width": 0}],
            "comment": "The trees are those of tree.json. `written`: what a log writes when it grows, lower levels first.",
            "growth": growth, "layout": layout, "of_70000": [{"path": tile_path(*t), "sha256": sha(tile_bytes(*t)).hex()} for t in big],
            "paths": [{"index": i, "level": l, "path": tile_path(l, i, w), "width": w} for l, i, w in
                      ((0, 0, 256), (0, 999, 1), (1, 1000, 256), (63, 1234067, 255), (0, 2**64 - 1, 256), (7, 999999, 17))]}


# --- cosignatures, witness protocol ----------------------------------------------------------------------------------
LOG_KEY = Key(ID, SEEDS[0])


class Witness(Key):
    def __init__(self, name, seed_hex):
        super().__init__(name, seed_hex)
        self.id = sha(name.encode() + b"\n\x04" + self.public)[:4]
        self.vkey = "+".join((name, self.id.hex(), b64(b"\x04" + self.public)))

    def message(self, text, time):
        return f"cosignature/v1\ntime {time}\n{text}"

    def line(self, text, time):
        signature = sign(self.seed, self.message(text, time).encode())
        return f"\u2014 {self.name} {b64(self.id + struct.pack('>Q', time) + signature)}\n"


WITNESSES = [Witness(f"witness{i}.example.com", seed) for i, seed in enumerate(SEEDS[1:], 1)]
TIME = 1763596800


def checkpoint_text(size, root=None, origin=ID):
    return f"{origin}\n{size}\n{b64(root or mth(0, size))}\n"


def signed(size, witnesses=(), key=LOG_KEY, **more):
    text = checkpoint_text(size, **more)
    return key.note(text) + "".join(w.line(text, TIME + i) for i, w in enumerate(witnesses))


def cosignature():
    w, text = WITNESSES[0], checkpoint_text(7)
    line = w.line(text, TIME)
    raw = base64.b64decode(line.split(" ")[2])
    as_line = lambda data: f"\u2014 {w.name} {b64(data)}\n"
    bad = [("another time", raw[:11] + bytes([raw[11] ^ 1]) + raw[12:]), ("a signature without a time", raw[:4] + sign(w.seed, text.encode())),
           ("time and a plain signature", raw[:12] + sign(w.seed, text.encode())), ("time 0", raw[:4] + bytes(8) + sign(w.seed, w.message(text, 0).encode())),
           ("time 2^63", raw[:4] + struct.pack(">Q", 1 << 63) + sign(w.seed, w.message(text, 1 << 63).encode())), ("a byte behind", raw + b"\0"), ("a byte missing", raw[:-1]),
           ("without the last line feed", raw[:12] + sign(w.seed, w.message(text[:-1], TIME).encode())), ("by another witness", raw[:12] + sign(WITNESSES[1].seed, w.message(text, TIME).encode()))]
    return {"key": w.told(), "line": line, "message": w.message(text, TIME), "note": LOG_KEY.note(text) + line, "text": text, "time": TIME,
            "rejected": [{"note": LOG_KEY.note(text) + as_line(data), "why": why} for why, data in bad],
            "ignored": LOG_KEY.note(text) + line + f"\u2014 {w.name} {b64(b'mldk' + bytes(8 + 2420))}\n"}


def request(old, proof, note):
    return f"old {old}\n" + "".join(b64(h) + "\n" for h in proof) + "\n" + note


def witness():
    good = request(3, consistency(3, 7), signed(7))
    out = [{"body": good, "status": 200}, {"body": request(0, [], signed(7)), "status": 200}, {"body": request(7, [], signed(7)), "status": 200},
           {"body": request(0, [], signed(0, root=sha(b""))), "status": 200}]
    put = lambda status, body, why: out.append({"body": body, "status": status, "why": why})
    put(422, request(0, [mth(0, 1)], signed(7)), "a proof from old size 0")
    put(422, request(3, consistency(2, 7), signed(7)), "a proof from another size")
    put(422, request(3, [], signed(7)), "no proof")
    put(422, request(7, [], signed(7, root=mth(0, 6))), "the same size with another root")
    put(422, request(0, [], signed(0, root=mth(0, 1))), "size 0 with another root than that of nothing")
    put(400, request(8, [], signed(7)), "old size above the checkpoint's")
    put(400, good.replace("old 3", "old 03"), "leading zero")
    put(400, good.replace("old 3", "old +3"), "sign")
    put(400, good.replace("old 3", "old"), "no size")
    put(400, good.replace("\n", "\r\n"), "CR LF")
    put(400, good[:-1], "no last line feed")
    put(400, request(3, [bytes(32)] * 64, signed(7)), "64 hashes")
    put(400, good.replace("\n\n", "\n", 1), "no empty line")
    put(400, request(3, [bytes(31)], signed(7)), "31 bytes")
    roots = {3: mth(0, 3), 7: mth(0, 7)}
    return {"comment": "The witness knows the log key and has cosigned the old size of each request, with the root in `recorded` (size 0: nothing).", "log_key": LOG_KEY.vkey,
            "recorded": {str(n): r.hex() for n, r in roots.items()}, "requests": out}


# --- policy ----------------------------------------------------------------------------------------------------------
def read_policy(data):
    """Logs, witnesses, groups (threshold and members) and the quorum, or ValueError."""
    if not data.endswith(b"\n"):
        raise ValueError("line feed")
    logs, witnesses, groups, quorum = [], {}, {}, None
    for line in data[:-1].split(b"\n"):
        if re.search(rb"[\x00-\x08\x0b-\x1f\x7f\r]", line):
            raise ValueError("control character")
        items = [i.decode() for i in re.split(rb"[ \t]+", line.strip(b" \t"))] if not line.strip(b" \t").startswith(b"#") else [""]
        defined = lambda name: name in witnesses or name in groups or name == "none"
        match items:
            case [""]:
                pass
            case ["log", key, *url] if len(url) < 2:
                name, public = vkey(key, 1)
                if public in [p for _, p in logs]:
                    raise ValueError("log twice")
                logs.append((name, public))
            case ["witness", name, key, *url] if len(url) < 2:
                public = vkey(key, 4)[1]
                if defined(name) or public in witnesses.values():
                    raise ValueError("witness twice")
                witnesses[name] = public
            case ["group", name, k, *members] if members:
                taken = {m for _, others in groups.values() for m in others}
                if defined(name) or len(set(members)) < len(members) or taken & set(members) or not all(m in witnesses or m in groups for m in members):
                    raise ValueError("group")
                if not re.fullmatch("all|any|[1-9][0-9]*", k):
                    raise ValueError("threshold")
                k = {"all": len(members), "any": 1}.get(k) or int(k)
                if k > len(members):
                    raise ValueError("threshold")
                groups[name] = (k, members)
            case ["quorum", name] if quorum is None and defined(name):
                quorum = name
            case _:
                raise ValueError("line")
    if quorum is None:
        raise ValueError("quorum")
    return logs, witnesses, groups, quorum


def vkey(text, kind):
    name, key_id, key = text.split("+", 2)
    data = base64.b64decode(key, validate=True)
    if not name or re.search(r"\s", name) or data[0] != kind or len(data) != 33 or sha(name.encode() + b"\n" + data)[:4].hex() != key_id:
        raise ValueError("key")
    return name, data[1:]


def met(policy, cosigned):
    _, witnesses, groups, quorum = policy
    seen = lambda name: name == "none" or (name in cosigned if name in witnesses else sum(map(seen, groups[name][1])) >= groups[name][0])
    return seen(quorum)


HEAD = f"log {LOG_KEY.vkey} https://log.example.com/\n" + "".join(f"witness w{i} {w.vkey}\n" for i, w in enumerate(WITNESSES, 1))


def policy():
    valid, invalid = [], []
    every = [[f"w{i}" for i in range(1, 4) if mask >> i - 1 & 1] for mask in range(8)]
    for rule in ("quorum none\n", "quorum w2\n", "group g all w1 w2 w3\nquorum g\n", "group g any w1 w2 w3\nquorum g\n", "group g 2 w1 w2 w3\nquorum g\n",
                 "group a any w1 w2\ngroup b all a w3\nquorum b\n", "group a 1 w1\ngroup b 2 a w2 w3\nquorum b\n", "quorum w1\n# after the quorum\ngroup g all w1\n",
                 " \t\n\tgroup  g\tall   w1 w2\t\n\n  # indented\nquorum g\n"):
        p = read_policy((HEAD + rule).encode())
        valid.append({"met_by": [c for c in every if met(p, c)], "policy": HEAD + rule})
    other = Witness("another.example.com", SEEDS[1])
    for why, rule in (("no quorum", "group g all w1\n"), ("two quorums", "quorum w1\nquorum w2\n"), ("quorum before its group", "quorum g\ngroup g all w1\n"), ("unknown name", "quorum w4\n"),
                      ("no last line feed", "quorum w1"), ("a member twice", "group g any w1 w1\nquorum g\n"), ("a member of two groups", "group g all w1\ngroup h all w1 w2\nquorum h\n"),
                      ("a group in itself", "group g all g\nquorum g\n"), ("no member", "group g all\nquorum g\n"), ("threshold 0", "group g 0 w1\nquorum g\n"),
                      ("threshold above the members", "group g 3 w1 w2\nquorum g\n"), ("threshold with a zero in front", "group g 01 w1\nquorum g\n"), ("no threshold", "group g w1 w2\nquorum g\n"),
                      ("none as a member", "group g all none\nquorum g\n"), ("none as a name", "group none all w1\nquorum none\n"), ("a name twice", "group w1 all w2\nquorum w1\n"),
                      ("the same key as another witness", f"witness w4 {other.vkey}\nquorum w4\n"), ("the same log twice", f"log {LOG_KEY.vkey}\nquorum w1\n"),
                      ("a log key as a witness", f"witness w4 {Key('x', SEEDS[0]).vkey}\nquorum w4\n"), ("a witness key as a log", f"log {WITNESSES[0].vkey}\nquorum w1\n"),
                      ("a key id that is wrong", f"witness w4 {WITNESSES[0].vkey.replace('+', '+0', 1)[:-1]}\nquorum w1\n"), ("CR LF", "quorum w1\r\n"), ("a form feed", "quorum\x0cw1\n"),
                      ("an unknown word", "policy w1\nquorum w1\n"), ("too many items", "quorum w1 w2\n"), ("upper case", "Quorum w1\n")):
        try:
            read_policy((HEAD + rule).encode())
            raise AssertionError(why)
        except ValueError:
            invalid.append({"policy": HEAD + rule, "why": why})
    return {"comment": "`met_by`: the sets of witnesses that meet the quorum, out of all sets of w1, w2 and w3.", "invalid": invalid, "valid": valid}


# --- tlog-proof ------------------------------------------------------------------------------------------------------
def proof_text(index, proof, note, extra=None):
    more = f"extra {b64(extra)}\n" if extra is not None else ""
    return f"c2sp.org/tlog-proof@v1\n{more}index {index}\n" + "".join(b64(h) + "\n" for h in proof) + "\n" + note


def tlog_proof():
    out = []
    put = lambda verdict, why, text, leaf=5: out.append({"leaf": mth(leaf, leaf + 1).hex(), "proof": text, "verdict": verdict, "why": why})
    good, note = path(5, 0, 7), signed(7, WITNESSES[:2])
    text = proof_text(5, good, note)
    put("accepted", "two witnesses", text)
    put("accepted", "three witnesses", proof_text(5, good, signed(7, WITNESSES)))
    put("accepted", "extra data", proof_text(5, good, note, b"\x00\xff"))
    put("accepted", "one leaf", proof_text(0, [], signed(1, WITNESSES[1:])), 0)
    put("accepted", "a signature by nobody known", proof_text(5, good, note + f"\u2014 stranger.example {b64(b'abcd' + bytes(64))}\n"))
    put("inclusion", "another record", text, 4)
    put("inclusion", "another index", proof_text(4, good, note))
    put("inclusion", "index beyond the tree", proof_text(7, good, note))
    put("inclusion", "a hash missing", proof_text(5, good[:-1], note))
    put("inclusion", "a hash behind", proof_text(5, good + good[:1], note))
    put("inclusion", "checkpoint of another size", proof_text(5, good, signed(8, WITNESSES)))
    put("quorum", "one witness", proof_text(5, good, signed(7, WITNESSES[:1])))
    put("quorum", "no witness", proof_text(5, good, signed(7)))
    put("origin", "another log", proof_text(5, good, signed(7, WITNESSES, origin="audit.example.com/other/1")))
    stranger = Key(ID, SEEDS[1])
    put("log signature", "by another key of the same name", proof_text(5, good, signed(7, WITNESSES, key=stranger)))
    put("signature", "a cosignature of another checkpoint", proof_text(5, good, signed(7) + signed(8, WITNESSES).split("\n\n")[1].split("\n", 1)[1]))
    put("signature", "a log signature of another checkpoint", proof_text(5, good, checkpoint_text(7) + "\n" + signed(8, WITNESSES).split("\n\n")[1]))
    for why, bad in (("another version", text.replace("@v1", "@v2")), ("no index", text.replace("index 5\n", "")), ("leading zero", text.replace("index 5", "index 05")),
                     ("CR LF", text.replace("\n", "\r\n")), ("empty extra data", text.replace("index 5", "extra \nindex 5")), ("extra data twice", text.replace("index 5", "extra AAAA\nextra AAAA\nindex 5")),
                     ("base64 without its pad", text.replace("=\n", "\n", 1)), ("no empty line", text.replace("\n\n", "\n", 1)), ("no last line feed", text[:-1]), ("an empty line behind", text + "\n"),
                     ("no signature", text[:text.rindex("\n\n") + 1]), ("64 hashes", proof_text(5, [bytes(32)] * 64, note)), ("no checkpoint", proof_text(5, good, LOG_KEY.note("hello\n")))):
        put("malformed", why, bad)
    return {"comment": "`verdict`: accepted, or the step that fails.", "policy": HEAD + "group two 2 w1 w2 w3\nquorum two\n", "proofs": out}


def main():
    for name, value in (("tree", tree()), ("tiles", tiles()), ("cosignature", cosignature()), ("witness", witness()), ("policy", policy()), ("tlog-proof", tlog_proof())):
        (HERE / f"{name}.json").write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
