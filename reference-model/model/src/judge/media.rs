//! The logical blocks of all namespaces: what each may hold, and what a loss of power may undo.

use log::Ident;
use spec::Nsid;

use super::cell::{Busy, Effect, Overflow, Sight, Value};
use super::cells::{Cell, Cells, Mark, NONE};
use super::loose::{Loose, MAX_LOOSE, Unflushed, covered};
use crate::truth::Truth;

impl Cell {
    /// What an agreeing look shows beside the content. `now`: losses of power, resets, shutdowns.
    fn past(&self, (_, resets, shutdowns): (u32, u32, u32)) -> Past {
        Past {
            reset: self.written.is_some_and(|mark| mark.resets < resets),
            shut_down: self.written.is_some_and(|mark| mark.shutdowns < shutdowns),
        }
    }

    fn origin(&self, epoch: u32) -> Origin {
        match self.written {
            None => Origin::Unwritten,
            Some(_) if self.survived => Origin::Survived,
            Some(at) if at.epoch < epoch && at.cached => Origin::Flushed,
            Some(at) if at.epoch < epoch => Origin::Durable,
            Some(at) => Origin::Written(at.ctrl),
        }
    }
}

/// What happened to a block before it was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Past {
    /// A controller was reset since it was written.
    pub reset: bool,
    /// A controller was shut down since it was written.
    pub shut_down: bool,
}

/// Where the content of a block comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It was never written.
    Unwritten,
    /// Written by this controller.
    Written(u8),
    /// Written past a volatile cache or without one, before power was lost.
    Durable,
    /// Written into a volatile cache and flushed, before power was lost.
    Flushed,
    /// Power was lost, and more than one content was possible afterwards.
    Survived,
}

/// One command's access to one block.
#[derive(Clone, Copy, Debug)]
pub struct Access {
    /// The namespace.
    pub nsid: Nsid,
    /// The block.
    pub lba: u64,
    /// The command's number.
    pub command: u32,
}

/// When and by whom a write was made.
#[derive(Clone, Copy, Debug)]
pub struct Written {
    /// The controller that completed it.
    pub ctrl: u8,
    /// Record of its doorbell.
    pub rung: u32,
    /// Record of its CQE.
    pub completed: u32,
    /// Whether a volatile write cache may have held it.
    pub cached: Truth,
}

/// What a look at a block gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// Agreement, or what was allowed.
    pub sight: Sight,
    /// The finding that made the block unsure before.
    pub tainted: Option<u32>,
    /// What happened to the block before.
    pub past: Past,
    /// Where its content comes from.
    pub origin: Origin,
}

/// All blocks.
#[derive(Clone, Debug, Default)]
pub struct Media {
    cells: Cells,
    busy: Vec<Busy>,
    free: Vec<u32>,
    loose: Vec<Loose>,
    free_loose: Vec<u32>,
    /// By key: what a value that was not known turned out to be. Key 0 is nobody's.
    bound: Vec<Option<Ident>>,
    /// The last key that was given out.
    last_key: u64,
    /// Flushes that succeeded: namespace (0: all), controller, record of the doorbell.
    flushed: Vec<(Nsid, u8, u32)>,
    /// How often power was lost.
    epoch: u32,
    /// How often a controller was reset, and shut down.
    resets: u32,
    shutdowns: u32,
    /// Blocks on which enumeration was given up since last asked.
    pub overflows: u32,
}

impl Media {
    /// A value that is not known and gets known on first sight.
    pub fn unbound(&mut self) -> Value {
        self.last_key += 1;
        Value::Unbound(self.last_key)
    }

    /// Takes over the memory of an earlier segment's blocks, where none is known yet.
    pub fn keep_memory_of(&mut self, earlier: &mut Media) {
        self.cells.keep_memory_of(&mut earlier.cells);
        if self.bound.is_empty() {
            earlier.bound.clear();
            self.bound = std::mem::take(&mut earlier.bound);
        }
        if self.loose.is_empty() {
            earlier.loose.clear();
            self.loose = std::mem::take(&mut earlier.loose);
        }
    }

    fn resolve(&self, value: Value) -> Value {
        match value {
            Value::Unbound(key) => {
                let bound = self.bound.get(key as usize).copied().flatten();
                bound.map_or(value, Value::Known)
            }
            known => known,
        }
    }

