//! The judge: takes records in order, holds the belief state, makes findings.
//!
//! One file per kind of observation. All state is in [`Judge`]: structure (`worlds`, usually one),
//! host memory, commands in flight, queues' slots, logical blocks. What a rule says of one command
//! stands in [`crate::rules`]; this module never knows a command's checks.

use std::sync::Arc;

use log::{Body, Claim, Interval, Log, Origin, SubmitRef};
use spec::{Req, Version};

use crate::memory::{IntMap, Memory};
use crate::ruling::{Forces, Held};
use crate::state::{Controller, World};
use crate::{Coverage, Finding, Profile, Verdict};

mod aborts;
mod adopt;
mod blocks;
mod capabilities;
mod cell;
mod cells;
mod choices;
mod claims;
mod cluster;
mod commands;
mod completions;
mod credit;
mod dma;
mod doorbells;
mod events;
mod few;
mod forms;
mod health;
mod interrupts;
mod looks;
mod loose;
mod media;
mod orders;
mod orphans;
mod queues;
mod reconsider;
mod registers;
mod report;
mod resets;
mod traffic;
mod unit;

use commands::Commands;
use media::Media;
use unit::Unit;

/// What the judge made of one command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ruled {
    /// It has not completed, or its ruling waits for others.
    Pending,
    /// Refused, and the refusal was judged by these checks; the first is named.
    Refused(Req),
    /// Accepted, and no check failed.
    Accepted,
    /// Judged otherwise (aborted, ambient, diverged).
    Other,
}

/// Where the judge is: the record under judgement.
#[derive(Clone, Copy, Debug, Default)]
struct Now {
    record: u32,
    step: u16,
    ctrl: u8,
    when: Interval,
}

/// How the test ended, as far as records say.
#[derive(Clone, Debug, Default)]
struct Ending {
    ended: bool,
    not_applicable: Option<String>,
    harness_error: Option<String>,
    dead: bool,
}

/// The judge of one segment. Cloning it is the snapshot of the prelude.
#[derive(Clone, Debug)]
pub struct Judge {
    profile: Arc<Profile>,
    /// For each named choice, the reading that the profile pins.
    pins: Arc<[Option<usize>]>,
    next: u32,
    now: Now,
    findings: Vec<Finding>,
    coverage: Coverage,
    origin: Option<Origin>,
    /// What is believed of the structure: one world, or several between which nothing decided yet.
    worlds: Vec<World>,
    memory: Memory,
    units: Vec<Unit>,
    commands: Commands,
    media: Media,
    /// Blocks that were written by special PRP entries, until they are read back.
    through: forms::Through,
    /// Commands that completed and whose ruling waits for others, by number.
    deferred: Vec<u32>,
    /// Per record: what became of the command that it submitted.
    ruled: Vec<claims::Standing>,
    /// The checks by which refused commands were judged.
    refused: IntMap<u32, Vec<Req>>,
    claims: Vec<(u32, Claim, Option<bool>)>,
    /// What had been judged when the test's own first step came: bring-up proves nothing for a test. Empty
    /// until then.
    judged_before: Vec<u32>,
    ending: Ending,
    /// Reused by rulings.
    held: Vec<Held>,
}

impl Judge {
    /// A judge that has seen nothing.
    pub fn new(profile: Arc<Profile>) -> Self {
        Self {
            pins: profile.pins().into(),
            profile,
            next: 0,
            now: Now::default(),
            findings: Vec::new(),
            coverage: Coverage::default(),
            origin: None,
            worlds: vec![World::default()],
            memory: Memory::default(),
            units: Vec::new(),
            commands: Commands::default(),
            media: Media::default(),
            through: forms::Through::default(),
            deferred: Vec::new(),
            ruled: Vec::new(),
            refused: IntMap::default(),
            claims: Vec::new(),
            judged_before: Vec::new(),
            ending: Ending::default(),
            held: Vec::new(),
        }
    }

