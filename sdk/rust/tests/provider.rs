//! A provider as a router sees it, through the testing entry.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde_json::json;
use weir_sdk::provider::{
    Answer, BoxError, Caller, Context, ListEntry, ListPage, Operation, OperationAnswer, Provider,
    ProviderError,
};
use weir_sdk::testing::{TestContent, TestOutcome, TestProvider};
use weir_sdk::{Code, Error, Sensitivity, Value};

const MIB: usize = 1024 * 1024;

fn open(context: Context) -> TestProvider {
    TestProvider::new(Provider::new("tested", "1.0.0").context(context)).unwrap()
}

fn thing() -> Context {
    Context::new("Thing", "1.0.0").fetch(|query| async move { value_of(&query.key) })
}

fn value_of(key: &str) -> Result<Option<Answer>, BoxError> {
    match key {
        "nothing" => Ok(None),
        "not-found" => Err(ProviderError::new(Code::NotFound, "gone").into()),
        "refused" => {
            let error = ProviderError::new(Code::FailedPrecondition, "not now")
                .retry_after(Duration::from_millis(1_234));
            Err(error.into())
        }
        "crash" => Err("secret words".into()),
        "panic" => panic!("secret words"),
        "quality" => Ok(Some(Answer::text("").quality(1.5))),
        "unasked" => Ok(Some(Answer::not_modified())),
        "labels" => Ok(Some(Answer::text("").label("a", "x".repeat(5 * MIB)))),
        _ => Ok(Some(Answer::json(&json!({ "key": key })))),
    }
}

async fn content(provider: &TestProvider, key: &str) -> TestContent {
    provider.fetch("Thing", key).await.unwrap()
}

fn failure(outcome: TestOutcome) -> (Code, String, Option<Duration>) {
    match outcome {
        TestOutcome::Failure { code, text, retry_delay } => (code, text, retry_delay),
        other => panic!("{other:?} is no failure"),
    }
}

#[tokio::test]
async fn a_value_comes_with_what_is_known_of_it() {
    let as_of = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045);
    let provider = open(Context::new("Thing", "1.0.0").fetch(move |_| async move {
        Ok(Some(
            Answer::text("words")
                .content_type("text/markdown")
                .etag("e1")
                .as_of(as_of)
                .ttl(Duration::from_millis(1_500))
                .sensitivity(Sensitivity::Restricted)
                .quality(0.5)
                .source("a.txt:7")
                .label("color", "blue")
                .owner("ann"),
        ))
    }));
    let found = content(&provider, "any").await;
    assert_eq!(found.value, Value::Text("words".to_owned()));
    assert_eq!((found.content_type.as_str(), found.etag.as_str()), ("text/markdown", "e1"));
    assert_eq!((found.as_of, found.ttl), (Some(as_of), Some(Duration::from_millis(1_500))));
    assert_eq!((found.sensitivity, found.quality), (Some(Sensitivity::Restricted), Some(0.5)));
    assert_eq!((found.source.as_str(), found.owner.as_str()), ("a.txt:7", "ann"));
    assert_eq!(found.labels["color"], "blue");
}

#[tokio::test]
async fn a_value_without_an_etag_is_known_by_its_hash() {
    let provider = open(thing());
    let etag = content(&provider, "a").await.etag;
    assert_eq!(etag.len(), 22);
    let again = provider.query("Thing", "a", &etag).await.unwrap();
    assert_eq!(again, TestOutcome::NotModified { ttl: None });
    assert_ne!(content(&provider, "b").await.etag, etag);
}

#[tokio::test]
async fn each_query_of_a_batch_stands_alone() {
    let provider = open(thing());
    let keys =
        ["a", "nothing", "not-found", "refused", "crash", "panic", "quality", "unasked", "labels", "b"];
    let queries: Vec<_> = keys.iter().map(|key| ("Thing", *key, "")).collect();
    let mut outcomes = provider.query_all(&queries).await.unwrap().into_iter();
    let mut next = || outcomes.next().unwrap();
    assert!(matches!(next(), TestOutcome::Content(_)));
    assert_eq!(next(), TestOutcome::NotFound);
    assert_eq!(next(), TestOutcome::NotFound);
    let delay = Some(Duration::from_millis(1_234));
    assert_eq!(failure(next()), (Code::FailedPrecondition, "not now".to_owned(), delay));
    for _ in ["crash", "panic", "quality", "unasked"] {
        assert_eq!(failure(next()), (Code::Internal, "the provider failed".to_owned(), None));
    }
    assert_eq!(failure(next()).0, Code::ResourceExhausted);
    assert!(matches!(next(), TestOutcome::Content(_)));
    let faults = provider.faults();
    assert_eq!(faults.len(), 4, "{faults:?}");
    assert!(faults.iter().any(|fault| fault.starts_with("Thing/crash: secret words")), "{faults:?}");
}

