//! HTTP/1.1, as much of it as an OTLP client speaks.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use flate2::read::MultiGzDecoder;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;

use super::http::{HttpReply, Shared};
use super::received::RequestHead;

/// Most bytes of a body, before and after it is decompressed.
const MAX_BODY: u64 = 64 << 20;

/// A request.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) head: RequestHead,
    bytes: Vec<u8>,
}

impl Body {
    /// The body, decompressed; `None` when it cannot be.
    pub(super) fn decoded(&self) -> Option<Vec<u8>> {
        match self.head.header("content-encoding") {
            None => Some(self.bytes.clone()),
            Some("gzip") => {
                let (mut bytes, gzip) = (Vec::new(), MultiGzDecoder::new(&*self.bytes));
                let read = gzip.take(MAX_BODY).read_to_end(&mut bytes);
                read.ok().map(|_| bytes)
            }
            Some(_) => None,
        }
    }
}

/// Answers the requests of a connection, one after the other.
pub(super) fn serve(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    let (mut input, mut output) = (BufReader::new(stream), stream);
    while let Some(request) = read(&mut input)? {
        match shared.reply(request) {
            HttpReply::Accept => answer(&mut output, 200, &protobuf(), &[])?,
            HttpReply::Partial { rejected, message } => {
                answer(&mut output, 200, &protobuf(), &partial(rejected, message))?;
            }
            HttpReply::Status {
                status,
                headers,
                body,
            } => answer(&mut output, status, &headers, &body)?,
            HttpReply::Raw(bytes) => return output.write_all(&bytes),
            HttpReply::Never => {
                shared.wait_for_stop();
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The next request; `None` when the connection ended before it.
fn read(input: &mut impl BufRead) -> io::Result<Option<Body>> {
    let mut line = String::new();
    if input.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    loop {
        line.clear();
        input.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut head = RequestHead {
        path,
        headers,
        len: 0,
    };
    let len = head
        .header("content-length")
        .and_then(|len| len.parse().ok());
    let mut bytes = Vec::new();
    input
        .take(len.unwrap_or(0).min(MAX_BODY))
        .read_to_end(&mut bytes)?;
    head.len = bytes.len();
    Ok(Some(Body { head, bytes }))
}

fn answer(
    output: &mut impl Write,
    status: u16,
    headers: &[(String, String)],
    body: &[u8],
) -> io::Result<()> {
    let mut head = format!(
        "HTTP/1.1 {status} Scripted\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    output.write_all(&[head.as_bytes(), body].concat())
}

fn protobuf() -> [(String, String); 1] {
    [(
        "content-type".to_owned(),
        "application/x-protobuf".to_owned(),
    )]
}

/// The three responses have the same form.
fn partial(rejected: i64, message: String) -> Vec<u8> {
    let partial = ExportTracePartialSuccess {
        rejected_spans: rejected,
        error_message: message,
    };
    let response = ExportTraceServiceResponse {
        partial_success: Some(partial),
    };
    response.encode_to_vec()
}
