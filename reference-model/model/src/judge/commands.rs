//! Commands from doorbell to CQE, and a while longer: what they read is looked at later.

use std::collections::VecDeque;

use spec::{Addr, Cqe, Req, Sqe};

use super::Judge;
use super::cell::Value;
use super::forms::{Follower, Span};
use super::orphans::HeldCqe;
use crate::lives::Counted;
use crate::memory::{Memory, Owner};
use crate::prp::{PrpRole, PrpWalk};
use crate::rules;
use crate::ruling::{Apply, Data, Footprint, Held, Others, Rule, View};
use crate::state::World;
use crate::truth::Truth;

/// How many completed commands are remembered, for looks at their buffers and late DMA.
const REMEMBERED: usize = 256;

/// Where a command is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flight {
    /// Rung, and its CQE was not seen.
    Rung,
    /// Its CQE was seen.
    Completed,
    /// It was dropped by a reset, a queue deletion or an error: no CQE is owed. One may come that was
    /// posted before.
    Dropped,
    /// The number is free.
    Free,
}

/// What an Abort did to a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Aborted {
    /// None named it.
    No,
    /// One named it, and may abort it.
    Asked,
    /// One said that it was aborted, in this record and at this time.
    Done(u32, u64),
}

/// A command.
#[derive(Clone, Debug)]
pub struct Command {
    /// Which use of this number.
    pub generation: u32,
    /// Where it is.
    pub flight: Flight,
    /// Its controller.
    pub ctrl: u8,
    /// Its submission queue.
    pub sqid: u16,
    /// Its place in the queue, counted without end.
    pub pointer: u64,
    /// The entry.
    pub sqe: Sqe,
    /// Its completion, once seen.
    pub cqe: Cqe,
    /// Record of its `Submit`; `u32::MAX` if there was none.
    pub submit: u32,
    /// Record of its doorbell.
    pub rung: u32,
    /// End of its doorbell write, on the DUT's clock.
    pub rung_at: u64,
    /// Record in which its CQE was seen.
    pub seen: u32,
    /// When its CQE was seen, or when it was dropped.
    pub ended_at: u64,
    /// Its rule; `None`: not modelled.
    pub rule: Option<&'static Rule>,
    /// The data that it moves.
    pub data: Data,
    /// The structure that it touches.
    pub footprint: Footprint,
    /// Its buffer, in order; adjacent pages are merged. (address, bytes)
    pub runs: Vec<(u64, u64)>,
    /// PRP list pages that it uses. (address, bytes)
    pub lists: Vec<(u64, u64)>,
    /// Its data that shows how special PRP entries were read.
    pub spans: Vec<Span>,
    /// Per logical block: what it writes, or what its read must have got, if that is decided.
    pub values: Vec<Option<Value>>,
    /// Structures read so far, for `Data::Returns`.
    pub bytes: Vec<u8>,
    /// How many bytes of `bytes` were seen.
    pub bytes_seen: usize,
    /// What else was in flight.
    pub others: Others,
    /// What an Abort did to it.
    pub aborted: Aborted,
    /// How many Aborts have named it while it was in flight.
    pub named: u8,
    /// Its doorbell came after an invalid one.
    pub errored: Truth,
    /// Whether its queue is there is not known.
    pub unsure: bool,
    /// It is missing, and was reported.
    pub silent: bool,
    /// What the controller may count when it carries this command out.
    pub counted: Counted,
    /// Its effects on data have been taken into account.
    pub settled: bool,
    /// The host changed its buffer while it was in flight: what it moved is not known.
    pub disturbed: bool,
    /// It writes data from memory that the host had not opened to it when it was rung.
    pub unmapped: bool,
    /// A read of its data was refused, as the transport has shown.
    pub denied: bool,
    /// Why a CQE that comes late is not allowed.
    pub dropped: Option<Req>,
    /// A CQE that is its own, or that of a dropped command with the same identifiers.
    pub held: Option<HeldCqe>,
}

impl Default for Command {
    /// A number that is free and was never used.
    fn default() -> Self {
        Self {
            generation: 0,
            flight: Flight::Free,
            ctrl: 0,
            sqid: 0,
            pointer: 0,
            sqe: Sqe::default(),
            cqe: Cqe::default(),
            submit: u32::MAX,
            rung: 0,
            rung_at: 0,
            seen: 0,
            ended_at: 0,
            rule: None,
            data: Data::None,
            footprint: Footprint::NONE,
            runs: Vec::new(),
            lists: Vec::new(),
            spans: Vec::new(),
            values: Vec::new(),
            bytes: Vec::new(),
            bytes_seen: 0,
            others: Others::default(),
            aborted: Aborted::No,
            named: 0,
            errored: Truth::No,
            unsure: false,
            silent: false,
            counted: Counted::default(),
            settled: false,
            disturbed: false,
            unmapped: false,
            denied: false,
            dropped: None,
            held: None,
        }
    }
}

