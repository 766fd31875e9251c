use bytes::Bytes;
use futures_util::stream::BoxStream;
use http::uri::Scheme;
use http::{Request, StatusCode, Uri};
use hyper::body::HttpBody;
use hyper::Body;
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;
use tokio::time::{timeout_at, Instant};

use super::item::Link;
use crate::error::CallError;
use crate::grpc::{http_client, Code, HttpClient};
use crate::proto::weir::errors::v1::Reason;

/// Reads what links lead to, over HTTP/1.1.
#[derive(Default)]
pub(super) struct LinkReader {
    plain: OnceCell<HttpClient>,
    secure: OnceCell<HttpClient>,
}

impl LinkReader {
    async fn client(&self, scheme: &Scheme) -> Result<&HttpClient, CallError> {
        let cell = if *scheme == Scheme::HTTPS { &self.secure } else { &self.plain };
        let client = cell.get_or_try_init(|| async { http_client(scheme, false) }).await;
        client.map_err(|error| unavailable(error.to_string()))
    }

    /// Reads what a link leads to, and checks size and hash on the way. Nothing of the caller's goes along. The last
    /// bytes come before the hash is known to be right: what was read counts only once the stream has ended well.
    pub(super) fn read<'a>(
        &'a self,
        link: Link,
        base: String,
        deadline: Instant,
    ) -> BoxStream<'a, Result<Bytes, CallError>> {
        Box::pin(async_stream::try_stream! {
            let mut body = within(deadline, self.open(&link.url, &base)).await??;
            let mut digest = Sha256::new();
            let mut read_bytes = 0;
            while let Some(data) = within(deadline, body.data()).await? {
                let data = data.map_err(|error| unavailable(format!("the value at the link cannot be read: {error}")))?;
                read_bytes += data.len() as u64;
                check_longest(read_bytes, link.size_bytes)?;
                digest.update(&data);
                yield data;
            }
            check_whole(read_bytes, link.size_bytes)?;
            check_hash(&digest.finalize(), &link.sha256)?;
        })
    }

    async fn open(&self, url: &str, base: &str) -> Result<Body, CallError> {
        let uri = absolute(url, base)?;
        let scheme = uri.scheme().cloned().unwrap_or(Scheme::HTTP);
        let request =
            Request::get(uri).body(Body::empty()).map_err(|error| unavailable(error.to_string()))?;
        let client = self.client(&scheme).await?;
        let response = client
            .request(request)
            .await
            .map_err(|error| unavailable(format!("the value at the link cannot be read: {error}")))?;
        match response.status() {
            StatusCode::OK => Ok(response.into_body()),
            StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
                Err(unavailable("the link holds no more: fetch the item again for a new one"))
            }
            status => Err(unavailable(format!("the link is answered with status {}", status.as_u16()))),
        }
    }
}

/// A link that begins with "/" cannot leave the address, whatever follows.
fn absolute(url: &str, base: &str) -> Result<Uri, CallError> {
    let whole = if url.starts_with('/') { format!("{base}{url}") } else { url.to_owned() };
    let uri: Option<Uri> = whole.parse().ok();
    uri.filter(|uri| uri.scheme() == Some(&Scheme::HTTP) || uri.scheme() == Some(&Scheme::HTTPS))
        .ok_or_else(|| unavailable("the link is no address of http or https"))
}

fn check_longest(read_bytes: u64, size_bytes: u64) -> Result<(), CallError> {
    match read_bytes > size_bytes {
        true => Err(other_value(&format!("is longer than the {size_bytes} bytes announced"))),
        false => Ok(()),
    }
}

fn check_whole(read_bytes: u64, size_bytes: u64) -> Result<(), CallError> {
    match read_bytes < size_bytes {
        true => Err(unavailable(format!("the value broke off after {read_bytes} of {size_bytes} bytes"))),
        false => Ok(()),
    }
}

fn check_hash(found: &[u8], announced: &[u8]) -> Result<(), CallError> {
    match found == announced {
        true => Ok(()),
        false => Err(other_value("does not have the hash announced")),
    }
}

async fn within<T>(deadline: Instant, future: impl std::future::Future<Output = T>) -> Result<T, CallError> {
    timeout_at(deadline, future).await.map_err(|_| {
        let text = "the value at the link did not come in time";
        CallError::new(Code::DeadlineExceeded, Reason::DeadlineExceeded, text)
    })
}

fn unavailable(text: impl Into<String>) -> CallError {
    CallError {
        retry_delay: Some(std::time::Duration::ZERO),
        ..CallError::new(Code::Unavailable, Reason::BlobStoreUnavailable, text)
    }
}

fn other_value(what: &str) -> CallError {
    let text = format!("the value at the link {what}");
    CallError::new(Code::DataLoss, Reason::BlobStoreUnavailable, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::TryStreamExt;
    use hyper::service::{make_service_fn, service_fn};
    use hyper::{Response, Server};
    use std::convert::Infallible;
    use std::time::Duration;

    /// Serves `hello` at every path but `/gone`; the address.
    fn serve() -> String {
        let service = make_service_fn(|_| async {
            Ok::<_, Infallible>(service_fn(|request: Request<Body>| async move {
                let mut response = Response::new(Body::from("hello"));
                if request.uri().path() == "/gone" {
                    *response.status_mut() = StatusCode::NOT_FOUND;
                }
                Ok::<_, Infallible>(response)
            }))
        });
        let server = Server::bind(&([127, 0, 0, 1], 0).into()).serve(service);
        let address = format!("http://{}", server.local_addr());
        tokio::spawn(server);
        address
    }

    async fn read(url: &str, base: &str, size_bytes: u64, sha256: &[u8]) -> Result<Vec<Bytes>, CallError> {
        let link = Link {
            url: url.to_owned(),
            sha256: Bytes::copy_from_slice(sha256),
            size_bytes,
            expire_time: None,
        };
        let deadline = Instant::now() + Duration::from_secs(30);
        let reader = LinkReader::default();
        let pieces = reader.read(link, base.to_owned(), deadline).try_collect().await;
        pieces
    }

    #[tokio::test]
    async fn what_a_link_leads_to_is_checked() {
        let base = serve();
        let hash = Sha256::digest(b"hello");
        assert_eq!(read("/a", &base, 5, &hash).await.unwrap().concat(), b"hello");
        assert_eq!(read(&format!("{base}/a"), "", 5, &hash).await.unwrap().concat(), b"hello");
        for (url, size, hash, code, why) in [
            ("/a", 5, &[0; 32][..], Code::DataLoss, "hash"),
            ("/a", 4, &hash, Code::DataLoss, "longer"),
            ("/a", 6, &hash, Code::Unavailable, "broke off after 5 of 6"),
            ("/gone", 5, &hash, Code::Unavailable, "holds no more"),
            ("file:///etc/hosts", 5, &hash, Code::Unavailable, "no address"),
        ] {
            let error = read(url, &base, size, hash).await.unwrap_err();
            assert_eq!(error.code, code, "{error}");
            assert!(error.text.contains(why), "{error}");
        }
    }
}
