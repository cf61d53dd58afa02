//! Perturbations: what a correct controller is free to choose (order, delays, batches), drawn from
//! one seed. The default is in order and without delay.

use log::random::Random;
use serde::{Deserialize, Serialize};

/// Which Submission Queue is fetched from next. Base-2.3 §3.4.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arbitration {
    /// Round robin, [`Policy::burst`] commands at a time.
    RoundRobin,
    /// Any queue that has commands.
    Random,
}

/// What is lost at a loss of power of what was in the volatile write cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PowerLoss {
    /// All of it.
    LosesAll,
    /// None of it: the capacitors held.
    LosesNothing,
}

/// The choices. Delays are upper bounds in nanoseconds; each is drawn anew for every command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// The seed of all draws.
    pub seed: u64,
    /// Execute fetched commands in any order.
    pub shuffle_execution: bool,
    /// Post completions in any order.
    pub shuffle_posting: bool,
    /// Longest delay between fetch and execution, beside the configured latency.
    pub execute_delay_ns: u64,
    /// Longest delay between execution and posting.
    pub post_delay_ns: u64,
    /// Longest delay between posting and its interrupt.
    pub signal_delay_ns: u64,
    /// How many commands are fetched before the first of them executes, 1 to 64.
    pub fetch_batch: u32,
    /// How many commands of one queue may be in flight, 1 to 64.
    pub in_flight: u32,
    /// How the Submission Queues take turns.
    pub arbitration: Arbitration,
    /// Commands fetched from a queue in one turn, at least 1.
    pub burst: u32,
    /// One message may stand for several completions that wait for the same vector.
    pub coalesce: bool,
    /// Commands are fetched although their Completion Queue may have no room.
    pub overcommit: bool,
    /// What becomes of the cache when power is lost.
    pub power_loss: PowerLoss,
    /// Fetched I/O commands wait for as long as this stands: a delay without an end. The harness sets
    /// and clears it, no configuration does.
    #[serde(skip)]
    pub holds_io: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            seed: 0,
            shuffle_execution: false,
            shuffle_posting: false,
            execute_delay_ns: 0,
            post_delay_ns: 0,
            signal_delay_ns: 0,
            fetch_batch: 1,
            in_flight: 64,
            arbitration: Arbitration::RoundRobin,
            burst: 1,
            coalesce: false,
            overcommit: false,
            power_loss: PowerLoss::LosesAll,
            holds_io: false,
        }
    }
}

impl Policy {
    /// Choices drawn from a seed: any mixture of delays and orders.
    pub fn random(seed: u64) -> Self {
        let mut random = Random::named(seed, "emulator policy");
        let mut delay = |longest: u64| match random.below(3) {
            0 => 0,
            _ => random.below(longest),
        };
        let (execute_delay_ns, post_delay_ns, signal_delay_ns) =
            (delay(200_000), delay(50_000), delay(100_000));
        Self {
            seed: random.number(),
            shuffle_execution: random.one_in(2),
            shuffle_posting: random.one_in(2),
            execute_delay_ns,
            post_delay_ns,
            signal_delay_ns,
            fetch_batch: random.between(1, 16) as u32,
            in_flight: random.between(1, 64) as u32,
            arbitration: *random.pick(&[Arbitration::RoundRobin, Arbitration::Random]),
            burst: random.between(1, 8) as u32,
            coalesce: random.one_in(2),
            overcommit: random.one_in(3),
            power_loss: *random.pick(&[PowerLoss::LosesAll, PowerLoss::LosesNothing]),
            holds_io: false,
        }
    }
}
