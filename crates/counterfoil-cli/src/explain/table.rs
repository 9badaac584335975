//! The codes of findings of `verify` (`CF-V-…`) and of failures of commands (`CF-C-…`), and the way to every code.

use super::gate;

/// What a code means.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) code: &'static str,
    /// The exit code that goes with it.
    pub(crate) exit: u8,
    /// A few words.
    pub(crate) title: &'static str,
    /// What was found, and what follows from it.
    pub(crate) meaning: &'static str,
    /// The likely ones first.
    pub(crate) causes: &'static [&'static str],
    pub(crate) next: &'static str,
}

pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        code: "CF-V-GRAMMAR",
        exit: 1,
        title: "a line is not as the format has it",
        meaning: "The bytes of a line, of its body, or of the data of a record about the log itself differ from the one form that \
            the specification allows. Nothing else of a malformed line is judged.",
        causes: &[
            "another program wrote the file again: pretty-printed, sorted, CR LF at the ends of lines, a byte order mark",
            "the file was cut, or a crash tore its end",
            "somebody edited the line, or the disk returned other bytes than were written",
        ],
        next: "Compare with another copy. For a file that was only written again: counterfoil audit canonicalise FILE -o OUT, \
            then verify OUT.",
    },
    Entry {
        code: "CF-V-HASH",
        exit: 1,
        title: "the stated hash is not that of the body",
        meaning: "SHA-256 over 0x00 and the bytes of the body is not what the line states.",
        causes: &[
            "the record was edited after it was sealed; if the next record still names the stated hash, only this body was touched",
            "bits changed on the disk or on the way",
        ],
        next: "Compare the record with another copy; what the stated hash vouches for is the record as it was.",
    },
    Entry {
        code: "CF-V-LINK",
        exit: 1,
        title: "a record does not name the one before it",
        meaning: "chain.prev is not the hash that the line before states, although both lines are sound by themselves.",
        causes: &[
            "the record before was replaced and a hash made to fit",
            "a segment was replaced by another one, or records of another run were spliced in",
        ],
        next: "Find the first record that differs from another copy: everything behind it is suspect.",
    },
    Entry {
        code: "CF-V-SEQ",
        exit: 1,
        title: "the number does not continue",
        meaning: "chain.seq is not one more than in the record before, or a segment does not begin where its name says.",
        causes: &[
            "records were deleted, if the number jumps ahead",
            "a record was inserted, repeated or moved, if it falls back",
        ],
        next: "Count from the finding: expected and found say which records are affected.",
    },
    Entry {
        code: "CF-V-TIME",
        exit: 1,
        title: "the time of sealing goes back",
        meaning: "chain.time is less than in the record before. A writer clamps it, so even a clock that was set back cannot do that.",
        causes: &[
            "records were sealed again by another program",
            "a writer that does not follow the specification",
        ],
        next: "Look at chain.time around the finding; clock_stepped records say when the clock moved.",
    },
    Entry {
        code: "CF-V-ID",
        exit: 1,
        title: "a record or head is of another chain",
        meaning: "chain.id differs from the record before or from the head.",
        causes: &[
            "the anchor is of another log, or of an earlier incarnation of this one",
            "records of another log were spliced in",
        ],
        next: "Give the anchor of this chain and incarnation; chain_restarted names the incarnation before.",
    },
    Entry {
        code: "CF-V-HEAD",
        exit: 1,
        title: "the record at the head is another one",
        meaning: "The log has a record at the head's number, and its hash is not the head's: two histories exist. Or the parts of \
            an anchor contradict each other.",
        causes: &[
            "the log was rewritten and sealed again after the head was kept",
            "the log was restored from a backup and went on from there",
        ],
        next: "Keep both log and head as evidence. A head that a witness signed tells which history was seen first.",
    },
    Entry {
        code: "CF-V-ROOT",
        exit: 1,
        title: "the root at the head is another one",
        meaning: "The RFC 6962 root over the records up to the head differs from what the head says: some record before it differs.",
        causes: &[
            "a record was replaced; a finding before this one says which",
            "the checkpoint stored with the log is of another history",
        ],
        next: "See to the findings before it; if there are none, keep log and checkpoint as evidence.",
    },
    Entry {
        code: "CF-V-TILE",
        exit: 1,
        title: "a hash tile contradicts the records",
        meaning: "A file below tile/ does not hold the hashes that follow from the records up to the trusted head. One that is \
            missing, short or blank says nothing, as after power loss. The records themselves are judged without tiles.",
        causes: &[
            "the tile was edited, or its disk returned other bytes than were written",
            "the folder tile/ is from another copy of the log",
            "records were sealed again after the tile was written; then the root at the head differs as well",
        ],
        next: "Keep the file, and compare it with a copy that a follower fetched. The writer makes its tiles again from the \
            records when it opens the log.",
    },
    Entry {
        code: "CF-V-SIGNATURE",
        exit: 1,
        title: "a signature fails under the key that it names",
        meaning: "A record or checkpoint carries a signature of a given key, or of a key in force, that is not by that key.",
        causes: &[
            "the signature was moved here from another record, or made up",
            "the signed text was changed",
            "the key of one epoch signed a head of another: who holds a newer key tried to seal older records",
            "the start of an epoch is not signed by the key of the epoch before",
        ],
        next: "Keep the file as evidence; compare with another copy.",
    },
    Entry {
        code: "CF-V-MODE",
        exit: 1,
        title: "a line contradicts the policy in force",
        meaning: "log_opened states the signing mode and keys. This line is signed otherwise, or the policy changed and no \
            config_changed, key_rotated or epoch_started says so.",
        causes: &[
            "signatures were stripped or added",
            "a log_opened was forged to weaken the policy",
            "an epoch was left out, so that what lay in between could be cut off",
        ],
        next: "counterfoil audit query LOG --kind log_opened --kind config_changed --kind key_rotated",
    },
    Entry {
        code: "CF-V-REPLAY",
        exit: 1,
        title: "a number of a lane is accounted for twice",
        meaning: "Two records, or a record and a declared loss, have the same src.id and src.n, or one lies above the final number of \
            its lane.",
        causes: &[
            "an entry was sealed twice",
            "a record was copied into the log under a new number",
        ],
        next: "Compare the two records that have this src.",
    },
    Entry {
        code: "CF-V-KEY",
        exit: 5,
        title: "a given key did not sign what it should have",
        meaning: "A key that you trust was never in force, or signed no checkpoint of the head, or not every record. That is no \
            sign of tampering by itself: the log cannot be verified with what was given.",
        causes: &[
            "the key was rotated, and the old key did not vouch for its successor in keys.handover",
            "the log is in an epoch, and the line of the epoch's key is missing from the checkpoint",
            "an epoch key was given, and the log's history was begun anew without it",
            "the key is of another log or incarnation",
            "the anchor has no checkpoint, or one that is older than the head",
        ],
        next: "counterfoil audit query LOG --kind log_opened --kind key_rotated shows the keys that the log names, counterfoil key \
            epochs LOG those of its epochs.",
    },
    Entry {
        code: "CF-V-POLICY",
        exit: 5,
        title: "a policy that was given is not met",
        meaning: "What you asked the verifier to insist on does not hold.",
        causes: &["too few witnesses cosigned the head"],
        next: "Ask the witnesses that are missing, or give a head that more of them cosigned.",
    },
    Entry {
        code: "CF-V-UNREADABLE",
        exit: 4,
        title: "something cannot be read",
        meaning: "A file of the log, or a checkpoint, cannot be opened, read to its end or parsed. What it holds was not judged.",
        causes: &[
            "the file belongs to somebody else, or is no regular file",
            "the disk returns errors",
        ],
        next: "Mend the access named in the finding and verify again.",
    },
    Entry {
        code: "CF-V-NO-HEAD",
        exit: 3,
        title: "no trusted head was given",
        meaning: "Without a head that was kept apart from the log nobody can tell whether its end was cut off, or all of it rewritten.",
        causes: &[
            "--anchor was left out, and no given key signed the checkpoint stored with the log",
        ],
        next: "counterfoil verify LOG --anchor anchor.json",
    },
    Entry {
        code: "CF-V-ABSENT",
        exit: 3,
        title: "records are absent",
        meaning: "A beginning, a segment in the middle, or the end up to the head is not there. What is there may still be sound.",
        causes: &[
            "the copy was made before the head, or broke off",
            "segments were deleted, or not copied",
            "the end was cut off to hide the newest records",
        ],
        next: "Fetch the ranges that the report lists from another copy.",
    },
    Entry {
        code: "CF-V-GAP",
        exit: 3,
        title: "numbers of a lane are missing",
        meaning: "A producer numbers what it offers. Some numbers have neither a record nor a records_lost that declares them.",
        causes: &[
            "the writer lost entries without saying so",
            "records were left out before they were sealed",
        ],
        next: "Look at the producer that the lane names, around the time of the records on both sides.",
    },
    Entry {
        code: "CF-V-TAIL",
        exit: 3,
        title: "more lies beyond the head than allowed",
        meaning: "Records beyond the head are consistent, and nobody vouches for them yet. --require-anchored-tail or --max-tail-age \
            forbids them.",
        causes: &[
            "the head is old: a newer anchor exists",
            "anchoring has stopped, or its store or witnesses cannot be reached",
        ],
        next: "Fetch the newest anchor and verify again; look at counterfoil.audit.anchor metrics of the writer.",
    },
    Entry {
        code: "CF-V-EMPTY",
        exit: 3,
        title: "there is nothing to verify",
        meaning: "No record was found. A verification that saw nothing is never VALID.",
        causes: &["the path is wrong", "all records were removed"],
        next: "Check the path; with --anchor the report says how many records are missing.",
    },
    Entry {
        code: "CF-C-USAGE",
        exit: 2,
        title: "the command line asks for what cannot be done",
        meaning: "An argument is missing, unknown or out of range, or two do not go together. Nothing was done.",
        causes: &["a typing error; the message names the argument"],
        next: "counterfoil COMMAND --help",
    },
    Entry {
        code: "CF-C-CONTRADICTION",
        exit: 1,
        title: "results contradict each other",
        meaning: "The command ran, and what it found cannot all be true.",
        causes: &["the message says what disagrees"],
        next: "Keep the directory, and report it if it is the demo's.",
    },
    Entry {
        code: "CF-C-INCOMPLETE",
        exit: 3,
        title: "less is there than was asked for",
        meaning: "The command asked for something that is not there yet, or is no longer: a receipt for a record that no checkpoint \
            covers, or an erasable value whose opening was destroyed or is not in LOG/openings.",
        causes: &[
            "the log was not anchored since the record was sealed, or has no signer and so never has a checkpoint",
            "the value was erased; the sentence names the record that says so",
            "LOG is a copy: openings are never shipped with one",
            "the opening was removed by other means than counterfoil audit erase",
        ],
        next: "For a receipt, wait for the next anchor. For a value, look in the log's own directory; where an opening is gone and no record says so: counterfoil audit erase LOG --seq N \
            --field POINTER --reason TEXT, which records it.",
    },
    Entry {
        code: "CF-C-UNREADABLE",
        exit: 4,
        title: "something cannot be read or written",
        meaning: "A file, directory or address that the command needs refused.",
        causes: &[
            "it is not there, or belongs to somebody else",
            "the disk is full or failing",
        ],
        next: "Mend what the message names and run the command again.",
    },
    Entry {
        code: "CF-C-POLICY",
        exit: 5,
        title: "a key or policy is not met",
        meaning: "The command insists on a key or policy, and what it found does not meet it.",
        causes: &["a key file that others can read, or that belongs to another log"],
        next: "Do what the message says; nothing was changed.",
    },
    Entry {
        code: "CF-C-LOG",
        exit: 4,
        title: "the log cannot be read",
        meaning: "The path holds no log directory and no file of records, or one that cannot be opened.",
        causes: &[
            "the path is wrong; a demo keeps its log in DIR/audit",
            "the log belongs to somebody else",
            "another program is writing to it; a log has one writer",
        ],
        next: "Give the directory that holds segments/, or one .jsonl file.",
    },
    Entry {
        code: "CF-C-ANCHOR",
        exit: 4,
        title: "the anchor cannot be read",
        meaning: "The file given with --anchor is not there, or is no anchor.json.",
        causes: &[
            "the path is wrong",
            "the file was edited, or is the checkpoint instead of the anchor",
        ],
        next: "Give the anchor.json that was kept apart from the log.",
    },
    Entry {
        code: "CF-C-KEY",
        exit: 4,
        title: "a key cannot be taken",
        meaning: "The text given is no verifier key: name+0123abcd+base64, on one line.",
        causes: &["a secret key, a file name or a part of a key was given"],
        next: "Give the content of the .vkey file.",
    },
    Entry {
        code: "CF-C-KEY-FILE",
        exit: 5,
        title: "a key file cannot be used",
        meaning: "The secret key that the command signs with cannot be read from its file or written to it, or is not the key \
            that is needed. Nothing was signed.",
        causes: &[
            "the path is wrong, or a new key was to be written over a file",
            "others than the owner can read the file, so the key may be known",
            "the key is of another log, or is no longer the one in force",
        ],
        next: "Do what the message says; counterfoil key show FILE prints whose key it is.",
    },
    Entry {
        code: "CF-C-STATE",
        exit: 4,
        title: "a verification state cannot be used",
        meaning: "The file given with --state is no state, was cut or changed, or cannot be written. It was not written over.",
        causes: &[
            "the path of another file was given",
            "the file was edited, or a copy of it broke off",
        ],
        next: "Name a file that does not exist: the log is read from its beginning, and the state is made anew.",
    },
    Entry {
        code: "CF-C-COLLECTOR",
        exit: 4,
        title: "a collector does not answer, or refuses",
        meaning: "The collector at the URL did not answer, answered with something that is no answer of a collector, or refused \
            what was asked; the message quotes its reason.",
        causes: &[
            "the URL is of another service, or nothing listens there",
            "the collector is stopping, overloaded or out of room",
            "the chain is not kept there, or belongs to another tenant than the key",
        ],
        next: "Look at URL/readyz of the collector, and at its log for the time of the request.",
    },
];

