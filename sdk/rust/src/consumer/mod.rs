//! What consumers call.

mod addresses;
mod call;
mod fetch;
mod follow;
mod item;
mod link;
mod list;
mod publish;
mod stream;
mod subscribe;
#[cfg(test)]
mod tests;
mod transport;
mod weir;

pub use call::{CallOptions, Progress, ToolResult};
pub use fetch::{FetchOptions, LinkMode};
pub use item::{CacheStatus, Item, Link, Outcome, Provenance};
pub use list::{ContextEntry, Gap, ListOptions};
pub use publish::{EventInput, PublishOptions, Published};
pub use subscribe::{Event, Start, SubscribeOptions};
pub use transport::CallSettings;
pub use weir::{Weir, WeirBuilder};
