"""One line of a log: its two forms (§1), the encoding of its body (§2), header (§3) and kinds (§4)."""
import base64
import binascii
import datetime
import hashlib
import json
import re

MAX_INTEGER = 2**53 - 1
MAX_U64 = 2**64 - 1


class Malformed(Exception):
    """What is read does not follow the grammar."""


def sha256(data):
    return hashlib.sha256(data).digest()


def decode_base64(text):
    """Padded standard base64 in its one canonical spelling."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("it is no base64") from None
    if base64.b64encode(data).decode() != text:
        raise Malformed("its base64 is not canonical")
    return data


# --- §2: encoding of the body ---------------------------------------------------------------------------------------------
# Every value has one spelling. So a body is well spelt exactly when reading it and writing it again gives the same bytes.

SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
KEY = re.compile(r'[ !#-\[\]-~]{1,128}')
HEX64 = re.compile(r"[0-9a-f]{64}")


def spell_string(text):
    if "\0" in text:
        raise Malformed("U+0000 never occurs")
    spelt = (SHORT_ESCAPES.get(c) or (f"\\u{ord(c):04x}" if c < " " else c) for c in text)
    return '"' + "".join(spelt) + '"'


def spell(value, depth=1):
    """The one spelling of a value, or Malformed where it has none. `depth` is that of an object or array here."""
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, str):
        return spell_string(value)
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise Malformed("an integer beyond 2^53-1")
        return str(value)
    if not isinstance(value, (dict, list)):
        raise Malformed("null or a fraction")
    if depth > 16:
        raise Malformed("deeper than 16")
    if isinstance(value, list):
        return "[" + ",".join(spell(item, depth + 1) for item in value) + "]"
    check_keys(value)
    members = (spell_string(key) + ":" + spell(value[key], depth + 1) for key in sorted(value))
    return "{" + ",".join(members) + "}"


def check_keys(value):
    for key in value:
        if not KEY.fullmatch(key):
            raise Malformed("a key that is not 1 to 128 printable characters")
        # Inside of the form $truncated stand ordinary keys, which need no look here.
        if key.startswith("$") and not is_stand_in(value):
            raise Malformed("a key with $ that is not one of the two forms")


def is_stand_in(value):
    """The two forms that stand in for a value: $truncated and $erasable."""
    if not isinstance(value, dict) or len(value) != 1:
        return False
    if "$erasable" in value:
        return is_hash(value["$erasable"])
    left_out = value.get("$truncated")
    if not isinstance(left_out, dict) or set(left_out) != {"bytes", "sha256"}:
        return False
    return is_u64(left_out["bytes"]) and is_hash(left_out["sha256"])


def read_body(raw):
    """The body as Python values, header checked."""
    try:
        text = raw.decode("utf-8")
        body = json.loads(text)
        well_spelt = isinstance(body, dict) and spell(body) == text
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the body is no JSON of the specification ({type(error).__name__})") from None
    if not well_spelt:
        raise Malformed("the body is not in the one spelling that it has")
    check_header(body)
    return body


# --- §3: header -----------------------------------------------------------------------------------------------------------
# A check takes a value and says whether it has the form.

def is_pattern(pattern):
    compiled = re.compile(pattern)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def is_one_of(*words):
    return lambda value: isinstance(value, str) and value in words


def is_integer(value, least):
    return type(value) is int and least <= value <= MAX_INTEGER


def is_position(value):
    return is_integer(value, 1)


def is_count(value):
    return is_integer(value, 0)


def is_u64(value):
    return isinstance(value, str) and re.fullmatch("0|[1-9][0-9]{0,19}", value) is not None and int(value) <= MAX_U64


def is_i64(value):
    return isinstance(value, str) and re.fullmatch("0|-?[1-9][0-9]{0,18}", value) is not None \
        and -(2**63) <= int(value) < 2**63


def is_hash(value):
    return isinstance(value, str) and HEX64.fullmatch(value) is not None


def is_text(value):
    return is_stand_in(value) or isinstance(value, str) and len(value.encode()) <= 1024


TIME = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{9}Z")


def is_time(value):
    found = TIME.fullmatch(value) if isinstance(value, str) else None
    if not found or not "1970" <= value <= "2554-07-21T23:34:33.709551615Z":
        return False
    try:
        datetime.date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return False
    return True


LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
CHAIN_ID = re.compile(rf"{LABEL}(\.{LABEL})+(/[a-z0-9][a-z0-9_-]{{0,62}}){{1,3}}/([1-9][0-9]*)")


def is_chain_id(value):
    found = CHAIN_ID.fullmatch(value) if isinstance(value, str) and len(value) <= 200 else None
    return found is not None and int(value.rsplit("/", 1)[1]) <= MAX_U64


is_instance = is_pattern("[0-9a-f]{16}")
is_lane = is_pattern("[a-z][a-z0-9_-]{0,31}")
is_src_id = is_pattern("[0-9a-f]{16}/[a-z][a-z0-9_-]{0,31}")
is_digest = is_pattern("(sha256|blake3):[0-9a-f]{64}")
is_extension = is_pattern(r"[a-z][a-z0-9_]{0,31}\.[a-z][a-z0-9_]{0,62}")

# A member with ? may be absent. Nothing else may stand beside the members of a shape.
HEADER = {
    "chain": {"id": is_chain_id, "prev": is_hash, "seq": is_position, "time": is_time},
    "event": {"data": lambda value: isinstance(value, dict), "kind": lambda value: isinstance(value, str),
              "outcome": is_one_of("success", "failure", "unknown")},
    "keys": {"lease?": is_u64, "node?": is_text, "request?": is_pattern("[A-Za-z0-9._-]{1,64}"),
             "span?": is_pattern("(?!0{16})[0-9a-f]{16}"), "trace?": is_pattern("(?!0{32})[0-9a-f]{32}")},
    "src": {"id": is_src_id, "n": is_position, "time": is_time},
    "v": lambda value: type(value) is int and value == 1,
    "who": {"from?": is_text, "principal?": is_text, "tag?": is_text, "tenant?": is_text, "workload?": is_text},
}


def has_shape(value, shape):
    """Whether a value is an object of exactly the members of `shape`."""
    if not isinstance(value, dict):
        return False
    known = {name.rstrip("?"): (check, name.endswith("?")) for name, check in shape.items()}
    if any(name not in known for name in value):
        return False
    return all(optional if name not in value else fits(value[name], check) for name, (check, optional) in known.items())


def fits(value, check):
    return has_shape(value, check) if isinstance(check, dict) else check(value)


def check_header(body):
    if not has_shape(body, HEADER):
        parts = [part for part in HEADER if part not in body or not fits(body[part], HEADER[part])]
        raise Malformed(f"the header is not as §3 has it: {', '.join(parts) or 'a member that is not known'}")
    kind, data = body["event"]["kind"], body["event"]["data"]
    if kind in LOG_KINDS:
        shape, rule = LOG_KINDS[kind]
        if not has_shape(data, shape) or not rule(data):
            raise Malformed(f"the data of {kind} are not as its schema has them")
    elif kind not in OTHER_KINDS and not is_extension(kind):
        raise Malformed(f"no kind is called {kind}")


# --- §4: kinds ------------------------------------------------------------------------------------------------------------

OTHER_KINDS = set(
    "lease_allocated lease_renewed lease_released lease_expired lease_preempted revoke_state_transition "
    "bundle_admission_decided edge_rewritten operation_failed obs_metric_snapshot obs_log_batch obs_trace_complete "
    "obs_alert_fired obs_alert_resolved obs_slo_report obs_anomaly_detected".split())


def is_vkey(value):
    return isinstance(value, str) and len(value) <= 300 \
        and re.fullmatch(r"[^+\s]+\+[0-9a-f]{8}\+A[Q-Za-f][A-Za-z0-9+/]{42}", value) is not None


def is_list(check, least, most):
    def judge(value):
        if not isinstance(value, list) or not least <= len(value) <= most:
            return False
        return all(fits(item, check) for item in value) and all(value.index(item) == i for i, item in enumerate(value))
    return judge


def is_lanes(value):
    return isinstance(value, dict) and len(value) <= 1024 and all(is_lane(k) and is_count(n) for k, n in value.items())


def together(*names):
    return lambda data: len({name in data for name in names}) == 1


def any_data(data):
    return True


POINTER = re.compile(r"(/[ !#-.0-\[\]-}]*(~[01][ !#-.0-\[\]-}]*)*)+")

# Records of the log about itself: the shape of the data (../specs/schemas), and what a shape cannot say.
LOG_KINDS = {
    "access": ({"action": is_one_of("read", "export"), "count": is_position, "first_seq?": is_position,
                "last_seq?": is_position, "reader": is_text}, together("first_seq", "last_seq")),
    "chain_restarted": ({"detail?": is_text, "old_hash": is_hash, "old_id": is_chain_id, "old_seq": is_count,
                         "reason": is_one_of("anchor_ahead", "log_damaged", "log_absent", "key_lost", "requested")},
                        lambda data: data["old_seq"] > 0 or data["old_hash"] == "0" * 64),
    "clock_stepped": ({"delta_ns": is_i64, "from": is_time, "to": is_time}, any_data),
    "config_changed": ({"key": is_pattern("[a-z][a-z0-9_.-]{0,127}"), "new_value?": is_text, "old_value?": is_text},
                       any_data),
    "epoch_started": ({"epoch": is_position, "key": is_vkey, "root": is_hash,
                       "signature": is_pattern("[A-Za-z0-9+/]{85}[AQgw]=="), "size": is_position}, any_data),
    "erased": ({"items": is_list({"pointer": lambda p: isinstance(p, str) and len(p) <= 1024 and POINTER.fullmatch(p),
                                  "seq": is_position}, 1, 256), "reason": is_text}, any_data),
    "key_rotated": ({"new_key": is_vkey, "old_key": is_vkey, "reason?": is_text, "role": is_one_of("log", "record")},
                    any_data),
    "log_closed": ({"reason": is_one_of("shutdown", "restart", "failure"), "records": is_position}, any_data),
    "log_opened": ({"anchor_interval_ms": is_count, "anchor_interval_records": is_count, "anchored_seq?": is_position,
                    "epoch_ms?": is_position, "hash": is_one_of("sha256"), "keys": is_list(is_vkey, 0, 16),
                    "mode": is_one_of("none", "checkpoint", "record"), "resumed_seq": is_count,
                    "retention": {"max_age_s?": is_position, "max_bytes?": is_u64}, "software": is_text,
                    "unclean?": {"bound_records?": is_count, "instance": is_instance, "lanes": is_lanes},
                    "unsealed_max?": is_position},
                   lambda data: (data["mode"] == "none") == (not data["keys"])),
    "producer_closed": ({"instance": is_instance, "lanes": is_lanes, "more?": lambda value: value is True},
                        lambda data: data["lanes"]),
    "producer_opened": ({"instance": is_instance, "last_known?": is_lanes, "predecessor?": is_instance},
                        together("last_known", "predecessor")),
    "records_lost": ({"first_n": is_position, "last_n": is_position, "src": is_src_id,
                      "reason": is_one_of("queue_full", "refused", "shutdown", "oversize", "abandoned", "invalid")},
                     lambda data: data["first_n"] <= data["last_n"]),
    "retention_applied": ({"bytes": is_u64, "first_seq": is_position, "hash": is_hash, "last_seq": is_position,
                           "reason": is_one_of("age", "bytes"), "root": is_hash},
                          lambda data: data["last_seq"] % 256 == 0),
    "tail_recovered": ({"bytes": is_u64, "digest": is_digest, "file": is_pattern("[A-Za-z0-9][A-Za-z0-9._-]{0,127}"),
                        "first_seq": is_position, "lines": is_count,
                        "reason": is_one_of("torn", "grammar", "hash", "link", "order")}, any_data),
}


# --- §1: the line ---------------------------------------------------------------------------------------------------------

MAX_BODY = 65535
UNSIGNED, SIGNED = 76, 216
LONGEST_LINE = 8 + MAX_BODY + SIGNED


class Record:
    """One well-formed line."""

    def __init__(self, line):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            raise Malformed("the line is no UTF-8") from None
        signed = line[-3:-2] == b"}"
        raw = line[8 : len(line) - (SIGNED if signed else UNSIGNED)]
        suffix = line[8 + len(raw) :].decode()
        pattern = SIGNED_SUFFIX if signed else UNSIGNED_SUFFIX
        found = pattern.fullmatch(suffix)
        if not line.startswith(b'{"body":') or len(raw) > MAX_BODY or not found:
            raise Malformed("the line is not in one of its two forms")
        self.stated = found["hash"]
        self.key_id = found["key"] if signed else None
        self.signature = decode_base64(found["value"]) if signed else None
        self.body = read_body(raw)
        self.hash = sha256(b"\0" + raw)
        self.chain, self.kind, self.data = self.body["chain"], self.body["event"]["kind"], self.body["event"]["data"]


UNSIGNED_SUFFIX = re.compile(r',"hash":"(?P<hash>[0-9a-f]{64})"\}\n')
SIGNED_SUFFIX = re.compile(
    r',"hash":"(?P<hash>[0-9a-f]{64})","sig":\{"alg":"ed25519","key":"(?P<key>[0-9a-f]{8})",'
    r'"value":"(?P<value>[A-Za-z0-9+/]{85}[AQgw]==)"\}\}\n')