    /// Becomes a copy of `snapshot`, in memory that it has already where a segment's length decides how
    /// much is needed: from the second segment on a command costs no allocation.
    pub fn go_back_to(&mut self, snapshot: &Judge) {
        let Self {
            profile,
            pins,
            next,
            now,
            findings,
            coverage,
            origin,
            worlds,
            memory,
            units,
            commands,
            media,
            through,
            deferred,
            ruled,
            refused,
            claims,
            judged_before,
            ending,
            held,
        } = self;
        let mut earlier = (
            std::mem::replace(commands, snapshot.commands.clone()),
            std::mem::replace(media, snapshot.media.clone()),
        );
        commands.keep_memory_of(&mut earlier.0);
        media.keep_memory_of(&mut earlier.1);
        (*next, *now, *origin) = (snapshot.next, snapshot.now, snapshot.origin);
        profile.clone_from(&snapshot.profile);
        pins.clone_from(&snapshot.pins);
        findings.clone_from(&snapshot.findings);
        coverage.clone_from(&snapshot.coverage);
        worlds.clone_from(&snapshot.worlds);
        memory.clone_from(&snapshot.memory);
        units.clone_from(&snapshot.units);
        through.clone_from(&snapshot.through);
        deferred.clone_from(&snapshot.deferred);
        ruled.clone_from(&snapshot.ruled);
        refused.clone_from(&snapshot.refused);
        claims.clone_from(&snapshot.claims);
        judged_before.clone_from(&snapshot.judged_before);
        ending.clone_from(&snapshot.ending);
        held.clone_from(&snapshot.held);
    }

    /// The profile it judges by.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// What is believed of the structure now; several worlds where nothing decided between them.
    pub fn worlds(&self) -> &[World] {
        &self.worlds
    }

    /// Judges every record of `log` that it has not seen yet.
    pub fn catch_up(&mut self, log: &Log) {
        let records = log.records();
        self.ruled.resize(log.len(), claims::Standing::None);
        let first = log.first();
        let from = (self.next.saturating_sub(first) as usize).min(records.len());
        for (n, record) in records.iter().enumerate().skip(from) {
            self.now = Now {
                record: first + n as u32,
                step: record.step,
                ctrl: record.ctrl,
                when: record.when(),
            };
            if usize::from(record.ctrl) >= self.units.len() {
                self.grow(usize::from(record.ctrl) + 1);
            }
            if record.step > 0 && self.judged_before.is_empty() {
                self.judged_before.extend_from_slice(&self.coverage.judged);
            }
            self.judge(log, record.body());
        }
        self.next = log.len() as u32;
    }

    /// Makes room for `count` controllers.
    fn grow(&mut self, count: usize) {
        self.units.resize_with(count, Unit::default);
        for world in &mut self.worlds {
            world.controllers.resize_with(count, Controller::default);
        }
    }

    // In place, so that a record's kind is looked at once: for what it holds and for what to do.
    #[inline(always)]
    fn judge(&mut self, log: &Log, body: Body) {
        match body {
            Body::Submit { sqid, slot, sqe } => self.on_submit(sqid, slot, sqe),
            Body::Doorbell(doorbell) => self.on_doorbell(doorbell),
            Body::Completion { cqid, slot, cqe } => self.on_completion(cqid, slot, cqe),
            Body::Fill { at, block_bytes, blocks, tag } => {
                let len = u64::from(block_bytes) * u64::from(blocks);
                self.host_wrote(at, len);
                self.memory.fill(at, block_bytes, blocks, tag);
            }
            Body::FewBlocksSeen { at, block_bytes, count, idents } => {
                self.on_blocks(
                    at,
                    block_bytes,
                    idents[..usize::from(count.min(6))].iter().copied(),
                );
            }
            Body::BlocksSeen { at, block_bytes, payload } => {
                let idents = log.payload(payload).as_chunks::<8>().0.iter();
                let idents = idents.map(|bytes| log::Ident(u64::from_le_bytes(*bytes)));
                self.on_blocks(at, block_bytes, idents);
            }
            Body::Dma { at, len, write, fault } => self.on_dma(at, len, write, fault),
            Body::Interrupt { vector, count } => self.on_interrupt(vector, count),
            Body::EmptyLook(look) => self.on_empty_look(look),
            Body::RegisterRead(access) => self.on_register_read(access),
            Body::RegisterWrite(access) => self.on_register_write(access),
            other => self.judge_rare(log, other),
        }
    }

