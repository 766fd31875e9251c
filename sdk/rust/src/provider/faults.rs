use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::Value;

use super::context::{Context, Scope};
use super::definition::{Limits, Provider};
use super::operation::Operation;
use crate::context_ref::is_type_name;

/// What is wrong with a provider's declaration.
pub(super) fn provider_faults(provider: &Provider) -> Vec<String> {
    let mut faults = Faults::default();
    faults.check(is_provider_name(&provider.name), || {
        "name must be a-z, 0-9 and \"-\" after a letter, at most 63".to_owned()
    });
    faults.semver(&provider.version);
    faults.check(!provider.contexts.is_empty() || !provider.operations.is_empty(), || {
        "nothing is offered: offer at least one context, or an operation".to_owned()
    });
    faults.within("weight", provider.weight.map(u64::from), 0..=1_000);
    faults.within("timeout in ms", provider.timeout.map(milliseconds), 1..=60_000);
    faults.within("hedge_after in ms", provider.hedge_after.map(milliseconds), 10..=60_000);
    faults.within("concurrency", Some(provider.concurrency as u64), 1..=100_000);
    limit_faults(&mut faults, provider.limits.unwrap_or_default());
    faults.check(provider.bearer.as_ref().map_or(true, |bearer| bearer.starts_with("secret://")), || {
        "bearer must be a secret:// reference".to_owned()
    });
    let is_told = provider.wants_principal || !provider.principal_attributes.is_empty();
    for context in &provider.contexts {
        context_faults(&mut faults, context);
        faults.check(!is_told || context.scope != Some(Scope::Tenant), || {
            let type_name = &context.type_name;
            format!("{type_name}: a provider told of the principal needs scope Principal or Nobody")
        });
    }
    for operation in &provider.operations {
        operation_faults(&mut faults, operation);
    }
    let types = provider.contexts.iter().map(|each| format!("{}@{}", each.type_name, each.version));
    let operations = provider.operations.iter().map(|each| format!("operation {}", each.name));
    faults.no_repeats(types.chain(operations));
    faults.found
}

fn context_faults(faults: &mut Faults, context: &Context) {
    let name = &context.type_name;
    faults.check(is_type_name(name), || {
        format!("type \"{name}\" must be A-Z, a-z, 0-9 after a capital, at most 63 characters")
    });
    faults.semver(&context.version);
    faults.check(context.fetch.is_some(), || format!("{name}: give fetch or fetch_many"));
    faults.object(&format!("{name}: schema"), &context.schema);
}

fn operation_faults(faults: &mut Faults, operation: &Operation) {
    let name = &operation.name;
    faults.check(is_operation_name(name), || {
        format!("operation \"{name}\" must be 1 to 128 of A-Z, a-z, 0-9, \"_\", \"-\" and \".\"")
    });
    faults.check(operation.call.is_some(), || format!("operation {name}: give call"));
    faults.check(operation.ttl.is_none() || operation.read_only == Some(true), || {
        format!("operation {name}: only what is read_only can have a ttl")
    });
    faults.within(
        &format!("operation {name}: timeout in ms"),
        operation.timeout.map(milliseconds),
        1..=600_000,
    );
    faults.object(&format!("operation {name}: input"), &operation.input);
    faults.object(&format!("operation {name}: output"), &operation.output);
}

fn limit_faults(faults: &mut Faults, limits: Limits) {
    faults.within("limits.concurrent_calls", limits.concurrent_calls.map(u64::from), 1..=1_000);
    faults.within("limits.calls_per_second", limits.calls_per_second.map(u64::from), 1..=100_000);
    faults.within("limits.response_bytes", limits.response_bytes, 4_096..=1 << 30);
}

#[derive(Default)]
struct Faults {
    found: Vec<String>,
}

impl Faults {
    fn check(&mut self, is_right: bool, fault: impl FnOnce() -> String) {
        if !is_right {
            self.found.push(fault());
        }
    }

    fn semver(&mut self, version: &str) {
        self.check(is_semver(version), || {
            format!("version \"{version}\" is not semver: write it like 1.0.0")
        });
    }

    fn within(&mut self, name: &str, value: Option<u64>, range: RangeInclusive<u64>) {
        let value = value.filter(|value| !range.contains(value));
        if let Some(value) = value {
            self.found.push(format!("{name} {value} is not {} to {}", range.start(), range.end()));
        }
    }

