//! The generator: random sequences over the slice, from a seed alone.
//!
//! It knows the structure of what it makes: queues exist before commands are sent to them, each
//! command has at most one fault, and nothing is done that the specification leaves undefined (no
//! doorbell of a queue that does not exist, no reserved value in CC, no EN toggled against RDY, no
//! INTMS or INTMC while MSI-X is on).
//! What a DUT answers is not its business: it believes that good commands succeed and bad ones do not.

mod admin;
mod events;
mod features;
mod io;
mod life;
mod plan;
mod tables;

use log::ResetKind;
use log::random::Random;

use crate::action::{Action, Hazard};
use crate::bench::Bench;
use crate::host::NamespaceFacts;
use crate::sequence::{Sequence, Start};
use crate::stop::Stop;
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
    /// Number of Namespaces (NN): the highest identifier that is valid.
    pub nn: u32,
    /// How many I/O queues of each kind may be created.
    pub io_queues: u16,
    /// The largest I/O queue.
    pub queue_entries_max: u32,
    /// The largest transfer in bytes.
    pub transfer_bytes_max: u64,
    /// How many Aborts may be outstanding at once.
    pub abort_limit: u32,
    /// How many Asynchronous Event Requests may be outstanding at once.
    pub event_limit: u32,
    /// Resets that the transport can make.
    pub resets: Vec<ResetKind>,
    /// MSI-X vectors of each controller.
    pub msix_vectors: u16,
    /// CAP.MPSMIN: the memory page that bring-up sets.
    pub mpsmin: u8,
    /// CAP.MPSMAX.
    pub mpsmax: u8,
    /// Whether queues must lie in contiguous memory (CAP.CQR).
    pub contiguous_queues: bool,
    /// An address at which the controllers have no memory, where the transport refuses such an access.
    pub nowhere: Option<u64>,
    /// Whether commands may be held in flight over aborts, deletions and resets.
    pub races: bool,
    /// The worst hazard that the owner of the DUT consents to: beyond it nothing is planned.
    pub consent: Hazard,
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
            nn: 1,
            io_queues: 4,
            queue_entries_max: 1024,
            transfer_bytes_max: 128 * 1024,
            abort_limit: 4,
            event_limit: 4,
            resets: vec![ResetKind::FunctionLevel, ResetKind::Conventional, ResetKind::PowerCycle],
            msix_vectors: 4,
            mpsmin: 0,
            mpsmax: 0,
            nowhere: None,
            contiguous_queues: false,
            races: true,
            consent: Hazard::Irreversible,
        }
    }
}

impl GenOptions {
    /// What the DUT on this bench has, as its bring-up tells.
    ///
    /// # Errors
    /// If it cannot be brought up.
    pub fn of(bench: &mut Bench<'_>) -> Result<Self, Stop> {
        let mut options = Self { consent: bench.consent(), ..Self::default() };
        let consent = options.consent;
        let run = bench.run_as("generate", 0, |lab| {
            let caps = lab.capabilities();
            let mut ctrl = lab.enabled_controller()?;
            let cap = ctrl.cap()?;
            let facts = ctrl.facts().unwrap_or_default();
            let nowhere = lab.address_without_memory();
            let allowed = |kind: &ResetKind| {
                Action::Reset { ctrl: 0, kind: *kind }.hazard(caps.controllers) <= consent
            };
            options = Self {
                controllers: caps.controllers,
                namespaces: ctrl.namespaces(),
                nn: facts.nn,
                io_queues: ctrl.granted_io_sqs().min(ctrl.granted_io_cqs()).min(8),
                // A controller that says it has none gets queues of the least size there is.
                queue_entries_max: (u32::from(cap.mqes_z()) + 1).max(2),
                transfer_bytes_max: facts.transfer_bytes_max.unwrap_or(u64::MAX),
                abort_limit: facts.abort_limit,
                event_limit: facts.event_limit,
                resets: caps.resets.iter().copied().filter(allowed).collect(),
                msix_vectors: if caps.msix_table { caps.msix_vectors.min(8) } else { 0 },
                mpsmin: cap.mpsmin(),
                mpsmax: cap.mpsmax(),
                nowhere,
                contiguous_queues: cap.cqr(),
                consent,
                ..Self::default()
            };
            Ok(())
        });
        run.stop.map_or(Ok(options), Err)
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