    #[inline]
    fn cell(&mut self, nsid: Nsid, lba: u64) -> &mut Cell {
        let last_key = &mut self.last_key;
        self.cells.get(nsid, lba, || {
            *last_key += 1;
            Value::Unbound(*last_key)
        })
    }

    /// Makes the cell enumerate, with what it holds and its operation in flight.
    fn enumerate(&mut self, nsid: Nsid, lba: u64) -> u32 {
        let cell = self.cell(nsid, lba);
        if cell.busy != NONE {
            return cell.busy;
        }
        let (value, op, writes) = (cell.value, cell.op, cell.op_writes.take());
        cell.op = NONE;
        let value = self.resolve(value);
        let index = match self.free.pop() {
            Some(index) => {
                self.busy[index as usize].restart([value]);
                index
            }
            None => {
                self.busy.push(Busy::new([value]));
                self.busy.len() as u32 - 1
            }
        };
        if op != NONE {
            // A fresh cell has room.
            let _ = self.busy[index as usize].invoke(op, writes);
        }
        self.cell(nsid, lba).busy = index;
        index
    }

    /// Back to one value if one is left.
    fn settle(&mut self, nsid: Nsid, lba: u64) {
        let index = self.cell(nsid, lba).busy;
        if index == NONE {
            return;
        }
        if let Some(value) = self.busy[index as usize].settled() {
            let cell = self.cell(nsid, lba);
            cell.value = value;
            cell.busy = NONE;
            self.free.push(index);
        }
    }

    /// Gives the block up: it may hold anything until nothing of what is in flight is left.
    fn overflow(&mut self, nsid: Nsid, lba: u64) {
        self.overflows += 1;
        let value = self.unbound();
        let cell = self.cell(nsid, lba);
        let index = std::mem::replace(&mut cell.busy, NONE);
        let loose = cell.loose;
        cell.value = value;
        cell.blurred += u32::from(cell.op != NONE);
        cell.op = NONE;
        cell.op_writes = None;
        if index != NONE {
            let pending = self.busy[index as usize].pending();
            self.cell(nsid, lba).blurred += pending;
            self.free.push(index);
        }
        if loose != NONE {
            self.loose[loose as usize].overflow = true;
        }
    }

    /// One operation of a block that is not followed has ended.
    fn unblur(&mut self, nsid: Nsid, lba: u64) {
        let cell = self.cell(nsid, lba);
        cell.blurred -= 1;
        if cell.blurred == 0 {
            let value = self.unbound();
            self.cell(nsid, lba).value = value;
        }
    }

    /// A command that reads (`None`) or writes the block was rung.
    #[inline]
    pub fn invoke(&mut self, at: Access, writes: Option<Value>) {
        let cell = self.cell(at.nsid, at.lba);
        if cell.blurred > 0 {
            cell.blurred += 1;
            return;
        }
        if cell.busy == NONE && cell.op == NONE {
            cell.op = at.command;
            cell.op_writes = writes;
            return;
        }
        let some_write = writes.is_some() || cell.op_writes.is_some();
        if some_write && cell.loose == NONE {
            // A read beside the write may show what it writes before it completes. What the block
            // held until now is what a loss of power then leaves.
            self.first_unflushed(at);
        }
        let index = self.enumerate(at.nsid, at.lba);
        if self.busy[index as usize].invoke(at.command, writes) == Err(Overflow) {
            self.overflow(at.nsid, at.lba);
            self.cell(at.nsid, at.lba).blurred += 1;
        }
    }

    /// A write has ended with this effect.
    #[inline]
    pub fn finish_write(&mut self, at: Access, value: Value, effect: Effect, how: Written) {
        if effect != Effect::None {
            let mark = self.mark(how);
            let cell = self.cell(at.nsid, at.lba);
            cell.written = Some(mark);
            cell.survived = false;
            self.remember(at, value, how, effect);
        }
        let cell = self.cell(at.nsid, at.lba);
        if cell.blurred > 0 {
            self.unblur(at.nsid, at.lba);
            return;
        }
        if cell.op == at.command {
            match effect {
                Effect::Certain => cell.value = value,
                Effect::None => {}
                Effect::Possible => {
                    let index = self.enumerate(at.nsid, at.lba);
                    let _ = self.busy[index as usize].finish(at.command, effect);
                    return;
                }
            }
            cell.op = NONE;
            cell.op_writes = None;
            return;
        }
        self.finish_busy(at, effect);
    }