    fn object(&mut self, name: &str, schema: &Option<Value>) {
        self.check(schema.as_ref().map_or(true, Value::is_object), || format!("{name} is no JSON object"));
    }

    fn no_repeats(&mut self, names: impl Iterator<Item = String>) {
        let mut seen = std::collections::BTreeSet::new();
        for name in names {
            if seen.contains(&name) {
                self.found.push(format!("{name} is offered twice: offer it once"));
            }
            seen.insert(name);
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn is_provider_name(text: &str) -> bool {
    let is_allowed = |each: char| each.is_ascii_lowercase() || each.is_ascii_digit() || each == '-';
    text.len() <= 63
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.chars().all(is_allowed)
}

fn is_operation_name(text: &str) -> bool {
    let is_allowed = |each: char| each.is_ascii_alphanumeric() || "_-.".contains(each);
    (1..=128).contains(&text.len()) && text.chars().all(is_allowed)
}

/// As semver.org has it.
fn is_semver(text: &str) -> bool {
    let (rest, build) = split_suffix(text, '+');
    let (core, pre_release) = split_suffix(rest, '-');
    let numbers: Vec<&str> = core.split('.').collect();
    numbers.len() == 3
        && numbers.iter().all(|number| is_number(number))
        && build.map_or(true, |build| build.split('.').all(is_identifier))
        && pre_release.map_or(true, |pre_release| {
            let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
            pre_release.split('.').all(|part| is_identifier(part) && (!is_digits(part) || is_number(part)))
        })
}

fn split_suffix(text: &str, mark: char) -> (&str, Option<&str>) {
    text.split_once(mark).map_or((text, None), |(head, tail)| (head, Some(tail)))
}

fn is_number(text: &str) -> bool {
    let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits && (text == "0" || !text.starts_with('0'))
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Answer;

    fn context(type_name: &str, version: &str) -> Context {
        Context::new(type_name, version).fetch(|_| async { Ok(Some(Answer::text(""))) })
    }

    fn faults(provider: Provider) -> String {
        provider.check().map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn versions_are_semver() {
        for version in ["0.0.0", "1.20.3", "1.0.0-a.1.x-y", "1.0.0+b.01", "1.0.0-0a+c-d"] {
            assert!(is_semver(version), "{version}");
        }
        for version in [
            "",
            "1",
            "1.0",
            "1.0.0.0",
            "01.0.0",
            "1.0.0-",
            "1.0.0-01",
            "1.0.0-a..b",
            "1.0.0+",
            "1.0.x",
            "v1.0.0",
        ] {
            assert!(!is_semver(version), "{version}");
        }
    }

    #[test]
    fn a_declaration_without_fault_passes() {
        let operation = Operation::new("a.b").call(|_| async { Err("never".into()) });
        let provider = Provider::new("a-1", "1.0.0").context(context("A", "1.0.0")).operation(operation);
        assert_eq!(faults(provider), "");
    }

    #[test]
    fn every_fault_is_named() {
        let told = faults(
            Provider::new("A", "1")
                .weight(1_001)
                .timeout(Duration::from_secs(61))
                .hedge_after(Duration::from_millis(9))
                .concurrency(0)
                .bearer("token")
                .limits(Limits { response_bytes: Some(1), ..Default::default() })
                .wants_principal()
                .context(context("a", "1.0").scope(Scope::Tenant).schema(Value::from(1)))
                .context(Context::new("B", "1.0.0"))
                .context(context("B", "1.0.0"))
                .operation(Operation::new("x y").ttl(Duration::from_secs(1)).timeout(Duration::ZERO)),
        );
        for fault in [
            "name must be",
            "version \"1\"",
            "weight 1001",
            "timeout in ms 61000",
            "hedge_after in ms 9",
            "concurrency 0",
            "limits.response_bytes 1",
            "bearer must be",
            "type \"a\"",
            "version \"1.0\"",
            "a: schema is no JSON object",
            "a: a provider told of the principal",
            "B: give fetch",
            "B@1.0.0 is offered twice",
            "operation \"x y\" must be",
            "operation x y: give call",
            "only what is read_only",
            "operation x y: timeout in ms 0",
        ] {
            assert!(told.contains(fault), "{fault} is missing in {told}");
        }
        assert!(faults(Provider::new("a", "1.0.0")).contains("nothing is offered"));
    }
}
