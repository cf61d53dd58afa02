//! A DUT with an ear on it: the lines of its own trace are kept, with their times.

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use dut::{
    Arena, Capabilities, Ctrl, Doorbell, Dut, Event, Fault, Identity, Progress, ResetOutcome, Width,
};
use log::{Perm, ResetKind};
use spec::Addr;

/// Lines of a DUT's own trace: when each was heard, on the DUT's clock, and what it says.
pub type Lines = Rc<RefCell<Vec<(u64, String)>>>;

/// How many lines stand beside a finding.
const BESIDE: usize = 12;

/// Wraps `inner`; its lines are kept in `lines` and handed on.
pub struct Listening {
    inner: Box<dyn Dut>,
    lines: Lines,
}

impl Listening {
    /// `inner`, and where its lines go.
    pub fn new(inner: Box<dyn Dut>) -> (Self, Lines) {
        let lines = Lines::default();
        (Self { inner, lines: Rc::clone(&lines) }, lines)
    }
}

/// The last lines that were heard up to `time`.
pub fn lines_until(lines: &Lines, time: u64) -> Vec<String> {
    let lines = lines.borrow();
    let end = lines.partition_point(|(heard, _)| *heard <= time);
    lines[end.saturating_sub(BESIDE)..end].iter().map(|(_, line)| line.clone()).collect()
}

impl Dut for Listening {
    fn identity(&self) -> Identity {
        self.inner.identity()
    }
    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }
    fn memory(&self) -> &Arc<Arena> {
        self.inner.memory()
    }
    fn read_only(&self) -> Range<u64> {
        self.inner.read_only()
    }
    fn now(&self) -> u64 {
        self.inner.now()
    }
    fn read(&mut self, ctrl: Ctrl, offset: u32, width: Width) -> Result<u64, Fault> {
        self.inner.read(ctrl, offset, width)
    }
    fn write(&mut self, ctrl: Ctrl, offset: u32, width: Width, value: u64) -> Result<(), Fault> {
        self.inner.write(ctrl, offset, width, value)
    }
    fn ring(&mut self, ctrl: Ctrl, doorbells: &[Doorbell]) -> Result<(), Fault> {
        self.inner.ring(ctrl, doorbells)
    }
    fn wait(&mut self, until: u64) -> Result<Progress, Fault> {
        self.inner.wait(until)
    }
    fn pass(&mut self, until: u64) {
        self.inner.pass(until);
    }
    fn drain(&mut self, sink: &mut dyn FnMut(Event)) {
        let now = self.inner.now();
        let lines = &self.lines;
        self.inner.drain(&mut |event| {
            if let Event::Line(line) = &event {
                lines.borrow_mut().push((now, line.clone()));
            }
            sink(event);
        });
    }
    fn irq_setup(&mut self, ctrl: Ctrl, vectors: u16) -> Result<(), Fault> {
        self.inner.irq_setup(ctrl, vectors)
    }
    fn irq_mask(&mut self, ctrl: Ctrl, vector: u16, masked: bool) -> Result<(), Fault> {
        self.inner.irq_mask(ctrl, vector, masked)
    }
    fn irq_pending(&mut self, ctrl: Ctrl, vector: u16) -> Result<bool, Fault> {
        self.inner.irq_pending(ctrl, vector)
    }
    fn reset(&mut self, ctrl: Ctrl, kind: ResetKind) -> Result<ResetOutcome, Fault> {
        self.inner.reset(ctrl, kind)
    }
    fn map(&mut self, at: Addr, len: u64, perm: Perm) -> Result<(), Fault> {
        self.inner.map(at, len, perm)
    }
    fn unmap(&mut self, at: Addr, len: u64) -> Result<(), Fault> {
        self.inner.unmap(at, len)
    }
    fn hold(&mut self) -> Result<(), Fault> {
        self.inner.hold()
    }
    fn let_go(&mut self) -> Result<(), Fault> {
        self.inner.let_go()
    }
    fn held(&mut self) -> usize {
        self.inner.held()
    }
    fn mark(&mut self) -> Result<(), Fault> {
        self.inner.mark()
    }
    fn rewind(&mut self) -> Result<(), Fault> {
        self.inner.rewind()
    }
}

#[cfg(test)]
mod tests {
    use emulator::{Config, EmulatorDut};

    use super::*;

    /// A wait for an idle controller that never becomes ready did not end: the clock stood still.
    #[test]
    fn time_passes_for_the_dut_behind_it() {
        let dut = EmulatorDut::new(Config::default()).unwrap();
        let (mut listening, _) = Listening::new(Box::new(dut));
        listening.pass(5_000_000);
        assert_eq!(listening.now(), 5_000_000);
    }
}
