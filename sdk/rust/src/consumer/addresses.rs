use std::sync::atomic::{AtomicUsize, Ordering};

use http::uri::Scheme;
use http::Uri;

use crate::error::{CallError, Error};
use crate::grpc::{Channel, Code};

/// The most addresses of a client.
const ADDRESSES_MAX: usize = 16;

/// Ways to Weir over one of several addresses: the first until it is UNAVAILABLE, then the next one, and after the
/// last one the first again.
pub(crate) struct Addresses {
    ways: Vec<Way>,
    at: AtomicUsize,
}

pub(crate) struct Way {
    pub(crate) channel: Channel,
    /// The address, without a slash at its end.
    pub(crate) url: String,
}

impl Addresses {
    pub(crate) fn open(urls: &[String]) -> Result<Addresses, Error> {
        if urls.is_empty() || urls.len() > ADDRESSES_MAX {
            let count = urls.len();
            return Err(Error::Config(format!("{count} addresses are given: give 1 to {ADDRESSES_MAX}")));
        }
        let ways = urls.iter().map(|url| open_way(url)).collect::<Result<_, _>>()?;
        Ok(Addresses { ways, at: AtomicUsize::new(0) })
    }

    /// The way that calls take now, and its number.
    pub(crate) fn here(&self) -> (usize, &Way) {
        let at = self.at.load(Ordering::Relaxed);
        (at, &self.ways[at])
    }

    /// Moves on when the way that was taken leads nowhere. Calls that failed together move on once.
    pub(crate) fn failed(&self, taken: usize, error: &CallError) {
        if error.code == Code::Unavailable {
            let next = (taken + 1) % self.ways.len();
            let _ = self.at.compare_exchange(taken, next, Ordering::Relaxed, Ordering::Relaxed);
        }
    }
}

fn open_way(url: &str) -> Result<Way, Error> {
    let fault = |why: &str| {
        Error::Config(format!("the address \"{url}\" {why}: write it like http://127.0.0.1:7070"))
    };
    let uri: Uri = url.parse().map_err(|_| fault("is no URL"))?;
    let is_known = uri.scheme() == Some(&Scheme::HTTP) || uri.scheme() == Some(&Scheme::HTTPS);
    if !is_known {
        return Err(fault("is not http or https"));
    }
    if uri.authority().map_or(false, |authority| authority.as_str().contains('@')) {
        let text = "the address holds user info: drop it and give the key as `key`";
        return Err(Error::Config(text.to_owned()));
    }
    Ok(Way { channel: Channel::open(&uri)?, url: url.trim_end_matches('/').to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::weir::errors::v1::Reason;

    fn open(urls: &[&str]) -> Result<Addresses, Error> {
        Addresses::open(&urls.iter().map(|&url| url.to_owned()).collect::<Vec<_>>())
    }

    fn error(code: Code) -> CallError {
        CallError::new(code, Reason::Unspecified, "")
    }

    #[test]
    fn addresses_that_cannot_be_right_are_refused() {
        let too_many = vec!["http://a"; ADDRESSES_MAX + 1];
        for (urls, why) in [
            (&[][..], "0 addresses"),
            (&too_many, "17 addresses"),
            (&["a b"], "is no URL"),
            (&["ftp://a"], "is not http or https"),
            (&["127.0.0.1:7070"], "is not http or https"),
            (&["http://user:pass@a"], "user info"),
        ] {
            let fault = open(urls).err().unwrap().to_string();
            assert!(fault.contains(why), "{fault}");
        }
    }

    #[tokio::test]
    async fn calls_go_on_at_the_next_address_once() {
        let addresses = open(&["http://a/", "http://b"]).unwrap();
        assert_eq!(addresses.here().1.url, "http://a");
        addresses.failed(0, &error(Code::NotFound));
        assert_eq!(addresses.here().0, 0);
        addresses.failed(0, &error(Code::Unavailable));
        addresses.failed(0, &error(Code::Unavailable));
        assert_eq!(addresses.here().1.url, "http://b");
        addresses.failed(1, &error(Code::Unavailable));
        assert_eq!(addresses.here().1.url, "http://a");
    }
}
