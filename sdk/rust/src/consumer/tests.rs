//! The client against a server that answers as a test says, over the loopback.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use http::HeaderMap;
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::error::{CallError, Error};
use crate::grpc::{serve_connection, Code, MessageStream, Service, Status};
use crate::proto::weir::context::v1::{item, item_result, Item, ItemResult, Refusal};
use crate::proto::weir::errors::v1::Reason;
use crate::proto::weir::events::v1 as events;
use crate::proto::weir::router::v1 as router;
use crate::{EventInput, ListOptions, Outcome, SubscribeOptions, Weir};

type Answer = dyn Fn(usize, Bytes) -> Vec<Result<Vec<u8>, Status>> + Send + Sync;

/// Answers the calls of any method, each with its number.
struct Scripted {
    answer: Box<Answer>,
    calls: Mutex<usize>,
}

impl Service for Scripted {
    fn admit(&self, _: &str, headers: &HeaderMap) -> Result<(), Status> {
        match headers.get("authorization").map_or(false, |value| value == "Bearer weir_test") {
            true => Ok(()),
            false => Err(Status::new(Code::Unauthenticated, "who are you")),
        }
    }

    fn call(&self, _: &str, message: Bytes, _: Instant) -> MessageStream {
        let number = {
            let mut calls = self.calls.lock().unwrap();
            *calls += 1;
            *calls
        };
        let answers = (self.answer)(number, message);
        let answers = answers.into_iter().map(|answer| answer.map(Bytes::from));
        Box::pin(stream::iter(answers))
    }

    fn begin(&self, _: &str) -> Box<dyn Send> {
        Box::new(())
    }
}

/// A server with a script; its address.
async fn serve(
    answer: impl Fn(usize, Bytes) -> Vec<Result<Vec<u8>, Status>> + Send + Sync + 'static,
) -> (String, Arc<Scripted>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let script = Arc::new(Scripted { answer: Box::new(answer), calls: Mutex::new(0) });
    let service = script.clone();
    tokio::spawn(async move {
        let (_stop, stopping) = watch::channel(false);
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(serve_connection(socket, service.clone(), stopping.clone()));
        }
    });
    (url, script)
}

fn client(url: &str) -> Weir {
    Weir::builder().address(url).key("weir_test").timeout(Duration::from_secs(60)).build().unwrap()
}

fn away() -> Vec<Result<Vec<u8>, Status>> {
    vec![Err(Status::new(Code::Unavailable, "away"))]
}

fn calls(script: &Scripted) -> usize {
    *script.calls.lock().unwrap()
}

/// The error of a whole call.
fn call_error<T: std::fmt::Debug>(result: Result<T, Error>) -> CallError {
    match result.unwrap_err() {
        Error::Call(error) => error,
        other => panic!("{other} is not of a call"),
    }
}

fn result_of(index: u32, outcome: item_result::Outcome) -> ItemResult {
    ItemResult { index, outcome: Some(outcome), ..Default::default() }
}

fn item_of(index: u32, key: &str) -> ItemResult {
    let body = Some(item::Body::Payload(serde_json::to_vec(key).unwrap().into()));
    result_of(index, item_result::Outcome::Item(Item { body, ..Default::default() }))
}

fn refused(index: u32, reason: Reason) -> ItemResult {
    let refusal =
        Refusal { code: Code::ResourceExhausted as u32, reason: reason as i32, ..Default::default() };
    result_of(index, item_result::Outcome::Refusal(refusal))
}

/// Answers each ref with its key, the first `most` of a call; for the others there is no room.
fn fetch_answer(message: Bytes, most: usize) -> Vec<Result<Vec<u8>, Status>> {
    let request = router::FetchContextRequest::decode(message).unwrap();
    let results = (0..).zip(request.refs).map(|(index, reference)| match (index as usize) < most {
        true => item_of(index, &reference.key),
        false => refused(index, Reason::ResponseBudget),
    });
    let results = results.collect();
    vec![Ok(router::FetchContextResponse { results }.encode_to_vec())]
}

fn keys_of(outcomes: &[Outcome]) -> Vec<String> {
    outcomes.iter().map(|outcome| outcome.result.as_ref().unwrap().to().unwrap()).collect()
}