    #[inline(never)]
    fn judge_rare(&mut self, log: &Log, body: Body) {
        match body {
            Body::Origin(origin) => {
                self.origin = Some(origin);
                self.grow(usize::from(origin.controllers.max(1)));
            }
            Body::BlocksWritten { at, block_bytes, payload } => {
                let idents = log.payload(payload).as_chunks::<8>().0.iter();
                for (n, bytes) in idents.enumerate() {
                    let at = spec::Addr(at.0.wrapping_add(n as u64 * u64::from(block_bytes)));
                    let ident = log::Ident(u64::from_le_bytes(*bytes));
                    // The same again is no change: two commands may take their data from one buffer.
                    if self.memory.block(at, block_bytes) != Some(ident) {
                        self.host_wrote(at, block_bytes.into());
                        self.memory.name(at, block_bytes, ident);
                    }
                }
            }
            Body::HostWrite { at, payload } => {
                let bytes = log.payload(payload);
                self.host_wrote(at, bytes.len() as u64);
                self.memory.write(at, bytes);
                self.edit_slots(at, bytes);
            }
            Body::HostSet { at, len, value } => {
                self.host_wrote(at, len);
                self.memory.set(at, len, value);
            }
            Body::BytesSeen { at, payload } => self.on_bytes(at, log.payload(payload)),
            Body::Map { at, len, perm } => self.memory.map(at, len, perm),
            Body::Unmap { at, len } => self.memory.unmap(at, len),
            Body::Sweep { at, len, changed } => self.on_sweep(at, len, changed),
            Body::SlotChanged { cqid, slot, cqe } => self.on_slot_changed(cqid, slot, cqe),
            Body::MsixEnable { on, vectors } => self.on_msix_enable(on, vectors),
            Body::MsixMask { vector, masked } => self.on_msix_mask(vector, masked),
            Body::MsixPending { vector, pending } => self.on_msix_pending(vector, pending),
            Body::Reset { kind, all } => self.on_reset(kind, all),
            Body::Idle => self.on_idle(),
            Body::Death { payload } => {
                self.ending.dead = true;
                self.on_death(log.text(payload).into_owned());
            }
            Body::Refusal { payload } => self.on_refusal(log.text(payload).into_owned()),
            Body::Claim(claim) => self.on_claim(claim),
            Body::NotApplicable { payload } => {
                self.ending.not_applicable = Some(log.text(payload).into_owned());
            }
            Body::HarnessError { payload } => {
                self.ending.harness_error = Some(log.text(payload).into_owned());
            }
            Body::End { audited } => self.on_end(audited),
            Body::Unknown(kind) => self.gap(format!("record of unknown kind {kind}"), None),
            _ => {}
        }
    }

    /// What was found so far, in order.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The counts so far.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// What became of the command whose `Submit` is record `submit`.
    pub fn ruled(&self, submit: SubmitRef) -> Ruled {
        self.standing_of(submit)
    }

    /// Whether the claim in record `record` was held true; `None` if it is no claim or not decided yet.
    pub fn claim_holds(&self, record: u32) -> Option<bool> {
        self.decided_claim(record)
    }

    /// The verdict of the segment, after its `End` record.
    pub fn verdict(&self) -> Verdict {
        self.work_out_verdict()
    }

    /// The controller under judgement in the first world.
    fn believed(&self) -> &Controller {
        &self.worlds[0].controllers[usize::from(self.now.ctrl)]
    }

    /// The runtime tables of the controller under judgement.
    fn unit(&mut self) -> &mut Unit {
        &mut self.units[usize::from(self.now.ctrl)]
    }

    /// Changes what is believed of controller `ctrl` in every world, by something that was seen.
    fn learn(&mut self, ctrl: u8, change: impl Fn(&mut Controller)) {
        for world in &mut self.worlds {
            change(&mut world.controllers[usize::from(ctrl)]);
        }
        self.units[usize::from(ctrl)].forces_stale = true;
    }

    /// The revision that controller `ctrl` is judged by.
    fn version(&self, ctrl: u8) -> Option<Version> {
        self.profile.revision.or_else(|| self.worlds[0].controllers[usize::from(ctrl)].version())
    }

    /// Works the forces of controller `ctrl` out again if its claims have changed.
    #[inline]
    fn refresh_forces(&mut self, ctrl: u8) {
        if self.units[usize::from(ctrl)].forces_stale {
            self.renew_forces(ctrl);
        }
    }

    #[cold]
    fn renew_forces(&mut self, ctrl: u8) {
        let at = usize::from(ctrl);
        let (controller, version) = (&self.worlds[0].controllers[at], self.version(ctrl));
        if !self.units[at].forces.hold_for(controller, version) {
            self.units[at].forces = Arc::new(Forces::new(controller, version));
        }
        self.units[at].forces_stale = false;
        if !self.units[at].open.is_empty() {
            self.reconsider(ctrl);
        }
    }
}
