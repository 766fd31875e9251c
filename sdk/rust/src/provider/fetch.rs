use std::any::Any;
use std::collections::BTreeMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};
use futures_util::FutureExt;
use tokio::sync::{mpsc, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::context::{Caller, Context, Fetch, FetchResult, Query};
use super::definition::Provider;
use super::encode::{
    encode_answer, encode_error, encode_part, ByteStream, Encoded, Encoding, Rest, MESSAGE_MAX_BYTES,
    PART_BYTES,
};
use super::error::{BoxError, ProviderError};
use super::service::{Fault, OnFault};
use crate::grpc::Code;
use crate::proto::weir::provider::v1 as wire;

/// What waits to be sent to a slow router, in bytes; no further outcome is taken then.
const UNSENT_MAX_BYTES: usize = 4 * MESSAGE_MAX_BYTES;
const UNSENT_MAX_COUNT: usize = 1_024;

/// Answers a batch: runs its queries side by side and sends what is ready without waiting for the rest. Large values go
/// in parts, as fast as the router takes them. An error of one query is that query's alone.
pub(super) fn answer_fetch(
    provider: Arc<Provider>,
    request: wire::FetchRequest,
    deadline: Instant,
    on_fault: OnFault,
) -> BoxStream<'static, wire::FetchResponse> {
    let (sender, receiver) = mpsc::channel(UNSENT_MAX_COUNT);
    let outbox = Outbox { sender, room: Arc::new(Semaphore::new(UNSENT_MAX_BYTES)), on_fault };
    let tasks = tasks_of(&provider, request, deadline, &outbox);
    let concurrency = provider.concurrency;
    // A task of its own: functions go on while a slow router takes nothing.
    let running = AbortOnDrop(tokio::spawn(async move {
        stream::iter(tasks).for_each_concurrent(concurrency, |task| task).await;
    }));
    drop(outbox);
    Box::pin(stream::unfold((receiver, None, running), |(mut receiver, held, running)| async {
        let (message, held) = next_message(&mut receiver, held).await?;
        Some((message, (receiver, held, running)))
    }))
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A result on its way, and the room that it takes.
struct Ready {
    index: u32,
    encoded: Encoded,
    _room: OwnedSemaphorePermit,
}

/// What is ready now, as far as a message holds it; and the result that did not fit any more.
async fn next_message(
    receiver: &mut mpsc::Receiver<Ready>,
    held: Option<Ready>,
) -> Option<(wire::FetchResponse, Option<Ready>)> {
    let first = match held {
        Some(held) => held,
        None => receiver.recv().await?,
    };
    let mut bytes = first.encoded.bytes;
    let mut results = vec![result_of(first)];
    // What else becomes ready in this turn shares the message.
    tokio::task::yield_now().await;
    while let Ok(ready) = receiver.try_recv() {
        if bytes + ready.encoded.bytes > MESSAGE_MAX_BYTES {
            return Some((wire::FetchResponse { results }, Some(ready)));
        }
        bytes += ready.encoded.bytes;
        results.push(result_of(ready));
    }
    Some((wire::FetchResponse { results }, None))
}

fn result_of(ready: Ready) -> wire::FetchResult {
    wire::FetchResult { index: ready.index, outcome: Some(ready.encoded.outcome) }
}

#[derive(Clone)]
struct Outbox {
    sender: mpsc::Sender<Ready>,
    room: Arc<Semaphore>,
    on_fault: OnFault,
}

/// One query, and its place in the batch.
struct Job {
    index: u32,
    query: Query,
}

impl Outbox {
    /// Sends what became of a query; of what callers learn nothing, the provider does.
    async fn finish(&self, index: u32, what: &str, encoding: Result<Encoding, BoxError>) {
        let sent = match encoding {
            Ok(encoding) => self.send(index, encoding).await,
            Err(error) => Err(error),
        };
        if let Err(error) = sent {
            self.put(index, encode_error(&error)).await;
            self.report(what, error);
        }
    }

    /// Fails when the author's stream does.
    async fn send(&self, index: u32, encoding: Encoding) -> Result<(), BoxError> {
        let Encoding { first, rest } = encoding;
        match rest {
            Rest::Nothing => self.put(index, first).await,
            Rest::Bytes(payload) => {
                self.put(index, first).await;
                for part in parts_of(payload) {
                    self.put(index, encode_part(part)).await;
                }
            }
            Rest::Stream(stream) => self.send_stream(index, first, stream).await?,
        }
        Ok(())
    }

    /// Each part waits for the next, so that a stream that fails at its end can still be taken back.
    async fn send_stream(&self, index: u32, first: Encoded, mut stream: ByteStream) -> Result<(), BoxError> {
        let size_bytes = stream.size_bytes;
        let mut read_bytes = 0;
        let mut held = first;
        while let Some(piece) = stream.pieces.next().await {
            let piece = piece?;
            read_bytes += piece.len() as u64;
            if read_bytes > size_bytes {
                return Err(format!("the stream holds more than {size_bytes} bytes").into());
            }
            for part in parts_of(piece) {
                let next = encode_part(part);
                self.put(index, std::mem::replace(&mut held, next)).await;
            }
        }
        if read_bytes < size_bytes {
            return Err(format!("the stream holds {read_bytes} bytes, not {size_bytes}").into());
        }
        self.put(index, held).await;
        Ok(())
    }

    async fn put(&self, index: u32, encoded: Encoded) {
        let bytes = encoded.bytes.min(UNSENT_MAX_BYTES) as u32;
        // Neither is ever closed while this waits, unless nobody wants the answer any more.
        if let Ok(room) = self.room.clone().acquire_many_owned(bytes).await {
            let ready = Ready { index, encoded, _room: room };
            let _ = self.sender.send(ready).await;
        }
    }

    fn report(&self, what: &str, error: BoxError) {
        if !error.is::<ProviderError>() {
            (self.on_fault)(Fault { what: what.to_owned(), error });
        }
    }
}

fn parts_of(mut payload: Bytes) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || {
        let part = payload.split_to(payload.len().min(PART_BYTES));
        (!part.is_empty()).then(|| part)
    })
}

