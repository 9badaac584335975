#!/usr/bin/env python3
"""Verifies an audit log without the software that wrote it: audit chain, version 1 (../specs/audit-chain-v1.md).

    python3 verify.py LOG [anchor.json] [--key VKEY]... [--json]
    python3 verify.py --proof FILE.tlog-proof --record LINE.jsonl [--key VKEY]...
    python3 verify.py --consistency OLD.checkpoint NEW.checkpoint PROOF [--key VKEY]...

LOG is a log directory or one .jsonl file. The exit code is the verdict: 0 VALID, 1 TAMPERED, 2 usage, 3 INCOMPLETE,
4 UNREADABLE, 5 NOT MET (§13). Python 3.9 and its standard library are enough. Signatures need the package `cryptography`; without
it the report says that they were not checked, and --key is refused.

Written from the specification alone; a § is a section of it. To be read in this order: record.py (a line, its encoding, header and
kind), notes.py (tree, keys, checkpoints), lanes.py (completeness), keys.py (rotations and epochs), policy.py (what the log says about
itself), this file (a log
from its first line to the verdict) and proofs.py.
"""
import argparse
import datetime
import json
import pathlib
import re
import sys

sys.dont_write_bytecode = True  # The folder may be read-only evidence.

from keys import epoch_chain
from lanes import Lanes
from notes import Checkpoint, Ed25519PublicKey, Key, Tree, key_or_none
from policy import Policy
from proofs import Contradiction, NotMet, verify_consistency, verify_proof
from record import HEADER, LONGEST_LINE, MAX_INTEGER, Malformed, Record, fits, has_shape, is_chain_id, is_hash, is_position


class Unreadable(Exception):
    """Something that the verdict depends on cannot be read."""


# --- §10 to §13: a log ----------------------------------------------------------------------------------------------------

# Reasons with their exit codes, in the order in which failures of one line are reported (§12).
REASONS = {"grammar": 1, "hash": 1, "id": 1, "seq": 1, "link": 1, "time": 1, "mode": 1, "signature": 1, "replay": 1,
           "head": 1, "root": 1, "key": 5, "policy": 5, "unreadable": 4, "no-head": 3, "absent": 3, "gap": 3, "tail": 3,
           "empty": 3}
VERDICTS = {0: "VALID", 1: "TAMPERED", 3: "INCOMPLETE", 4: "UNREADABLE", 5: "NOT MET"}
PRECEDENCE = [1, 5, 4, 3, 0]


class Head:
    """What a trusted head says of the log: an anchor that was kept, or a checkpoint."""

    def __init__(self, chain, seq, hash=None, root=None):
        self.chain, self.seq, self.hash, self.root = chain, seq, hash, root
        self.tail, self.oldest_tail = 0, None  # records beyond it, and when the first of them was sealed