/// The entry of a code, or of a verifier's reason as JSON and the specification name it, such as `absent`; in any case.
pub(crate) fn find(code: &str) -> Option<&'static Entry> {
    let is = |entry: &&Entry, code: &str| entry.code.eq_ignore_ascii_case(code);
    let reason = format!("CF-V-{code}");
    ENTRIES
        .iter()
        .chain(gate::ENTRIES)
        .find(|entry| is(entry, code) || is(entry, &reason))
}

#[cfg(test)]
mod tests {
    use counterfoil::audit::verify::Reason;

    use super::*;
    use crate::failure::Code;
    use crate::gate::rules::Rule;

    #[test]
    fn every_reason_and_every_code_of_a_command_has_its_entry_once() {
        let reasons = Reason::ALL.iter().map(|reason| reason.code());
        let codes = Code::ALL.iter().map(|code| code.as_str());
        let mut known: Vec<&str> = reasons.chain(codes).collect();
        let mut listed: Vec<&str> = ENTRIES.iter().map(|entry| entry.code).collect();
        known.sort_unstable();
        listed.sort_unstable();
        assert_eq!(listed, known);
    }

    #[test]
    fn every_rule_of_the_gate_has_its_entry_once() {
        let rules = Rule::ALL.map(Rule::code);
        let listed: Vec<&str> = gate::ENTRIES.iter().map(|entry| entry.code).collect();
        assert_eq!(listed, rules);
    }

    #[test]
    fn an_entry_has_the_exit_code_of_its_reason_or_code() {
        for reason in Reason::ALL {
            let exit = find(reason.code()).map(|entry| entry.exit);
            let by_name = find(&reason.to_string()).map(|entry| entry.code);
            assert_eq!(by_name, Some(reason.code()));
            assert_eq!(exit, Some(reason.verdict().exit_code()), "{reason}");
        }
        for code in Code::ALL {
            let exit = find(code.as_str()).map(|entry| entry.exit);
            assert_eq!(exit, Some(code.exit() as u8), "{code:?}");
        }
    }
}
