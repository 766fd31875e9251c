use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use http::{header, HeaderMap, HeaderValue, Method as HttpMethod, Request, Response, StatusCode};
use hyper::body::{HttpBody, SizeHint};
use hyper::server::conn::Http;
use hyper::service::service_fn;
use hyper::Body;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, sleep_until, timeout_at, Instant, Sleep};

use super::frame::{frame, Deframer};
use super::metadata::{timeout_of, trailers_of};
use super::{Code, Status};

const READ_MAX_BYTES: usize = 4 * 1024 * 1024;
/// What an operation may take.
const TIMEOUT_MAX: Duration = Duration::from_secs(600);
const STREAMS_PER_CONNECTION: u32 = 100;
const HEADER_BYTES: u32 = 16 * 1024;
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 8 * STREAM_WINDOW_BYTES;
/// How long a connection may wait before its first call.
const SILENCE: Duration = Duration::from_secs(10);
/// What of an answer may wait for a slow peer, in bytes.
const SEND_BUFFER_BYTES: usize = 1024 * 1024;

/// The encoded answers of a call, in their order, and what it failed with.
pub(crate) type MessageStream = BoxStream<'static, Result<Bytes, Status>>;

/// What answers calls.
pub(crate) trait Service: Send + Sync + 'static {
    /// Refuses a call by its path and headers, before its message is read.
    fn admit(&self, path: &str, headers: &HeaderMap) -> Result<(), Status>;

    /// Answers a call. Dropping the answer cancels it.
    fn call(&self, path: &str, message: Bytes, deadline: Instant) -> MessageStream;

    /// What is held for as long as the call goes on.
    fn begin(&self, path: &str) -> Box<dyn Send>;
}

/// Answers the calls of one connection, until it ends or `stopping` becomes true; then those under way.
pub(crate) async fn serve_connection(
    socket: TcpStream,
    service: Arc<dyn Service>,
    mut stopping: watch::Receiver<bool>,
) {
    let _ = socket.set_nodelay(true);
    let was_called = Arc::new(AtomicBool::new(false));
    let called = was_called.clone();
    let answer = service_fn(move |request| {
        called.store(true, Ordering::Relaxed);
        let service = service.clone();
        async move { Ok::<_, Infallible>(answer(service, request).await) }
    });
    let connection = Http::new()
        .http2_only(true)
        .http2_max_concurrent_streams(STREAMS_PER_CONNECTION)
        .http2_max_header_list_size(HEADER_BYTES)
        .http2_initial_stream_window_size(STREAM_WINDOW_BYTES)
        .http2_initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_max_send_buf_size(SEND_BUFFER_BYTES)
        .serve_connection(socket, answer);
    tokio::pin!(connection);
    let silence = sleep(SILENCE);
    tokio::pin!(silence);
    let mut is_waiting = true;
    loop {
        tokio::select! {
            // How a connection ended matters to nobody: its calls were told.
            _ = connection.as_mut() => return,
            _ = stopping.changed() => break,
            _ = silence.as_mut(), if is_waiting => {
                if !was_called.load(Ordering::Relaxed) {
                    return;
                }
                is_waiting = false;
            }
        }
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

async fn answer(service: Arc<dyn Service>, request: Request<Body>) -> Response<Reply> {
    let path = request.uri().path().to_owned();
    let is_grpc = request
        .headers()
        .get(header::CONTENT_TYPE)
        .map_or(false, |value| value.as_bytes().starts_with(b"application/grpc"));
    if request.method() != HttpMethod::POST || !is_grpc {
        let mut response = Response::new(Reply::empty());
        *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return response;
    }
    let timeout = timeout_of(request.headers()).map_or(TIMEOUT_MAX, |given| given.min(TIMEOUT_MAX));
    let deadline = Instant::now() + timeout;
    let guard = service.begin(&path);
    let messages = match read(&*service, &path, request, deadline).await {
        Ok(message) => service.call(&path, message, deadline),
        Err(status) => failed(status),
    };
    let mut response = Response::new(Reply::new(messages, deadline, guard));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc+proto"));
    response
}

fn failed(status: Status) -> MessageStream {
    Box::pin(futures_util::stream::once(async { Err(status) }))
}

/// The one message of a call.
async fn read(
    service: &dyn Service,
    path: &str,
    request: Request<Body>,
    deadline: Instant,
) -> Result<Bytes, Status> {
    service.admit(path, request.headers())?;
    let mut body = request.into_body();
    let mut deframer = Deframer::new(READ_MAX_BYTES);
    loop {
        if let Some(message) = deframer.next()? {
            return Ok(message);
        }
        let data = timeout_at(deadline, body.data()).await.map_err(|_| late())?;
        match data {
            Some(Ok(data)) => deframer.push(&data),
            Some(Err(_)) => return Err(Status::new(Code::Cancelled, "the request broke off")),
            None => return Err(Status::new(Code::InvalidArgument, "the request holds no whole message")),
        }
    }
}

fn late() -> Status {
    Status::new(Code::DeadlineExceeded, "the time of the call ran out")
}

/// The answer of a call as HTTP has it: messages, and trailers that say how it ended.
struct Reply {
    messages: Option<MessageStream>,
    deadline: Pin<Box<Sleep>>,
    status: Option<Status>,
    _guard: Box<dyn Send>,
}

impl Reply {
    fn new(messages: MessageStream, deadline: Instant, guard: Box<dyn Send>) -> Self {
        Reply {
            messages: Some(messages),
            deadline: Box::pin(sleep_until(deadline)),
            status: None,
            _guard: guard,
        }
    }

    fn empty() -> Self {
        Reply { messages: None, ..Reply::new(failed(late()), Instant::now(), Box::new(())) }
    }

    fn end(&mut self, status: Status) {
        // What is still under way is dropped at once, and thereby cancelled.
        self.messages = None;
        self.status = Some(status);
    }
}

impl HttpBody for Reply {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_data(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        let this = &mut *self;
        let next = match this.messages.as_mut() {
            None => return Poll::Ready(None),
            Some(messages) => messages.as_mut().poll_next(context),
        };
        match next {
            Poll::Ready(Some(Ok(message))) => return Poll::Ready(Some(Ok(frame(&message)))),
            Poll::Ready(Some(Err(status))) => this.end(status),
            Poll::Ready(None) => this.end(Status::new(Code::Ok, "")),
            Poll::Pending => match this.deadline.as_mut().poll(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(()) => this.end(late()),
            },
        }
        Poll::Ready(None)
    }

    fn poll_trailers(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Result<Option<HeaderMap>, Infallible>> {
        Poll::Ready(Ok(self.status.take().map(|status| trailers_of(&status))))
    }

    fn is_end_stream(&self) -> bool {
        self.messages.is_none() && self.status.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
