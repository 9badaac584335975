"""Other spellings of a line, and data, headers and values that the grammar takes or refuses."""
import generate as vectors
from bases import INSTANCES, body_of, edited, key, with_body, IDS

A, B = INSTANCES[2], "00000000000000d4"
LOG_KEY = key(IDS[0], "", 0).vkey
H, Z = "ab" * 32, "0" * 64
TIME = "2026-11-20T00:00:01.000000007Z"


def in_body(old, new):
    return lambda line: edited(line, old, new)


RESPELT = {
    "1.0": in_body(b'"v":1,', b'"v":1.0,'), "1e0": in_body(b'"v":1,', b'"v":1e0,'), "a leading zero": in_body(b'"v":1,', b'"v":01,'),
    "a space in the body": in_body(b'"v":1', b'"v": 1'), "a line break in the body": in_body(b'"v":1', b'"v":\r1'),
    "keys in another order": lambda line: edited(edited(line, b'"v":1,', b""), b'{"chain"', b'{"v":1,"chain"'),
    "a member twice": in_body(b'"v":1,', b'"v":1,"v":1,'), "a null": in_body(b'"who":{', b'"who":{"from":null,'),
    "an escaped letter in a key": in_body(b'"chain"', b'"\\u0063hain"'), "an escaped letter": in_body(b'"acme"', b'"\\u0061cme"'),
    "an escaped slash": in_body(b"a1/", b"a1\\/"), "a byte order mark": lambda line: b"\xef\xbb\xbf" + line,
    "CR LF": lambda line: line[:-1] + b"\r\n", "a space at the end": lambda line: line[:-1] + b" \n",
    "a space at the front": lambda line: b" " + line, "two body members": lambda line: b'{"body":' + body_of(line) + b"," + line[1:],
    "two bodies under one hash": lambda line: with_body(line, body_of(line) + b',"body":' + body_of(line)),
    "a hash in capitals": lambda line: line.replace(stated(line), stated(line).upper()),
    "a body that is an array": lambda line: with_body(line, b"[" + body_of(line) + b"]"),
    "no UTF-8": in_body(b'"acme"', b'"\xff"'), "an overlong slash": in_body(b'"acme"', b'"\xc0\xaf"'),
    "a lone surrogate": in_body(b'"acme"', b'"\\ud800"'), "U+0000": in_body(b'"acme"', b'"\\u0000"'),
    "a trailing comma": in_body(b'"v":1,', b'"v":1,,'), "an empty body": lambda line: with_body(line, b""),
    "another member": in_body(b'"v":1,', b'"v":1,"w":1,'),
}


def stated(line):
    from generate import leaf
    return leaf(body_of(line)).hex().encode()


def with_member(data, **members):
    return {**data, **members}


def without(data, name):
    return {k: v for k, v in data.items() if k != name}


# Data that conform, by kind.
GOOD = {
    "access": {"action": "export", "count": 1, "first_seq": 1, "last_seq": 2, "reader": "r"},
    "chain_restarted": {"old_hash": H, "old_id": "audit.example.com/old/3", "old_seq": 41, "reason": "requested"},
    "clock_stepped": {"delta_ns": "-250", "from": TIME, "to": TIME},
    "config_changed": {"key": "queue.capacity", "new_value": "2", "old_value": "1"},
    "producer_opened": {"instance": B},
    "log_closed": {"reason": "restart", "records": 1},
    "records_lost": {"first_n": 1, "last_n": 2, "reason": "oversize", "src": B + "/t0"},
    "tail_recovered": {"bytes": "713", "digest": "sha256:" + H, "file": "a-1.jsonl", "first_seq": 9, "lines": 1, "reason": "torn"},
}

