//! Verification under damage, and searching.

use counterfoil_audit::verify::{
    Cause, HeadSource, Reason, Report, Verdict, VerifyOptions, verify_path, verify_reader,
};
use counterfoil_audit::{
    AuditChain, AuditEventData, AuditInput, AuditRecord, CloseReason, HashAlgorithm, Instance,
    Lane, LogClosed, LogOpened, MAX_LINE, ProducerClosed, Retention, SigningMode, Src, SrcId,
    jsonl, verify_chain,
};
use counterfoil_core::{
    Context, FabricEvent, Head, LeaseId, ResourceType, Timestamp, WorkloadIdentity,
};

const INSTANCE: Instance = Instance(0xa1);

fn time(second: u64) -> Timestamp {
    Timestamp::from_unix_seconds(1_700_000_000 + second)
}

fn src(lane: Lane, n: u64) -> Src {
    Src {
        id: SrcId::new(INSTANCE, lane),
        n,
        time: time(n),
    }
}

fn opened() -> AuditEventData {
    AuditEventData::LogOpened(LogOpened {
        anchor_interval_ms: 1_000,
        anchor_interval_records: 256,
        anchored_seq: None,
        epoch_ms: None,
        hash: HashAlgorithm::Sha256,
        keys: Vec::new(),
        mode: SigningMode::None,
        resumed_seq: 0,
        retention: Retention {
            max_age_s: None,
            max_bytes: None,
        },
        software: "test".into(),
        unclean: None,
        unsealed_max: None,
    })
}

/// A log of `leases` leases between its opening and its closing, and its head.
fn log(leases: u64) -> (Vec<u8>, Head) {
    let mut chain = AuditChain::new("audit.example.com/test/1".parse().unwrap());
    let mut out = Vec::new();
    let mut seal = |input: &AuditInput| {
        chain
            .seal(&mut out, input, time(input.src.n))
            .map(|_| ())
            .unwrap();
    };
    seal(&AuditInput::new(opened(), src(Lane::sealer(), 1)));
    for n in 1..=leases {
        let tenant = if n % 3 == 0 { "acme" } else { "umbrella" };
        let event = FabricEvent::LeaseExpired {
            resource_type: ResourceType::Mem,
            lease_id: LeaseId(n),
            node: ["node-a", "node-b"][n as usize % 2].into(),
        };
        let context = Context::new(WorkloadIdentity::tenant_only(tenant));
        seal(&AuditInput::from_event(
            &event,
            &context,
            src(Lane::thread(0), n),
        ));
    }
    let closed = ProducerClosed {
        instance: INSTANCE,
        lanes: [(Lane::sealer(), 3), (Lane::thread(0), leases)].into(),
        more: false,
    };
    seal(&AuditInput::new(
        AuditEventData::ProducerClosed(closed),
        src(Lane::sealer(), 2),
    ));
    let closed = LogClosed {
        reason: CloseReason::Shutdown,
        records: leases + 3,
    };
    seal(&AuditInput::new(
        AuditEventData::LogClosed(closed),
        src(Lane::sealer(), 3),
    ));
    let head = chain.head().unwrap();
    (out, head)
}

fn judge(log: &[u8], head: Option<&Head>) -> Report {
    let mut options = VerifyOptions::new();
    options.head = head.cloned().map(Into::into);
    options.now = time(1_000);
    verify_reader(log, "log.jsonl", &options)
}

#[test]
fn an_untouched_log_is_valid_with_its_head_and_incomplete_without() {
    let (log, head) = log(5);
    let report = judge(&log, Some(&head));
    assert_eq!(
        (report.verdict, report.failures_total),
        (Verdict::Valid, 0),
        "{report}"
    );
    assert_eq!(report.end.as_ref(), Some(&head));
    assert!(
        report
            .to_string()
            .contains("8 records, verified to record 8")
    );
    let report = judge(&log, None);
    assert_eq!(report.exit_code(), 3);
    assert_eq!(report.failures[0].reason, Reason::NoHead);
}

#[test]
fn any_changed_bit_is_tampering_and_the_record_is_named() {
    let (log, head) = log(3);
    let mut record = 1;
    for at in 0..log.len() {
        for bit in [at % 8, (at / 8 + 3) % 8] {
            let mut changed = log.clone();
            changed[at] ^= 1 << bit;
            let report = judge(&changed, Some(&head));
            assert_eq!(report.exit_code(), 1, "bit {bit} of byte {at}: {report}");
            assert_eq!(
                report.failures[0].position,
                Some(record),
                "bit {bit} of byte {at}: {report}"
            );
        }
        record += u64::from(log[at] == b'\n');
    }
}