#[tokio::test]
async fn what_is_not_offered_is_refused_and_other_keys_are_not_there() {
    let provider = open(thing().key_prefix("a/"));
    assert!(matches!(provider.query("Thing", "a/1", "").await.unwrap(), TestOutcome::Content(_)));
    assert_eq!(provider.query("Thing", "b/1", "").await.unwrap(), TestOutcome::NotFound);
    assert_eq!(failure(provider.query("Other", "a", "").await.unwrap()).0, Code::Unimplemented);
}

#[tokio::test]
async fn large_values_come_in_parts_and_whole() {
    let bytes: Vec<u8> = (0..6 * MIB).map(|at| (at % 251) as u8).collect();
    let whole = bytes.clone();
    let provider = open(Context::new("Thing", "1.0.0").fetch(move |query| {
        let bytes = Bytes::from(bytes.clone());
        async move {
            Ok(Some(match query.key.as_str() {
                "stream" => Answer::stream(bytes.len() as u64, pieces_of(bytes)),
                "short" => Answer::stream(bytes.len() as u64 + 1, pieces_of(bytes)),
                "long" => Answer::stream(bytes.len() as u64 - 1, pieces_of(bytes)),
                _ => Answer::bytes(bytes),
            }))
        }
    }));
    for key in ["whole", "stream"] {
        let found = content(&provider, key).await;
        assert!(found.bytes == whole, "{key}: {} bytes", found.bytes.len());
    }
    for key in ["short", "long"] {
        assert_eq!(failure(provider.query("Thing", key, "").await.unwrap()).0, Code::Internal, "{key}");
    }
}

fn pieces_of(bytes: Bytes) -> impl futures_util::Stream<Item = Result<Bytes, BoxError>> {
    let pieces: Vec<_> = bytes.chunks(MIB).map(|piece| Ok(bytes.slice_ref(piece))).collect();
    futures_util::stream::iter(pieces)
}

#[tokio::test]
async fn many_large_values_fit_through_what_may_wait() {
    let provider =
        open(Context::new("Thing", "1.0.0").fetch(|_| async { Ok(Some(Answer::bytes(vec![7; 3 * MIB]))) }));
    let queries = vec![("Thing", "a", ""); 20];
    let outcomes = provider.query_all(&queries).await.unwrap();
    assert!(outcomes
        .iter()
        .all(|outcome| matches!(outcome, TestOutcome::Content(content) if content.bytes.len() == 3 * MIB)));
}

#[tokio::test]
async fn queries_run_side_by_side_up_to_a_limit() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::Arc;
    let running = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (count, peak) = (running, most.clone());
    let context = Context::new("Thing", "1.0.0").fetch(move |_| {
        let (count, peak) = (count.clone(), peak.clone());
        async move {
            peak.fetch_max(count.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(20)).await;
            count.fetch_sub(1, Ordering::SeqCst);
            Ok(None)
        }
    });
    let provider =
        TestProvider::new(Provider::new("tested", "1.0.0").concurrency(8).context(context)).unwrap();
    provider.query_all(&[("Thing", "a", ""); 40]).await.unwrap();
    assert_eq!(most.load(Ordering::SeqCst), 8);
}

#[tokio::test]
async fn many_at_once_are_asked_for_together() {
    let context = Context::new("Thing", "1.0.0").fetch_many(|queries| async move {
        if queries.iter().any(|query| query.key == "all-fail") {
            return Err("secret words".into());
        }
        let count = queries.len();
        let answers = queries.iter().map(|query| match query.key.as_str() {
            "refused" => Err(ProviderError::new(Code::Aborted, "this one").into()),
            "nothing" => Ok(None),
            _ => Ok(Some(Answer::json(&count))),
        });
        Ok(answers.take(9).collect())
    });
    let provider = open(context);
    let ask = |keys: Vec<&'static str>| {
        let provider = &provider;
        async move {
            let queries: Vec<_> = keys.iter().map(|key| ("Thing", *key, "")).collect();
            provider.query_all(&queries).await.unwrap()
        }
    };
    let outcomes = ask(vec!["a", "refused", "nothing"]).await;
    assert!(matches!(&outcomes[0], TestOutcome::Content(content) if content.value == Value::Json(json!(3))));
    assert_eq!(failure(outcomes[1].clone()).0, Code::Aborted);
    assert_eq!(outcomes[2], TestOutcome::NotFound);
    for outcome in ask(vec!["a", "all-fail"]).await {
        assert_eq!(failure(outcome).0, Code::Internal);
    }
    for outcome in ask(vec!["a"; 10]).await {
        assert_eq!(failure(outcome).0, Code::Internal);
    }
    assert!(provider.faults().last().unwrap().contains("9 answers to 10 queries"));
}

