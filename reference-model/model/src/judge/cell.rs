//! One logical block as an atomic register: what it may hold, given writes and reads in flight.
//!
//! A cell is exact: it keeps every *configuration* (current value, which operations in flight have
//! taken effect, what each read got) that explains what was seen. An operation is linearized at some
//! moment between its doorbell and its CQE; nothing is said of the order of others. With nothing
//! concurrent there is one configuration, and a cell is one value.

use log::Ident;

/// What a block holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Value {
    /// These bytes.
    Known(Ident),
    /// Something fixed that was not seen yet: it is bound on first sight, by its key.
    Unbound(u64),
}

impl Default for Value {
    fn default() -> Self {
        NOTHING
    }
}

/// The most operations in flight (or read and not yet looked at) on one block.
pub const MAX_OPS: usize = 6;
/// The most configurations of one block.
const MAX_CONFIGS: usize = 96;

/// An operation on the block: the command's number, and what it writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Op {
    command: u32,
    /// `None`: a read.
    writes: Option<Value>,
    /// Its CQE was seen; only reads that were not looked at stay so.
    returned: bool,
}

/// One explanation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Config {
    current: Value,
    /// Bit n: operation n has taken effect.
    done: u8,
    /// What read n got.
    got: [Value; MAX_OPS],
}

/// What became of an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// It took effect before its CQE was seen.
    Certain,
    /// It may have taken effect until now, and never will after.
    Possible,
    /// It took no effect at all.
    None,
}

/// What was found when a block that had been read was looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Sight {
    /// One of the values allowed.
    Agrees,
    /// An unbound value got known: the caller binds this key.
    Binds(u64),
    /// None of the values allowed, which are these.
    Differs(Vec<Value>),
}

/// A block with operations in flight.
#[derive(Clone, Debug, PartialEq)]
pub struct Busy {
    ops: [Option<Op>; MAX_OPS],
    configs: Vec<Config>,
}

/// The block is beyond what is enumerated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Overflow;

const NOTHING: Value = Value::Unbound(0);

impl Busy {
    /// A block that holds one of `values`, with nothing in flight.
    pub fn new(values: impl IntoIterator<Item = Value>) -> Self {
        let mut busy = Self { ops: [None; MAX_OPS], configs: Vec::new() };
        busy.restart(values);
        busy
    }

    /// As [`Self::new`], keeping the allocation.
    pub fn restart(&mut self, values: impl IntoIterator<Item = Value>) {
        self.ops = [None; MAX_OPS];
        self.configs.clear();
        for current in values {
            let config = Config { current, done: 0, got: [NOTHING; MAX_OPS] };
            if !self.configs.contains(&config) {
                self.configs.push(config);
            }
        }
    }

    /// An operation was rung.
    pub fn invoke(&mut self, command: u32, writes: Option<Value>) -> Result<(), Overflow> {
        let free = self.ops.iter_mut().find(|op| op.is_none()).ok_or(Overflow)?;
        *free = Some(Op { command, writes, returned: false });
        Ok(())
    }

    fn place(&self, command: u32) -> Option<usize> {
        self.ops.iter().position(|op| op.is_some_and(|op| op.command == command))
    }

    /// An operation has ended. A read stays until it is looked at, unless all explanations agree on
    /// what it got: then that is returned and the read is forgotten.
    pub fn finish(&mut self, command: u32, effect: Effect) -> Result<Option<Value>, Overflow> {
        let Some(n) = self.place(command) else { return Ok(None) };
        let bit = 1 << n;
        match effect {
            Effect::None => self.configs.retain(|c| c.done & bit == 0),
            Effect::Possible => {
                let mut with = self.closure(n)?;
                self.configs.append(&mut with);
            }
            Effect::Certain => self.configs = self.closure(n)?,
        }
        if let Some(op) = &mut self.ops[n] {
            op.returned = true;
        }
        let read = self.ops[n].is_some_and(|op| op.writes.is_none());
        if !read || effect != Effect::Certain {
            self.forget(n);
            return Ok(None);
        }
        self.dedup();
        let got = self.configs.first().map(|c| c.got[n]);
        let agreed = got.filter(|got| self.configs.iter().all(|c| c.got[n] == *got));
        if agreed.is_some() {
            self.forget(n);
        }
        Ok(agreed)
    }

