//! The JSON-lines exporter.

use std::io::{self, Write};
use std::sync::Arc;

use counterfoil_core::{
    Exemplar, ExponentialBuckets, ExponentialHistogramValue, HistogramValue, MetricFamily,
    MetricKind, MetricSnapshot, MetricValue, Series, SeriesMeta, Timestamp,
};
use counterfoil_exporter::{Batch, ErrorKind, Exporter, JsonLinesExporter};
use counterfoil_testkit::exporter::batches;

use crate::scripted::lines;

fn written(batch: impl Into<Batch>) -> String {
    let exporter = JsonLinesExporter::new(Vec::new());
    exporter.export(batch.into()).unwrap();
    String::from_utf8(exporter.into_inner()).unwrap()
}

fn snapshot(kind: MetricKind, labels: &[(&str, &str)], value: MetricValue) -> MetricSnapshot {
    let labels = labels
        .iter()
        .map(|&(key, value)| (key.into(), value.into()))
        .collect();
    let series = vec![Series {
        meta: Arc::new(SeriesMeta { labels }),
        value,
    }];
    let (name, unit, description) = (
        "counterfoil.lease.active".into(),
        "{lease}".into(),
        "".into(),
    );
    MetricSnapshot {
        time: Timestamp::from_unix_seconds(1_700_000_000),
        families: vec![MetricFamily {
            name,
            unit,
            description,
            kind,
            series,
        }],
    }
}

#[test]
fn a_counter_has_this_line() {
    let labels = [("op", "read"), ("tenant", "a\"b")];
    assert_eq!(
        written(snapshot(
            MetricKind::Counter,
            &labels,
            MetricValue::Counter(u64::MAX)
        )),
        concat!(
            r#"{"time":"2023-11-14T22:13:20.000000000Z","metric":"counterfoil.lease.active","kind":"counter","#,
            r#""unit":"{lease}","labels":{"op":"read","tenant":"a\"b"},"value":18446744073709551615}"#,
            "\n"
        )
    );
}

#[test]
fn a_histogram_has_this_line() {
    let histogram = HistogramValue {
        bounds: [0.001, f64::MAX].into(),
        counts: vec![1, 0, 2],
        sum: f64::NAN,
        over_ceiling: 1,
        refused: 3,
        exemplars: vec![exemplar()],
    };
    let line = written(snapshot(
        MetricKind::Histogram,
        &[],
        MetricValue::Histogram(histogram),
    ));
    assert!(
        line.ends_with(concat!(
            r#""kind":"histogram","unit":"{lease}","labels":{},"bounds":[0.001,1.7976931348623157e308],"#,
            r#""counts":[1,0,2],"sum":"NaN","over_ceiling":1,"refused":3,"exemplars":[{"value":0.0005,"#,
            r#""time":"2023-11-14T22:13:19.000000000Z","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","#,
            r#""span_id":"00f067aa0ba902b7"}]}"#,
            "\n"
        )),
        "{line}"
    );
}

fn exemplar() -> Exemplar {
    Exemplar {
        value: 0.0005,
        time: Timestamp::from_unix_seconds(1_699_999_999),
        trace_id: "4bf92f3577b34da6a3ce929d0e0e4736".parse().unwrap(),
        span_id: "00f067aa0ba902b7".parse().unwrap(),
    }
}

#[test]
fn an_exponential_histogram_has_this_line() {
    let value = ExponentialHistogramValue {
        scale: 3,
        zero_count: 1,
        positive: ExponentialBuckets {
            offset: -80,
            counts: vec![1, 0, 2],
        },
        sum: 0.5,
        ..ExponentialHistogramValue::default()
    };
    let line = written(snapshot(
        MetricKind::ExponentialHistogram,
        &[],
        MetricValue::ExponentialHistogram(value),
    ));
    assert!(
        line.ends_with(concat!(
            r#""kind":"exponential_histogram","unit":"{lease}","labels":{},"scale":3,"zero_count":1,"#,
            r#""positive":{"offset":-80,"counts":[1,0,2]},"negative":{"offset":0,"counts":[]},"#,
            r#""sum":0.5,"over_ceiling":0,"refused":0,"exemplars":[]}"#,
            "\n"
        )),
        "{line}"
    );
}

#[test]
fn every_line_of_every_signal_is_json() {
    for batch in batches() {
        let items = batch.len();
        let text = written(batch);
        let parsed = text.lines().map(serde_json::from_str::<serde_json::Value>);
        assert_eq!(parsed.map(Result::unwrap).count(), items);
    }
}

#[test]
fn sealed_lines_pass_byte_for_byte() {
    let Batch::Sealed(sealed) = &batches()[2] else {
        panic!("the third is sealed")
    };
    let bytes: Vec<u8> = sealed.iter().flat_map(|line| line.bytes.clone()).collect();
    assert_eq!(
        written(Batch::Sealed(Arc::clone(sealed))).into_bytes(),
        bytes
    );
}

/// Takes one byte and then fails, once.
#[derive(Debug, Default)]
struct FullDisk {
    bytes: Vec<u8>,
    failed: bool,
}

impl Write for FullDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match (self.bytes.is_empty(), self.failed) {
            (true, _) => self.bytes.write(&bytes[..1]),
            (false, true) => self.bytes.write(bytes),
            (false, false) => {
                self.failed = true;
                Err(io::ErrorKind::StorageFull.into())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_half_written_batch_does_not_damage_the_next() {
    let exporter = JsonLinesExporter::new(FullDisk::default());
    let error = exporter.export(lines([1])).unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Io, false));
    exporter.export(lines([])).unwrap();
    exporter.export(lines([2])).unwrap();
    exporter.export(lines([3])).unwrap();
    assert_eq!(exporter.into_inner().bytes, b"{\n{}\n{}\n");
}

#[test]
fn lines_before_the_one_that_was_cut_off_count_as_delivered() {
    struct Room(usize);

    impl Write for Room {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match self.0.min(bytes.len()) {
                0 => Err(io::ErrorKind::StorageFull.into()),
                len => {
                    self.0 -= len;
                    Ok(len)
                }
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    // Lines of three bytes each: two and a half of them fit.
    let error = JsonLinesExporter::new(Room(7))
        .export(lines(1..=5))
        .unwrap_err();
    assert_eq!((error.kind(), error.undelivered(5)), (ErrorKind::Io, 3));
}

/// Takes nothing the first time.
#[derive(Debug, Default)]
struct FullAtFirst {
    bytes: Vec<u8>,
    failed: bool,
}

impl Write for FullAtFirst {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.failed {
            self.failed = true;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_batch_that_was_refused_whole_leaves_no_blank_line() {
    let exporter = JsonLinesExporter::new(FullAtFirst::default());
    exporter.export(lines([1])).unwrap_err();
    exporter.export(lines([1])).unwrap();
    assert_eq!(exporter.into_inner().bytes, b"{}\n");
}
