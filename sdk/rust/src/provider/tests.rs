//! A served provider as a router meets it, over the loopback.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use prost::Message;
use tokio::time::{sleep, timeout, Instant};

use super::server::ProviderServer;
use super::{Answer, Context, Provider};
use crate::grpc::{Channel, Code, Method, Status};
use crate::proto::grpc::health::v1::health_check_response::ServingStatus;
use crate::proto::grpc::health::v1::{health, HealthCheckRequest};
use crate::proto::weir::provider::v1::provider_service::{DESCRIBE, FETCH, LIST};
use crate::proto::weir::provider::v1::{DescribeRequest, FetchQuery, FetchRequest, ListRequest};

const PATIENCE: Duration = Duration::from_secs(30);

async fn open(token: Option<&str>) -> (ProviderServer, Channel) {
    let context = Context::new("Thing", "1.0.0").fetch(|query| async move {
        let time: u64 = query.key.parse()?;
        sleep(Duration::from_millis(time)).await;
        Ok(Some(Answer::text("done")))
    });
    let provider = Provider::new("tested", "1.0.0").context(context);
    let server = ProviderServer::open(provider, "127.0.0.1", 0, token, Arc::new(|_| {})).await.unwrap();
    let address = format!("http://127.0.0.1:{}", server.port).parse().unwrap();
    (server, Channel::open(&address).unwrap())
}

async fn ask<Req: Message, Res: Message + Default>(
    channel: &Channel,
    method: &Method<Req, Res>,
    request: Req,
    within: Duration,
) -> Result<Res, Status> {
    let deadline = Some(Instant::now() + within);
    let answer = channel.unary(method.path(), HeaderMap::new(), &request.encode_to_vec(), deadline).await?;
    Ok(Res::decode(answer).unwrap())
}

fn fetch_of(key: &str) -> FetchRequest {
    let query = FetchQuery { r#type: "Thing".to_owned(), key: key.to_owned(), ..Default::default() };
    FetchRequest { queries: vec![query], caller: None }
}

async fn health_of(channel: &Channel) -> i32 {
    let answer = ask(channel, &health::CHECK, HealthCheckRequest::default(), PATIENCE).await;
    answer.unwrap().status
}

#[tokio::test]
async fn a_provider_says_who_it_is_and_what_it_has_not() {
    let (_server, channel) = open(None).await;
    let described = ask(&channel, &DESCRIBE, DescribeRequest {}, PATIENCE).await.unwrap();
    assert_eq!((described.name.as_str(), described.types.len()), ("tested", 1));
    let list = ListRequest { r#type: "Thing".to_owned(), ..Default::default() };
    assert_eq!(ask(&channel, &LIST, list, PATIENCE).await.unwrap_err().code(), Code::Unimplemented);
    const NONE: Method<DescribeRequest, DescribeRequest> = Method::new("/no.Service/Method", false);
    assert_eq!(
        ask(&channel, &NONE, DescribeRequest {}, PATIENCE).await.unwrap_err().code(),
        Code::Unimplemented
    );
}

#[tokio::test]
async fn routers_must_send_the_token() {
    let (_server, channel) = open(Some("secret")).await;
    for (given, is_let_in) in
        [(None, false), (Some("Bearer wrong"), false), (Some("secret"), false), (Some("Bearer secret"), true)]
    {
        let mut headers = HeaderMap::new();
        if let Some(given) = given {
            headers.insert("authorization", HeaderValue::from_static(given));
        }
        let deadline = Some(Instant::now() + PATIENCE);
        let answer = channel.unary(DESCRIBE.path(), headers, &[], deadline).await;
        match is_let_in {
            true => drop(answer.unwrap()),
            false => assert_eq!(answer.unwrap_err().code(), Code::Unauthenticated, "{given:?}"),
        }
    }
    // Who looks after processes has no token.
    assert_eq!(health_of(&channel).await, ServingStatus::Serving as i32);
}

#[tokio::test]
async fn a_call_ends_with_its_deadline() {
    let (_server, channel) = open(None).await;
    let answer = ask(&channel, &FETCH, fetch_of("60000"), Duration::from_millis(200)).await;
    assert_eq!(answer.unwrap_err().code(), Code::DeadlineExceeded);
    // The server ended it too: nothing is under way any more.
    let (mut server, channel) = open(None).await;
    let _ = ask(&channel, &FETCH, fetch_of("60000"), Duration::from_millis(200)).await;
    timeout(PATIENCE, server.idle(PATIENCE * 2)).await.unwrap();
}

#[tokio::test]
async fn what_is_under_way_is_answered_before_the_end() {
    let (mut server, channel) = open(None).await;
    let channel = Arc::new(channel);
    let caller = channel.clone();
    let call = tokio::spawn(async move { ask(&caller, &FETCH, fetch_of("500"), PATIENCE).await });
    while server.is_idle() {
        sleep(Duration::from_millis(1)).await;
    }
    server.stop_serving();
    assert_eq!(health_of(&channel).await, ServingStatus::NotServing as i32);
    server.idle(PATIENCE).await;
    server.close().await;
    assert_eq!(call.await.unwrap().unwrap().results.len(), 1);
    let later = ask(&channel, &DESCRIBE, DescribeRequest {}, PATIENCE).await;
    assert_eq!(later.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn who_watches_health_is_told_of_the_end() {
    let (server, channel) = open(None).await;
    let request = HealthCheckRequest::default().encode_to_vec();
    let mut messages = channel.stream(health::WATCH.path(), HeaderMap::new(), &request, None).await.unwrap();
    let first = messages.message().await.unwrap().unwrap();
    server.stop_serving();
    let second = messages.message().await.unwrap().unwrap();
    let statuses = [first, second]
        .map(|message| crate::proto::grpc::health::v1::HealthCheckResponse::decode(message).unwrap().status);
    assert_eq!(statuses, [ServingStatus::Serving as i32, ServingStatus::NotServing as i32]);
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let (server, _) = open(None).await;
    let provider = Provider::new("tested", "1.0.0");
    let taken = ProviderServer::open(provider, "127.0.0.1", server.port, None, Arc::new(|_| {})).await;
    assert!(taken.err().unwrap().to_string().contains(&server.port.to_string()));
}