/// All commands, by number. Numbers are used again.
#[derive(Clone, Debug, Default)]
pub struct Commands {
    all: Vec<Command>,
    free: Vec<u32>,
    retired: VecDeque<u32>,
    /// Commands of an earlier segment, of which only the memory is of use.
    spare: Vec<Command>,
}

impl std::ops::Index<u32> for Commands {
    type Output = Command;
    fn index(&self, n: u32) -> &Command {
        &self.all[n as usize]
    }
}

impl std::ops::IndexMut<u32> for Commands {
    fn index_mut(&mut self, n: u32) -> &mut Command {
        &mut self.all[n as usize]
    }
}

impl Commands {
    /// A free number; its vectors are empty and keep their allocation.
    fn take(&mut self) -> u32 {
        if let Some(n) = self.free.pop() {
            let command = &mut self.all[n as usize];
            command.generation = command.generation.wrapping_add(1);
            command.empty();
            return n;
        }
        let mut command = Command::default();
        if let Some(mut spare) = self.spare.pop() {
            spare.empty();
            command.keep_memory_of(&mut spare);
        }
        self.all.push(command);
        self.all.len() as u32 - 1
    }

    /// Takes over the memory of the commands of an earlier segment.
    pub fn keep_memory_of(&mut self, earlier: &mut Commands) {
        self.all.reserve(earlier.all.len().saturating_sub(self.all.len()));
        self.spare = std::mem::take(&mut earlier.spare);
        self.spare.append(&mut earlier.all);
        // Beyond what is ever remembered, memory would only pile up.
        self.spare.truncate(2 * REMEMBERED);
    }

    /// The command that `owner` names, if its number was not used again.
    pub fn of(&self, owner: Owner) -> Option<&Command> {
        let command = self.all.get(owner.command as usize)?;
        (command.generation == owner.generation && command.flight != Flight::Free)
            .then_some(command)
    }

    /// Numbers of commands that are over, the latest first.
    pub fn recent(&self) -> impl Iterator<Item = u32> {
        self.retired.iter().rev().copied()
    }

    /// Numbers of all commands in flight.
    pub fn in_flight(&self) -> impl Iterator<Item = u32> {
        let all = self.all.iter().enumerate();
        all.filter(|(_, c)| c.flight == Flight::Rung).map(|(n, _)| n as u32)
    }

    /// The command is over; one that was over long ago may be forgotten.
    fn retire(&mut self, n: u32) -> Option<u32> {
        self.retired.push_back(n);
        if self.retired.len() <= REMEMBERED { None } else { self.retired.pop_front() }
    }
}

impl Command {
    /// Empties the vectors.
    fn empty(&mut self) {
        self.runs.clear();
        self.lists.clear();
        self.spans.clear();
        self.values.clear();
        self.bytes.clear();
    }

    /// Takes over the vectors of a command that is emptied.
    fn keep_memory_of(&mut self, other: &mut Command) {
        self.runs = std::mem::take(&mut other.runs);
        self.lists = std::mem::take(&mut other.lists);
        self.spans = std::mem::take(&mut other.spans);
        self.values = std::mem::take(&mut other.values);
        self.bytes = std::mem::take(&mut other.bytes);
    }

    /// The opcode, for admin commands.
    pub fn admin_opcode(&self) -> Option<u8> {
        (self.sqid == 0).then_some(self.sqe.opcode())
    }

    /// How many bytes its buffer has.
    pub fn buffer_bytes(&self) -> u64 {
        match self.data {
            Data::Read(b) | Data::Write(b) => u64::from(b.count) * u64::from(b.block_bytes),
            Data::Returns { bytes, .. } => u64::from(bytes),
            Data::None | Data::Flush(_) | Data::Unknown => 0,
        }
    }

    /// Whether it is known where in host memory its data lies, if it has data.
    pub fn is_placed(&self) -> bool {
        match self.data {
            Data::Read(blocks) | Data::Write(blocks) => blocks.placed,
            Data::Unknown => false,
            Data::None | Data::Flush(_) | Data::Returns { .. } => true,
        }
    }

    /// The address of byte `offset` of its buffer, if `len` bytes follow it there.
    pub fn address(&self, offset: u64, len: u64) -> Option<u64> {
        let mut before = 0;
        for &(at, bytes) in &self.runs {
            if offset < before + bytes {
                let within = offset - before;
                return (within + len <= bytes).then_some(at + within);
            }
            before += bytes;
        }
        None
    }

