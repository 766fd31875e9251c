use std::fmt;
use std::str::FromStr;

use crate::proto::weir::context::v1 as wire;

/// What a consumer asks for. As text it is `TYPE/KEY` or `TYPE@RANGE/KEY`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ContextRef {
    /// The name of a context type, such as `DocChunk`.
    pub type_name: String,
    /// The key of the item within its type; 1 to 1,024 bytes.
    pub key: String,
    /// The acceptable versions of the type, a semver range. Empty: the consumer's pin, else any.
    pub version_range: String,
    /// The name of the provider to ask. Empty: the router chooses.
    pub provider: String,
}

/// A text is no ref.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ref \"{text}\" {fault}")]
pub struct InvalidRef {
    text: String,
    fault: String,
}

impl ContextRef {
    /// A ref by type and key.
    pub fn new(type_name: impl Into<String>, key: impl Into<String>) -> Self {
        ContextRef {
            type_name: type_name.into(),
            key: key.into(),
            version_range: String::new(),
            provider: String::new(),
        }
    }

    /// Accepts only versions in this semver range, such as `^1.2`.
    pub fn version_range(mut self, range: impl Into<String>) -> Self {
        self.version_range = range.into();
        self
    }

    /// Asks only this provider.
    pub fn provider(mut self, name: impl Into<String>) -> Self {
        self.provider = name.into();
        self
    }

    pub(crate) fn to_wire(&self) -> wire::ContextRef {
        wire::ContextRef {
            r#type: self.type_name.clone(),
            version_range: self.version_range.clone(),
            key: self.key.clone(),
            provider: self.provider.clone(),
        }
    }

    pub(crate) fn from_wire(wire: wire::ContextRef) -> Self {
        ContextRef {
            type_name: wire.r#type,
            key: wire.key,
            version_range: wire.version_range,
            provider: wire.provider,
        }
    }
}

impl fmt::Display for ContextRef {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version_range.as_str() {
            "" => write!(to, "{}/{}", self.type_name, self.key),
            range => write!(to, "{}@{range}/{}", self.type_name, self.key),
        }
    }
}

/// The key is everything after the first slash, further slashes included.
impl FromStr for ContextRef {
    type Err = InvalidRef;

    fn from_str(text: &str) -> Result<Self, InvalidRef> {
        let fault = |fault: String| InvalidRef { text: text.to_owned(), fault };
        let (head, key) = text
            .split_once('/')
            .ok_or_else(|| fault("has no key: write TYPE/KEY, such as DocChunk/README.md".to_owned()))?;
        let (type_name, range) = match head.split_once('@') {
            Some((type_name, range)) => (type_name, Some(range.trim())),
            None => (head, None),
        };
        if !is_type_name(type_name) {
            return Err(fault(format!(
                "has no valid type: \"{type_name}\" must be A-Z, a-z, 0-9 after a capital"
            )));
        }
        if key.is_empty() {
            return Err(fault("has an empty key: write what follows the slash".to_owned()));
        }
        if range == Some("") {
            return Err(fault("has an empty version range: drop the \"@\"".to_owned()));
        }
        Ok(ContextRef::new(type_name, key).version_range(range.unwrap_or_default()))
    }
}

impl TryFrom<&str> for ContextRef {
    type Error = InvalidRef;

    fn try_from(text: &str) -> Result<Self, InvalidRef> {
        text.parse()
    }
}

impl TryFrom<String> for ContextRef {
    type Error = InvalidRef;

    fn try_from(text: String) -> Result<Self, InvalidRef> {
        text.parse()
    }
}

impl TryFrom<&String> for ContextRef {
    type Error = InvalidRef;

    fn try_from(text: &String) -> Result<Self, InvalidRef> {
        text.parse()
    }
}

/// Lets what never fails stand where a text might: `fetch` takes both.
impl From<std::convert::Infallible> for InvalidRef {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

/// Whether a text names a context type.
pub(crate) fn is_type_name(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|first: char| first.is_ascii_uppercase())
        && text.chars().all(|each| each.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refs_are_read_as_they_are_written() {
        for text in ["DocChunk/a", "DocChunk@^1.2/a/b?c", "Ticket@>=1 <3/é 😀", "A/@x"] {
            assert_eq!(text.parse::<ContextRef>().unwrap().to_string(), text);
        }
        let full: ContextRef = "DocChunk@^1/a/b".parse().unwrap();
        assert_eq!(full, ContextRef::new("DocChunk", "a/b").version_range("^1"));
    }

    #[test]
    fn what_is_no_ref_is_told_why() {
        let cases = [
            ("DocChunk", "has no key"),
            ("docChunk/a", "has no valid type"),
            ("/a", "has no valid type"),
            ("DocChunk/", "has an empty key"),
            ("DocChunk@/a", "has an empty version range"),
        ];
        for (text, why) in cases {
            let fault = text.parse::<ContextRef>().unwrap_err().to_string();
            assert!(fault.contains(why) && fault.contains(text), "{fault}");
        }
    }
}
