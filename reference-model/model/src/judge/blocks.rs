//! Data: what commands read and write, and what the host sees of it.

use log::Ident;
use spec::Addr;
use spec::requirement::{controller, data, dma, flush, power, reset, shutdown, write};

use super::Judge;
use super::cell::{Effect, Sight, Value};
use super::commands::{Command, Flight};
use super::media::{Access, Look, Origin, Past, Written};
use super::report::Place;
use crate::memory::Owner;
use crate::ruling::{Apply, Blocks, Data};
use crate::truth::{No, Truth};

/// Bit of command dword 12: Force Unit Access.
const FUA: u32 = 1 << 30;

/// What a block that holds what it must shows beside.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Shown {
    /// The Read.
    command: u32,
    past: Past,
    origin: Origin,
}

fn access(blocks: Blocks, n: u64, command: u32) -> Access {
    Access { nsid: blocks.nsid, lba: blocks.slba.wrapping_add(n), command }
}

impl Judge {
    /// Command `n` was rung: its blocks are in play, and its buffer is the controller's.
    pub(super) fn start_data(&mut self, n: u32) {
        let command = &mut self.commands[n];
        let owner = Owner { command: n, generation: command.generation };
        if matches!(command.data, Data::Read(_) | Data::Returns { .. }) {
            for span in &mut command.spans {
                span.look_before(&self.memory, &command.runs);
            }
            let mut offset = 0;
            for &(at, len) in &command.runs {
                self.memory.give(Addr(at), len, owner, offset);
                offset += len;
            }
            self.share_buffer(n);
        }
        let command = &mut self.commands[n];
        match command.data {
            Data::Read(blocks) => {
                command.values.resize(blocks.count as usize, None);
                for i in 0..u64::from(blocks.count) {
                    self.media.invoke(access(blocks, i, n), None);
                }
            }
            Data::Write(blocks) => {
                for i in 0..u64::from(blocks.count) {
                    let value = Self::written(&self.memory, command, blocks, i)
                        .map_or_else(|| self.media.unbound(), Value::Known);
                    command.values.push(Some(value));
                    self.media.invoke(access(blocks, i, n), Some(value));
                }
            }
            _ => {}
        }
    }

    /// What block `i` of a write holds in host memory.
    fn written(
        memory: &crate::memory::Memory,
        command: &Command,
        blocks: Blocks,
        i: u64,
    ) -> Option<Ident> {
        let len = u64::from(blocks.block_bytes);
        if let Some(at) = command.address(i * len, len) {
            return memory.block(Addr(at), blocks.block_bytes);
        }
        // The block is spread over pages that do not follow each other.
        let mut bytes = vec![0; blocks.block_bytes as usize];
        let mut before = 0;
        for &(at, run) in &command.runs {
            let (from, to) = (before.max(i * len), (before + run).min((i + 1) * len));
            if from < to {
                let place = (from - i * len) as usize..(to - i * len) as usize;
                if !memory.read(Addr(at + (from - before)), &mut bytes[place]) {
                    return None;
                }
            }
            before += run;
        }
        (before >= (i + 1) * len).then(|| log::content::identify(&bytes))
    }

    /// Command `n` has had all the effect on data that it will have.
    pub(super) fn settle_data(&mut self, n: u32, effect: Effect) {
        let command = &mut self.commands[n];
        if std::mem::replace(&mut command.settled, true) {
            return;
        }
        match command.data {
            Data::Read(blocks) => {
                let success = effect == Effect::Certain;
                for i in 0..u64::from(blocks.count) {
                    let got = self.media.finish_read(access(blocks, i, n), success);
                    command.values[i as usize] = got;
                }
            }
            Data::Write(blocks) => {
                let fua = command.sqe.dw[12] & FUA != 0;
                let controller = &self.worlds[0].controllers[usize::from(command.ctrl)];
                let cached = if fua { No } else { controller.cache_on() };
                let cached = if self.worlds.len() > 1 && !fua { Truth::Maybe } else { cached };
                let completed = self.now.record;
                let how = Written { ctrl: command.ctrl, rung: command.rung, completed, cached };
                for i in 0..u64::from(blocks.count) {
                    let at = access(blocks, i, n);
                    if let Some(value) = command.values[i as usize] {
                        self.media.finish_write(at, value, effect, how);
                    }
                    if command.disturbed {
                        self.media.unsure(at.nsid, at.lba);
                    }
                }
                if effect == Effect::Certain && !command.spans.is_empty() {
                    self.remember_forms(n, blocks);
                }
            }
            Data::Flush(nsid) if effect == Effect::Certain => {
                self.media.flush(nsid, command.ctrl, command.rung);
            }
            _ => {}
        }
    }