class Verification:
    """Goes through a log line by line and collects everything that is wrong."""

    def __init__(self, anchor=None, keys=(), stored=None, require_anchored_tail=False, max_tail_age=None, now=None):
        self.keys, self.failures = list(keys), []
        self.require_anchored_tail, self.max_tail_age = require_anchored_tail, max_tail_age
        self.now = now or datetime.datetime.now(datetime.timezone.utc)
        self.position = self.expected = 1
        self.previous, self.time, self.chain = "0" * 64, "", None
        self.tree, self.root_known, self.began = Tree(), True, False
        self.lanes, self.policy = Lanes(), Policy(self.keys)
        self.records = self.malformed = self.tail = self.unfinished = self.missing = 0
        self.signed_by, self.completeness = [], "UNKNOWN"
        self.anchor, self.anchor_note = self.read_anchor(anchor)
        self.stored_note = self.read_note(stored, "the checkpoint stored with the log")
        self.trusted, self.candidate, self.marks = self.choose_head()

    def fail(self, reason, position, detail):
        self.failures.append((reason, position, detail))

    # Heads, before the log (§11)

    def read_note(self, note, what, position=None):
        try:
            return None if note is None else Checkpoint(note)
        except Malformed as error:
            self.fail("unreadable", position, f"{what} cannot be read: {error}")
            return None

    def read_anchor(self, anchor):
        if anchor is None:
            return None, None
        head = Head(anchor["chain"], anchor["seq"], anchor["hash"], anchor.get("root"))
        note = self.read_note(anchor.get("checkpoint"), "the checkpoint in the anchor", head.seq)
        if note:
            if (note.origin, note.size) != (head.chain, head.seq) or head.root not in (None, note.root.hex()):
                self.fail("head", head.seq, "the checkpoint in the anchor is not of the anchor's head")
            else:
                head.root = note.root.hex()
        return head, note

    def choose_head(self):
        """The largest trusted head; a stored checkpoint that rotations may lead to; and all heads that the log must agree with."""
        trusted, candidate, marks = self.anchor, None, [self.anchor] if self.anchor else []
        note = self.stored_note
        if note:
            head = Head(note.origin, note.size, None, note.root.hex())
            marks.append(head)
            if trusted is None or trusted.seq < head.seq:
                outcomes = [note.judged_by(key) for key in self.keys if key.name == note.origin]
                if True in outcomes and False not in outcomes:
                    trusted = head
                else:
                    candidate = head
        return trusted, candidate, marks

    # Lines (§10)

    def begin_segment(self, first):
        if first > self.expected or not self.began and first != 1:
            self.absent(first)
        elif first < self.expected:
            self.fail("seq", first, f"a segment begins at {first}, and the ones before end at {self.expected - 1}")
            self.forget()
            self.expected = first
        self.position, self.began = first, True

    def absent(self, upto):
        self.fail("absent", self.expected, f"records {self.expected} to {upto - 1} are absent")
        self.lanes.without_beginning |= self.expected == 1
        self.forget()
        self.expected = upto

    def forget(self):
        """From here on there is no link to compare with, no root, and no epoch that is known."""
        self.previous = None
        self.lose_tree()

    def lose_tree(self):
        self.root_known = False
        self.policy.epochs.lose(self.expected)

    def root_at(self, seq):
        return self.tree.root() if self.root_known and self.tree.size == seq else None

    def line(self, line):
        is_first, self.began = not self.began, True
        self.records += 1
        try:
            record = Record(line)
        except Malformed as error:
            self.fail("grammar", self.position, str(error))
            self.malformed += 1
            self.forget()
            self.expected += 1
        else:
            if is_first and record.chain["seq"] != 1:
                self.absent(record.chain["seq"])
            self.judge_chain(record)
            self.judge_lanes_and_policy(record)
            self.judge_hash(record)
            self.reach_heads(record)
        self.position += 1

    def judge_chain(self, record):
        chain, at = record.chain, self.position
        before = self.chain or (self.trusted and self.trusted.chain)
        if before and chain["id"] != before:
            self.fail("id", at, f"it is of the chain {chain['id']}, not of {before}")
        self.chain = chain["id"]
        if chain["seq"] != self.expected:
            self.fail("seq", at, f"it states number {chain['seq']}, not {self.expected}")
            self.lose_tree()
        elif self.previous is not None and chain["prev"] != self.previous:
            self.fail("link", at, "it names another predecessor than the record before it")
        self.expected = chain["seq"] + 1
        if chain["time"] < self.time:
            self.fail("time", at, "it was sealed before the record before it")
        self.time = chain["time"]
        for head in filter(None, (self.trusted, self.candidate)):
            if chain["seq"] > head.seq:
                head.tail += 1
                head.oldest_tail = head.oldest_tail or chain["time"]

    def judge_lanes_and_policy(self, record):
        at, src = self.position, record.body["src"]
        for fault in self.lanes.account(src["id"], src["n"], src["n"], at):
            self.fail(*fault)
        is_first = at == 1 and not self.lanes.without_beginning
        faults = self.policy.judge(record, at, is_first)
        faults += self.policy.about_tree(record, self.root_at(record.chain["seq"] - 1))
        for reason, detail in faults:
            self.fail(reason, at, detail)
        for fault in self.lanes.learn(record, at):
            self.fail(*fault)

    def judge_hash(self, record):
        if record.stated != record.hash.hex():
            self.fail("hash", self.position, f"the hash of the body is {record.hash.hex()}, and it states another")
        self.previous = record.stated
        self.tree.append(record.hash)
        self.policy.log_keys.root_at(record.chain["seq"], self.root_at(record.chain["seq"]))

    def reach_heads(self, record):
        for head in [head for head in self.marks if head.seq == record.chain["seq"]]:
            self.marks.remove(head)
            if head.hash not in (None, record.stated):
                self.fail("head", head.seq, f"its hash is {record.stated}, and the head says {head.hash}")
            root = self.root_at(head.seq)
            if head.root and root and root.hex() != head.root:
                self.fail("root", head.seq, "the root up to here is not the one at the head")

    def too_long_or_cut(self):
        """A line longer than any record, or bytes without a line feed where a whole line should stand."""
        self.fail("grammar", self.position, "it is no line of the specification")
        self.records, self.malformed, self.began = self.records + 1, self.malformed + 1, True
        self.forget()
        self.position, self.expected = self.position + 1, self.expected + 1

    def unfinished_line(self, length, is_last_file):
        if not is_last_file or self.trusted and self.expected <= self.trusted.seq:
            self.too_long_or_cut()
        else:
            self.unfinished = length

    # The end

    def finish(self):
        if self.records == 0:
            self.fail("empty", 1, "there is no record, so nothing was verified")
        if self.expected <= max((head.seq for head in self.marks), default=0):
            self.policy.epochs.lose(self.expected)
        if self.candidate and self.policy.log_keys.signers(self.stored_note, self.candidate.chain):
            self.trusted = self.candidate
        self.judge_head_reached()
        self.judge_keys()
        for fault in self.lanes.finish(self.missing > 0 or self.malformed > 0):
            self.fail(*fault)
        verdicts = {self.lanes.verdict(lane) for lane in self.lanes.lanes.values()}
        if verdicts and self.policy.mode != "bare" and not self.lanes.without_beginning:
            self.completeness = next(v for v in ("UNKNOWN", "LOSSY", "COMPLETE") if v in verdicts)
        self.judge_tail()
        self.failures.sort(key=lambda f: (PRECEDENCE.index(REASONS[f[0]]), f[1] or sys.maxsize, list(REASONS).index(f[0])))
        return self

    def judge_head_reached(self):
        last = max(self.expected, self.position) - 1
        reached = self.trusted.seq if self.trusted else 0
        beyond = max((head.seq for head in self.marks), default=0)
        if beyond > max(reached, last):
            self.fail("absent", last + 1, f"the log ends with record {last}, and a checkpoint is of {beyond}")
        if self.trusted is None:
            self.fail("no-head", None, "no trusted head was given: give the anchor that was kept apart from the log")
            return
        self.missing = max(0, reached - last)
        if self.missing and self.records:
            self.fail("absent", last + 1, f"{self.missing} records are absent before the head, which is record {reached}")

    def judge_keys(self):
        """§11: whether the given keys signed what they should have signed."""
        chain = self.chain or (self.trusted and self.trusted.chain)
        if chain is None:
            return
        for note, is_anchor in ((self.anchor_note, True), (self.stored_note, False)):
            if note:
                if not is_anchor and note.origin != chain:
                    self.fail("id", note.size, f"the checkpoint stored with the log is of {note.origin}")
                self.judge_checkpoint(note, chain)
        self.require_keys(chain)

    def judge_checkpoint(self, note, chain):
        outcomes = {key.text: note.judged_by(key) for key in self.keys}
        if False in outcomes.values():
            self.fail("signature", note.size, "the checkpoint is not signed by a given key that it names")
            return
        counting = self.policy.log_keys.at(note.size, chain)
        if self.is_of_head(note) and not self.policy.epochs.lacks_line(note):
            signers = [key for key in self.keys if outcomes[key.text] and key.name == chain]
            signers = [key for key in signers if self.policy.counts_at(key, note.size, chain)]
            self.signed_by += [key.text for key in signers + self.policy.log_keys.signers(note, chain)]
        fault = self.policy.epochs.judge(note)
        if fault:
            self.fail("signature", note.size, fault)
        if False in [note.judged_by(key) for key in counting]:
            self.fail("signature", note.size, "the checkpoint is not signed by a key in force that it names")

    def is_of_head(self, note):
        head = self.trusted
        return head and (note.origin, note.size) == (head.chain, head.seq) and head.root in (None, note.root.hex())

    def require_keys(self, chain):
        start = self.policy.opened_at or 1
        record_key = False
        for key in self.keys:
            if key.name not in (chain, chain + "/record") and epoch_chain(key.name) != chain:
                self.fail("key", start, f"{key.text} is no key of {chain}")
            elif not epoch_chain(key.name) and self.policy.mode not in (None, "bare") and key.text not in self.policy.ever:
                self.fail("key", start, f"{key.text} was never in force")
            else:
                record_key |= key.name == chain + "/record"
        if record_key:
            self.require_record_key()
        for key in self.policy.epochs.foreign(chain):
            self.fail("key", start, f"{key.text} is not the key of its epoch in this log")
        if any(key.name == chain for key in self.keys) and not self.signed_by:
            self.fail("key", self.trusted and self.trusted.seq, "no checkpoint of the head is signed by a given log key, "
                      "or by one that it was rotated to, and by its epoch")

    def require_record_key(self):
        policy = self.policy
        if policy.mode == "bare":
            if policy.signed < self.records:
                self.fail("key", policy.signed_up_to + 1, "a record key was given, and did not sign it")
        elif policy.without_given is not None and policy.without_given < self.position:
            self.fail("key", policy.without_given, "a record key was given, and is not in force here")

    def judge_tail(self):
        if self.trusted is None:
            return
        head, self.tail = self.trusted, self.trusted.tail
        if self.require_anchored_tail and self.tail + (self.unfinished > 0):
            self.fail("tail", head.seq + 1, f"{self.tail} records lie beyond the head")
        if self.max_tail_age is not None and head.oldest_tail:
            sealed = datetime.datetime.strptime(head.oldest_tail[:19] + "+0000", "%Y-%m-%dT%H:%M:%S%z")
            if (self.now - sealed).total_seconds() > self.max_tail_age:
                self.fail("tail", head.seq + 1, "the oldest record beyond the head is older than allowed")

    @property
    def exit_code(self):
        codes = {REASONS[reason] for reason, _, _ in self.failures} | {0}
        return next(code for code in PRECEDENCE if code in codes)

    def report(self):
        lanes = sorted(self.lanes.lanes.values(), key=lambda lane: lane.src)
        return {
            "completeness": self.completeness, "exit_code": self.exit_code,
            "failures": [{"detail": d, "position": p, "reason": r} for r, p, d in self.failures],
            "head": self.trusted and {"chain": self.trusted.chain, "seq": self.trusted.seq},
            "lanes": [{"completeness": self.lanes.verdict(lane), "declared_lost": lane.declared, "last_n": lane.largest,
                       "missing": lane.missing, "src": lane.src} for lane in lanes],
            "missing": self.missing, "records": self.records,
            "signatures_not_checked": self.policy.not_checked, "signatures_verified": self.policy.verified,
            "signed_by": sorted(set(self.signed_by)), "tail": self.tail, "unfinished_bytes": self.unfinished,
            "verdict": VERDICTS[self.exit_code]}


