use std::fmt;
use std::time::Duration;

use crate::context_ref::{ContextRef, InvalidRef};
use crate::grpc::{Code, Status};
use crate::proto::weir::errors::v1::Reason;

/// What goes wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A whole call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The item that was asked for is refused.
    #[error(transparent)]
    Refused(#[from] Box<ItemRefused>),
    /// A text is no ref.
    #[error(transparent)]
    Ref(#[from] InvalidRef),
    /// An option or a declaration cannot be right; the text names it and says how to mend it.
    #[error("{0}")]
    Config(String),
    /// A value is no JSON, or not of the form that was asked for.
    #[error("the value cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// The address cannot be listened on.
    #[error("the provider cannot listen on {address}: {cause}")]
    Listen {
        /// The address.
        address: String,
        /// Why not.
        cause: std::io::Error,
    },
}

/// One fault at one place of a request or document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The place: a path into the request or document.
    pub field: String,
    /// What is wrong there, and how to mend it.
    pub description: String,
}

/// A whole call failed: credentials, a malformed request, overload, an unreachable Weir, the deadline. Items that
/// cannot be had do not raise it; they are refused one by one.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CallError {
    /// The gRPC status code.
    pub code: Code,
    /// The stable reason; `Reason::Unspecified` when the error is not Weir's own.
    pub reason: Reason,
    /// What went wrong and how to mend it, for people.
    pub text: String,
    /// When to try again. `None`: trying again will not help by itself.
    pub retry_delay: Option<Duration>,
    /// The faults of the request, place by place. Empty unless the request was malformed.
    pub violations: Vec<Violation>,
    /// Leads to the call's log line in Weir. `None` when the call never got there.
    pub request_id: Option<String>,
}

impl CallError {
    pub(crate) fn new(code: Code, reason: Reason, text: impl Into<String>) -> Self {
        CallError {
            code,
            reason,
            text: text.into(),
            retry_delay: None,
            violations: Vec::new(),
            request_id: None,
        }
    }

    pub(crate) fn with_advice(mut self, advice: &str) -> Self {
        self.text = format!("{} ({advice})", self.text);
        self
    }

    /// Whether a safe call may help when it is made again.
    pub(crate) fn is_passing(&self) -> bool {
        match self.code {
            Code::Unavailable => true,
            Code::ResourceExhausted => self.retry_delay.is_some(),
            _ => false,
        }
    }
}

impl From<Status> for CallError {
    fn from(status: Status) -> Self {
        let info = status.error_info();
        let reason = match &info {
            Some(info) => reason_of_name(&info.reason),
            None => reason_of_code(status.code()),
        };
        let faults = status.bad_request().map(|each| each.field_violations);
        let violations = faults
            .unwrap_or_default()
            .into_iter()
            .map(|fault| Violation { field: fault.field, description: fault.description });
        let told = info.and_then(|info| info.metadata.get("request_id").cloned());
        CallError {
            code: status.code(),
            reason,
            text: status.text().to_owned(),
            retry_delay: status.retry_delay(),
            violations: violations.collect(),
            request_id: status.request_id().map(str::to_owned).or(told),
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}", self.code)?;
        if self.reason != Reason::Unspecified {
            write!(to, " ({})", self.reason.name())?;
        }
        write!(to, ": {}", self.text)?;
        for Violation { field, description } in &self.violations {
            write!(to, "\n  {field}: {description}")?;
        }
        Ok(())
    }
}

impl std::error::Error for CallError {}

/// Why there is no item for a ref.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Refusal {
    /// The gRPC status code that the item would have as a call of its own.
    pub code: Code,
    /// The stable reason.
    pub reason: Reason,
    /// What is wrong and how to mend it, for people.
    pub text: String,
    /// When the ref may be asked for again. `None`: asking again will not help.
    pub retry_delay: Option<Duration>,
    /// The versions on offer, newest first; filled with `Reason::VersionNotOffered`.
    pub offered_versions: Vec<String>,
}

impl Refusal {
    pub(crate) fn new(code: Code, reason: Reason, text: impl Into<String>) -> Self {
        Refusal { code, reason, text: text.into(), retry_delay: None, offered_versions: Vec::new() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}: {}", self.reason.name(), self.text)
    }
}

/// An item that `get` was asked for is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{reference}: {refusal}")]
pub struct ItemRefused {
    /// What was asked for.
    pub reference: ContextRef,
    /// Why there is no item.
    pub refusal: Refusal,
}

impl Reason {
    /// The name without its prefix, such as `KEY_NOT_FOUND`.
    pub fn name(self) -> &'static str {
        let full = self.as_str_name();
        full.strip_prefix("REASON_").unwrap_or(full)
    }
}

/// A reason that is not known here says nothing; its text still does.
fn reason_of_name(name: &str) -> Reason {
    let full = match name.starts_with("REASON_") {
        true => name.to_owned(),
        false => format!("REASON_{name}"),
    };
    Reason::from_str_name(&full).unwrap_or(Reason::Unspecified)
}

fn reason_of_code(code: Code) -> Reason {
    match code {
        Code::DeadlineExceeded => Reason::DeadlineExceeded,
        Code::Cancelled => Reason::Cancelled,
        _ => Reason::Unspecified,
    }
}
