use std::fmt;
use std::time::Duration;

use prost::Message;
use prost_types::Any;

use super::Code;
use crate::proto::google::rpc::{BadRequest, ErrorInfo, RetryInfo};
use crate::time::{duration_from_wire, duration_to_wire};

/// google.rpc.Status, which `grpc-status-details-bin` carries.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// How a call of gRPC ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    code: Code,
    text: String,
    details: Vec<Any>,
    request_id: Option<String>,
}

impl Status {
    /// A status without details.
    pub fn new(code: Code, text: impl Into<String>) -> Self {
        Status { code, text: text.into(), details: Vec::new(), request_id: None }
    }

    pub(super) fn from_wire(code: Code, text: &str, details: &[u8], request_id: Option<String>) -> Self {
        // Details that cannot be read say nothing; code and text still do.
        let details = RpcStatus::decode(details).map_or_else(|_| Vec::new(), |status| status.details);
        Status { code, text: text.to_owned(), details, request_id }
    }

    /// Says when to try again.
    pub fn with_retry_delay(mut self, delay: Duration) -> Self {
        let detail = RetryInfo { retry_delay: Some(duration_to_wire(delay)) };
        self.details.push(Any {
            type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
            value: detail.encode_to_vec(),
        });
        self
    }

    pub(super) fn with_request_id(mut self, id: Option<String>) -> Self {
        self.request_id = self.request_id.or(id);
        self
    }

    /// The code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// What went wrong, for people.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// When to try again.
    pub fn retry_delay(&self) -> Option<Duration> {
        let info: RetryInfo = self.detail("google.rpc.RetryInfo")?;
        info.retry_delay.as_ref().map(duration_from_wire)
    }

    pub(crate) fn error_info(&self) -> Option<ErrorInfo> {
        self.detail("google.rpc.ErrorInfo").filter(|info: &ErrorInfo| info.domain == "weir")
    }

    pub(crate) fn bad_request(&self) -> Option<BadRequest> {
        self.detail("google.rpc.BadRequest")
    }

    pub(crate) fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    pub(super) fn encoded_details(&self) -> Option<Vec<u8>> {
        if self.details.is_empty() {
            return None;
        }
        let status =
            RpcStatus { code: self.code as i32, message: self.text.clone(), details: self.details.clone() };
        Some(status.encode_to_vec())
    }

    fn detail<M: Message + Default>(&self, name: &str) -> Option<M> {
        let found = self.details.iter().find(|detail| detail.type_url.rsplit('/').next() == Some(name))?;
        M::decode(found.value.as_slice()).ok()
    }
}

impl fmt::Display for Status {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}: {}", self.code, self.text)
    }
}

impl std::error::Error for Status {}