GOOD_DATA = [(kind, "as it should be", data) for kind, data in GOOD.items()] + [
    ("access", "without a range", {"action": "read", "count": 2**53 - 1, "reader": {"$erasable": H}}),
    ("access", "reader left out for its length", {"action": "read", "count": 1, "reader": {"$truncated": {"bytes": "2000", "sha256": H}}}),
    ("chain_restarted", "nothing known", with_member(GOOD["chain_restarted"], old_seq=0, old_hash=Z, detail="")),
    ("clock_stepped", "largest step", with_member(GOOD["clock_stepped"], delta_ns="9223372036854775807")),
    ("clock_stepped", "largest step back", with_member(GOOD["clock_stepped"], delta_ns="-9223372036854775808")),
    ("clock_stepped", "last moment", with_member(GOOD["clock_stepped"], to="2554-07-21T23:34:33.709551615Z")),
    ("clock_stepped", "leap day", with_member(GOOD["clock_stepped"], to="2028-02-29T23:59:59.999999999Z")),
    ("config_changed", "removed", {"key": "a", "old_value": "\u20ac" * 341 + "x"}),
    ("producer_opened", "behind another", {"instance": B, "last_known": {}, "predecessor": A}),
    ("tail_recovered", "blake3", with_member(GOOD["tail_recovered"], digest="blake3:" + H, lines=0, bytes="18446744073709551615")),
]

# Of each kind: an unknown member, each required member missing, each member as another type.
OPTIONAL = {"access": ("first_seq", "last_seq"), "config_changed": ("new_value", "old_value")}
BAD_DATA = []
for _kind, _data in GOOD.items():
    BAD_DATA.append((_kind, "an unknown member", with_member(_data, x=1)))
    BAD_DATA.append((_kind, "empty", {}))
    BAD_DATA.append((_kind, "left out as a whole", {"$truncated": {"bytes": "1", "sha256": H}}))
    for _name in _data:
        # The one of two that go together is refused alone as well.
        if _name not in OPTIONAL.get(_kind, ()) or _kind == "access":
            BAD_DATA.append((_kind, f"without {_name}", without(_data, _name)))
        BAD_DATA.append((_kind, f"{_name} is a list", with_member(_data, **{_name: []})))
        BAD_DATA.append((_kind, f"{_name} is true", with_member(_data, **{_name: True})))
        _other = 7 if isinstance(_data[_name], str) else str(_data[_name])
        BAD_DATA.append((_kind, f"{_name} is of another type", with_member(_data, **{_name: _other})))