    /// Command `n` has a destination buffer. Where it is that of another command in flight too, nobody
    /// knows which of them wrote there last, nor what a Write took from there.
    fn share_buffer(&mut self, n: u32) {
        let runs = std::mem::take(&mut self.commands[n].runs);
        let mut shared = false;
        for unit in &self.units {
            for &other in unit.sqs.iter().flatten().flat_map(|sq| &sq.in_flight) {
                let overlaps = |(a, l): &(u64, u64)| {
                    runs.iter().any(|(at, len)| *a < at.saturating_add(*len) && *at < a + l)
                };
                let command = &mut self.commands[other];
                if other == n || !command.runs.iter().any(overlaps) {
                    continue;
                }
                shared |= !matches!(command.data, Data::Write(_));
                if !command.settled
                    && !std::mem::replace(&mut command.disturbed, true)
                    && let Data::Write(blocks) = command.data
                {
                    for i in 0..u64::from(blocks.count) {
                        self.media.unsure(blocks.nsid, blocks.slba.wrapping_add(i));
                    }
                }
            }
        }
        let command = &mut self.commands[n];
        command.disturbed |= shared;
        command.runs = runs;
    }

    /// The host wrote here: a command whose buffer it is moves something that is not known.
    pub(super) fn host_wrote(&mut self, at: Addr, len: u64) {
        let end = at.0.saturating_add(len);
        for unit in &self.units {
            for sq in unit.sqs.iter().flatten() {
                for &n in &sq.in_flight {
                    let command = &mut self.commands[n];
                    let hit = command.runs.iter().any(|(a, l)| *a < end && at.0 < a + l);
                    if hit && !command.settled && !command.disturbed {
                        command.disturbed = true;
                        if let Data::Write(blocks) = command.data {
                            for i in 0..u64::from(blocks.count) {
                                self.media.unsure(blocks.nsid, blocks.slba.wrapping_add(i));
                            }
                        }
                    }
                }
            }
        }
    }

    /// Command `n` was over long ago: nobody looks at what it read any more.
    pub(super) fn forget_command(&mut self, n: u32) {
        let command = &mut self.commands[n];
        if let Data::Read(blocks) = command.data {
            for i in 0..blocks.count as usize {
                if command.values.get(i).is_some_and(Option::is_none) {
                    self.media.give_up(access(blocks, i as u64, n));
                }
            }
        }
        command.flight = Flight::Free;
        let key = u32::from(command.sqid) << 16 | u32::from(command.sqe.cid().0);
        let by_cid = &mut self.units[usize::from(command.ctrl)].by_cid;
        if by_cid.get(&key) == Some(&n) {
            by_cid.remove(&key);
        }
    }

    /// The command whose destination buffer `at` is, and which byte of its data that is.
    fn owner_of(&self, at: Addr) -> Option<(u32, u64)> {
        if let Some((owner, offset)) = self.memory.owner(at)
            && self.commands.of(owner).is_some()
        {
            return Some((owner.command, offset));
        }
        // Buffers that do not fill whole sectors are not remembered by address.
        if self.memory.byte(at).is_some() {
            return None;
        }
        let mut candidates = self.commands.recent();
        candidates.find_map(|n| {
            let command = &self.commands[n];
            let reads = matches!(command.data, Data::Read(_) | Data::Returns { .. });
            Some((n, command.offset_of(at.0).filter(|_| reads)?))
        })
    }

