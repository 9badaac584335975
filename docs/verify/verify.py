import hashlib, json, os, pathlib, sys  # verify.py LOG_OR_JSONL [ANCHOR]; exit 0 VALID, 1 TAMPERED, 3 INCOMPLETE, 4 unreadable
sys.excepthook = lambda _, error, __: (print("UNREADABLE:", repr(error), flush=True), os._exit(4))
log = pathlib.Path(sys.argv[1])
head = json.loads(pathlib.Path(sys.argv[2]).read_bytes()) if sys.argv[2:] else {"seq": 0, "hash": None, "chain": None}
size, top, chain, seq, prev, absent, faults = int(head["seq"]), head["hash"], head["chain"], 0, "0" * 64, 0, []
for file in sorted(log.glob("segments/*.jsonl")) if log.is_dir() else [log]:
    for number, line in enumerate(file.open("rb")):
        if seq >= size and not line.endswith(b"\n"): break  # unfinished, beyond the head: a writer may be at work
        seq = at = seq + 1
        try:
            record = json.loads(line.decode())
            link, stated, body = record["body"]["chain"], record["hash"], line[8 : -216 if line[-3:-2] == b"}" else -76]
            if number == 0 and link["seq"] > seq and (file is log or link["seq"] == int(file.stem)):  # records are absent before it
                absent, at, prev = absent + link["seq"] - seq, link["seq"], None
            text = json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"
            form = line == text and line[8 + len(body) :].startswith(b',"hash":"') and list(record) in (["body", "hash"], ["body", "hash", "sig"])
            checks = {"grammar": form, "hash": stated == hashlib.sha256(b"\0" + body).hexdigest(), "id": link["id"] == (chain or link["id"]),
                      "seq": link["seq"] == at, "link": link["prev"] == (prev or link["prev"]), "head": at != size or stated == top}
            seq, prev, chain = link["seq"], stated, link["id"]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            checks, prev = {"grammar": False}, None
        faults += [f"record {at}: {name}" for name, good in checks.items() if not good]
gaps = [f"{max(0, size - seq) + absent} records are absent"] * (size > seq or absent > 0) + ["no trusted head was given"] * (not size)
code = 1 if faults else 3 if gaps or not seq else 0
sys.exit(print(["VALID", "TAMPERED", "", "INCOMPLETE"][code] + f": {seq} records of {chain}, head at {size}", *(faults or gaps), sep="\n  ") or code)