# --- reading files --------------------------------------------------------------------------------------------------------

def feed(verification, file, is_last_file=True):
    """Hands a file to a verification line by line, without ever holding more than the longest line."""
    while True:
        line = file.readline(LONGEST_LINE + 1)
        if not line:
            return
        if line.endswith(b"\n"):
            verification.line(line)
        elif len(line) <= LONGEST_LINE:
            verification.unfinished_line(len(line), is_last_file)
        else:
            while line and not line.endswith(b"\n"):
                line = file.readline(1 << 16)
            verification.too_long_or_cut()


def segments(log):
    """The segments of a log directory with the numbers that their names give (§8)."""
    found = []
    for path in log.glob("segments/*.jsonl"):
        if not re.fullmatch("[0-9]{20}", path.stem) or not 1 <= int(path.stem) <= MAX_INTEGER:
            raise Unreadable(
                f"{path} is no segment: its name should be the number of its first record in 20 digits and .jsonl")
        found.append((int(path.stem), path))
    return sorted(found)


def verify_log(log, anchor=None, keys=(), **options):
    """Verifies a directory or a file. What cannot be read becomes a finding. The head is read first, then the log."""
    log, stored = pathlib.Path(log), None
    try:
        if log.is_dir() and (log / "checkpoint").exists():
            stored = (log / "checkpoint").read_bytes().decode()
        verification = Verification(anchor, keys, stored, **options)
        if log.is_dir() and not (log / "segments").is_dir():
            raise Unreadable(f"{log} holds no segments")
        files = segments(log) if log.is_dir() else [(None, log)]
        for index, (first, path) in enumerate(files):
            if first is not None:
                verification.begin_segment(first)
            with path.open("rb") as file:
                feed(verification, file, index == len(files) - 1)
    except (OSError, UnicodeDecodeError, Unreadable) as error:
        verification = Verification(anchor, keys, **options)
        verification.fail("unreadable", None, str(error))
    return verification.finish()


