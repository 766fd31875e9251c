use std::time::Duration;

use bytes::Bytes;
use http::uri::{Authority, Scheme};
use http::{header, HeaderMap, HeaderValue, Request, Response, Uri};
use hyper::body::HttpBody;
use hyper::client::HttpConnector;
use hyper::{Body, Client};
use tokio::time::{timeout_at, Instant};

use super::frame::{frame, Deframer};
use super::metadata::{code_of_http, status_of, timeout_value};
use super::{Code, Status};
use crate::error::Error;

/// Answers larger than this are refused on arrival: a full response budget and its envelope.
const READ_MAX_BYTES: usize = 8 * 1024 * 1024;
/// The HTTP/2 default of 64 KiB costs a good part of the throughput, even on loopback.
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 8 * STREAM_WINDOW_BYTES;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// Speaks HTTP, with TLS where an address asks for it.
#[derive(Clone)]
pub(crate) enum HttpClient {
    Plain(Client<HttpConnector>),
    #[cfg(feature = "tls")]
    Tls(Client<hyper_rustls::HttpsConnector<HttpConnector>>),
}

impl HttpClient {
    pub(crate) async fn request(&self, request: Request<Body>) -> hyper::Result<Response<Body>> {
        match self {
            HttpClient::Plain(client) => client.request(request).await,
            #[cfg(feature = "tls")]
            HttpClient::Tls(client) => client.request(request).await,
        }
    }
}

/// Makes what speaks HTTP/1.1, or HTTP/2 only, to addresses of a scheme.
pub(crate) fn http_client(scheme: &Scheme, is_http2: bool) -> Result<HttpClient, Error> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let mut builder = Client::builder();
    if is_http2 {
        builder
            .http2_only(true)
            .http2_initial_stream_window_size(STREAM_WINDOW_BYTES)
            .http2_initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .http2_keep_alive_interval(PING_INTERVAL)
            .http2_keep_alive_timeout(PING_TIMEOUT);
    }
    if *scheme == Scheme::HTTPS {
        return secure(connector, &builder, is_http2);
    }
    Ok(HttpClient::Plain(builder.build(connector)))
}

#[cfg(feature = "tls")]
fn secure(
    mut connector: HttpConnector,
    builder: &hyper::client::Builder,
    is_http2: bool,
) -> Result<HttpClient, Error> {
    connector.enforce_http(false);
    let mut roots = rustls::RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs().map_err(|error| {
        Error::Config(format!("the certificates of the platform cannot be read: {error}"))
    })?;
    for certificate in found {
        // One that cannot be read vouches for nothing, and the others still do.
        let _ = roots.add(&rustls::Certificate(certificate.0));
    }
    let config = rustls::ClientConfig::builder()
        .with_safe_defaults()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let https = hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(config).https_only();
    let https = if is_http2 {
        https.enable_http2().wrap_connector(connector)
    } else {
        https.enable_http1().wrap_connector(connector)
    };
    Ok(HttpClient::Tls(builder.build(https)))
}

#[cfg(not(feature = "tls"))]
fn secure(_: HttpConnector, _: &hyper::client::Builder, _: bool) -> Result<HttpClient, Error> {
    let text = "https needs the feature `tls` of weir-sdk: switch it on, or give an address of http";
    Err(Error::Config(text.to_owned()))
}

/// A way to one server. Connects with the first call, and again when the connection was lost.
pub(crate) struct Channel {
    http: HttpClient,
    scheme: Scheme,
    authority: Authority,
    /// What stands before the paths of methods.
    prefix: String,
}

impl Channel {
    pub(crate) fn open(address: &Uri) -> Result<Channel, Error> {
        let scheme = address.scheme().cloned().unwrap_or(Scheme::HTTP);
        let authority = address
            .authority()
            .cloned()
            .ok_or_else(|| Error::Config(format!("the address {address} has no host")))?;
        let prefix = address.path().trim_end_matches('/').to_owned();
        let http = http_client(&scheme, true)?;
        Ok(Channel { http, scheme, authority, prefix })
    }

    /// Makes a call with one message, and reads its one answer.
    pub(crate) async fn unary(
        &self,
        path: &str,
        headers: HeaderMap,
        message: &[u8],
        deadline: Option<Instant>,
    ) -> Result<Bytes, Status> {
        let mut messages = self.stream(path, headers, message, deadline).await?;
        let answer = messages.message().await?;
        let answer =
            answer.ok_or_else(|| Status::new(Code::Internal, "the call was answered without a message"))?;
        // The status comes after the message, and counts.
        match messages.message().await? {
            None => Ok(answer),
            Some(_) => Err(Status::new(Code::Internal, "the call was answered with several messages")),
        }
    }

