//! A real Prometheus scrapes the server in both formats.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use counterfoil_core::{Clock, SystemClock};
use counterfoil_exporter_prometheus::ScrapeServer;
use counterfoil_metrics::Registry;
use counterfoil_testkit::prometheus::Prometheus;

use crate::server::any_port;
use crate::{HELD, LEVEL, SEEN, SIZE, WAIT, trace};

#[test]
fn a_real_prometheus_reads_the_same_from_both_formats_and_exemplars_from_openmetrics() {
    let registry = Registry::new();
    count(&registry);
    let server = ScrapeServer::builder(move || registry.snapshot(SystemClock::new().utc()))
        .start(any_port())
        .unwrap();
    let started = Prometheus::builder()
        .job("openmetrics", [server.address()])
        .job("classic", [classic_only(server.address())])
        .exemplars()
        .start();
    let Some(prometheus) = started else {
        return;
    };
    let samples = [
        ("app_seen_total{kind=\"a \\\"b\\\" \\\\ c\"}", 7.0),
        ("app_held", -3.0),
        ("app_level_ratio", 0.5),
        ("app_wait_seconds_bucket{colour=\"red\",le=\"0.001\"}", 1.0),
        ("app_wait_seconds_bucket{colour=\"red\",le=\"10.0\"}", 2.0),
        ("app_wait_seconds_bucket{colour=\"red\",le=\"+Inf\"}", 3.0),
        ("app_wait_seconds_sum{colour=\"red\"}", 20.051),
        ("app_wait_seconds_count{colour=\"red\"}", 3.0),
        ("app_size_bytes_bucket{le=\"1024.0\"}", 1.0),
        ("app_size_bytes_bucket{le=\"4096.0\"}", 2.0),
        ("app_size_bytes_count", 2.0),
    ];
    for job in ["openmetrics", "classic"] {
        prometheus.wait_until_up(job);
        for (query, expected) in samples {
            assert_eq!(
                prometheus.value(&of_job(job, query)),
                Some(expected),
                "{job}: {query}"
            );
        }
        let buckets = of_job(job, "app_wait_seconds_bucket");
        let median = prometheus.value(&format!("histogram_quantile(0.5, {buckets})"));
        let median = median.unwrap();
        assert!((0.001..0.1).contains(&median), "{median}");
    }
    for (family, kind) in [("app_seen", "counter"), ("app_wait_seconds", "histogram")] {
        let families = prometheus.get("/api/v1/metadata", &[("metric", family)]);
        assert_eq!(families[family][0]["type"], kind, "{families}");
    }
    assert_exemplars(&prometheus);
}

fn count(registry: &Registry) {
    registry.family(&SEEN).with(&["a \"b\" \\ c"]).add(7);
    registry.instrument(&HELD).add(-3);
    registry.instrument(&LEVEL).set(0.5);
    let wait = registry.family(&WAIT).with(&["red"]);
    wait.record(0.001);
    wait.record_with(0.05, Some(&trace(1)));
    wait.record_with(20.0, Some(&trace(2)));
    let size = registry.instrument(&SIZE);
    size.record(1_000.0);
    size.record_with(3_000.0, Some(&trace(3)));
}

/// A query for series, of those of one job.
fn of_job(job: &str, series: &str) -> String {
    match series.split_once('{') {
        Some((name, labels)) => format!("{name}{{job=\"{job}\",{labels}"),
        None => format!("{series}{{job=\"{job}\"}}"),
    }
}

/// Every exemplar was scraped, with its value and trace, and none from the format that has none.
fn assert_exemplars(prometheus: &Prometheus) {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let [start, end] = [now - 3_600, now + 3_600].map(|it| it.to_string());
    let parameters = [
        ("query", "{__name__=~\"app_.*_bucket\"}"),
        ("start", &start),
        ("end", &end),
    ];
    let answer = prometheus.get("/api/v1/query_exemplars", &parameters);
    let mut found: Vec<_> = answer
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|series| {
            let labels = &series["seriesLabels"];
            assert_eq!(labels["job"], "openmetrics", "{series}");
            let exemplars = series["exemplars"].as_array().unwrap();
            exemplars.iter().map(|it| {
                [
                    &it["labels"]["span_id"],
                    &it["labels"]["trace_id"],
                    &it["value"],
                    &labels["le"],
                ]
                .map(|it| it.as_str().unwrap().to_owned())
            })
        })
        .collect();
    found.sort();
    let expected = [
        (1_u64, "0.05", "0.1"),
        (2, "20", "+Inf"),
        (3, "3000", "4096.0"),
    ];
    let expected = expected.map(|(number, value, le)| {
        let trace = trace(number);
        let [span_id, trace_id] = [trace.span_id.to_string(), trace.trace_id.to_string()];
        [span_id, trace_id, value.to_owned(), le.to_owned()]
    });
    assert_eq!(found, expected, "{answer}");
}

/// A way to the server on which scrapers ask for the classic format: only newer versions of Prometheus can be told to
/// (`scrape_protocols`).
fn classic_only(target: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind(any_port()).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            forward(stream.unwrap(), target);
        }
    });
    address
}

fn forward(mut scraper: TcpStream, target: SocketAddr) {
    let mut reader = BufReader::new(scraper.try_clone().unwrap());
    let mut line = String::new();
    while reader.read_line(&mut line).unwrap() > 2 {
        line.clear();
    }
    let mut server = TcpStream::connect(target).unwrap();
    let request = "GET /metrics HTTP/1.1\r\nhost: x\r\naccept: text/plain;version=0.0.4\r\n\
                   accept-encoding: gzip\r\nconnection: close\r\n\r\n";
    server.write_all(request.as_bytes()).unwrap();
    // The scraper may have gone away with the end of the test.
    std::io::copy(&mut server, &mut scraper).ok();
}