def read_anchor(path):
    """anchor.json: any JSON with these members, each once, and no other (§6)."""
    def members(pairs):
        if len(dict(pairs)) != len(pairs):
            raise Unreadable(f"{path} has a member twice")
        return dict(pairs)
    shape = {"chain": is_chain_id, "checkpoint?": lambda value: isinstance(value, str), "hash": is_hash, "root?": is_hash,
             "seq": is_position, "v": HEADER["v"]}
    try:
        anchor = json.loads(pathlib.Path(path).read_bytes().decode(), object_pairs_hook=members)
    except (OSError, ValueError, RecursionError) as error:
        raise Unreadable(f"cannot read the anchor: {error}") from None
    if not has_shape(anchor, shape):
        raise Unreadable(f"{path} is no anchor.json")
    return anchor


def read_text(path):
    try:
        return pathlib.Path(path).read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(f"cannot read {path}: {error}") from None


# --- the command ----------------------------------------------------------------------------------------------------------

def parse_arguments(arguments):
    parser = argparse.ArgumentParser(description="Verifies an audit log, version 1, without the software that wrote it.")
    parser.add_argument("log", nargs="?", help="log directory or .jsonl file")
    parser.add_argument("anchor", nargs="?", help="anchor.json that was kept apart from the log")
    parser.add_argument("--key", action="append", default=[], metavar="VKEY", help="verifier key of the log or its records")
    parser.add_argument("--require-anchored-tail", action="store_true", help="no record may lie beyond the head")
    parser.add_argument("--max-tail-age", type=float, metavar="SECONDS", help="none beyond the head may be older")
    parser.add_argument("--proof", metavar="FILE", help="a tlog-proof, instead of a log")
    parser.add_argument("--record", metavar="FILE", help="the line that the proof is of")
    parser.add_argument("--consistency", nargs=3, metavar=("OLD", "NEW", "PROOF"), help="two checkpoints and a proof")
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    options = parser.parse_args(arguments)
    if bool(options.log) + bool(options.proof) + bool(options.consistency) != 1 or bool(options.proof) != bool(options.record):
        parser.error("give a log, or --proof with --record, or --consistency")
    if options.key and Ed25519PublicKey is None:
        parser.error("--key needs the Python package cryptography")
    return options


