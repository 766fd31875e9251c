//! Offering context: a [`Provider`] is a name, a version, and functions that get values and do things.

mod answer;
mod call;
mod context;
mod definition;
mod encode;
mod error;
mod faults;
mod fetch;
mod list;
mod operation;
mod registration;
mod serve;
mod server;
mod service;
#[cfg(test)]
mod tests;

pub use answer::Answer;
pub use context::{Caller, Context, ListEntry, ListPage, ListQuery, Query, SchemaCheck, Scope};
pub use definition::{Limits, Provider};
pub use error::{BoxError, ProviderError};
pub use operation::{Operation, OperationAnswer, OperationCall, Severity};
pub use registration::{EventKind, ProviderEvent};
pub use serve::{RunningProvider, ServeOptions};
pub(crate) use service::{OnFault, ProviderService};