    fn finish_busy(&mut self, at: Access, effect: Effect) -> Option<Value> {
        let index = self.cell(at.nsid, at.lba).busy;
        if index == NONE {
            return None;
        }
        match self.busy[index as usize].finish(at.command, effect) {
            Ok(got) => {
                self.settle(at.nsid, at.lba);
                got
            }
            Err(Overflow) => {
                self.overflow(at.nsid, at.lba);
                self.unblur(at.nsid, at.lba);
                None
            }
        }
    }

    /// A read has ended; `success`: its data is good. What it must have got, if that is decided.
    #[inline]
    pub fn finish_read(&mut self, at: Access, success: bool) -> Option<Value> {
        let cell = self.cell(at.nsid, at.lba);
        if cell.blurred > 0 {
            self.unblur(at.nsid, at.lba);
            return None;
        }
        if cell.op == at.command {
            cell.op = NONE;
            return success.then_some(cell.value);
        }
        let effect = if success { Effect::Certain } else { Effect::None };
        let got = self.finish_busy(at, effect);
        if !success {
            return None;
        }
        got
    }

    /// The host looked at what the read got. `expected`: what [`Self::finish_read`] decided.
    #[inline]
    pub fn look(&mut self, at: Access, expected: Option<Value>, seen: Ident) -> Option<Look> {
        let now = (self.epoch, self.resets, self.shutdowns);
        let cell = self.cell(at.nsid, at.lba);
        let (tainted, past, origin) = (cell.tainted, cell.past(now), cell.origin(now.0));
        let Some(expected) = expected else {
            let index = self.cell(at.nsid, at.lba).busy;
            if index == NONE {
                return None;
            }
            let sight = self.busy[index as usize].look(at.command, seen)?;
            self.settle(at.nsid, at.lba);
            return Some(Look { sight, tainted, past, origin });
        };
        let sight = match self.resolve(expected) {
            Value::Known(ident) if ident == seen => Sight::Agrees,
            Value::Known(ident) => Sight::Differs(vec![Value::Known(ident)]),
            Value::Unbound(key) => {
                self.bind(at, key, seen);
                Sight::Binds(key)
            }
        };
        Some(Look { sight, tainted, past, origin })
    }

    fn bind(&mut self, at: Access, key: u64, seen: Ident) {
        let place = key as usize;
        if self.bound.len() <= place {
            self.bound.resize(place + 1, None);
        }
        self.bound[place] = Some(seen);
        let cell = self.cell(at.nsid, at.lba);
        if cell.value == Value::Unbound(key) {
            cell.value = Value::Known(seen);
        }
        let index = cell.busy;
        if index != NONE {
            self.busy[index as usize].bind(key, seen);
        }
    }

    /// The block may hold anything: something was done to it that is not followed.
    pub fn unsure(&mut self, nsid: Nsid, lba: u64) {
        self.overflow(nsid, lba);
    }

    /// Every block may hold anything: commands ran that are not followed.
    pub fn unsure_all(&mut self) {
        let given_up = self.overflows;
        for (nsid, lba) in self.cells.blocks(|_| true) {
            self.overflow(nsid, lba);
        }
        self.overflows = given_up;
    }

    fn mark(&self, how: Written) -> Mark {
        Mark {
            epoch: self.epoch,
            resets: self.resets,
            shutdowns: self.shutdowns,
            ctrl: how.ctrl,
            cached: how.cached.possible(),
        }
    }

    /// A controller was reset.
    pub fn mark_reset(&mut self) {
        self.resets += 1;
    }

    /// A controller was shut down.
    pub fn mark_shutdown(&mut self) {
        self.shutdowns += 1;
    }

    /// The read will never be looked at.
    pub fn give_up(&mut self, at: Access) {
        let index = self.cell(at.nsid, at.lba).busy;
        if index != NONE {
            self.busy[index as usize].give_up(at.command);
            self.settle(at.nsid, at.lba);
        }
    }