#[test]
fn hashes_alone_find_any_change_of_a_body() {
    let (log, head) = log(3);
    let mut options = VerifyOptions::new();
    options.head = Some(head.into());
    options.hash_only = true;
    let report = verify_reader(&log[..], "log", &options);
    assert_eq!(
        (report.exit_code(), report.completeness),
        (0, None),
        "{report}"
    );
    assert!(report.hash_only);
    for at in (0..log.len()).step_by(3) {
        let mut changed = log.clone();
        changed[at] ^= 4;
        let report = verify_reader(&changed[..], "log", &options);
        assert_eq!(report.exit_code(), 1, "byte {at}: {report}");
    }
}

#[test]
fn every_way_of_cutting_the_end_off_is_told() {
    let (log, head) = log(5);
    let last = log[..log.len() - 1]
        .iter()
        .rposition(|b| *b == b'\n')
        .unwrap()
        + 1;
    let report = judge(&log[..last], Some(&head));
    assert_eq!((report.exit_code(), report.missing), (3, 1), "{report}");
    assert!(
        report.to_string().contains("1 records are missing"),
        "{report}"
    );
    for end in last + 1..log.len() {
        assert_eq!(
            judge(&log[..end], Some(&head)).exit_code(),
            1,
            "cut at {end}"
        );
    }
    let report = judge(b"", Some(&head));
    assert_eq!(report.exit_code(), 3);
    assert_eq!(report.failures[0].reason, Reason::Empty);
}

#[test]
fn a_tail_beyond_the_head_is_counted_aged_and_on_request_forbidden() {
    let (log, _) = log(5);
    let records: Vec<AuditRecord> = jsonl::read_records(&log[..])
        .collect::<Result<_, _>>()
        .unwrap();
    let head = verify_chain(&records[..6], [0; 32]).unwrap();
    let mut options = VerifyOptions::new();
    options.head = Some(head.into());
    options.now = time(100);
    let report = verify_reader(&log[..], "log", &options);
    assert_eq!(
        (report.exit_code(), report.tail.records),
        (0, 2),
        "{report}"
    );
    assert_eq!(report.tail.age.unwrap().as_secs(), 95);
    options.max_tail_age = Some(std::time::Duration::from_secs(94));
    assert_eq!(verify_reader(&log[..], "log", &options).exit_code(), 3);
    options.max_tail_age = None;
    options.require_anchored_tail = true;
    assert_eq!(verify_reader(&log[..], "log", &options).exit_code(), 3);
}

