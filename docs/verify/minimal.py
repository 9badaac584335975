import hashlib, json, pathlib, sys  # python3 verify.py LOG ANCHOR: exit 0 VALID, 1 TAMPERED, 3 INCOMPLETE

log, anchor = pathlib.Path(sys.argv[1]), json.loads(pathlib.Path(sys.argv[2]).read_bytes())
seq, previous = 0, b"0" * 64
for file in sorted(log.glob("segments/*.jsonl")) if log.is_dir() else [log]:
    for line in file.open("rb"):
        body = line[8 : -216 if line[-3:-2] == b"}" else -76]  # {"body":B,"hash":"H"} or with ,"sig":{…} behind it
        stated = line[len(body) + 17 : len(body) + 81]
        form = line.startswith(b'{"body":' + body + b',"hash":"' + stated + b'"') and line.endswith(b"}\n")
        if not form or hashlib.sha256(b"\0" + body).hexdigest().encode() != stated:
            sys.exit(print(f"TAMPERED: record {seq + 1} is not what was sealed") or 1)
        link = json.loads(body)["chain"]
        if (link["id"], link["seq"], link["prev"].encode()) != (anchor["chain"], seq + 1, previous):
            sys.exit(print(f"TAMPERED: record {seq + 1} does not follow the one before it") or 1)
        seq, previous = seq + 1, stated
        if seq == anchor["seq"] and stated.decode() != anchor["hash"]:
            sys.exit(print(f"TAMPERED: record {seq} is not the anchored one") or 1)
if seq < anchor["seq"]:
    sys.exit(print(f"INCOMPLETE: {anchor['seq'] - seq} records are absent before the head") or 3)
print(f"VALID: {seq} records of {anchor['chain']}, head at {anchor['seq']}")
