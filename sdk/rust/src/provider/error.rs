use std::time::Duration;

use crate::grpc::{Code, Status};

/// Any error of a provider's functions. Of one that is no [`ProviderError`] callers learn only that the provider failed.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What callers learn of an error that is the author's own affair.
pub(super) const INTERNAL_TEXT: &str = "the provider failed";

/// Says why a value cannot be had. Its text is shown to callers: no secrets, no addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {text}")]
pub struct ProviderError {
    pub(super) code: Code,
    pub(super) text: String,
    pub(super) retry_delay: Option<Duration>,
}

impl ProviderError {
    /// An error with a gRPC code and a text. Asking again will not help.
    pub fn new(code: Code, text: impl Into<String>) -> Self {
        ProviderError { code, text: text.into(), retry_delay: None }
    }

    /// Says when to ask again.
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_delay = Some(delay);
        self
    }

    /// The gRPC code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// What callers are told.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// When to ask again.
    pub fn retry_delay(&self) -> Option<Duration> {
        self.retry_delay
    }
}

/// The error of a call; of what is no `ProviderError` nothing is told.
pub(super) fn status_of(error: &BoxError) -> Status {
    match error.downcast_ref::<ProviderError>() {
        None => Status::new(Code::Internal, INTERNAL_TEXT),
        Some(told) => {
            let status = Status::new(told.code, told.text.clone());
            match told.retry_delay {
                Some(delay) => status.with_retry_delay(delay),
                None => status,
            }
        }
    }
}