#[test]
fn a_long_log_gets_the_same_report_on_any_number_of_threads() {
    let (mut log, head) = log(6_000);
    for at in [300_000, 1_500_000, 2_400_000] {
        log[at] ^= 1;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    std::fs::write(&path, &log).unwrap();
    let mut options = VerifyOptions::new();
    options.head = Some(head.into());
    let one = verify_path(&path, &options);
    assert_eq!(one.records, 6_003);
    assert!(one.failures_total >= 3, "{one}");
    for jobs in [2, 3, 7] {
        options.jobs = jobs;
        assert_eq!(verify_path(&path, &options), one);
    }
}

#[test]
fn a_line_without_end_is_not_held_in_memory() {
    let (mut log, head) = log(2);
    let first = log.iter().position(|b| *b == b'\n').unwrap() + 1;
    let long = vec![b'x'; 3 * MAX_LINE + (1 << 20)];
    log.splice(first..first, long.into_iter().chain([b'\n']));
    let report = judge(&log, Some(&head));
    assert_eq!(report.exit_code(), 1);
    assert_eq!(report.failures[0].position, Some(2), "{report}");
    assert!(report.failures[0].detail.contains("longer than any record"));
    assert_eq!(report.records, 6);
}

#[test]
fn what_cannot_be_read_is_unreadable_and_never_valid() {
    let report = verify_path(
        std::path::Path::new("/nonexistent/log"),
        &VerifyOptions::new(),
    );
    assert_eq!(report.exit_code(), 4);
    assert!(report.to_string().contains("/nonexistent/log"), "{report}");
}

#[test]
fn failures_are_listed_to_a_bound_and_counted_beyond() {
    let (log, head) = log(50);
    let changed: Vec<u8> = String::from_utf8(log)
        .unwrap()
        .replace("\"mem\"", "\"net\"")
        .into();
    let mut options = VerifyOptions::new();
    options.head = Some(head.into());
    options.max_failures = 7;
    let report = verify_reader(&changed[..], "log", &options);
    assert_eq!(report.failures_total, 51, "{report}");
    assert_eq!(
        report
            .failures
            .iter()
            .filter(|f| f.reason == Reason::Hash)
            .count(),
        7
    );
    // What the end of the log says has its own room.
    assert!(report.failures.iter().any(|f| f.reason == Reason::Root));
}

#[test]
fn a_report_tells_what_was_read_what_is_missing_and_how_old_the_head_is() {
    let (log, head) = log(5);
    let report = judge(&log, Some(&head));
    assert_eq!((report.first_seq, report.last_seq), (Some(1), Some(8)));
    assert_eq!(report.head_from, Some(HeadSource::Given));
    // The last record was sealed in second 3 of its lane.
    assert_eq!(
        report.head_age,
        Some(std::time::Duration::from_secs(997 - 2))
    );
    assert_eq!(
        (report.missing_records, report.missing_ranges.len()),
        (0, 0)
    );

    let cut = log.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let (second, _) = cut.clone().nth(1).unwrap();
    let (sixth, _) = cut.clone().nth(5).unwrap();
    let report = judge(&log[second + 1..=sixth], Some(&head));
    assert_eq!((report.first_seq, report.last_seq), (Some(3), Some(6)));
    let ranges: Vec<_> = report
        .missing_ranges
        .iter()
        .map(|range| (range.first, range.last))
        .collect();
    assert_eq!((report.missing_records, ranges), (4, vec![(1, 2), (7, 8)]));
}

/// What the first failure of a changed log was probably caused by.
fn cause(log: &[u8], head: &Head) -> (Reason, Option<Cause>) {
    let mut options = VerifyOptions::new();
    options.head = Some(head.clone().into());
    options.diagnose = true;
    let report = verify_reader(log, "log.jsonl", &options);
    (report.failures[0].reason, report.failures[0].cause)
}

#[test]
fn the_likely_cause_follows_from_the_bytes() {
    let (log, head) = log(5);
    let lines: Vec<&[u8]> = log.split_inclusive(|byte| *byte == b'\n').collect();
    let with = |index: usize, line: Vec<u8>| {
        let mut lines: Vec<Vec<u8>> = lines.iter().map(|line| line.to_vec()).collect();
        lines[index] = line;
        lines.concat()
    };
    let third = String::from_utf8(lines[2].to_vec()).unwrap();
    let edited = third
        .replace("node-a", "node-x")
        .replace("node-b", "node-x");
    assert_eq!(
        cause(&with(2, edited.into()), &head),
        (Reason::Hash, Some(Cause::EditedRecord))
    );
    let spaced = third.replace("\"v\":1", "\"v\": 1");
    assert_eq!(
        cause(&with(2, spaced.into()), &head),
        (Reason::Grammar, Some(Cause::Reserialised))
    );
    let mut flipped = lines[2].to_vec();
    let at = flipped.len() - 100;
    flipped[at] ^= 2;
    let found = cause(&with(2, flipped), &head);
    assert_eq!(found.1, Some(Cause::BitFlip), "{found:?}");
    let mut torn = lines[2].to_vec();
    torn[40..80].fill(0);
    assert_eq!(
        cause(&with(2, torn), &head),
        (Reason::Grammar, Some(Cause::TornWrite))
    );
    assert_eq!(
        cause(&log[..log.len() - 9], &head),
        (Reason::Grammar, Some(Cause::CutOff))
    );
    assert_eq!(
        cause(&[lines[0], lines[3], lines[4]].concat(), &head),
        (Reason::Seq, Some(Cause::RemovedRecords))
    );
    assert_eq!(
        cause(
            &[&lines[..4].concat(), lines[3], &lines[4..].concat()].concat(),
            &head
        ),
        (Reason::Seq, Some(Cause::MovedRecords))
    );
    assert_eq!(
        cause(&lines[..5].concat(), &head),
        (Reason::Absent, Some(Cause::MissingEnd))
    );
    let other = Head {
        hash: counterfoil_core::Digest::ZERO,
        ..head.clone()
    };
    assert_eq!(
        cause(&log, &other),
        (Reason::Head, Some(Cause::RewrittenHistory))
    );
}

#[test]
fn a_changed_record_is_read_and_found_by_its_index() {
    let (log, _) = log(4);
    let changed: Vec<u8> = String::from_utf8(log)
        .unwrap()
        .replacen("node-a", "node-x", 1)
        .into();
    let records: Vec<AuditRecord> = jsonl::read_records(&changed[..])
        .collect::<Result<_, _>>()
        .unwrap();
    let error = verify_chain(&records, [0; 32]).unwrap_err();
    assert_eq!(
        (error.index(), error.seq(), error.reason()),
        (2, Some(3), Reason::Hash)
    );
    assert_eq!(
        verify_chain(&[], [0; 32]).unwrap_err().reason(),
        Reason::Empty
    );
    assert_eq!(
        verify_chain(&records[1..], [0; 32]).unwrap_err().reason(),
        Reason::Link
    );
    assert!(verify_chain(&records[..2], [0; 32]).is_ok());
}

#[test]
fn a_segment_with_a_number_that_no_record_can_have_is_unreadable() {
    for number in [0, 1 << 53, u64::MAX] {
        for content in ["", "x\n"] {
            let dir = tempfile::tempdir().unwrap();
            let segments = dir.path().join("segments");
            std::fs::create_dir(&segments).unwrap();
            std::fs::write(segments.join(format!("{number:020}.jsonl")), content).unwrap();
            let report = verify_path(dir.path(), &VerifyOptions::new());
            assert_eq!(report.verdict, Verdict::Unreadable, "{report}");
        }
    }
}