    /// Makes a call with one message, and reads answers until it ends. Dropping them cancels the call.
    pub(crate) async fn stream(
        &self,
        path: &str,
        headers: HeaderMap,
        message: &[u8],
        deadline: Option<Instant>,
    ) -> Result<Messages, Status> {
        let request = self.request(path, headers, message, deadline)?;
        let response = within(deadline, self.http.request(request)).await?.map_err(|error| broken(&error))?;
        let (head, body) = response.into_parts();
        let request_id =
            head.headers.get("x-request-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
        if let Some(status) = status_of(&head.headers) {
            return Messages::ended(body, status.with_request_id(request_id), deadline);
        }
        let is_grpc = head
            .headers
            .get(header::CONTENT_TYPE)
            .map_or(false, |value| value.as_bytes().starts_with(b"application/grpc"));
        if head.status != http::StatusCode::OK || !is_grpc {
            let text = format!("no gRPC server answered: HTTP status {}", head.status.as_u16());
            return Err(Status::new(code_of_http(head.status), text).with_request_id(request_id));
        }
        Ok(Messages { body, deframer: Deframer::new(READ_MAX_BYTES), deadline, request_id, has_ended: false })
    }

    fn request(
        &self,
        path: &str,
        headers: HeaderMap,
        message: &[u8],
        deadline: Option<Instant>,
    ) -> Result<Request<Body>, Status> {
        let uri = Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(format!("{}{path}", self.prefix))
            .build()
            .map_err(|error| Status::new(Code::Internal, error.to_string()))?;
        let mut request = Request::post(uri)
            .body(Body::from(frame(message)))
            .map_err(|error| Status::new(Code::Internal, error.to_string()))?;
        let all = request.headers_mut();
        *all = headers;
        all.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        all.insert(header::TE, HeaderValue::from_static("trailers"));
        let agent = concat!("weir-sdk-rust/", env!("CARGO_PKG_VERSION"));
        all.insert(header::USER_AGENT, HeaderValue::from_static(agent));
        if let Some(deadline) = deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            all.insert("grpc-timeout", timeout_value(left));
        }
        Ok(request)
    }
}

/// The answers of a call, as they come.
pub(crate) struct Messages {
    body: Body,
    deframer: Deframer,
    deadline: Option<Instant>,
    request_id: Option<String>,
    has_ended: bool,
}

impl Messages {
    fn ended(body: Body, status: Status, deadline: Option<Instant>) -> Result<Messages, Status> {
        if status.code() != Code::Ok {
            return Err(status);
        }
        Ok(Messages { body, deframer: Deframer::new(0), deadline, request_id: None, has_ended: true })
    }

    /// The next message. `None`: the call has ended well.
    pub(crate) async fn message(&mut self) -> Result<Option<Bytes>, Status> {
        loop {
            if self.has_ended {
                return Ok(None);
            }
            if let Some(message) = self.deframer.next()? {
                return Ok(Some(message));
            }
            match within(self.deadline, self.body.data()).await? {
                Some(Ok(data)) => self.deframer.push(&data),
                Some(Err(error)) => return Err(broken(&error)),
                None => return self.end().await,
            }
        }
    }

    async fn end(&mut self) -> Result<Option<Bytes>, Status> {
        let trailers = within(self.deadline, self.body.trailers())
            .await?
            .map_err(|error| broken(&error))?
            .unwrap_or_default();
        let status = status_of(&trailers).map(|status| status.with_request_id(self.request_id.take()));
        self.has_ended = true;
        match status {
            Some(status) if status.code() != Code::Ok => Err(status),
            Some(_) if !self.deframer.is_within_message() => Ok(None),
            // Half of an answer came: the server behind a gateway is gone.
            _ => Err(Status::new(Code::Unavailable, "the answer broke off without a status")),
        }
    }
}

async fn within<T>(
    deadline: Option<Instant>,
    future: impl std::future::Future<Output = T>,
) -> Result<T, Status> {
    match deadline {
        None => Ok(future.await),
        Some(deadline) => timeout_at(deadline, future)
            .await
            .map_err(|_| Status::new(Code::DeadlineExceeded, "no answer came within the time of the call")),
    }
}

/// A connection that cannot be made or breaks: Weir is not there, and a safe call may be tried again.
fn broken(error: &hyper::Error) -> Status {
    let mut text = format!("the connection broke: {error}");
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    Status::new(Code::Unavailable, text)
}