    /// All configurations in which operation `n` has taken effect, reachable from the present ones
    /// by letting operations in flight take effect in any order.
    fn closure(&self, n: usize) -> Result<Vec<Config>, Overflow> {
        let mut found = Vec::with_capacity(self.configs.len());
        for config in &self.configs {
            self.expand(*config, n, &mut found)?;
        }
        Ok(found)
    }

    fn expand(&self, config: Config, n: usize, found: &mut Vec<Config>) -> Result<(), Overflow> {
        if config.done & 1 << n != 0 {
            if !found.contains(&config) {
                found.push(config);
            }
            return if found.len() > MAX_CONFIGS { Err(Overflow) } else { Ok(()) };
        }
        for (m, op) in self.ops.iter().enumerate() {
            let Some(op) = op else { continue };
            if op.returned || config.done & 1 << m != 0 {
                continue;
            }
            let mut next = config;
            next.done |= 1 << m;
            match op.writes {
                Some(value) => next.current = value,
                None => next.got[m] = config.current,
            }
            self.expand(next, n, found)?;
        }
        Ok(())
    }

    /// Frees the place of operation `n`.
    fn forget(&mut self, n: usize) {
        self.ops[n] = None;
        for config in &mut self.configs {
            config.done &= !(1 << n);
            config.got[n] = NOTHING;
        }
        self.dedup();
    }

    fn dedup(&mut self) {
        let mut at = 1;
        while at < self.configs.len() {
            if self.configs[..at].contains(&self.configs[at]) {
                self.configs.swap_remove(at);
            } else {
                at += 1;
            }
        }
    }

    /// The host looked at what read `command` returned: `seen`. `None`: that read is not here.
    pub fn look(&mut self, command: u32, seen: Ident) -> Option<Sight> {
        let n = self.place(command)?;
        let fits = |value: Value| match value {
            Value::Known(ident) => ident == seen,
            Value::Unbound(_) => true,
        };
        if !self.configs.iter().any(|c| fits(c.got[n])) {
            let mut allowed: Vec<Value> = Vec::new();
            for config in &self.configs {
                if !allowed.contains(&config.got[n]) {
                    allowed.push(config.got[n]);
                }
            }
            self.forget(n);
            return Some(Sight::Differs(allowed));
        }
        self.configs.retain(|c| fits(c.got[n]));
        for config in &mut self.configs {
            if let Value::Unbound(key) = config.got[n] {
                config.bind(key, seen);
            }
        }
        self.forget(n);
        Some(Sight::Agrees)
    }

    /// An unbound value got known elsewhere.
    pub fn bind(&mut self, key: u64, ident: Ident) {
        for config in &mut self.configs {
            config.bind(key, ident);
        }
    }

    /// The read `command` will never be looked at.
    pub fn give_up(&mut self, command: u32) {
        if let Some(n) = self.place(command) {
            self.forget(n);
        }
    }

    /// How many operations are in flight.
    pub fn pending(&self) -> u32 {
        self.ops.iter().flatten().filter(|op| !op.returned).count() as u32
    }

    /// The value, once nothing is in flight and one explanation is left.
    pub fn settled(&self) -> Option<Value> {
        match self.configs.as_slice() {
            [one] if self.ops.iter().all(Option::is_none) => Some(one.current),
            _ => None,
        }
    }