    /// Which byte of its buffer lies at `at`.
    pub fn offset_of(&self, at: u64) -> Option<u64> {
        let mut before = 0;
        for &(start, bytes) in &self.runs {
            if at >= start && at < start + bytes {
                return Some(before + (at - start));
            }
            before += bytes;
        }
        None
    }

    /// Its place for reports: `I/O SQ 1, CID 0041h`.
    pub fn place(&self) -> String {
        let cid = self.sqe.cid().0;
        match self.sqid {
            0 => format!("admin CQE, CID {cid:04X}h"),
            n => format!("CQE of SQ {n}, CID {cid:04X}h"),
        }
    }

    /// What the effect of its answer works on, in this world.
    pub fn apply<'a>(
        &'a self,
        world: &'a mut World,
        version: spec::Version,
        memory: &'a Memory,
        held: &'a mut Vec<Held>,
    ) -> Apply<'a> {
        let (sqid, sqe, cqe) = (spec::Qid(self.sqid), &self.sqe, &self.cqe);
        Apply { world, ctrl: self.ctrl, sqid, sqe, cqe, version, memory, held }
    }

    /// Whether a CQE is owed for it without an event: all but Asynchronous Event Requests.
    pub fn owes_cqe(&self) -> bool {
        self.flight == Flight::Rung
            && self.admin_opcode() != Some(0x0c)
            && self.errored == Truth::No
            && !self.unsure
            && !self.silent
    }
}

impl Judge {
    /// Everything that a check sees, for command `n` in the world `world`.
    pub(super) fn view<'a>(&'a self, n: u32, world: &'a World) -> View<'a> {
        let command = &self.commands[n];
        View {
            world,
            controller: &world.controllers[usize::from(command.ctrl)],
            ctrl: command.ctrl,
            sqid: spec::Qid(command.sqid),
            version: self.version(command.ctrl).unwrap_or(spec::Version::new(2, 3)),
            memory: &self.memory,
            others: command.others,
        }
    }

    /// A command was made visible to the controller.
    pub(super) fn start_command(&mut self, sqid: u16, sqe: Sqe, submit: u32, pointer: u64) {
        let n = self.commands.take();
        let ctrl = self.now.ctrl;
        let kind = if sqid == 0 { spec::QueueKind::Admin } else { spec::QueueKind::Nvm };
        let (errored, unsure) = match self.unit().sq(sqid) {
            Some(sq) => {
                sq.in_flight.push(n);
                (sq.errored, sq.unsure)
            }
            None => (Truth::Maybe, false),
        };
        let (record, when) = (self.now.record, self.now.when);
        let command = &mut self.commands[n];
        command.flight = Flight::Rung;
        command.ctrl = ctrl;
        command.sqid = sqid;
        command.pointer = pointer;
        command.sqe = sqe;
        command.submit = submit;
        command.rung = record;
        command.rung_at = when.seen;
        command.rule = rules::find(kind, &sqe);
        command.data = Data::None;
        command.footprint = Footprint::NONE;
        command.bytes_seen = 0;
        command.others = Others::default();
        command.aborted = Aborted::No;
        command.named = 0;
        command.errored = errored;
        command.unsure = unsure;
        command.silent = false;
        command.settled = false;
        command.disturbed = false;
        command.unmapped = false;
        command.denied = false;
        command.dropped = None;
        command.held = None;
        if let Some(rule) = command.rule {
            let view = self.view(n, &self.worlds[0]);
            let (data, footprint) = ((rule.data)(&sqe, &view), (rule.footprint)(&sqe, &view));
            let command = &mut self.commands[n];
            command.data = data;
            command.footprint = footprint;
            self.lay_out_buffer(n);
            self.commands[n].unmapped = self.lacks_memory(n);
        }
        if let Some(standing) = self.ruled.get_mut(submit as usize) {
            *standing = super::claims::Standing::Pending;
        }
        self.note_others(n);
        if sqid == 0 && sqe.opcode() == spec::opcode::admin::SET_FEATURES {
            self.feature_rung(n);
        }
        self.start_data(n);
        self.count_rung(n);
    }

