//! Write providers of context for Weir, and fetch context from it.
//!
//! * [`Weir`] is a client: it fetches, streams and lists context, calls tools, publishes and subscribes.
//! * [`provider`] offers context: a [`provider::Provider`] is a name, a version, and functions that get values.
//! * [`testing`] tests a provider without a server.
//! * [`proto`] holds the generated messages and methods, for what has no method of its own here.
//!
//! Everything runs on [tokio](https://tokio.rs). Dropping a future or a stream cancels what it does, upstream too.

mod backoff;
mod consumer;
mod context_ref;
mod error;
pub mod grpc;
mod json;
pub mod provider;
mod sensitivity;

pub mod testing;
mod time;
mod value;

/// The generated messages of Weir's contract, and a constant for each method.
#[allow(clippy::all, missing_docs)]
pub mod proto {
    include!("gen/mod.rs");
}

pub use consumer::{
    CacheStatus, CallOptions, CallSettings, ContextEntry, Event, EventInput, FetchOptions, Gap, Item, Link,
    LinkMode, ListOptions, Outcome, Progress, Provenance, PublishOptions, Published, Start, SubscribeOptions,
    ToolResult, Weir, WeirBuilder,
};
pub use context_ref::{ContextRef, InvalidRef};
pub use error::{CallError, Error, ItemRefused, Refusal, Violation};
pub use grpc::Code;
pub use proto::weir::errors::v1::Reason;
pub use sensitivity::Sensitivity;
pub use value::Value;