    /// Every value that the block may hold now, effects of operations in flight included.
    pub fn candidates(&self) -> Vec<Value> {
        let mut values: Vec<Value> = Vec::new();
        let pending = self.ops.iter().enumerate().filter_map(|(n, op)| Some((n, op.as_ref()?)));
        let pending: Vec<(usize, &Op)> = pending.filter(|(_, op)| !op.returned).collect();
        for config in &self.configs {
            let undone = pending.iter().filter(|(n, _)| config.done & 1 << n == 0);
            let later = undone.filter_map(|(_, op)| op.writes);
            for value in std::iter::once(config.current).chain(later) {
                if !values.contains(&value) {
                    values.push(value);
                }
            }
        }
        values
    }
}

impl Config {
    fn bind(&mut self, key: u64, ident: Ident) {
        let bound = Value::Known(ident);
        if self.current == Value::Unbound(key) {
            self.current = bound;
        }
        for got in &mut self.got {
            // Key 0 marks an empty place.
            if key != 0 && *got == Value::Unbound(key) {
                *got = bound;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Value = Value::Known(Ident(100));
    const A: Value = Value::Known(Ident(1));
    const B: Value = Value::Known(Ident(2));

    #[test]
    fn a_read_beside_a_write_may_get_either_and_decides_for_later_ones() {
        let mut cell = Busy::new([OLD]);
        cell.invoke(1, Some(A)).unwrap();
        cell.invoke(2, None).unwrap();
        assert_eq!(cell.finish(2, Effect::Certain), Ok(None));
        assert_eq!(cell.look(2, Ident(1)), Some(Sight::Agrees));
        // The new value was seen: no later read may get the old one.
        cell.invoke(3, None).unwrap();
        assert_eq!(cell.finish(3, Effect::Certain), Ok(Some(A)));
        assert_eq!(cell.finish(1, Effect::Certain), Ok(None));
        assert_eq!(cell.settled(), Some(A));
    }

    #[test]
    fn two_writes_beside_each_other_settle_on_what_is_read_and_never_flip_back() {
        let mut cell = Busy::new([OLD]);
        cell.invoke(1, Some(A)).unwrap();
        cell.invoke(2, Some(B)).unwrap();
        cell.finish(1, Effect::Certain).unwrap();
        cell.finish(2, Effect::Certain).unwrap();
        cell.invoke(3, None).unwrap();
        assert_eq!(cell.finish(3, Effect::Certain), Ok(None));
        assert_eq!(cell.look(3, Ident(1)), Some(Sight::Agrees));
        assert_eq!(cell.settled(), Some(A));
        cell.invoke(4, None).unwrap();
        assert_eq!(cell.finish(4, Effect::Certain), Ok(Some(A)));
    }

    #[test]
    fn a_write_of_unknown_outcome_leaves_both_and_none_leaves_the_old() {
        let mut cell = Busy::new([OLD]);
        cell.invoke(1, Some(A)).unwrap();
        cell.finish(1, Effect::Possible).unwrap();
        assert_eq!(cell.candidates(), [OLD, A]);
        cell.invoke(2, None).unwrap();
        cell.finish(2, Effect::Certain).unwrap();
        assert_eq!(cell.look(2, Ident(7)), Some(Sight::Differs(vec![OLD, A])));
        let mut cell = Busy::new([OLD]);
        cell.invoke(1, Some(A)).unwrap();
        cell.finish(1, Effect::None).unwrap();
        assert_eq!(cell.settled(), Some(OLD));
    }

    #[test]
    fn reads_looked_at_late_constrain_each_other() {
        // Both reads ended while the write was in flight, one after the other.
        let mut cell = Busy::new([OLD]);
        cell.invoke(1, Some(A)).unwrap();
        cell.invoke(2, None).unwrap();
        cell.finish(2, Effect::Certain).unwrap();
        cell.invoke(3, None).unwrap();
        cell.finish(3, Effect::Certain).unwrap();
        // The later one got the old value, so the earlier one got it too.
        assert_eq!(cell.look(3, Ident(100)), Some(Sight::Agrees));
        assert_eq!(cell.look(2, Ident(1)), Some(Sight::Differs(vec![OLD])));
    }
}
