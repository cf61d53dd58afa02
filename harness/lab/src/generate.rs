//! The generator: random sequences over the slice, from a seed alone.
//!
//! It knows the structure of what it makes: queues exist before commands are sent to them, each
//! command has at most one fault, and nothing is done that the specification leaves undefined (no
//! doorbell of a queue that does not exist, no reserved value in CC, no EN toggled against RDY).
//! What a DUT answers is not its business: it believes that good commands succeed and bad ones do not.

mod commands;
mod life;
mod plan;

use log::ResetKind;
use log::random::Random;

use crate::host::NamespaceFacts;
use crate::sequence::{Sequence, Start};
use plan::Plan;

/// What a generator may use, and how much of it.
#[derive(Clone, PartialEq, Debug)]
pub struct GenOptions {
    /// About how many rounds: each is a command, a batch, a queue's life or a reset.
    pub rounds: u32,
    /// How many controllers the subsystem has.
    pub controllers: u8,
    /// The active namespaces.
    pub namespaces: Vec<NamespaceFacts>,
    /// How many I/O queues of each kind may be created.
    pub io_queues: u16,
    /// The largest I/O queue.
    pub queue_entries_max: u32,
    /// The memory page in bytes that bring-up sets.
    pub page_bytes: u64,
    /// The largest transfer in bytes.
    pub transfer_bytes_max: u64,
    /// How many Aborts may be outstanding at once.
    pub abort_limit: u32,
    /// How many Asynchronous Event Requests may be outstanding at once.
    pub event_limit: u32,
    /// Whether there is a volatile write cache.
    pub volatile_write_cache: bool,
    /// Resets that the transport can make.
    pub resets: Vec<ResetKind>,
    /// MSI-X vectors of each controller.
    pub msix_vectors: u16,
    /// CAP.MPSMIN, for CC.
    pub mpsmin: u8,
    /// Whether commands may be held in flight over aborts, deletions and resets.
    pub races: bool,
}

impl Default for GenOptions {
    /// What the bundled emulator has by default.
    fn default() -> Self {
        Self {
            rounds: 24,
            controllers: 1,
            namespaces: vec![NamespaceFacts {
                nsid: 1,
                blocks: 16384,
                block_bytes: 512,
                metadata_bytes: 0,
            }],
            io_queues: 4,
            queue_entries_max: 1024,
            page_bytes: 4096,
            transfer_bytes_max: 128 * 1024,
            abort_limit: 4,
            event_limit: 4,
            volatile_write_cache: true,
            resets: vec![ResetKind::FunctionLevel, ResetKind::Conventional, ResetKind::PowerCycle],
            msix_vectors: 4,
            mpsmin: 0,
            races: true,
        }
    }
}

/// A random sequence. The same seed and options give the same sequence, byte for byte.
pub fn generate(seed: u64, options: &GenOptions) -> Sequence {
    let mut plan = Plan::new(options, Random::named(seed, "generate"));
    for _ in 0..options.rounds {
        plan.round();
    }
    plan.settle_all();
    Sequence { start: Start::Enabled, seed, actions: plan.actions }
}