#[tokio::test]
async fn keys_are_listed_page_by_page() {
    let context = thing().list(|query| async move {
        if query.text == "greedy" {
            let entries = vec![ListEntry::default(); query.page_size + 1];
            return Ok(ListPage { entries, ..Default::default() });
        }
        let entry = ListEntry::new(format!("{}{}", query.key_prefix, query.page_token), "An entry");
        Ok(ListPage { entries: vec![entry], next_page_token: "2".to_owned() })
    });
    let provider = open(context);
    let page = provider.list("Thing", "k", "", 10, "1").await.unwrap();
    assert_eq!(page.entries, [ListEntry::new("k1", "An entry")]);
    assert_eq!(page.next_page_token, "2");
    assert_eq!(code_of(provider.list("Thing", "", "greedy", 10, "").await), Code::Internal);
    assert_eq!(code_of(open(thing()).list("Thing", "", "", 10, "").await), Code::Unimplemented);
}

fn code_of<T: std::fmt::Debug>(result: Result<T, Error>) -> Code {
    match result.unwrap_err() {
        Error::Call(error) => error.code,
        other => panic!("{other} is not of a call"),
    }
}

fn with_operations() -> TestProvider {
    let count = Operation::new("count").call(|call| async move {
        let to: u32 = call.arguments["to"].as_u64().ok_or("no number")? as u32;
        for at in 1..=to {
            call.progress(f64::from(at), Some(f64::from(to)), "on the way");
        }
        Ok(OperationAnswer::json(&json!({ "counted": to })))
    });
    let fail = Operation::new("fail").call(|_| async { Ok(OperationAnswer::failed(&json!("why"))) });
    let refuse =
        Operation::new("refuse").call(|_| async { Err(ProviderError::new(Code::NotFound, "no").into()) });
    let typed = Operation::new("typed").call(|call| async move {
        let names: std::collections::BTreeMap<String, u8> = call.arguments_as()?;
        Ok(OperationAnswer::json(&names.len()))
    });
    let provider =
        Provider::new("tested", "1.0.0").operation(count).operation(fail).operation(refuse).operation(typed);
    TestProvider::new(provider).unwrap()
}

#[tokio::test]
async fn operations_tell_their_progress_and_their_result() {
    let provider = with_operations();
    let result = provider.call("count", json!({ "to": 5 })).await.unwrap();
    assert_eq!(result.progress, [1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!((result.value, result.is_error), (Value::Json(json!({ "counted": 5 })), false));
    let failed = provider.call("fail", json!({})).await.unwrap();
    assert_eq!((failed.value, failed.is_error), (Value::Json(json!("why")), true));
}

#[tokio::test]
async fn operations_that_cannot_be_called_say_why() {
    let provider = with_operations();
    assert_eq!(code_of(provider.call("refuse", json!({})).await), Code::NotFound);
    assert_eq!(code_of(provider.call("nothing", json!({})).await), Code::NotFound);
    assert_eq!(code_of(provider.call("count", json!({ "to": "x" })).await), Code::Internal);
    assert_eq!(code_of(provider.call("typed", json!({ "a": "x" })).await), Code::InvalidArgument);
    assert_eq!(code_of(provider.call("typed", json!([1])).await), Code::InvalidArgument);
}

#[tokio::test]
async fn what_nobody_waits_for_is_dropped() {
    struct Told(tokio::sync::mpsc::UnboundedSender<()>);
    impl Drop for Told {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    let (sender, mut dropped) = tokio::sync::mpsc::unbounded_channel();
    let provider = open(Context::new("Thing", "1.0.0").fetch(move |_| {
        let told = Told(sender.clone());
        async move {
            let _told = told;
            std::future::pending::<()>().await;
            Ok(None)
        }
    }));
    let provider = provider.timeout(Duration::from_millis(50));
    assert_eq!(code_of(provider.fetch("Thing", "a").await), Code::DeadlineExceeded);
    tokio::time::timeout(Duration::from_secs(30), dropped.recv()).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_function_learns_for_whom_it_is_asked_and_until_when() {
    let context = Context::new("Thing", "1.0.0").fetch(|query| async move {
        let is_in_time = query.deadline > std::time::Instant::now();
        Ok(Some(Answer::json(&json!([query.caller.principal, query.caller.attributes["team"], is_in_time]))))
    });
    let attributes = json!({ "team": ["a", 1, null] }).as_object().unwrap().clone();
    let caller = Caller { tenant: "t".to_owned(), principal: "ann".to_owned(), attributes };
    let provider = open(context).caller(caller);
    let found = content(&provider, "a").await;
    assert_eq!(found.value, Value::Json(json!(["ann", ["a", 1, null], true])));
}

#[test]
fn the_manifest_says_what_the_code_says() {
    let operation = Operation::new("close").read_only(false).input(json!({ "type": "object" }));
    let manifest = Provider::new("helpdesk", "1.2.3")
        .context(thing().ttl(Duration::from_secs(60)))
        .operation(operation)
        .manifest();
    assert_eq!((manifest.name.as_str(), manifest.version.as_str()), ("helpdesk", "1.2.3"));
    assert_eq!(manifest.contexts[0].ttl.as_ref().map(|ttl| ttl.seconds), Some(60));
    assert!(!manifest.contexts[0].listable);
    assert_eq!(manifest.operations[0].hints.as_ref().unwrap().read_only, Some(false));
    assert!(manifest.operations[0].input_schema.is_some());
}
