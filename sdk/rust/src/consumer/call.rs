use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::item::CacheStatus;
use super::transport::{CallSettings, Transport};
use crate::error::{CallError, Error};
use crate::grpc::Code;
use crate::proto::weir::errors::v1::Reason;
use crate::proto::weir::tools::v1 as wire;
use crate::proto::weir::tools::v1::call_tool_response::Message;
use crate::proto::weir::tools::v1::tool_service::CALL_TOOL;
use crate::sensitivity::Sensitivity;
use crate::time::{duration_from_wire, time_from_wire};
use crate::value::Value;

/// How a tool is called.
#[derive(Clone, Default)]
pub struct CallOptions {
    /// The time of the call. Default: the client's.
    pub timeout: Option<Duration>,
    /// The tool group. Empty: that of the key, if it has one.
    pub group: String,
    /// What the call is for, as of a fetch. Default: not stated.
    pub purpose: String,
    /// Told how far the tool is. Default: nobody is, and the tool is told that nobody wants to know.
    pub on_progress: Option<Arc<dyn Fn(Progress) + Send + Sync>>,
}

impl fmt::Debug for CallOptions {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("CallOptions")
            .field("timeout", &self.timeout)
            .field("group", &self.group)
            .field("purpose", &self.purpose)
            .field("on_progress", &self.on_progress.is_some())
            .finish()
    }
}

/// How far a tool is.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// Grows from one to the next.
    pub progress: f64,
    /// What it grows to, when that is known.
    pub total: Option<f64>,
    /// For people.
    pub text: String,
}

/// What a tool came to.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ToolResult {
    /// The result, as its media type says.
    pub value: Value,
    /// The result as it came.
    pub bytes: Bytes,
    /// The media type: `application/json`, or `application/vnd.weir.tool-result+json` for a result made of pieces.
    pub content_type: String,
    /// Whether the tool itself failed: the value says how.
    pub is_error: bool,
    /// How the router came by it.
    pub cache: CacheStatus,
    /// How sensitive it is; internal when nobody says.
    pub sensitivity: Sensitivity,
    /// Whether a policy had something of it masked, removed or cut.
    pub redacted: bool,
    /// When the provider held this to be the result, if it says.
    pub as_of: Option<SystemTime>,
    /// How long it stays true, if that is said.
    pub ttl: Option<Duration>,
}

/// Calls a tool, once: what it does may not be done again.
pub(super) async fn call_tool(
    transport: &Arc<Transport>,
    tool: &str,
    arguments: &serde_json::Value,
    options: &CallOptions,
) -> Result<ToolResult, Error> {
    let request = wire::CallToolRequest {
        tool: tool.to_owned(),
        group: options.group.clone(),
        arguments: serde_json::to_vec(arguments)?.into(),
        purpose: options.purpose.clone(),
        wants_progress: options.on_progress.is_some(),
        ..Default::default()
    };
    let deadline = transport.deadline(&CallSettings { timeout: options.timeout });
    let mut messages = transport.stream(&CALL_TOOL, &request, Some(deadline)).await?;
    let mut result = None;
    while let Some(response) = messages.message().await? {
        match response.message {
            Some(Message::Progress(progress)) => tell(progress, options),
            Some(Message::Result(wire)) => result = Some(result_from_wire(wire)?),
            Some(Message::InputRequired(_)) => return Err(cannot_be_asked().into()),
            Some(Message::Log(_)) | None => {}
        }
    }
    let lost = || CallError::new(Code::Internal, Reason::Internal, "Weir ended the call without a result");
    Ok(result.ok_or_else(lost)?)
}

fn tell(wire: crate::proto::weir::provider::v1::Progress, options: &CallOptions) {
    if let Some(on_progress) = &options.on_progress {
        on_progress(Progress { progress: wire.progress, total: wire.total, text: wire.text });
    }
}

fn result_from_wire(wire: wire::ToolResult) -> Result<ToolResult, Error> {
    Ok(ToolResult {
        value: Value::read(&wire.content_type, &wire.payload)?,
        bytes: wire.payload,
        content_type: wire.content_type,
        is_error: wire.is_error,
        cache: CacheStatus::from_wire(wire.cache),
        sensitivity: Sensitivity::from_wire(wire.sensitivity).unwrap_or(Sensitivity::Internal),
        redacted: wire.redacted,
        as_of: wire.as_of.as_ref().and_then(time_from_wire),
        ttl: wire.ttl.as_ref().map(duration_from_wire),
    })
}

fn cannot_be_asked() -> CallError {
    let text = "the tool asks something before it goes on, which this SDK does not answer";
    CallError::new(Code::Unimplemented, Reason::CannotBeAsked, text)
}