#[tokio::test]
async fn a_safe_call_is_tried_again_and_another_is_not() {
    let (url, script) =
        serve(|number, message| if number < 3 { away() } else { fetch_answer(message, 9) }).await;
    let outcomes = client(&url).fetch(["A/b"]).await.unwrap();
    assert_eq!((keys_of(&outcomes), calls(&script)), (vec!["b".to_owned()], 3));
    let (url, script) = serve(|_, _| away()).await;
    let error = call_error(client(&url).call("tool", serde_json::json!({})).await);
    assert_eq!((error.code, calls(&script)), (Code::Unavailable, 1));
}

#[tokio::test]
async fn what_will_not_pass_is_not_tried_again() {
    let (url, script) = serve(|_, _| vec![Err(Status::new(Code::NotFound, "größe 100%"))]).await;
    let error = call_error(client(&url).fetch(["A/b"]).await);
    assert_eq!((error.code, error.text.as_str(), calls(&script)), (Code::NotFound, "größe 100%", 1));
    let (url, script) = serve(|_, _| vec![Err(Status::new(Code::ResourceExhausted, ""))]).await;
    assert_eq!(call_error(client(&url).fetch(["A/b"]).await).code, Code::ResourceExhausted);
    assert_eq!(calls(&script), 1);
    let (url, script) = serve(|_, _| {
        let status = Status::new(Code::ResourceExhausted, "").with_retry_delay(Duration::from_millis(1));
        vec![Err(status)]
    })
    .await;
    assert_eq!(call_error(client(&url).fetch(["A/b"]).await).retry_delay, Some(Duration::from_millis(1)));
    assert_eq!(calls(&script), 4);
}

#[tokio::test]
async fn a_publish_is_tried_again_with_the_same_key() {
    let keys: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = keys.clone();
    let (url, _) = serve(move |number, message| {
        let request = events::PublishRequest::decode(message).unwrap();
        seen.lock().unwrap().push(request.idempotency_key);
        match number {
            1 => away(),
            _ => vec![Ok(events::PublishResponse::default().encode_to_vec())],
        }
    })
    .await;
    client(&url).publish(EventInput::new("a.b").key("k")).await.unwrap();
    let keys = keys.lock().unwrap();
    assert!(keys.len() == 2 && keys[0] == keys[1] && keys[0].len() == 32, "{keys:?}");
}

#[tokio::test]
async fn calls_go_on_at_the_next_address() {
    let dead = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (url, script) = serve(|_, message| fetch_answer(message, 9)).await;
    let weir =
        Weir::builder().address(format!("http://{dead}")).address(url).key("weir_test").build().unwrap();
    for _ in 0..3 {
        assert_eq!(keys_of(&weir.fetch(["A/b"]).await.unwrap()), ["b"]);
    }
    assert_eq!(calls(&script), 3);
}

#[tokio::test]
async fn what_had_no_room_is_asked_for_again_in_order() {
    let (url, _) = serve(|_, message| fetch_answer(message, 3)).await;
    let keys: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    let refs: Vec<String> = keys.iter().map(|key| format!("A/{key}")).collect();
    assert_eq!(keys_of(&client(&url).fetch(&refs).await.unwrap()), keys);
}

#[tokio::test]
async fn what_fits_no_answer_stays_refused() {
    let (url, script) = serve(|_, message| fetch_answer(message, 0)).await;
    let outcomes = client(&url).fetch(["A/a", "A/b", "A/c"]).await.unwrap();
    for outcome in &outcomes {
        assert_eq!(outcome.result.as_ref().unwrap_err().reason, Reason::ResponseBudget);
    }
    assert_eq!(outcomes.iter().map(|outcome| outcome.index).collect::<Vec<_>>(), [0, 1, 2]);
    assert!(calls(&script) <= 5, "{}", calls(&script));
}

#[tokio::test]
async fn a_stream_that_breaks_off_goes_on_with_what_is_open() {
    let (url, _) = serve(|number, message| {
        let request = router::StreamContextRequest::decode(message).unwrap();
        let refs = request.fetch.unwrap().refs;
        let first = router::StreamContextResponse { result: Some(item_of(0, &refs[0].key)) };
        match number {
            1 => vec![Ok(first.encode_to_vec()), Err(Status::new(Code::Unavailable, "stopping"))],
            _ => vec![Ok(first.encode_to_vec())],
        }
    })
    .await;
    let outcomes: Vec<_> = client(&url).stream(["A/a", "A/b"]).try_collect().await.unwrap();
    assert_eq!(keys_of(&outcomes), ["a", "b"]);
    assert_eq!(outcomes[1].index, 1);
}

