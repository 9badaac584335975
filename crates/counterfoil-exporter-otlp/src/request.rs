//! Requests and answers of the three services.

use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::{DecodeError, Message};

/// One request.
#[derive(Debug)]
pub(crate) enum Request {
    Traces(ExportTraceServiceRequest),
    Metrics(ExportMetricsServiceRequest),
    Logs(ExportLogsServiceRequest),
}

/// What a receiver that took a request says about it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Items that it did not take, and will not take.
    pub(crate) rejected: u64,
    /// Why, in its own words.
    pub(crate) message: String,
}

impl Request {
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Traces(request) => request.encode_to_vec(),
            Self::Metrics(request) => request.encode_to_vec(),
            Self::Logs(request) => request.encode_to_vec(),
        }
    }

    /// The answer to this request, from its bytes.
    pub(crate) fn decode_answer(&self, bytes: &[u8]) -> Result<Answer, DecodeError> {
        match self {
            Self::Traces(_) => ExportTraceServiceResponse::decode(bytes).map(Answer::from),
            Self::Metrics(_) => ExportMetricsServiceResponse::decode(bytes).map(Answer::from),
            Self::Logs(_) => ExportLogsServiceResponse::decode(bytes).map(Answer::from),
        }
    }

    /// What its items are called.
    pub(crate) const fn items(&self) -> &'static str {
        match self {
            Self::Traces(_) => "spans",
            Self::Metrics(_) => "data points",
            Self::Logs(_) => "log records",
        }
    }
}

macro_rules! answer_from {
    ($response:ident, $rejected:ident) => {
        impl From<$response> for Answer {
            fn from(response: $response) -> Self {
                response
                    .partial_success
                    .map_or_else(Self::default, |part| Self {
                        rejected: u64::try_from(part.$rejected).unwrap_or(0),
                        message: part.error_message,
                    })
            }
        }
    };
}
answer_from!(ExportTraceServiceResponse, rejected_spans);
answer_from!(ExportMetricsServiceResponse, rejected_data_points);
answer_from!(ExportLogsServiceResponse, rejected_log_records);