def print_report(verification):
    report = verification.report()
    print(f"{report['verdict']}: {report['records']} records, {report['missing']} absent before the head, {report['tail']} beyond it")
    print(f"completeness: {report['completeness']}")
    for lane in report["lanes"]:
        print(f"  {lane['src']}: {lane['completeness']}, up to {lane['last_n']}, "
              f"{lane['declared_lost']} declared lost, {lane['missing']} missing")
    print(f"signatures: {report['signatures_verified']} verified, {report['signatures_not_checked']} not checked"
          + ("" if Ed25519PublicKey else " (the package cryptography is missing)"))
    for key in report["signed_by"]:
        print(f"head signed by {ascii(key)[1:-1]}")
    for reason, position, detail in verification.failures[:100]:
        print(f"  {f'record {position}' if position else 'log'}: {reason}: {ascii(detail)[1:-1]}")
    if len(verification.failures) > 100:
        print(f"  and {len(verification.failures) - 100} more")


def run_proof(options, keys):
    try:
        if options.proof:
            line = pathlib.Path(options.record).read_bytes()
            text, signers = verify_proof(read_text(options.proof), line, keys)
        else:
            text, signers = verify_consistency(*map(read_text, options.consistency), keys)
    except (Malformed, Unreadable, OSError) as error:
        code, text, signers = 4, str(error), []
    except NotMet as error:
        code, text, signers = 5, str(error), []
    except Contradiction as error:
        code, text, signers = 1, str(error), []
    else:
        # A checkpoint that nobody vouches for proves nothing.
        code = 0 if signers else 3
        text += "" if signers else "; no key was given, so anybody may have made the checkpoint"
    if options.json:
        print(json.dumps({"detail": text, "exit_code": code, "signed_by": signers, "verdict": VERDICTS[code]}, indent=1))
    else:
        print(f"{VERDICTS[code]}: {ascii(text)[1:-1]}")
    return code


def main(arguments=None):
    options = parse_arguments(arguments)
    try:
        keys = [Key(vkey.strip()) for vkey in options.key]
        anchor = read_anchor(options.anchor) if options.anchor else None
    except (Malformed, Unreadable) as error:
        print(f"UNREADABLE: {ascii(str(error))[1:-1]}")
        return 4
    if not options.log:
        return run_proof(options, keys)
    verification = verify_log(options.log, anchor, keys, require_anchored_tail=options.require_anchored_tail,
                              max_tail_age=options.max_tail_age)
    if options.json:
        print(json.dumps(verification.report(), indent=1, sort_keys=True))
    else:
        print_report(verification)
    return verification.exit_code


if __name__ == "__main__":
    sys.exit(main())
