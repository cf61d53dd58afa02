//! How the server waits. Messages wake it; mapped doorbells do not, so it looks at them: without a
//! pause right after something happened, then less and less often. Measured: docs/performance.md.

use std::time::{Duration, Instant};

/// What to do now that there is nothing to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rest {
    /// Look again at once.
    Spin,
    /// Look again after this long, or when a message comes.
    Sleep(Duration),
    /// A message will come.
    Block,
}

/// After the last event, and after the time without pauses: until when, how long the pauses are.
const STEPS: [(Duration, Duration); 4] = [
    (Duration::from_millis(2), Duration::from_micros(20)),
    (Duration::from_millis(50), Duration::from_micros(100)),
    (Duration::from_secs(1), Duration::from_micros(500)),
    (Duration::MAX, Duration::from_millis(2)),
];

/// When something happened last.
pub struct Idle {
    last: Instant,
    /// How long to look without a pause after the last event.
    spin: Duration,
}

impl Idle {
    /// Something happens now.
    pub fn new(spin: Duration) -> Self {
        Self { last: Instant::now(), spin }
    }

    /// Something has happened.
    pub fn touch(&mut self) {
        self.last = Instant::now();
    }

    /// How to wait, with or without mapped doorbells to watch.
    pub fn rest(&self, watches: bool) -> Rest {
        rest(self.last.elapsed(), self.spin, watches)
    }
}

fn rest(quiet: Duration, spin: Duration, watches: bool) -> Rest {
    if !watches {
        return Rest::Block;
    }
    if quiet < spin {
        return Rest::Spin;
    }
    let step = STEPS.iter().find(|(until, _)| quiet < *until);
    Rest::Sleep(step.map_or(Duration::from_millis(2), |(_, pause)| *pause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let rest = |quiet, watches| rest(quiet, Duration::from_micros(50), watches);
        assert_eq!(rest(Duration::ZERO, true), Rest::Spin);
        assert_eq!(rest(Duration::from_micros(50), true), Rest::Sleep(Duration::from_micros(20)));
        assert_eq!(rest(Duration::from_millis(1), true), Rest::Sleep(Duration::from_micros(20)));
        assert_eq!(rest(Duration::from_secs(9), true), Rest::Sleep(Duration::from_millis(2)));
        assert_eq!(rest(Duration::ZERO, false), Rest::Block);
    }
}