    /// Walks the PRP entries of command `n`.
    fn lay_out_buffer(&mut self, n: u32) {
        let command = &self.commands[n];
        let bytes = command.buffer_bytes();
        let page = self.worlds[0].controllers[usize::from(command.ctrl)].page_bytes();
        if !command.is_placed() {
            // Where the data goes is not defined, so nothing is known of the pages it names.
            let sqe = command.sqe;
            let named: Vec<_> = PrpWalk::new(&self.memory, &sqe, page, bytes).collect();
            // The pages of a list are only read, and the checks of its entries need them.
            let list = named.iter().any(|item| item.role == PrpRole::ListPointer);
            let prp2 = Some(sqe.prp2()).filter(|_| !list);
            let data = named.iter().filter(|item| item.is_data()).map(|item| item.entry);
            for entry in data.chain([sqe.prp1()]).chain(prp2) {
                self.memory.forget(Addr(entry.page_base(page)), page);
            }
            return;
        }
        if bytes == 0 {
            return;
        }
        let command = &mut self.commands[n];
        let sqe = command.sqe;
        let mut follower = Follower::new(command, page);
        for item in PrpWalk::new(&self.memory, &sqe, page, bytes) {
            if item.from.0 != 0 {
                match command.lists.last_mut() {
                    Some((at, len)) if *at + *len == item.from.0 => *len += 8,
                    _ => command.lists.push((item.from.0, 8)),
                }
            }
            if item.role == PrpRole::Unknown {
                command.runs.clear();
                command.spans.clear();
                return;
            }
            let at = match item.role {
                PrpRole::First => item.entry.0 & !3,
                _ => item.entry.0 & !(page - 1),
            };
            follower.follow(&item, at, &mut command.spans);
            if !item.is_data() {
                continue;
            }
            match command.runs.last_mut() {
                Some((start, len)) if start.checked_add(*len) == Some(at) => *len += item.len,
                _ => command.runs.push((at, item.len)),
            }
        }
    }

    /// Notes what is in flight beside command `n`, both ways.
    fn note_others(&mut self, n: u32) {
        let command = &self.commands[n];
        let key = u32::from(command.sqid) << 16 | u32::from(command.sqe.cid().0);
        let (opcode, footprint) = (command.admin_opcode(), command.footprint);
        let unit = &mut self.units[usize::from(self.now.ctrl)];
        if let Some(old) = unit.by_cid.insert(key, n)
            && old != n
            && self.commands[old].flight == Flight::Rung
        {
            self.commands[old].others.same_cid += 1;
            self.commands[n].others.same_cid += 1;
        }
        if footprint != Footprint::NONE {
            unit.structural.push(n);
        }
        match opcode {
            Some(0x0c) => {
                self.commands[n].others.aers = unit.aers.len() as u32;
                for &other in &unit.aers {
                    self.commands[other].others.aers += 1;
                }
                unit.aers.push(n);
                unit.events.requested(unit.health.waits);
            }
            Some(0x08) => {
                self.commands[n].others.aborts = unit.aborts.len() as u32;
                for &other in &unit.aborts {
                    self.commands[other].others.aborts += 1;
                }
                unit.aborts.push(n);
                self.abort_rung(n);
            }
            Some(0x00) => {
                let qid = self.commands[n].sqe.dw[10] as u16;
                if let Some(sq) = unit.sq(qid) {
                    sq.deleting = true;
                    sq.busy = !sq.in_flight.is_empty();
                }
            }
            _ => {}
        }
        if !self.units[usize::from(self.now.ctrl)].aborts.is_empty() {
            self.asked_already(n);
        }
    }

    /// Command `n` is over: takes it out of every table of commands in flight.
    pub(super) fn end_command(&mut self, n: u32, flight: Flight) {
        let command = &mut self.commands[n];
        command.flight = flight;
        command.seen = self.now.record;
        command.ended_at = self.now.when.seen;
        let (sqid, opcode, structural) =
            (command.sqid, command.admin_opcode(), command.footprint != Footprint::NONE);
        let unit = &mut self.units[usize::from(command.ctrl)];
        if let Some(sq) = unit.sq(sqid)
            && let Some(at) = sq.in_flight.iter().position(|c| *c == n)
        {
            sq.in_flight.swap_remove(at);
        }
        match opcode {
            Some(0x0c) => unit.aers.retain(|c| *c != n),
            Some(0x08) => unit.aborts.retain(|c| *c != n),
            _ => {}
        }
        if structural {
            unit.structural.retain(|c| *c != n);
        }
    }

    /// Command `n` is ruled: it is remembered for a while.
    pub(super) fn retire_command(&mut self, n: u32) {
        let Some(old) = self.commands.retire(n) else { return };
        if self.is_orphan(old) {
            // Its CQE may lie there still, and the host has not come that far.
            self.commands.retired.push_back(old);
        } else {
            self.forget_command(old);
            self.commands.free.push(old);
        }
    }

    /// What the checks of command `n` are called, for reports.
    pub(super) fn succeeds(&self, n: u32) -> Option<Req> {
        self.commands[n].rule.and_then(|rule| rule.succeeds)
    }
}
