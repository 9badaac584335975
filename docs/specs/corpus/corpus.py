#!/usr/bin/env python3
"""Thousands of good and damaged logs with the verdict that each must get. Standard library only, deterministic.

    corpus.py expected         the lines of expected.txt: id, exit code, first failure, completeness, recipe
    corpus.py check            runs ../../verify/verify.py over every log and prints, a JSON line each, the log and what was found

A verdict comes from what was done to the log, never from a verifier. `-` for the reason stands where only the exit code and the record are known
beforehand (a flipped bit may leave the grammar whole or not); the verifiers then have to agree with each other.
"""
import base64
import json
import pathlib
import sys

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "vectors")]

import bases
import damages

SEED = 20261125


def cases():
    """Every case of the corpus, in order: (id, case)."""
    rng = bases.Rng(SEED)
    for number, case in enumerate(damages.all_cases(rng)):
        yield f"{number:05}", case


def expected_line(name, case):
    code, reason, position = case.expected
    first = "-" if position is None and reason is None else f"{reason or '-'}@{position or '-'}"
    return f"{name} {code} {first} {case.completeness or '-'} {case.recipe}"


def described(name, case):
    """A case as JSON; bytes in base64."""
    told = {"anchor": case.anchor, "expected": list(case.expected), "completeness": case.completeness, "id": name,
            "keys": case.keys, "recipe": case.recipe, "require_anchored_tail": case.require_anchored_tail,
            "stored": case.stored}
    if isinstance(case.log, bytes):
        told["log"] = base64.b64encode(case.log).decode()
    else:
        told["segments"] = {name: base64.b64encode(text).decode() for name, text in case.log.items()}
    return told


def judged(case):
    """What verify.py says of a case."""
    import io
    sys.path.insert(0, str(HERE.parents[1] / "verify"))
    import notes
    import verify
    keys = [notes.Key(key) for key in case.keys]
    told = verify.Verification(case.anchor, keys, case.stored, require_anchored_tail=case.require_anchored_tail)
    if isinstance(case.log, bytes):
        verify.feed(told, io.BytesIO(case.log))
    else:
        names = sorted(case.log)
        for index, name in enumerate(names):
            told.begin_segment(int(name[:20]))
            verify.feed(told, io.BytesIO(case.log[name]), index == len(names) - 1)
    report = told.finish().report()
    return {**report, "failures": [[f["reason"], f["position"]] for f in report["failures"]]}


def check():
    committed = (HERE / "expected.txt").read_text().splitlines()
    made = [(name, case) for name, case in cases()]
    if committed != [expected_line(name, case) for name, case in made]:
        sys.exit("expected.txt is not what this program writes: run `corpus.py expected` and read the difference")
    for name, case in made:
        print(json.dumps({**described(name, case), "found": judged(case)}, sort_keys=True))


def main():
    if sys.argv[1:] == ["expected"]:
        (HERE / "expected.txt").write_text("".join(expected_line(*case) + "\n" for case in cases()))
    elif sys.argv[1:] == ["check"]:
        check()
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
