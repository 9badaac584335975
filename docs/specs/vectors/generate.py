#!/usr/bin/env python3
"""Writes the known-answer vectors of audit chain v1 beside itself. Standard library only, deterministic.

An implementation from ../audit-chain-v1.md alone, apart from the Rust code. The seeds are those published in RFC 8032 §7.1:
for tests only, never for a log.
"""
import base64, copy, hashlib, json, pathlib

HERE = pathlib.Path(__file__).resolve().parent
MAX_INT, MAX_BODY, MAX_TEXT = 2**53 - 1, 65535, 1024
ZERO = "0" * 64
sha = lambda data: hashlib.sha256(data).digest()
b64 = lambda data: base64.b64encode(data).decode()


# --- Ed25519 (RFC 8032), slow and plain -----------------------------------------------------------------------------
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(k, p):
    q = (0, 1, 1, 0)
    while k:
        if k & 1:
            q = add(q, p)
        p, k = add(p, p), k >> 1
    return q


BY = 4 * pow(5, P - 2, P) % P
BX = pow((BY * BY - 1) * pow(D * BY * BY + 1, P - 2, P), (P + 3) // 8, P)
if (BX * BX * (D * BY * BY + 1) - (BY * BY - 1)) % P:
    BX = BX * pow(2, (P - 1) // 4, P) % P
BX = P - BX if BX & 1 else BX
BASE = (BX, BY, 1, BX * BY % P)


def point(p):
    z = pow(p[2], P - 2, P)
    return (p[1] * z % P | (p[0] * z % P & 1) << 255).to_bytes(32, "little")


def secret(seed):
    h = hashlib.sha512(seed).digest()
    return (int.from_bytes(h[:32], "little") & (1 << 254) - 8) | 1 << 254, h[32:]


def sign(seed, message):
    a, prefix = secret(seed)
    pub = point(times(a, BASE))
    r = int.from_bytes(hashlib.sha512(prefix + message).digest(), "little") % L
    big_r = point(times(r, BASE))
    k = int.from_bytes(hashlib.sha512(big_r + pub + message).digest(), "little") % L
    return big_r + ((r + k * a) % L).to_bytes(32, "little")


class Key:
    def __init__(self, name, seed_hex):
        self.name, self.seed = name, bytes.fromhex(seed_hex)
        self.public = point(times(secret(self.seed)[0], BASE))
        self.id = sha(name.encode() + b"\n\x01" + self.public)[:4]
        self.vkey = "+".join((name, self.id.hex(), b64(b"\x01" + self.public)))

    def note_line(self, text):
        return f"\u2014 {self.name} {b64(self.id + sign(self.seed, text.encode()))}\n"

    def note(self, text, *others):
        return text + "\n" + "".join(key.note_line(text) for key in (self, *others))

    def told(self):
        return {"key_id": self.id.hex(), "public": self.public.hex(), "seed_test_only": self.seed.hex(), "vkey": self.vkey}


SEEDS = ("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
         "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
         "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42")


# --- encoding (§2) --------------------------------------------------------------------------------------------------
SHORT = {0x22: '\\"', 0x5C: "\\\\", 8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r"}


def string(text):
    out = []
    for c in text:
        n = ord(c)
        out.append(SHORT.get(n) or (f"\\u{n:04x}" if n < 0x20 else c))
    return '"' + "".join(out) + '"'


def encode(v):
    if v is True or v is False:
        return "true" if v else "false"
    if isinstance(v, int):
        assert abs(v) <= MAX_INT, v
        return str(v)
    if isinstance(v, str):
        return string(v.replace("\0", "\ufffd"))
    if isinstance(v, list):
        return "[" + ",".join(map(encode, v)) + "]"
    assert isinstance(v, dict), v
    return "{" + ",".join(string(k) + ":" + encode(v[k]) for k in sorted(v)) + "}"


def truncated(data):
    return {"$truncated": {"bytes": str(len(data)), "sha256": sha(data).hex()}}


def fit(v):
    """Text members over the limit, in the header and in data of kinds that have a schema."""
    if isinstance(v, str) and len(v.replace("\0", "\ufffd").encode()) > MAX_TEXT:
        return truncated(v.encode())
    if isinstance(v, dict):
        return {k: fit(x) for k, x in v.items()}
    return [fit(x) for x in v] if isinstance(v, list) else v


def body_bytes(body):
    body = copy.deepcopy(body)
    for part in ("keys", "who"):
        body[part] = fit(body[part])
    if "." not in body["event"]["kind"]:
        body["event"]["data"] = fit(body["event"]["data"])
    raw = encode(body).encode()
    if len(raw) > MAX_BODY:
        body["event"]["data"] = truncated(encode(body["event"]["data"]).encode())
        raw = encode(body).encode()
    assert len(raw) <= MAX_BODY
    return raw


def leaf(raw):
    return sha(b"\0" + raw)


def line(raw, h=None, key=None):
    h = leaf(raw) if h is None else h
    tail = b'"}\n'
    if key:
        value = b64(sign(key.seed, b"counterfoil.dev/record/v1\n" + h))
        tail = f'","sig":{{"alg":"ed25519","key":"{key.id.hex()}","value":"{value}"}}}}\n'.encode()
    return b'{"body":' + raw + b',"hash":"' + h.hex().encode() + tail


def root(leaves):
    if len(leaves) < 2:
        return leaves[0] if leaves else sha(b"")
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return sha(b"\1" + root(leaves[:k]) + root(leaves[k:]))


# --- a chain --------------------------------------------------------------------------------------------------------
class Chain:
    def __init__(self, cid, key=None):
        self.id, self.key, self.bodies, self.lines, self.hashes, self.lane, self.clock = cid, key, [], [], [], {}, 0

    def now(self, ahead=0):
        t = self.clock + ahead
        day, s = divmod(t // 10**9, 86400)
        return f"2026-11-{20 + day:02}T{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}.{t % 10**9:09}Z"

    def add(self, kind, data, src="00000000000000a1/t0", outcome="success", keys=None, who=None, change=None):
        self.clock += 1_000_000_007
        n = self.lane[src] = self.lane.get(src, 0) + 1
        body = {"chain": {"id": self.id, "prev": self.hashes[-1].hex() if self.hashes else ZERO, "seq": len(self.bodies) + 1,
                          "time": self.now()},
                "event": {"data": data, "kind": kind, "outcome": outcome}, "keys": keys or {},
                "src": {"id": src, "n": n, "time": self.now(-1000)}, "v": 1, "who": who or {}}
        if change:
            change(body)
        raw = body_bytes(body)
        self.bodies.append(body)
        self.hashes.append(leaf(raw))
        self.lines.append(line(raw, key=self.key))
        return body

    def head(self, size=None):
        size = size or len(self.lines)
        return {"chain": self.id, "hash": self.hashes[size - 1].hex(), "root": root(self.hashes[:size]).hex(), "seq": size, "v": 1}

    def checkpoint(self, key, size=None, *others):
        size = size or len(self.lines)
        return key.note(f"{self.id}\n{size}\n{b64(root(self.hashes[:size]))}\n", *others)

    def text(self):
        return b"".join(self.lines)


ID = "audit.example.com/recipe/1"
A, B = "00000000000000a1", "00000000000000b2"
LOG_KEY, NEXT_KEY = Key(ID, SEEDS[0]), Key(ID, SEEDS[1])
RECORD_KEY, EPOCH_KEY = Key(ID + "/record", SEEDS[2]), Key(ID + "/epoch/1", SEEDS[3])
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def opened(**more):
    return {"anchor_interval_ms": 1000, "anchor_interval_records": 4096, "hash": "sha256", "keys": [], "mode": "none",
            "resumed_seq": 0, "retention": {}, "software": "counterfoil-audit/0.1.0", **more}


def every_kind():
    c = Chain(ID)
    sa, sb, t0, t1, sh = A + "/sealer", B + "/sealer", A + "/t0", A + "/t1", A + "/shared"
    lease = {"lease": "7", "node": "node-a", "request": "req-42", "span": SPAN, "trace": TRACE}
    big = {**lease, "lease": "18446744073709551615"}
    who = {"from": "192.0.2.7", "principal": "p-5f1c", "tag": "team-search/batch", "tenant": "acme", "workload": "indexer"}
    policy = {"epoch_ms": 3_600_000, "mode": "checkpoint", "keys": [LOG_KEY.vkey], "unsealed_max": 8192}
    c.add("log_opened", opened(**policy), sa)
    c.add("chain_restarted", {"detail": "moved to a new name", "old_hash": "5a" * 32, "old_id": "audit.example.com/old-recipe/3",
                              "old_seq": 41, "reason": "requested"}, sa)
    c.add("producer_opened", {"instance": A}, sa)
    c.add("lease_allocated", {"bytes": "4096", "resource": "mem", "ttl_ms": "300000"}, t0, keys=lease, who=who)
    c.add("lease_allocated", {"bytes": "18446744073709551615", "resource": "storage"}, t1, keys=big, who={"tenant": "acme"})
    c.add("lease_renewed", {"resource": "mem", "ttl_ms": "300000"}, t0, keys=lease, who=who)
    c.add("operation_failed", {"bytes": "8192", "detail": "node \"b\"\tgone\u2028\U0001f4a5", "elapsed_ns": "240000",
                               "error": "disconnected", "op": "write", "resource": "storage"}, t1, "failure", big, who)
    c.add("lease_released", {"bytes": "4096", "resource": "mem"}, t0, keys=lease, who=who)
    c.add("lease_expired", {"resource": "storage"}, t1, "failure", big, who)
    c.add("lease_preempted", {"by_lease": "9007199254740993", "meta": {"allocation_id": "a-1", "reason": "pressure"},
                              "reason": "memory pressure", "resource": "gpu"}, sh, "failure", lease, who)
    c.add("revoke_state_transition", {"reason": "lease lost", "status_from": "pending", "status_to": "revoked"}, t0, keys=lease)
    c.add("bundle_admission_decided", {"bundle": "sha256:" + "ab" * 32, "decision": "rejected", "policy_key": "bundle/size",
                                       "reason": "x" * 1025}, t0, "failure", who=who)
    c.add("edge_rewritten", {"edge": "ingest", "from": "node-a", "to": "node-b", "traceparent": f"00-{TRACE}-{SPAN}-01"}, t0,
          keys=lease)
    c.add("vault.object_put", {"empty": {}, "flags": [True, False, [], -1], "key": "a/b", "size": "12"}, sh, who=who)
    pointer, value, salt = "/who/principal", encode("alice@example.com").encode(), bytes(range(32))
    seq, lp = len(c.lines) + 1, lambda x: len(x).to_bytes(8, "big") + x
    preimage = b"counterfoil.dev/erasable/v1\n" + lp(ID.encode()) + lp(str(seq).encode()) + lp(pointer.encode()) + lp(value)
    preimage += b"\0" * (-len(lp(value)) % 256) + salt
    c.add("vault.object_get", {"key": "a/b"}, sh, "unknown", who={"principal": {"$erasable": sha(preimage).hex()}})
    opening = {"hash": sha(preimage).hex(), "pointer": pointer, "preimage": preimage.hex(), "salt": salt.hex(), "seq": seq,
               "value": value.decode()}
    receipt = lambda **more: {"count": 12, "digest": "blake3:" + "cd" * 32, "from": c.now(), "to": c.now(1), **more}
    c.add("obs_metric_snapshot", receipt(), t0)
    c.add("obs_log_batch", receipt(), t0)
    c.add("obs_trace_complete", receipt(), t0, keys={"trace": TRACE})
    c.add("obs_alert_fired", receipt(name="renewal_late"), t0)
    c.add("obs_alert_resolved", receipt(name="renewal_late"), t0)
    c.add("obs_slo_report", receipt(met=True, name="renewal.p99"), t0)
    c.add("obs_anomaly_detected", receipt(name="p99_period_300s"), t0)
    c.lane[t1] += 3
    c.add("records_lost", {"first_n": 4, "last_n": 6, "reason": "queue_full", "src": t1}, sa)
    c.add("lease_renewed", {"bytes": "0", "meta": {"idempotency_key_hash": "sha256:" + "00" * 32}, "resource": "cpu"}, t1, keys=lease)
    c.add("clock_stepped", {"delta_ns": "-250000000", "from": c.now(250_000_000), "to": c.now()}, sa)
    c.add("access", {"action": "export", "count": 2, "first_seq": 1, "last_seq": 20, "reader": "svc-siem"}, sa)
    c.add("config_changed", {"key": "demo.rate", "new_value": "200", "old_value": "100"}, sa)
    while len(c.lines) < 258:
        c.add("lease_renewed", {"resource": "net", "ttl_ms": "60000"}, (t0, t1, sh)[len(c.lines) % 3], keys={"lease": "11"},
              who={"tenant": "acme"})
    last = {k.split("/")[1]: n for k, n in c.lane.items()}
    c.clock += 2 * 86400 * 10**9
    c.add("config_changed", {"key": "retention", "new_value": '{"max_age_s":86400}', "old_value": "{}"}, sb)
    c.add("log_opened", opened(**policy, anchored_seq=257, resumed_seq=258, retention={"max_age_s": 86400},
                               unclean={"bound_records": 8192, "instance": A, "lanes": last}), sb)
    c.add("tail_recovered", {"bytes": "713", "digest": "sha256:" + "ef" * 32, "file": "00000000000000000259-1.jsonl",
                             "first_seq": 259, "lines": 1, "reason": "torn"}, sb)
    c.add("producer_opened", {"instance": B, "last_known": last, "predecessor": A}, sb)
    c.add("retention_applied", {"bytes": "131072", "first_seq": 1, "hash": c.hashes[255].hex(), "last_seq": 256, "reason": "age",
                                "root": root(c.hashes[:256]).hex()}, sb)
    size, r = len(c.lines), root(c.hashes).hex()
    message = "\n".join(("counterfoil.dev/epoch/v1", ID, "1", str(size), r, EPOCH_KEY.vkey)).encode()
    c.add("epoch_started", {"epoch": 1, "key": EPOCH_KEY.vkey, "root": r, "signature": b64(sign(LOG_KEY.seed, message)),
                            "size": size}, sb)
    c.add("erased", {"items": [{"pointer": pointer, "seq": seq}], "reason": "request of the person concerned"}, sb)
    c.add("key_rotated", {"new_key": NEXT_KEY.vkey, "old_key": LOG_KEY.vkey, "reason": "yearly", "role": "log"}, sb)
    c.add("lease_allocated", {"bytes": "1", "resource": "cpu"}, B + "/t0", keys={"lease": "12"})
    c.add("producer_closed", {"instance": B, "lanes": {"sealer": c.lane[sb] + 2, "shared": 0, "t0": 1}}, sb)
    c.add("log_closed", {"reason": "shutdown", "records": 11}, sb)
    assert len(c.bodies[258:]) == 11 and c.lane[sb] == c.bodies[-2]["event"]["data"]["lanes"]["sealer"]
    told = {"anchor": {**c.head(), "checkpoint": c.checkpoint(NEXT_KEY, None, EPOCH_KEY)},
            "completeness": {"lanes": {s: ("UNKNOWN" if s.startswith(A) else "COMPLETE") for s in sorted(c.lane)} | {B + "/shared": "COMPLETE"},
                             "log": "UNKNOWN"},
            "epoch_message": message.decode(), "keys": {"epoch_1": EPOCH_KEY.told(), "log": LOG_KEY.told(), "log_rotated": NEXT_KEY.told()},
            "kinds": sorted({b["event"]["kind"] for b in c.bodies}), "opening": opening,
            "records": [{"hash": h.hex(), "kind": b["event"]["kind"], "root": root(c.hashes[:i + 1]).hex(), "seq": i + 1}
                        for i, (h, b) in enumerate(zip(c.hashes, c.bodies))]}
    return c, told


# --- (b) encoding ---------------------------------------------------------------------------------------------------
def base_body(kind="vault.object_put", data=None, **parts):
    return {"chain": {"id": ID, "prev": ZERO, "seq": 1, "time": "2026-11-20T00:00:01.000000007Z"},
            "event": {"data": {} if data is None else data, "kind": kind, "outcome": "success"}, "keys": {},
            "src": {"id": A + "/t0", "n": 1, "time": "2026-11-20T00:00:01.000000000Z"}, "v": 1, "who": {}, **parts}


def encodings():
    failed = lambda detail: base_body("operation_failed", {"detail": detail, "error": "internal", "op": "read"})
    deep = 0
    for _ in range(13):
        deep = [deep]
    cases = [
        ("minimal", base_body()),
        ("escapes", base_body(data={"s": "".join(map(chr, range(1, 0x20))) + '"\\/\x7f'})),
        ("raw utf-8: two, three and four bytes, U+2028, U+FFFF", base_body(data={"s": "\u00e9\u20ac\u2028\uffff\U0001f4a5\U0010ffff"})),
        ("not normalised", base_body(data={"composed": "\u00e9", "decomposed": "e\u0301"})),
        ("U+0000 in data and header", base_body(data={"s": "a\0b"}, who={"tenant": "\0"})),
        ("empty strings, objects and arrays", base_body(data={"a": [], "o": {}, "s": ""}, keys={"node": ""}, who={"tag": ""})),
        ("integer bounds", base_body(data={"max": MAX_INT, "min": -MAX_INT, "minus": -1, "zero": 0})),
        ("ids above 2^53 are strings, small ones too", base_body("lease_preempted", {"by_lease": "1", "reason": "", "resource": "mem"},
                                                               keys={"lease": "18446744073709551615"})),
        ("key order is by byte", base_body(data={"a": 1, "B": 2, "_": 3, "aa": 4, "A": 5, "~": 6, " ": 7, "10": 8, "9": 9, "a$": 10})),
        ("literals", base_body(data={"f": False, "t": True})),
        ("depth 16", base_body(data={"d": deep})),
        ("text at its limit, in bytes", failed("\u20ac" * 341 + "x")),
        ("text over its limit", failed("\u20ac" * 341 + "xy")),
        ("limit counts after U+0000 is replaced, digest before", failed("x" * 1022 + "\0")),
        ("header text over its limit", base_body(who={"workload": "w" * 5000})),
        ("extension text has no limit of its own", base_body(data={"s": "x" * 1025})),
        ("metadata", base_body("lease_renewed", {"meta": {"status_to": "", "allocation_id": "a", "error_code": "E\n1"}, "resource": "gpu"})),
        ("full header", base_body("access", {"action": "read", "count": 1, "reader": "r"},
                                  chain={"id": "a-b.example.org/x/y_z/0-q/18446744073709551615", "prev": "0f" * 32, "seq": MAX_INT,
                                         "time": "2554-07-21T23:34:33.709551615Z"},
                                  keys={"trace": TRACE, "span": SPAN, "request": "A.b_c-9", "node": "n", "lease": "0"},
                                  src={"id": "ffffffffffffffff/shared", "n": MAX_INT, "time": "1970-01-01T00:00:00.000000000Z"},
                                  who={"workload": "w", "tenant": "t", "tag": "g", "principal": {"$erasable": "ee" * 32}, "from": "f"})),
    ]
    out = [{"body": raw.decode(), "hash": leaf(raw).hex(), "input": b, "name": n} for n, b in cases for raw in [body_bytes(b)]]
    fixed = len(body_bytes(base_body(data={"s": ""})))
    for name, size in (("body of exactly 65535 bytes", MAX_BODY - fixed), ("body one byte too long: data goes by digest", MAX_BODY - fixed + 1)):
        raw = body_bytes(base_body(data={"s": "x" * size}))
        case = {"body_sha256": sha(raw).hex(), "bytes": len(raw), "hash": leaf(raw).hex(), "input": base_body(data={"s": ""}), "name": name,
                "replace": {"pointer": "/event/data/s", "repeat": "x", "times": size}}
        out.append(case if len(raw) > 60000 else {**case, "body": raw.decode()})
    return out


# --- (c) malformed lines --------------------------------------------------------------------------------------------
def invalid():
    good = base_body("operation_failed", {"detail": "a", "error": "internal", "op": "read"}, keys={"lease": "7", "node": "n"},
                     who={"tenant": "acme"})
    raw = body_bytes(good)
    ok = line(raw)
    out = []

    def put(name, text, reason, verdict="grammar"):
        try:
            where = {"line": text.decode()}
        except UnicodeDecodeError:
            where = {"line_base64": b64(text)}
        assert text != ok, name
        out.append({"name": name, "reason": reason, "verdict": verdict, **where})

    def sub(name, reason, *pairs):
        new = raw
        for old, to in pairs:
            old, to = (x.encode() if isinstance(x, str) else x for x in (old, to))
            assert new.count(old) == 1, (name, old, new.count(old))
            new = new.replace(old, to)
        put(name, line(new), reason)

    def data(name, reason, text):
        b = encode(base_body(data={"s": 0})).encode()
        put(name, line(b.replace(b'{"s":0}', text.encode() if isinstance(text, str) else text)), reason)

    sig_key = Key(ID + "/record", SEEDS[2])
    signed = line(raw, key=sig_key)
    # around the body
    put("body byte changed", ok.replace(b'"acme"', b'"acmf"'), "H is not the hash of B", "hash")
    put("hash digit changed", ok[:-5] + (b"0" if ok[-5:-4] != b"0" else b"1") + ok[-4:], "H is not the hash of B", "hash")
    put("hash without the leaf prefix", line(raw, sha(raw)), "H is SHA-256(0x00 || B)", "hash")
    put("hash of another valid body", line(raw, leaf(body_bytes(base_body()))), "H is not the hash of B", "hash")
    put("uppercase hash", ok[:-67] + ok[-67:-3].upper() + ok[-3:], "hex is lowercase")
    put("hash with a digit that is none", ok[:-4] + b"g" + ok[-3:], "hex")
    put("short hash", ok[:-4] + ok[-3:], "fixed suffix")
    put("no line feed", ok[:-1], "a line ends with LF")
    put("CR LF", ok[:-1] + b"\r\n", "no CR")
    put("empty line", b"\n", "an empty line is malformed")
    put("byte order mark", b"\xef\xbb\xbf" + ok, "fixed prefix")
    put("leading space", b" " + ok, "fixed prefix")
    put("trailing space", ok[:-1] + b" \n", "fixed suffix")
    put("trailing bytes", ok[:-1] + b"x\n", "fixed suffix")
    put("space after body colon", ok.replace(b'{"body":', b'{"body": '), "B begins with a space")
    put("space before hash", ok.replace(b',"hash"', b', "hash"'), "fixed suffix")
    put("members in another order", b'{"hash":"' + leaf(raw).hex().encode() + b'","body":' + raw + b"}\n", "fixed prefix")
    put("two body members", b'{"body":' + raw + b"," + ok[1:], "nothing but body, hash, sig")
    twice = raw + b',"body":' + raw
    put("two body members, hashed as one", line(twice), "B is one JSON object")
    inner = raw + b',"hash":"' + leaf(raw).hex().encode() + b'"'
    put("two hash members, hashed as one", line(inner), "B is one JSON object")
    put("member after hash", ok[:-2] + b',"x":1}\n', "nothing but body, hash, sig")
    put("escaped member name", ok.replace(b'{"body":', b'{"\\u0062ody":'), "fixed prefix")
    put("hash is null", b'{"body":' + raw + b',"hash":null}\n', "fixed suffix")
    put("no hash", b'{"body":' + raw + b"}\n", "fixed suffix")
    put("body is an array", line(b"[" + raw + b"]"), "B is an object")
    put("body is empty", line(b""), "B is an object")
    put("body is an empty object", line(b"{}"), "members are missing")
    # signature member
    put("signature: other algorithm", signed.replace(b'"ed25519"', b'"ed25518"'), "fixed suffix")
    put("signature: uppercase key id", signed.replace(sig_key.id.hex().encode(), b"ABCDEF01"), "hex is lowercase")
    put("signature: value too short", signed[:-8] + signed[-4:], "fixed suffix")
    put("signature: base64 bits left over", signed[:-7] + b"B==" + signed[-4:], "canonical base64")
    put("signature: base64url", signed[:-20] + b"-" + signed[-19:], "standard alphabet")
    put("signature: no padding", signed.replace(b'=="}}', b'AA"}}'), "canonical base64")
    put("signature: members in another order", signed.replace(b'"alg":"ed25519","key":"%s"' % sig_key.id.hex().encode(),
                                                              b'"key":"%s","alg":"ed25519"' % sig_key.id.hex().encode()), "fixed suffix")
    put("signature: null", ok[:-2] + b',"sig":null}\n', "fixed suffix")
    put("signature: empty", ok[:-2] + b',"sig":{}}\n', "fixed suffix")
    put("signature: before hash", b'{"body":' + raw + signed[-143:-2] + b',"hash":"' + leaf(raw).hex().encode() + b'"}\n', "B is one JSON object")
    put("signature: twice", signed[:-2] + signed[-142:-2] + b"}\n", "nothing but body, hash, sig")
    # spelling
    sub("space in the body", "no whitespace", ('"v":1,', '"v": 1,'))
    sub("tab in the body", "no whitespace", ('"v":1,', '"v":1,\t'))
    sub("reordered members", "ascending keys", ('"lease":"7","node":"n"', '"node":"n","lease":"7"'))
    sub("reordered objects", "ascending keys", ('"v":1,"who":{"tenant":"acme"}', '"who":{"tenant":"acme"},"v":1'))
    sub("duplicate key", "keys are unique", ('"lease":"7",', '"lease":"7","lease":"7",'))
    sub("duplicate key in who", "keys are unique", ('"tenant":"acme"', '"tenant":"acme","tenant":"evil"'))
    sub("trailing comma", "JSON", ('"tenant":"acme"', '"tenant":"acme",'))
    sub("comment", "JSON", ('"v":1,', '"v":1/**/,'))
    for form in ("1.0", "1e0", "1E0", "+1", "01", "0x1", "1.", "-0", "9007199254740992", "-9007199254740992", "18446744073709551615",
                 "1e400", "NaN", "Infinity", "-Infinity", "-", "0.5", "1e3"):
        data("number " + form, "integers from -(2^53-1) to 2^53-1 in one form", '{"s":%s}' % form)
    data("null", "no null", '{"s":null}')
    data("null in an array", "no null", '{"s":[null]}')
    data("literal in capitals", "JSON", '{"s":True}')
    for name, text in (("escaped solidus", "\\/"), ("escaped comma", "\\u002c"), ("escaped letter", "\\u0041"), ("uppercase escape", "\\u001F"),
                       ("uppercase U", "\\U001f"), ("long form of line feed", "\\u000a"), ("long form of backspace", "\\u0008"), ("long form of quote", "\\u0022"),
                       ("escaped U+0000", "\\u0000"), ("escaped DEL", "\\u007f"), ("escaped non-ASCII", "\\u00e9"),
                       ("escaped surrogate pair", "\\ud83d\\udca5"), ("escaped lone surrogate", "\\ud800"), ("unknown escape", "\\x41"),
                       ("escaped apostrophe", "\\'"), ("cut escape", "\\u00"), ("raw control character", "\x1f"), ("raw tab", "\t"),
                       ("raw carriage return", "\r"), ("raw U+0000", "\0")):
        data("string: " + name, "one spelling for each string", '{"s":"%s"}' % text)
    for name, text in (("lone continuation byte", b"\x80"), ("overlong slash", b"\xc0\xaf"), ("overlong three bytes", b"\xe0\x80\xaf"),
                       ("encoded surrogate", b"\xed\xa0\x80"), ("above U+10FFFF", b"\xf4\x90\x80\x80"), ("cut sequence", b"\xe2\x82"), ("byte FF", b"\xff")):
        data("UTF-8: " + name, "valid UTF-8", b'{"s":"' + text + b'"}')
    data("single quotes", "JSON", "{'s':1}")
    data("key with an escape", "keys are printable ASCII without quote and backslash", '{"a\\\\b":1}')
    data("key with a non-ASCII letter", "keys are printable ASCII", '{"\u00e9":1}')
    data("key with DEL", "keys are printable ASCII", '{"\x7f":1}')
    data("empty key", "keys have 1 to 128 characters", '{"":1}')
    data("key of 129 characters", "keys have 1 to 128 characters", '{"%s":1}' % ("k" * 129))
    data("reserved key", "$ is reserved", '{"$x":1}')
    data("$truncated with a neighbour", "exactly one member", '{"s":{"$truncated":{"bytes":"1","sha256":"%s"},"a":1}}' % ("0" * 64))
    data("$truncated without sha256", "form of $truncated", '{"s":{"$truncated":{"bytes":"1"}}}')
    data("$truncated with a number", "form of $truncated", '{"s":{"$truncated":{"bytes":1,"sha256":"%s"}}}' % ("0" * 64))
    data("$erasable with uppercase hex", "form of $erasable", '{"s":{"$erasable":"%s"}}' % ("A" * 64))
    data("depth 17, arrays", "depth at most 16", '{"s":' + "[" * 14 + "]" * 14 + "}")
    data("depth 17, objects", "depth at most 16", '{"s":' + '{"a":' * 13 + "{}" + "}" * 13 + "}")
    data("depth 20000", "depth at most 16; a parser must not recurse freely", '{"s":' + "[" * 20000 + "]" * 20000 + "}")
    data("data is an array", "data is an object", "[]")
    data("data is a string", "data is an object", '"x"')
    data("body over 65535 bytes", "B is at most 65535 bytes", '{"s":"%s"}' % ("x" * (65536 - len(body_bytes(base_body(data={"s": ""}))))))
    # header
    for part in ("chain", "event", "keys", "src", "v", "who"):
        b = copy.deepcopy(good)
        del b[part]
        put("missing " + part, line(encode(b).encode()), "the six members are always present")
    for part, members in (("chain", ("id", "prev", "seq", "time")), ("event", ("data", "kind", "outcome")), ("src", ("id", "n", "time"))):
        for member in members:
            b = copy.deepcopy(good)
            del b[part][member]
            put(f"missing {part}.{member}", line(encode(b).encode()), "the member is required")
    for part in ("chain", "event", "keys", "src", "who"):
        b = copy.deepcopy(good)
        b[part]["x"] = "1"
        put(f"unknown member in {part}", line(encode(b).encode()), "the header is closed")
    put("unknown member in the body", line(encode({**good, "x": 1}).encode()), "the header is closed")

    def header(part, member, name, value, reason):
        b = copy.deepcopy(good)
        if member is None:
            b[part] = value
        else:
            b[part][member] = value
        put(name, line(encode(b).encode()), reason)

    header("v", None, "v is 2", 2, "v is the integer 1")
    header("v", None, "v is a string", "1", "v is the integer 1")
    header("keys", None, "keys is an array", [], "keys is an object")
    header("who", None, "who is a string", "acme", "who is an object")
    for name, value in (("zero", 0), ("negative", -1), ("a string", "1")):
        header("chain", "seq", "seq is " + name, value, "integer from 1")
        header("src", "n", "n is " + name, value, "integer from 1")
    for name, value in (("short", "0" * 63), ("long", "0" * 65), ("uppercase", "AB" * 32), ("a number", 0), ("an object", {})):
        header("chain", "prev", "prev is " + name, value, "64 hex digits")
    for value in ("2026-11-20T00:00:01Z", "2026-11-20T00:00:01.123Z", "2026-11-20T00:00:01.1234567890Z", "2026-11-20 00:00:01.000000000Z",
                  "2026-11-20T00:00:01.000000000+00:00", "2026-11-20t00:00:01.000000000z", "2026-02-29T00:00:01.000000000Z",
                  "2026-04-31T00:00:01.000000000Z", "2026-00-20T00:00:01.000000000Z", "2026-13-20T00:00:01.000000000Z",
                  "2026-11-00T00:00:01.000000000Z", "2026-11-20T24:00:00.000000000Z", "2026-11-20T00:60:00.000000000Z",
                  "2026-11-20T23:59:60.000000000Z", "1969-12-31T23:59:59.999999999Z", "2554-07-21T23:34:33.709551616Z",
                  "2026-11-20T00:00:01,000000000Z", "\u0662026-11-20T00:00:01.00000000Z", ""):
        header("chain", "time", "chain.time " + ascii(value), value, "time form")
    header("src", "time", "src.time 2026-11-20T00:00:01.00000000Z", "2026-11-20T00:00:01.00000000Z", "time form")
    header("src", "time", "src.time is a number", 1, "time form")
    for value in ("recipe/1", "localhost/recipe/1", "audit.example.com/1", "audit.example.com/recipe", "audit.example.com/recipe/0",
                  "audit.example.com/recipe/01", "audit.example.com/recipe/x", "audit.example.com/recipe/18446744073709551616",
                  "audit.example.com/a/b/c/d/1", "Audit.example.com/recipe/1", "audit.example.com/Recipe/1", "audit.example.com//1",
                  "audit.example.com/recipe/1/", "https://audit.example.com/recipe/1", "audit.example.com/_x/1", "audit.example.com/re+cipe/1",
                  "-a.example.com/recipe/1", "a-.example.com/recipe/1", "a..com/recipe/1", "audit.example.com./recipe/1", "audit.example.com:80/recipe/1",
                  "audit.example.com/" + "x" * 64 + "/1", "x" * 64 + ".example.com/recipe/1", "audit.example.com/re cipe/1", "audit.\u00e9xample.com/recipe/1",
                  ("a." + "b" * 60 + "/") + "c" * 63 + "/" + "d" * 63 + "/e" + "/123456789", ""):
        header("chain", "id", "chain.id " + ascii(value), value, "chain id grammar, at most 200 bytes")
    for value in ("00000000000000a1", "00000000000000a1/", "/t0", "00000000000000A1/t0", "0000000000000a1/t0", "000000000000000a1/t0",
                  "00000000000000a1/T0", "00000000000000a1/0t", "00000000000000a1/t0/x", "00000000000000a1/t 0", "00000000000000a1/" + "t" * 33, ""):
        header("src", "id", "src.id " + ascii(value), value, "src.id grammar")
    for value in ("lease_taken", "LeaseAllocated", "lease-allocated", "vault.", ".put", "vault.object.put", "Vault.put", "vault.9put", "9vault.put",
                  "v" * 33 + ".put", "vault." + "p" * 64, "$x", ""):
        header("event", "kind", "event.kind " + ascii(value), value, "kind grammar")
    for value in ("ok", "Success", "", 1):
        header("event", "outcome", "event.outcome " + ascii(value), value, "success, failure or unknown")
    for member, values, why in (("lease", ("", "07", "-1", "18446744073709551616", "x", 7), "unsigned 64-bit string"),
                                ("request", ("", "two words", "r" * 65, "\u00e9"), "[A-Za-z0-9._-]{1,64}"),
                                ("span", ("0" * 16, "00F067AA0BA902B7", "f" * 15), "16 hex digits, not all zero"),
                                ("trace", ("0" * 32, TRACE.upper(), "f" * 33), "32 hex digits, not all zero"),
                                ("node", ("n" * 1025, 1, {}, []), "text")):
        for value in values:
            header("keys", member, f"keys.{member} {ascii(value)[:40]}", value, why)
    header("who", "tenant", "who.tenant over 1024 bytes, under 1024 characters", "\u20ac" * 342, "text is at most 1024 bytes")
    header("who", "tenant", "who.tenant is a number", 1, "text")
    header("who", "principal", "who.principal is an object of another form", {"a": "b"}, "text")
    header("who", "principal", "who.principal $erasable too short", {"$erasable": "00"}, "form of $erasable")
    # data of the log about itself
    for name, kind, bad in (("unknown member", "log_closed", {"reason": "shutdown", "records": 1, "x": 1}), ("missing member", "log_closed", {"reason": "shutdown"}),
                            ("other value", "log_closed", {"reason": "bored", "records": 1}), ("id as a number", "tail_recovered", {
                                "bytes": 1, "digest": "sha256:" + ZERO, "file": "a", "first_seq": 1, "lines": 0, "reason": "torn"}),
                            ("count as a string", "records_lost", {"first_n": "1", "last_n": 2, "reason": "refused", "src": A + "/t0"}),
                            ("range upside down", "records_lost", {"first_n": 3, "last_n": 2, "reason": "refused", "src": A + "/t0"}),
                            ("bad lane name", "producer_closed", {"instance": A, "lanes": {"T": 1}}), ("no lanes", "producer_closed", {"instance": A, "lanes": {}}),
                            ("mode none with keys", "log_opened", opened(keys=[LOG_KEY.vkey])), ("mode checkpoint without keys", "log_opened", opened(mode="checkpoint")),
                            ("truncated as a whole", "records_lost", truncated(b"x")), ("path in a file name", "tail_recovered", {
                                "bytes": "1", "digest": "sha256:" + ZERO, "file": "../a", "first_seq": 1, "lines": 0, "reason": "torn"}),
                            ("predecessor without last_known", "producer_opened", {"instance": B, "predecessor": A})):
        put(f"{kind}: {name}", line(encode(base_body(kind, bad)).encode()), "data of the log about itself conform to their schema")
    assert len({c["name"] for c in out}) == len(out), "names are unique"
    return {"comment": "Each line alone must be refused, with this verdict class. `valid` is the line most of them were made from.",
            "lines": out, "valid": ok.decode(), "valid_signed": signed.decode()}


# --- (d) chains with one damage each --------------------------------------------------------------------------------
def small(cid=ID, key=None, opening=None, changes=None, close=True, renewals=1, lost=None, final=None, extra=None):
    """log_opened, producer_opened, lease_allocated, lease_renewed.., lease_released, producer_closed, log_closed."""
    c, changes = Chain(cid, key), changes or {}
    sealer, t0 = A + "/sealer", A + "/t0"

    def add(kind, data, src, **more):
        c.add(kind, data, src, change=changes.get(len(c.lines) + 1), **more)

    add("log_opened", opened(**(opening or {})), sealer)
    add("producer_opened", {"instance": A}, sealer)
    add("lease_allocated", {"bytes": "4096", "resource": "mem"}, t0, keys={"lease": "7"})
    for _ in range(renewals):
        add("lease_renewed", {"resource": "mem"}, t0, keys={"lease": "7"})
    if lost:
        c.lane[t0] += lost
        if extra != "undeclared":
            add("records_lost", {"first_n": c.lane[t0] - lost + 1, "last_n": c.lane[t0], "reason": "queue_full", "src": t0}, sealer)
    add("lease_released", {"resource": "mem"}, t0, keys={"lease": "7"})
    if isinstance(extra, list):
        for kind, data in extra:
            add(kind, data, sealer)
    if close:
        add("producer_closed", {"instance": A, "lanes": {"sealer": c.lane[sealer] + 2, "t0": c.lane[t0] if final is None else final}}, sealer)
        add("log_closed", {"reason": "shutdown", "records": len(c.lines) + 1}, sealer)
    return c


def chains():
    out = []

    def put(name, log, anchor, with_anchor, without_anchor, position=None, reason=None, completeness="COMPLETE", **more):
        log = b"".join(log) if isinstance(log, list) else log
        first = None if position is None else {"position": position, "reason": reason}
        out.append({"anchor": anchor, "completeness": completeness, "exit_with_anchor": with_anchor, "exit_without_anchor": without_anchor,
                    "first_failure": first, "log": log.decode(), "name": name, **more})

    def at(seq, part, member, value):
        return {seq: lambda b: b[part].__setitem__(member, value)}

    c = small()
    s, a = c.lines, c.head()
    put("intact", s, a, 0, 3)
    put("intact, anchor without root", s, {k: v for k, v in a.items() if k != "root"}, 0, 3)
    put("records beyond the head", s, c.head(5), 0, 3, tail=2)
    put("body byte changed", s[:3] + [s[3].replace(b'"7"', b'"8"')] + s[4:], a, 1, 1, 4, "hash")
    flipped = s[3][:-4] + (b"0" if s[3][-4:-3] != b"0" else b"1") + s[3][-3:]
    put("hash digit changed", s[:3] + [flipped] + s[4:], a, 1, 1, 4, "hash")
    raw = s[3][8:-76].replace(b'"7"', b'"8"')
    put("record changed and hashed again", s[:3] + [line(raw)] + s[4:], a, 1, 1, 5, "link")
    forged = small(changes=at(4, "keys", "lease", "8"))
    put("record changed and all later ones sealed again", forged.lines, a, 1, 3, 7, "head")
    put("last record replaced", s[:6] + small(changes=at(7, "event", "data", {"reason": "failure", "records": 7})).lines[6:], a, 1, 3, 7, "head")
    put("record cut out", s[:3] + s[4:], a, 1, 1, 4, "seq", completeness=None)
    put("records swapped", s[:3] + [s[4], s[3]] + s[5:], a, 1, 1, 4, "seq", completeness=None)
    put("record doubled", s[:4] + s[3:], a, 1, 1, 5, "seq", completeness=None)
    put("space added to a line", s[:3] + [s[3].replace(b'"body":', b'"body": ')] + s[4:], a, 1, 1, 4, "grammar", completeness=None)
    put("empty line at the end", s + [b"\n"], a, 1, 1, 8, "grammar")
    put("CR LF throughout", [x[:-1] + b"\r\n" for x in s], a, 1, 1, 1, "grammar", completeness=None)
    put("last record cut off", s[:6], a, 3, 3, 7, "absent", completeness="UNKNOWN", missing=1)
    put("half of the records cut off", s[:3], a, 3, 3, 4, "absent", completeness="UNKNOWN", missing=4)
    put("last line torn, up to the head", s[:6] + [s[6][:100]], a, 1, 3, 7, "grammar", completeness="UNKNOWN")
    put("last line feed changed", s[:6] + [s[6][:-1] + b" "], a, 1, 3, 7, "grammar", completeness="UNKNOWN")
    put("unfinished line beyond the head", s + [s[6][:100]], a, 0, 3)
    put("first record cut off", s[1:], a, 3, 3, 1, "absent", completeness=None)
    put("empty file", b"", a, 3, 3, 1, "empty", completeness=None)
    put("written anew and shorter", small(renewals=0).lines, a, 3, 3, 7, "absent", missing=1)
    put("prev not zero in record 1", small(changes=at(1, "chain", "prev", "11" * 32)).lines, None, None, 1, 1, "link")
    w = small(changes=at(4, "chain", "seq", 5))
    put("seq leaves one out", w.lines, w.head(), 1, 1, 4, "seq")
    w = small(changes=at(4, "chain", "time", "2026-11-20T00:00:01.000000000Z"))
    put("time goes back", w.lines, w.head(), 1, 1, 4, "time")
    w = small(changes=at(4, "chain", "id", "audit.example.com/recipe/2"))
    put("id changes", w.lines, w.head(), 1, 1, 4, "id")
    put("anchor of another chain", s, {**a, "chain": "audit.example.com/other/1"}, 1, 3, 1, "id")
    put("anchor with another root", s, {**a, "root": "22" * 32}, 1, 3, 7, "root")
    put("anchor with another hash", s, {**a, "hash": "22" * 32}, 1, 3, 7, "head")
    put("anchor whose checkpoint names another root", s, {**a, "checkpoint": forged.checkpoint(LOG_KEY)}, 1, 3, 7, "head")
    put("anchor whose checkpoint has another size", s, {**a, "checkpoint": c.checkpoint(LOG_KEY, 6)}, 1, 3, 7, "head")
    # completeness
    w = small(close=False)
    put("not closed", w.lines, w.head(), 0, 3, completeness="UNKNOWN")
    w = small(lost=3)
    put("declared loss", w.lines, w.head(), 0, 3, completeness="LOSSY")
    w = small(lost=2**53 - 10)
    put("declared loss of nearly 2^53 records", w.lines, w.head(), 0, 3, completeness="LOSSY")
    w = small(lost=3, extra="undeclared")
    put("undeclared loss", w.lines, w.head(), 3, 3, 5, "gap", completeness="UNKNOWN")
    w = small(final=9)
    put("final n not reached", w.lines, w.head(), 3, 3, 6, "gap", completeness="UNKNOWN")
    w = small(final=2)
    put("n above the final n", w.lines, w.head(), 1, 1, 6, "replay", completeness=None)
    w = small(changes=at(4, "src", "n", 1))
    put("n used twice", w.lines, w.head(), 1, 1, 4, "replay", completeness=None)
    w = small(extra=[("records_lost", {"first_n": 2, "last_n": 2, "reason": "refused", "src": A + "/t0"})])
    put("a sealed record declared lost", w.lines, w.head(), 1, 1, 6, "replay", completeness=None)
    # modes and policy
    again = ("log_opened", opened(resumed_seq=5, retention={"max_age_s": 60}))
    said = ("config_changed", {"key": "retention", "new_value": '{"max_age_s":60}', "old_value": "{}"})
    w = small(extra=[again], close=False)
    put("retention changed unannounced", w.lines, w.head(), 1, 1, 6, "mode", completeness="UNKNOWN")
    w = small(extra=[said, again], close=False)
    put("retention changed as announced", w.lines, w.head(), 0, 3, completeness="UNKNOWN")
    record_mode = {"mode": "record", "keys": [LOG_KEY.vkey, RECORD_KEY.vkey]}
    w = small(key=RECORD_KEY, opening=record_mode)
    put("every record signed", w.lines, w.head(), 0, 3, keys=[RECORD_KEY.vkey])
    r = w.lines
    put("one signature left out", r[:3] + [line(r[3][8:-216])] + r[4:], w.head(), 1, 1, 4, "mode", keys=[RECORD_KEY.vkey])
    put("signature of another record", r[:3] + [r[3][:-142] + r[4][-142:]] + r[4:], w.head(), 1, 1, 4, "signature", keys=[RECORD_KEY.vkey])
    put("key id of no key", r[:3] + [r[3].replace(RECORD_KEY.id.hex().encode(), b"00000000")] + r[4:], w.head(), 1, 1, 4, "mode", keys=[RECORD_KEY.vkey])
    put("signature by the key of another role", r[:3] + [line(r[3][8:-216], key=LOG_KEY)] + r[4:], w.head(), 1, 1, 4, "mode", keys=[RECORD_KEY.vkey])
    big_s = base64.b64decode(r[3][-92:-4])
    big_s = big_s[:32] + (int.from_bytes(big_s[32:], "little") + L).to_bytes(32, "little")
    put("signature with S not reduced", r[:3] + [r[3][:-92] + b64(big_s).encode() + r[3][-4:]] + r[4:], w.head(), 1, 1, 4, "signature", keys=[RECORD_KEY.vkey])
    put("signed line in mode none", s[:3] + [line(s[3][8:-76], key=RECORD_KEY)] + s[4:], a, 1, 1, 4, "mode")
    put("given key is not in force", r, w.head(), 5, 5, 1, "key", keys=[Key(ID + "/record", SEEDS[3]).vkey])
    w = small(opening={"mode": "checkpoint", "keys": [LOG_KEY.vkey]})
    signed = {**w.head(), "checkpoint": w.checkpoint(LOG_KEY)}
    put("signed checkpoint in the anchor", w.lines, signed, 0, 5, keys=[LOG_KEY.vkey])
    put("given key did not sign", w.lines, w.head(), 5, 5, 7, "key", keys=[LOG_KEY.vkey])
    wrong = Key(ID, SEEDS[1])
    bad = signed["checkpoint"].rsplit(" ", 1)
    flip = base64.b64decode(bad[1])
    flip = flip[:20] + bytes([flip[20] ^ 1]) + flip[21:]
    put("checkpoint with a broken signature", w.lines, {**signed, "checkpoint": bad[0] + " " + b64(flip) + "\n"}, 1, 5, 7, "signature", keys=[LOG_KEY.vkey])
    put("checkpoint by an unknown key only", w.lines, {**signed, "checkpoint": w.checkpoint(wrong)}, 5, 5, 7, "key", keys=[LOG_KEY.vkey])
    # segments
    seg = lambda *cuts: [{"name": f"{i + 1:020}.jsonl", "text": b"".join(s[i:j]).decode()} for i, j in cuts]
    for name, segments, codes, first in (("three segments", seg((0, 3), (3, 5), (5, 7)), (0, 3), None), ("last segment empty", seg((0, 3), (3, 7), (7, 7)), (0, 3), None),
                                         ("middle segment absent", seg((0, 3), (5, 7)), (3, 3), {"position": 4, "reason": "absent"}),
                                         ("first segment absent", seg((3, 5), (5, 7)), (3, 3), {"position": 1, "reason": "absent"}),
                                         ("segment under a wrong name", [{**x, "name": f"{4 if i else 1:020}.jsonl"} for i, x in enumerate(seg((0, 3), (4, 7)))],
                                          (1, 1), {"position": 4, "reason": "seq"})):
        out.append({"anchor": a, "completeness": None if first else "COMPLETE", "exit_with_anchor": codes[0], "exit_without_anchor": codes[1], "first_failure": first,
                    "name": "segments: " + name, "segments": segments})
    assert len({x["name"] for x in out}) == len(out)
    return {"comment": "`keys` are given to the verifier in both runs. `first_failure` is that of the run with the anchor, except where the anchor is null; `completeness` null: not compared.",
            "chains": out}


def checkpoint():
    c = small(opening={"mode": "checkpoint", "keys": [LOG_KEY.vkey]})
    r = small(key=RECORD_KEY, opening={"mode": "record", "keys": [LOG_KEY.vkey, RECORD_KEY.vkey]})
    h = r.hashes[0]
    return {"checkpoint": {"head": c.head(), "key": LOG_KEY.told(), "log": c.text().decode(), "note": c.checkpoint(LOG_KEY),
                           "signed_text": f"{ID}\n{len(c.lines)}\n{b64(root(c.hashes))}\n"},
            "checkpoints_by_size": [c.checkpoint(LOG_KEY, i + 1) for i in range(len(c.lines))],
            "record": {"hash": h.hex(), "key": RECORD_KEY.told(), "line": r.lines[0].decode(),
                       "message": (b"counterfoil.dev/record/v1\n" + h).hex(), "signature": sign(RECORD_KEY.seed, b"counterfoil.dev/record/v1\n" + h).hex()},
            "warning": "The seeds are published in RFC 8032 section 7.1. They are for tests only."}


# --- keys that take over (§6) ---------------------------------------------------------------------------------------
def test_key(name, which=""):
    return Key(name, sha(f"counterfoil test key {name} {which}".encode()).hex())


EPOCH_KEYS = [test_key(f"{ID}/epoch/{n}") for n in range(1, 4)]
THIRD_KEY = test_key(ID, "third")
SEALER = A + "/sealer"


def begin_epoch(c, number, by, key=None, signed=True, **changes):
    size, key = len(c.lines), key or EPOCH_KEYS[number - 1]
    data = {"epoch": number, "key": key.vkey, "root": root(c.hashes).hex(), "size": size, **changes}
    message = "\n".join(("counterfoil.dev/epoch/v1", ID, str(data["epoch"]), str(data["size"]), data["root"], data["key"])).encode()
    signature = sign(by.seed, message)
    c.add("epoch_started", {**data, "signature": b64(signature if signed else bytes([signature[0] ^ 1]) + signature[1:])}, SEALER)
    return message.decode()


def put_records(c, count=2):
    for _ in range(count):
        c.add("vault.object_put", {"key": "a/b"})


def in_epochs(upto=3, last=None, **policy):
    """Epoch 1 begins at size 1 and epoch 2 at size 4; epoch 2 has no record of its own; epoch 3 begins at size 5."""
    c = Chain(ID)
    c.add("log_opened", opened(mode="checkpoint", keys=[LOG_KEY.vkey], epoch_ms=900_000, **policy), SEALER)
    by = LOG_KEY
    for number in range(1, upto + 1):
        if number == upto and last:
            last(c, by)
        else:
            begin_epoch(c, number, by)
        by = EPOCH_KEYS[number - 1]
        put_records(c, 0 if number == 2 else 2)
    return c


def rotate(c, old, new, by=None, text=None):
    """Without `by` there is no handover."""
    c.add("key_rotated", {"new_key": new.vkey, "old_key": old.vkey, "role": "log"}, SEALER)
    if by or text:
        c.add("config_changed", {"key": "keys.handover", "new_value": text or c.checkpoint(by)}, SEALER)
    put_records(c)


def rotated(by=LOG_KEY, text=None):
    """key_rotated is record 4."""
    c = Chain(ID)
    c.add("log_opened", opened(mode="checkpoint", keys=[LOG_KEY.vkey]), SEALER)
    put_records(c)
    rotate(c, LOG_KEY, NEXT_KEY, by, text and text(c))
    return c


def keys():
    out = []

    def put(name, c, checkpoint, given, code, position=None, reason=None, size=None):
        first = reason and {"position": position, "reason": reason}
        out.append({"anchor": {**c.head(size), "checkpoint": checkpoint}, "exit": code, "first_failure": first,
                    "keys": [k.vkey for k in given], "name": name, "text": c.text().decode()})

    log, (e1, e2, e3) = [LOG_KEY], EPOCH_KEYS
    c = in_epochs()
    end, whole = len(c.lines), c.checkpoint(LOG_KEY, None, e3)
    put("three epochs, one without records", c, whole, log, 0)
    put("with the key of the first epoch given", c, whole, [LOG_KEY, e1], 0)
    put("with the key of the last epoch given", c, whole, [LOG_KEY, e3], 0)
    put("another key of the first epoch given", c, whole, [LOG_KEY, test_key(ID + "/epoch/1", "other")], 5, 1, "key")
    put("the key of an epoch that never began given", c, whole, [LOG_KEY, test_key(ID + "/epoch/4")], 5, 1, "key")
    put("checkpoint without the line of its epoch", c, c.checkpoint(LOG_KEY), log, 5, end, "key")
    put("the same, and no key is given", c, c.checkpoint(LOG_KEY), [], 0)
    put("checkpoint with the line of an epoch that is over", c, c.checkpoint(LOG_KEY, None, e1), log, 1, end, "signature")
    put("older entries sealed by a newer key", c, c.checkpoint(LOG_KEY, 3, e3), log, 1, 3, "signature", size=3)
    put("older entries sealed by a newer key beside their own", c, c.checkpoint(LOG_KEY, 3, e1, e3), log, 1, 3, "signature", size=3)
    put("last size of an epoch", c, c.checkpoint(LOG_KEY, 4, e1), log, 0, size=4)
    put("last size of an epoch, by the next key", c, c.checkpoint(LOG_KEY, 4, e2), log, 1, 4, "signature", size=4)
    put("first size of an epoch", c, c.checkpoint(LOG_KEY, 5, e2), log, 0, size=5)
    put("first size of an epoch, by the key before", c, c.checkpoint(LOG_KEY, 5, e1), log, 1, 5, "signature", size=5)
    put("size before the first epoch, where epoch_ms is set", c, c.checkpoint(LOG_KEY, 1), log, 5, 1, "key", size=1)
    put("an unknown key under the name of the epoch's", c, c.checkpoint(LOG_KEY, None, test_key(ID + "/epoch/3", "other")), log, 5, end, "key")
    text = whole.rsplit(" ", 1)
    bad = base64.b64decode(text[1])
    put("broken line of the epoch's key", c, text[0] + " " + b64(bad[:9] + bytes([bad[9] ^ 1]) + bad[10:]) + "\n", log, 1, end, "signature")
    put("line of the epoch's key alone", c, e3.note(whole.split("\n\n")[0] + "\n"), log, 5, end, "key")
    last = lambda **more: lambda c, by: begin_epoch(c, 3, by, **more)
    for name, of, code, reason in (("epoch 2 left out", last(epoch=4, key=test_key(ID + "/epoch/4")), 1, "mode"),
                                   ("start of an epoch of another size", last(size=4), 1, "mode"),
                                   ("key named for another epoch", last(key=e2), 1, "mode"),
                                   ("start of an epoch with another root", last(root="33" * 32), 1, "root"),
                                   ("start of an epoch signed by the log key", lambda c, by: begin_epoch(c, 3, LOG_KEY), 1, "signature"),
                                   ("start of an epoch signed by the epoch before the last", lambda c, by: begin_epoch(c, 3, e1), 1, "signature"),
                                   ("start of an epoch with a broken signature", last(signed=False), 1, "signature")):
        c = in_epochs(last=of)
        put(name, c, c.checkpoint(LOG_KEY), log, code, 6, reason)
    c = in_epochs(1, last=lambda c, by: begin_epoch(c, 1, NEXT_KEY))
    put("first epoch signed by a key that is not in force", c, c.checkpoint(LOG_KEY, None, e1), log, 1, 2, "signature")
    c = in_epochs(0)
    put_records(c)
    put("epoch_ms set and no epoch begun", c, c.checkpoint(LOG_KEY), log, 5, 3, "key")
    cut = in_epochs(1)
    begin_epoch(cut, 3, e3)
    put("cut off over an empty epoch, and gone on with the newest key", cut, cut.checkpoint(LOG_KEY, None, e3), log, 1, 5, "mode")
    c = in_epochs()
    c.add("config_changed", {"key": "epoch_ms", "old_value": "900000"}, SEALER)
    c.add("log_opened", opened(mode="checkpoint", keys=[LOG_KEY.vkey], resumed_seq=8), SEALER)
    put("epochs left out later are not rid of", c, c.checkpoint(LOG_KEY), log, 5, len(c.lines), "key")
    put("the last epoch goes on instead", c, c.checkpoint(LOG_KEY, None, e3), log, 0)

    c = rotated()
    end = len(c.lines)
    put("rotation followed from the old key", c, c.checkpoint(NEXT_KEY), log, 0)
    put("rotation with the new key given", c, c.checkpoint(NEXT_KEY), [NEXT_KEY], 0)
    put("last head of the old key", c, c.checkpoint(LOG_KEY, 4), log, 0, size=4)
    put("last head of the old key, by the new one", c, c.checkpoint(NEXT_KEY, 4), [NEXT_KEY], 5, 4, "key", size=4)
    put("head after the rotation by the old key", c, c.checkpoint(LOG_KEY), log, 5, end, "key")
    put("head by a key that nobody rotated to", c, c.checkpoint(THIRD_KEY), log, 5, end, "key")
    c = rotated(None)
    put("rotation without handover", c, c.checkpoint(NEXT_KEY), log, 5, len(c.lines), "key")
    put("rotation without handover, with the new key given", c, c.checkpoint(NEXT_KEY), [NEXT_KEY], 0)
    for name, text, code, position, reason in (
            ("handover with another root", lambda c: LOG_KEY.note(f"{ID}\n4\n{b64(bytes(32))}\n"), 1, 5, "root"),
            ("handover of a smaller size", lambda c: c.checkpoint(LOG_KEY, 3), 5, 7, "key"),
            ("handover of another chain", lambda c: LOG_KEY.note(f"{ID}1\n4\n{b64(bytes(32))}\n"), 5, 7, "key"),
            ("handover that is no note", lambda c: "see the ticket", 5, 7, "key")):
        c = Chain(ID)
        c.add("log_opened", opened(mode="checkpoint", keys=[LOG_KEY.vkey]), SEALER)
        put_records(c)
        c.add("key_rotated", {"new_key": NEXT_KEY.vkey, "old_key": LOG_KEY.vkey, "role": "log"}, SEALER)
        c.add("config_changed", {"key": "keys.handover", "new_value": text(c)}, SEALER)
        put_records(c)
        put(name, c, c.checkpoint(NEXT_KEY), log, code, position, reason)
    c = rotated(NEXT_KEY)
    put("handover by the new key", c, c.checkpoint(NEXT_KEY), log, 5, len(c.lines), "key")
    forged = Key(ID, SEEDS[1])
    forged.id = LOG_KEY.id
    c = rotated(forged)
    put("handover with a forged signature", c, c.checkpoint(NEXT_KEY), log, 1, 5, "signature")
    for by, code in ((NEXT_KEY, 0), (None, 5)):
        c = rotated()
        rotate(c, NEXT_KEY, THIRD_KEY, by)
        put(f"two rotations, the second {'followed' if by else 'without handover'}", c, c.checkpoint(THIRD_KEY), log, code, *((len(c.lines), "key") if code else ()))
    c = in_epochs()
    rotate(c, LOG_KEY, NEXT_KEY, LOG_KEY)
    put("rotation within an epoch", c, c.checkpoint(NEXT_KEY, None, e3), log, 0)
    put("rotation within an epoch, and its line is missing", c, c.checkpoint(NEXT_KEY), log, 5, len(c.lines), "key")

    new_record = test_key(ID + "/record", "next")
    for name, signer, code, first in (("record key rotated", RECORD_KEY, 0, ()), ("key_rotated signed by the new record key", new_record, 1, (3, "mode"))):
        c = Chain(ID, RECORD_KEY)
        c.add("log_opened", opened(mode="record", keys=[LOG_KEY.vkey, RECORD_KEY.vkey]), SEALER)
        put_records(c, 1)
        c.key = signer
        c.add("key_rotated", {"new_key": new_record.vkey, "old_key": RECORD_KEY.vkey, "role": "record"}, SEALER)
        c.key = new_record
        put_records(c)
        put(name, c, c.checkpoint(LOG_KEY), [LOG_KEY, RECORD_KEY], code, *first)
    assert len({x["name"] for x in out}) == len(out)
    c = in_epochs(1)
    message = begin_epoch(c, 2, e1)
    return {"comment": "Each log is verified with its anchor, `keys` given, and a reader for the keys that the log names.",
            "epoch_keys": [k.told() for k in EPOCH_KEYS], "epoch_message": message, "epoch_signature": sign(e1.seed, message.encode()).hex(),
            "logs": out}


# --- erasable values (§9) -------------------------------------------------------------------------------------------
def erasables():
    lp = lambda x: len(x).to_bytes(8, "big") + x
    cases = []
    values = ["", "alice@example.com", "caf\u00e9 \u2028\t\"", "x" * 245, "x" * 246, "x" * 247, "y" * 1025, 0, -1, True, [], {},
              {"city": "Oslo", "zip": ["0150", 150]}]
    places = [(1, "/who/principal"), (15, "/event/data/a~1b~0c/0"), (MAX_INT, "/keys/node")]
    for i, v in enumerate(values):
        (seq, pointer), value, salt = places[i % 3], encode(v).encode(), sha(b"test salt %d" % i)
        padding = -len(lp(value)) % 256
        preimage = b"counterfoil.dev/erasable/v1\n" + lp(ID.encode()) + lp(str(seq).encode()) + lp(pointer.encode()) + lp(value)
        line = encode({"pointer": pointer, "salt": salt.hex(), "seq": seq}).encode()[:-1] + b',"value":' + value + b"}" + b" " * padding + b"\n"
        cases.append({"commitment": sha(preimage + bytes(padding) + salt).hex(), "line": line.decode(), "padding": padding,
                      "pointer": pointer, "salt": salt.hex(), "seq": seq, "value": value.decode()})
    return {"chain": ID, "openings": cases}


def main():
    assert sign(bytes.fromhex(SEEDS[0]), b"").hex().startswith("e5564300c360ac729086e2cc806e828a")  # RFC 8032 §7.1 test 1
    c, told = every_kind()
    (HERE / "lines.jsonl").write_bytes(c.text())
    for name, value in (("lines", told), ("encoding", encodings()), ("invalid", invalid()), ("chains", chains()), ("checkpoint", checkpoint()), ("keys", keys()), ("erasable", erasables())):
        (HERE / f"{name}.json").write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
