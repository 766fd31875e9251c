//! gRPC over HTTP/2, as much of it as Weir needs: unary and server-streaming calls, deadlines, error details.
//!
//! The wire is that of <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>. Messages are never
//! compressed: to compress takes a router longer than small messages save on the way.

mod client;
mod code;
mod frame;
mod metadata;
mod method;
mod server;
mod status;

pub(crate) use client::{http_client, Channel, HttpClient, Messages};
pub use code::Code;
pub use method::Method;
pub(crate) use server::{serve_connection, MessageStream, Service};
pub use status::Status;