    /// The block held what it should not: from now on it holds what was seen, or anything.
    pub fn taint(&mut self, nsid: Nsid, lba: u64, finding: u32) {
        self.overflow(nsid, lba);
        self.overflows -= 1;
        self.cell(nsid, lba).tainted.get_or_insert(finding);
    }

    /// Remembers what a loss of power may leave.
    fn remember(&mut self, at: Access, value: Value, how: Written, effect: Effect) {
        let index = self.cell(at.nsid, at.lba).loose;
        if how.cached.is_no() {
            match effect {
                _ if index == NONE => {}
                Effect::Certain => self.loose[index as usize].write_through(value, how),
                _ => self.loose[index as usize].stable.push((value, how.completed)),
            }
            return;
        }
        let index = if index == NONE { self.first_unflushed(at) } else { index };
        let flushed = &self.flushed;
        let loose = &mut self.loose[index as usize];
        loose.cached = true;
        loose.prune(|write| covered(flushed, at.nsid, write));
        if loose.unflushed.len() == MAX_LOOSE {
            loose.overflow = true;
            let mut first = true;
            loose.unflushed.retain(|_| !std::mem::take(&mut first));
        }
        let Written { ctrl, rung, completed, .. } = how;
        let certain = effect == Effect::Certain;
        loose.unflushed.push(Unflushed { value, ctrl, rung, completed, certain });
    }

    /// Starts to remember: what the block holds now is on the media.
    fn first_unflushed(&mut self, at: Access) -> u32 {
        let cell = self.cell(at.nsid, at.lba);
        let (value, busy) = (cell.value, cell.busy);
        let index = match self.free_loose.pop() {
            Some(index) => index,
            None => {
                self.loose.push(Loose::default());
                self.loose.len() as u32 - 1
            }
        };
        let loose = &mut self.loose[index as usize];
        loose.stable.clear();
        loose.unflushed.clear();
        loose.overflow = false;
        loose.cached = false;
        match busy {
            NONE => loose.stable.push((value, 0)),
            busy => {
                for value in self.busy[busy as usize].candidates() {
                    loose.stable.push((value, 0));
                }
            }
        }
        self.cell(at.nsid, at.lba).loose = index;
        index
    }

    /// A Flush has succeeded: what `ctrl` completed before `rung` in `nsid` is on the media.
    pub fn flush(&mut self, nsid: Nsid, ctrl: u8, rung: u32) {
        match self.flushed.iter_mut().find(|(n, c, _)| *n == nsid && *c == ctrl) {
            Some((.., last)) => *last = rung.max(*last),
            None => self.flushed.push((nsid, ctrl, rung)),
        }
    }

    /// Power was lost: every block holds what was on the media, or something later.
    pub fn power_loss(&mut self) {
        self.epoch += 1;
        let work = self.cells.blocks(|cell| cell.loose != NONE);
        for (nsid, lba) in work {
            self.lose(nsid, lba);
        }
    }

    fn lose(&mut self, nsid: Nsid, lba: u64) {
        let index = std::mem::replace(&mut self.cell(nsid, lba).loose, NONE);
        let flushed = &self.flushed;
        let loose = &mut self.loose[index as usize];
        loose.prune(|write| covered(flushed, nsid, write));
        if !loose.cached {
            self.free_loose.push(index);
            return;
        }
        if loose.overflow {
            self.free_loose.push(index);
            self.overflow(nsid, lba);
            return;
        }
        let mut values: Vec<Value> = loose.stable.iter().map(|(value, _)| value).collect();
        values.extend(loose.unflushed.iter().map(|write| write.value));
        let cell = self.cell(nsid, lba);
        match cell.busy {
            NONE => values.push(self.cell(nsid, lba).value),
            busy => values.extend(self.busy[busy as usize].candidates()),
        }
        for value in &mut values {
            *value = self.resolve(*value);
        }
        self.free_loose.push(index);
        self.cell(nsid, lba).survived = values.iter().any(|value| *value != values[0]);
        let busy = self.enumerate(nsid, lba);
        self.busy[busy as usize].restart(values);
        self.settle(nsid, lba);
    }
}

#[cfg(test)]
mod tests;