_OPENED = vectors.opened()
_ERASED = {"items": [{"pointer": "/who/principal", "seq": 3}], "reason": "asked"}
_ROTATED = {"new_key": LOG_KEY, "old_key": LOG_KEY, "role": "log"}
_RETENTION = {"bytes": "1", "first_seq": 1, "hash": H, "last_seq": 256, "reason": "age", "root": H}
_EPOCH = {"epoch": 1, "key": LOG_KEY, "root": H, "signature": "A" * 86 + "==", "size": 6}
BAD_DATA += [
    ("access", "range of which the end is missing", without(GOOD["access"], "last_seq")),
    ("access", "count 0", with_member(GOOD["access"], count=0)),
    ("access", "reader over its limit", None), ("access", "another action", with_member(GOOD["access"], action="write")),
    ("chain_restarted", "nothing known but a hash", with_member(GOOD["chain_restarted"], old_seq=0)),
    ("chain_restarted", "an id that is none", with_member(GOOD["chain_restarted"], old_id="old/3")),
    ("clock_stepped", "minus zero", with_member(GOOD["clock_stepped"], delta_ns="-0")),
    ("clock_stepped", "too large a step", with_member(GOOD["clock_stepped"], delta_ns="9223372036854775808")),
    ("clock_stepped", "a plus", with_member(GOOD["clock_stepped"], delta_ns="+1")),
    ("clock_stepped", "a day that does not exist", with_member(GOOD["clock_stepped"], to="2026-02-29T00:00:00.000000000Z")),
    ("clock_stepped", "a moment too late", with_member(GOOD["clock_stepped"], to="2554-07-21T23:34:33.709551616Z")),
    ("config_changed", "a name in capitals", with_member(GOOD["config_changed"], key="A")),
    ("config_changed", "a name too long", with_member(GOOD["config_changed"], key="a" * 129)),
    ("records_lost", "upside down", with_member(GOOD["records_lost"], first_n=3)),
    ("records_lost", "a lane that is none", with_member(GOOD["records_lost"], src=B)),
    ("tail_recovered", "a path", with_member(GOOD["tail_recovered"], file="../a")),
    ("tail_recovered", "a digest of another algorithm", with_member(GOOD["tail_recovered"], digest="md5:" + H)),
    ("tail_recovered", "too many bytes", with_member(GOOD["tail_recovered"], bytes="18446744073709551616")),
    ("producer_opened", "predecessor alone", with_member(GOOD["producer_opened"], predecessor=A)),
    ("producer_opened", "a lane in capitals", with_member(GOOD["producer_opened"], predecessor=A, last_known={"T": 1})),
    ("producer_closed", "no lanes", {"instance": B, "lanes": {}}), ("producer_closed", "more is false", {"instance": B, "lanes": {"t0": 0}, "more": False}),
    ("producer_closed", "1025 lanes", {"instance": B, "lanes": {f"t{i}": 0 for i in range(1025)}}),
    ("log_opened", "mode none with a key", with_member(_OPENED, keys=[LOG_KEY])), ("log_opened", "mode checkpoint without", with_member(_OPENED, mode="checkpoint")),
    ("log_opened", "a key twice", with_member(_OPENED, mode="checkpoint", keys=[LOG_KEY, LOG_KEY])),
    ("log_opened", "a key that is none", with_member(_OPENED, mode="checkpoint", keys=[LOG_KEY[:-1]])),
    ("log_opened", "17 keys", with_member(_OPENED, mode="checkpoint", keys=[f"a{i}{LOG_KEY}" for i in range(17)])),
    ("log_opened", "another hash", with_member(_OPENED, hash="sha512")), ("log_opened", "retention with an unknown member", with_member(_OPENED, retention={"x": 1})),
    ("log_opened", "retention as a number", with_member(_OPENED, retention={"max_bytes": 1})), ("log_opened", "unclean without lanes", with_member(_OPENED, unclean={"instance": B})),
    ("log_opened", "epoch 0", with_member(_OPENED, epoch_ms=0)),
    ("key_rotated", "another role", with_member(_ROTATED, role="witness")), ("key_rotated", "no new key", without(_ROTATED, "new_key")),
    ("key_rotated", "a key with a space", with_member(_ROTATED, new_key=" " + LOG_KEY)),
    ("erased", "no items", with_member(_ERASED, items=[])), ("erased", "an item twice", with_member(_ERASED, items=_ERASED["items"] * 2)),
    ("erased", "a pointer without slash", with_member(_ERASED, items=[{"pointer": "who", "seq": 3}])),
    ("erased", "a pointer with a lone tilde", with_member(_ERASED, items=[{"pointer": "/a~", "seq": 3}])),
    ("erased", "257 items", with_member(_ERASED, items=[{"pointer": "/a", "seq": i + 1} for i in range(257)])),
    ("retention_applied", "not whole tiles", with_member(_RETENTION, last_seq=257)), ("retention_applied", "no root", without(_RETENTION, "root")),
    ("epoch_started", "a signature with bits left over", with_member(_EPOCH, signature="A" * 85 + "B==")), ("epoch_started", "epoch 0", with_member(_EPOCH, epoch=0)),
]
# Text over its limit is left out by the encoder, so it is put in by hand in BAD_HEADERS.
BAD_DATA = [bad for bad in BAD_DATA if bad[2] is not None]


def header(part, member, value):
    def change(body):
        if member is None:
            body[part] = value
        else:
            body[part] = {**body[part], member: value}
    return change


BAD_HEADERS = [(f"{part}.{member} is {ascii(value)[:50]}", header(part, member, value)) for part, member, values in (
    ("chain", "id", ("recipe/1", "audit.example.com/1", "audit.example.com/a/0", "Audit.example.com/a/1", "audit.example.com/a/b/c/d/1",
                     "audit.example.com/a/18446744073709551616", "a..com/a/1", "-a.com/a/1", "")),
    ("chain", "prev", ("0" * 63, "AB" * 32, 0, {})), ("chain", "seq", (0, -1, "4", True)),
    ("chain", "time", ("2026-11-20T00:00:01Z", "2026-04-31T00:00:01.000000000Z", "2026-11-20T24:00:00.000000000Z", "1969-12-31T23:59:59.999999999Z",
                       "2026-11-20T23:59:60.000000000Z", "\u0662026-11-20T00:00:01.00000000Z", "")),
    ("chain", "x", ("1",)), ("event", "kind", ("lease_taken", "vault.", ".put", "vault.a.b", "Vault.put", "v" * 33 + ".put", "$x", "")),
    ("event", "outcome", ("ok", "", 1)), ("event", "x", ("1",)), ("event", "data", ([], "x", 1)),
    ("keys", "lease", ("07", "-1", "18446744073709551616", "", 7)), ("keys", "request", ("", "two words", "r" * 65, "\u00e9")),
    ("keys", "span", ("0" * 16, "00F067AA0BA902B7", "f" * 15)), ("keys", "trace", ("0" * 32, "f" * 33)), ("keys", "node", (1, {}, [], {"a": "b"})),
    ("keys", "x", ("1",)), ("src", "id", ("00000000000000a1", "00000000000000A1/t0", "00000000000000a1/T0", "00000000000000a1/" + "t" * 33, "")),
    ("src", "n", (0, -1, "1", True)), ("src", "time", ("2026-11-20T00:00:01.00000000Z", 1)), ("src", "x", ("1",)),
    ("v", None, (2, "1", True, [])), ("who", "principal", ({"$erasable": "00"}, {"a": "b"}, 1)), ("who", "x", ("1",)), ("who", None, ([], "acme")),
    ("keys", None, ([],)), ("x", None, (1,))) for value in values]

