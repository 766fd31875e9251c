use std::time::Duration;

use rand::Rng;

/// The bounds of a backoff.
#[derive(Clone, Copy)]
pub(crate) struct Backoff {
    /// The greatest wait before the first retry.
    pub(crate) first: Duration,
    /// The greatest wait before any retry.
    pub(crate) max: Duration,
}

/// How calls of Weir are tried again.
pub(crate) const CALL_BACKOFF: Backoff =
    Backoff { first: Duration::from_millis(50), max: Duration::from_secs(2) };

impl Backoff {
    /// The wait before retry `attempt` (from 0): exponential, with jitter over its upper half, so that clients that
    /// failed together do not come back together.
    pub(crate) fn wait(&self, attempt: u32) -> Duration {
        let ceiling = self.first.saturating_mul(2_u32.saturating_pow(attempt)).min(self.max);
        ceiling.mul_f64(rand::thread_rng().gen_range(0.5..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_their_bound() {
        for attempt in [0, 1, 5, 6, 40, u32::MAX] {
            let ceiling = 50.0 * 2_f64.powi(attempt.min(40) as i32);
            let wait = CALL_BACKOFF.wait(attempt).as_secs_f64() * 1_000.0;
            let ceiling = ceiling.min(2_000.0);
            assert!(wait >= ceiling * 0.499 && wait <= ceiling, "{attempt}: {wait}");
        }
    }
}