    /// The host looked at blocks in memory.
    pub(super) fn on_blocks(
        &mut self,
        at: Addr,
        block_bytes: u32,
        idents: impl Iterator<Item = Ident>,
    ) {
        if self.is_memory_unsure() {
            return;
        }
        // Blocks beside each other nearly always show the same: they are counted together.
        let mut alike: Option<(Shown, u32)> = None;
        for (i, ident) in idents.enumerate() {
            let here = Addr(at.0.wrapping_add(i as u64 * u64::from(block_bytes)));
            let Some(shown) = self.on_block(here, block_bytes, ident) else { continue };
            match &mut alike {
                Some((known, count)) if *known == shown => *count += 1,
                _ => {
                    if let Some((known, count)) = alike.replace((shown, 1)) {
                        self.credit_look(known, count);
                    }
                }
            }
        }
        if let Some((known, count)) = alike {
            self.credit_look(known, count);
        }
    }

    /// One block; what it shows, if it holds what it must.
    #[inline]
    fn on_block(&mut self, at: Addr, block_bytes: u32, seen: Ident) -> Option<Shown> {
        let Some((n, offset)) = self.owner_of(at) else {
            self.untouched(at, block_bytes, seen);
            return None;
        };
        let command = &self.commands[n];
        let Data::Read(blocks) = command.data else { return None };
        let good = command.flight == Flight::Completed
            && command.cqe.status().is_success()
            && !command.disturbed;
        let whole = u64::from(block_bytes);
        if !good || blocks.block_bytes != block_bytes || !offset.is_multiple_of(whole) {
            return None;
        }
        let i = offset / whole;
        let expected = command.values.get(i as usize).copied().flatten();
        let place = access(blocks, i, n);
        let look = self.media.look(place, expected, seen)?;
        self.coverage.data_bytes += whole;
        if look.sight == Sight::Agrees {
            self.credit_block(n, blocks, i, seen);
            return Some(Shown { command: n, past: look.past, origin: look.origin });
        }
        self.judge_look(n, place, look, seen);
        None
    }

    fn judge_look(&mut self, n: u32, at: Access, look: Look, seen: Ident) {
        let Sight::Differs(allowed) = look.sight else { return };
        let req = match look.origin {
            Origin::Unwritten => data::UNWRITTEN,
            Origin::Flushed => flush::DURABLE,
            Origin::Durable => data::WRITE_THROUGH,
            Origin::Written(ctrl) if ctrl != self.commands[n].ctrl => data::SHARED,
            Origin::Written(_) | Origin::Survived => data::LAST_WRITTEN,
        };
        let command = &self.commands[n];
        let place = Place {
            text: format!("NSID {}, LBA {}", at.nsid, at.lba),
            command: Some(command.sqe),
            consequence_of: look.tainted,
        };
        let story = (
            told(seen),
            allowed.iter().map(|v| block_text(*v)).collect::<Vec<_>>().join(" or "),
            "written before the read, or beside it".to_string(),
        );
        if look.tainted.is_some() {
            self.coverage.tainted += 1;
        }
        if let Some(finding) = self.broken(req, place, story) {
            self.media.taint(at.nsid, at.lba, finding);
        }
    }

    /// So many blocks held what they had to: the requirements that this shows.
    fn credit_look(&mut self, Shown { command, past, origin }: Shown, count: u32) {
        self.agree(data::LAST_WRITTEN, count);
        self.agree(data::VISIBLE_AFTER_COMPLETION, count);
        if past.reset {
            self.agree(reset::COMPLETED_RESULTS_KEPT, count);
        }
        if past.shut_down {
            self.agree(shutdown::KEEPS_DATA, count);
        }
        match origin {
            Origin::Unwritten => {
                self.agree(data::UNWRITTEN, count);
                self.agree(data::NEIGHBOURS, count);
            }
            Origin::Flushed => {
                self.agree(flush::DURABLE, count);
                self.agree(flush::OWN_WRITES, count);
                self.agree(power::FLUSHED_DATA_KEPT, count);
            }
            Origin::Durable => {
                self.agree(data::WRITE_THROUGH, count);
                self.agree(write::FUA, count);
            }
            Origin::Written(ctrl) if ctrl != self.commands[command].ctrl => {
                self.agree(data::SHARED, count);
                self.agree(controller::SAME_NAMESPACE_DATA, count);
            }
            Origin::Written(_) | Origin::Survived => {}
        }
    }