type Task = BoxFuture<'static, ()>;

/// One task for each query, or for each context where the author fetches many at once.
fn tasks_of(
    provider: &Provider,
    request: wire::FetchRequest,
    deadline: Instant,
    outbox: &Outbox,
) -> Vec<Task> {
    let caller = Caller::from_wire(request.caller);
    let mut tasks = Vec::new();
    let mut together: BTreeMap<(String, String), (Context, Vec<Job>)> = BTreeMap::new();
    for (index, query) in (0..).zip(request.queries) {
        let context = provider.find_context(&query.r#type, &query.type_version);
        let context = match context {
            Some(context) if query.key.starts_with(&context.key_prefix) => context.clone(),
            Some(_) => {
                tasks.push(settled(outbox, index, Ok(None)));
                continue;
            }
            None => {
                let text = format!("this provider does not offer {}@{}", query.r#type, query.type_version);
                tasks.push(settled(outbox, index, Err(ProviderError::new(Code::Unimplemented, text).into())));
                continue;
            }
        };
        let query = Query {
            key: query.key,
            known_etag: query.known_etag,
            caller: caller.clone(),
            deadline: deadline.into_std(),
        };
        let job = Job { index, query };
        if let Some(Fetch::One(function)) = &context.fetch {
            let (function, outbox) = (function.clone(), outbox.clone());
            tasks.push(fetch_one(outbox, context.type_name, job, move |query| function(query)).boxed());
        } else {
            let kind = (context.type_name.clone(), context.version.clone());
            together.entry(kind).or_insert((context, Vec::new())).1.push(job);
        }
    }
    for (context, jobs) in together.into_values() {
        tasks.push(fetch_together(outbox.clone(), context, jobs).boxed());
    }
    tasks
}

fn settled(outbox: &Outbox, index: u32, result: FetchResult) -> Task {
    let outbox = outbox.clone();
    Box::pin(async move {
        let encoding = result.and_then(|answer| encode_answer(answer, ""));
        outbox.finish(index, "", encoding).await;
    })
}

async fn fetch_one<F>(outbox: Outbox, type_name: String, job: Job, function: F)
where
    F: Fn(Query) -> BoxFuture<'static, FetchResult>,
{
    let what = format!("{type_name}/{}", job.query.key);
    let known_etag = job.query.known_etag.clone();
    let answer = guarded(|| function(job.query)).await;
    let encoding = answer.and_then(|answer| encode_answer(answer, &known_etag));
    outbox.finish(job.index, &what, encoding).await;
}

async fn fetch_together(outbox: Outbox, context: Context, jobs: Vec<Job>) {
    let queries: Vec<Query> = jobs.iter().map(|job| job.query.clone()).collect();
    let answers = answers_to(&context, queries).await;
    let answers = match answers {
        Ok(answers) => answers,
        Err(error) => {
            for job in &jobs {
                outbox.put(job.index, encode_error(&error)).await;
            }
            outbox.report(&context.type_name, error);
            return;
        }
    };
    let finishing = jobs.into_iter().zip(answers).map(|(job, answer)| {
        let what = format!("{}/{}", context.type_name, job.query.key);
        let outbox = &outbox;
        async move {
            let encoding = answer.and_then(|answer| encode_answer(answer, &job.query.known_etag));
            outbox.finish(job.index, &what, encoding).await;
        }
    });
    futures_util::future::join_all(finishing).await;
}

async fn answers_to(context: &Context, queries: Vec<Query>) -> Result<Vec<FetchResult>, BoxError> {
    let count = queries.len();
    let answers = match &context.fetch {
        Some(Fetch::Many(function)) => guarded(|| function(queries)).await?,
        _ => return Err("the context has no function".into()),
    };
    if answers.len() != count {
        let found = answers.len();
        let text = format!(
            "fetch_many returned {found} answers to {count} queries: return one for each, in their order"
        );
        return Err(text.into());
    }
    Ok(answers)
}

/// A panic of an author's function is an error like any other: it ends neither the batch nor the process.
pub(super) async fn guarded<T, Fut>(function: impl FnOnce() -> Fut) -> Result<T, BoxError>
where
    Fut: Future<Output = Result<T, BoxError>>,
{
    let call = AssertUnwindSafe(async move { function().await });
    call.catch_unwind().await.unwrap_or_else(|panic| Err(text_of(&*panic).into()))
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("the function panicked: {}", text.unwrap_or("without a text"))
}