#[tokio::test]
async fn a_list_goes_on_page_by_page() {
    let (url, script) = serve(|number, message| {
        let request = router::ListContextRequest::decode(message).unwrap();
        let expected = if number == 1 { String::new() } else { format!("page {number}") };
        assert_eq!(request.page_token, expected);
        let next_page_token = if number < 3 { format!("page {}", number + 1) } else { String::new() };
        let entries = vec![router::ContextEntry::default(); 2];
        vec![Ok(router::ListContextResponse { entries, next_page_token, gaps: Vec::new() }.encode_to_vec())]
    })
    .await;
    let weir = client(&url);
    assert_eq!(weir.list(ListOptions::default()).take(2).count().await, 2);
    assert_eq!(calls(&script), 1);
    let (url, _) = serve(|_, _| vec![Ok(router::ListContextResponse::default().encode_to_vec())]).await;
    assert_eq!(client(&url).list(ListOptions::default()).count().await, 0);
    *script.calls.lock().unwrap() = 0;
    assert_eq!(weir.list(ListOptions::default()).count().await, 6);
}

#[tokio::test]
async fn a_subscription_goes_on_from_its_last_cursor() {
    let (url, _) = serve(|number, message| {
        let request = events::SubscribeRequest::decode(message).unwrap();
        let expected = if number == 1 { String::new() } else { format!("after {}", number - 1) };
        assert_eq!(request.cursor, expected);
        let delivered = |position| events::DeliveredEvent { position, ..Default::default() };
        let response = events::SubscribeResponse {
            // The one before comes again, and is not told again.
            events: vec![delivered(number as u64 - 1), delivered(number as u64)],
            cursor: format!("after {number}"),
        };
        vec![Ok(response.encode_to_vec()), Err(Status::new(Code::Unavailable, "stopping"))]
    })
    .await;
    let events = client(&url).subscribe(["a"], SubscribeOptions::default()).take(3);
    let told: Vec<_> = events.map_ok(|event| (event.position, event.cursor)).try_collect().await.unwrap();
    let expected: Vec<_> = (1..4).map(|number| (number, format!("after {number}"))).collect();
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_subscription_that_is_refused_ends() {
    let (url, _) = serve(|_, _| vec![Err(Status::new(Code::OutOfRange, "too old"))]).await;
    let told: Vec<_> = client(&url).subscribe(["a"], SubscribeOptions::default()).collect().await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].as_ref().unwrap_err().code, Code::OutOfRange);
}

#[tokio::test]
async fn an_answer_that_is_none_is_an_error() {
    let (url, _) = serve(|_, _| Vec::new()).await;
    assert_eq!(call_error(client(&url).fetch(["A/b"]).await).code, Code::Internal);
    let (url, _) = serve(|_, _| vec![Ok(vec![0xff])]).await;
    assert_eq!(call_error(client(&url).fetch(["A/b"]).await).code, Code::Internal);
    let stranger = Weir::new(&url, "weir_other").unwrap();
    assert_eq!(call_error(stranger.fetch(["A/b"]).await).code, Code::Unauthenticated);
}

#[tokio::test]
async fn a_server_that_is_silent_is_late() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let weir = Weir::builder().address(url).key("k").timeout(Duration::from_millis(50)).build().unwrap();
    let error = call_error(weir.fetch(["A/b"]).await);
    assert_eq!((error.code, error.reason), (Code::DeadlineExceeded, Reason::DeadlineExceeded));
}

#[tokio::test]
async fn a_text_that_is_no_ref_and_a_key_that_is_none_are_refused_at_once() {
    let weir = client("http://127.0.0.1:1");
    assert!(matches!(weir.fetch(["A"]).await, Err(Error::Ref(_))));
    assert!(matches!(weir.stream(["A"]).next().await, Some(Err(Error::Ref(_)))));
    assert!(weir.fetch(Vec::<&str>::new()).await.unwrap().is_empty());
    for key in ["", "a b", "größe"] {
        assert!(matches!(Weir::new("http://127.0.0.1:1", key), Err(Error::Config(_))), "{key}");
    }
}