    /// The host looked at memory that no command may have changed.
    fn untouched(&mut self, at: Addr, block_bytes: u32, seen: Ident) {
        let Some(known) = self.memory.block(at, block_bytes) else { return };
        self.coverage.data_bytes += u64::from(block_bytes);
        self.hold(dma::WRITE_WITHIN_PRPS, known == seen, |_| {
            let because = "only the host wrote there".to_string();
            (Place::at(format!("memory at {at}")), (told(seen), told(known), because))
        });
    }

    /// The host looked at bytes in memory.
    pub(super) fn on_bytes(&mut self, at: Addr, bytes: &[u8]) {
        if self.is_memory_unsure() {
            return;
        }
        let Some((n, offset)) = self.owner_of(at) else {
            let mut known = vec![0; bytes.len()];
            if self.memory.read(at, &mut known) {
                self.hold(dma::WRITE_WITHIN_PRPS, known == bytes, |_| {
                    let because = "only the host wrote there".to_string();
                    let place = Place::at(format!("memory at {at}"));
                    (place, ("other bytes".into(), "the bytes written".into(), because))
                });
            }
            return;
        };
        let command = &mut self.commands[n];
        let Data::Returns { bytes: total, seen } = command.data else { return };
        let good = command.flight == Flight::Completed
            && command.cqe.status().is_success()
            && !command.disturbed;
        let from = offset as usize;
        if !good || command.bytes_seen == usize::MAX || from >= total as usize {
            return;
        }
        command.bytes.resize(total as usize, 0);
        let len = bytes.len().min(total as usize - from);
        command.bytes[from..from + len].copy_from_slice(&bytes[..len]);
        command.bytes_seen += len;
        self.coverage.data_bytes += len as u64;
        if command.bytes_seen >= total as usize {
            command.bytes_seen = usize::MAX;
            self.structure_seen(n, seen);
        }
    }

    /// All of the structure that command `n` returned was looked at.
    fn structure_seen(&mut self, n: u32, seen: fn(&mut Apply, &[u8])) {
        let bytes = std::mem::take(&mut self.commands[n].bytes);
        let ctrl = self.commands[n].ctrl;
        let version = self.version(ctrl).unwrap_or(spec::Version::new(2, 3));
        let mut held = std::mem::take(&mut self.held);
        let command = &self.commands[n];
        let (sqe, counted, rung) = (command.sqe, command.counted, command.rung);
        let thresholds_unsure = self.thresholds_changed(rung);
        let command = &self.commands[n];
        for (w, world) in self.worlds.iter_mut().enumerate() {
            let mut out = Vec::new();
            let sink = if w == 0 { &mut held } else { &mut out };
            let controller = &mut world.controllers[usize::from(ctrl)];
            (controller.counted, controller.thresholds_unsure) = (counted, thresholds_unsure);
            seen(&mut command.apply(world, version, &self.memory, sink), &bytes);
        }
        self.units[usize::from(ctrl)].forces_stale = true;
        if sqe.opcode() == spec::opcode::admin::GET_LOG_PAGE {
            self.show_entries(n, &sqe, &bytes);
            self.health_seen(n, &sqe, &bytes);
        }
        if !self.commands[n].spans.is_empty() {
            self.credit_structure(n, &bytes);
        }
        self.commands[n].bytes = bytes;
        self.report_held(n, &mut held);
        self.held = held;
    }
}

/// A block for reports: what it holds, or a number that is the same for the same content.
fn told(ident: Ident) -> String {
    match ident {
        Ident::ZERO => "a block of zeroes".into(),
        Ident::ONES => "a block of bytes FFh".into(),
        Ident(content) => format!("the block with content {content:016x}"),
    }
}

fn block_text(value: Value) -> String {
    match value {
        Value::Known(ident) => told(ident),
        Value::Unbound(_) => "any block".to_string(),
    }
}