_DEEP = lambda levels: b'{"s":' + b"[" * levels + b"]" * levels + b"}"
GOOD_VALUES = [(text.decode("utf-8", "backslashreplace")[:60], text) for text in (
    b"{}", b'{"a":[]}', b'{"a":{},"b":{}}', b'{" ":1,"A":2,"a":3,"~":4}', b'{"a":-1,"b":0,"c":9007199254740991,"d":-9007199254740991}',
    b'{"s":"\\u0001\\b\\t\\n\\f\\r\\u000e\\u001f\\"\\\\/\x7f"}', '{"s":"\u00e9\u20ac\u2028\uffff\U0010ffff"}'.encode(), _DEEP(13),
    b'{"s":{"$erasable":"' + H.encode() + b'"}}', b'{"s":{"$truncated":{"bytes":"0","sha256":"' + H.encode() + b'"}}}',
    b'{"$truncated":{"bytes":"70000","sha256":"' + H.encode() + b'"}}', b'{"s":[true,false,"",[],{}]}', b'{"' + b"k" * 128 + b'":1}',
    b'{"a$":1}', b'{"s":"' + b"x" * 3000 + b'"}')]
BAD_VALUES = [(text.decode("utf-8", "backslashreplace")[:60], text) for text in (
    b"[]", b"1", b'"x"', b'{"a":1,}', b'{"b":1,"a":2}', b'{"a":1,"a":1}', b"{'a':1}", b'{"a":1 }', b'{ "a":1}', b'{"a":null}', b'{"a":[null]}',
    b'{"a":-0}', b'{"a":1.0}', b'{"a":1e3}', b'{"a":1E0}', b'{"a":+1}', b'{"a":00}', b'{"a":9007199254740992}', b'{"a":-9007199254740992}',
    b'{"a":' + b"9" * 5000 + b"}", b'{"a":NaN}', b'{"a":Infinity}', b'{"a":True}', b'{"a":.5}', b'{"a":1.}', b'{"a":"\\/"}', b'{"a":"\\u0041"}',
    b'{"a":"\\u001F"}', b'{"a":"\\u000a"}', b'{"a":"\\u0000"}', b'{"a":"\\u007f"}', b'{"a":"\\u00e9"}', b'{"a":"\\ud83d\\udca5"}', b'{"a":"\\x41"}',
    b'{"a":"\t"}', b'{"a":"\x00"}', b'{"a":"\xff"}', b'{"a":"\xed\xa0\x80"}', b'{"a":"\xf4\x90\x80\x80"}', b'{"":1}', b'{"\x7f":1}',
    '{"\u00e9":1}'.encode(), b'{"a\\"b":1}', b'{"' + b"k" * 129 + b'":1}', b'{"$x":1}', b'{"$erasable":1}', b'{"s":{"$erasable":"AB"}}',
    b'{"s":{"$erasable":"' + H.encode() + b'","a":1}}', b'{"s":{"$truncated":{"bytes":1,"sha256":"' + H.encode() + b'"}}}',
    b'{"s":{"$truncated":{"bytes":"01","sha256":"' + H.encode() + b'"}}}', b'{"s":{"$truncated":{"bytes":"1"}}}', b'{"s":{"$truncated":"x"}}', _DEEP(14),
    b'{"s":' + b'{"a":' * 13 + b"{}" + b"}" * 13 + b"}", _DEEP(9000), b'{"s":[1,]}', b'{"s":[1 ,2]}', b'{"s":tru}', b"{", b"")]
