//! What each test says of the harm it may do (`#[conformance(.., hazard = ..)]`) is what it does.
//!
//! Every test is performed on an emulator that looks like a controller in a PCI Express slot: one
//! function, resets of the function and of its bus, no power switch, nothing rewound. The worst
//! action of each is held against its word.

use std::sync::Arc;

use dut::{Arena, Capabilities, Ctrl, Doorbell, Dut, Event, Fault, Identity, Progress};
use dut::{ResetOutcome, Width};
use emulator::{Config, EmulatorDut};
use lab::{Bench, Hazard, Settings};
use log::{Perm, ResetKind};
use spec::Addr;
// Without a name used from it the linker drops the suites, and with them every test.
use lockstep_suites as _;

/// The emulator in a slot.
struct Slot {
    emulator: EmulatorDut,
    capabilities: Capabilities,
}

impl Slot {
    fn new() -> Self {
        let emulator = EmulatorDut::new(Config::default()).unwrap();
        let mut capabilities = emulator.capabilities().clone();
        capabilities.resets = vec![ResetKind::Conventional, ResetKind::FunctionLevel];
        capabilities.rewind = false;
        Self { emulator, capabilities }
    }
}

impl Dut for Slot {
    fn identity(&self) -> Identity {
        self.emulator.identity()
    }
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }
    fn memory(&self) -> &Arc<Arena> {
        self.emulator.memory()
    }
    fn now(&self) -> u64 {
        self.emulator.now()
    }
    fn read(&mut self, ctrl: Ctrl, offset: u32, width: Width) -> Result<u64, Fault> {
        self.emulator.read(ctrl, offset, width)
    }
    fn write(&mut self, ctrl: Ctrl, offset: u32, width: Width, value: u64) -> Result<(), Fault> {
        self.emulator.write(ctrl, offset, width, value)
    }
    fn ring(&mut self, ctrl: Ctrl, doorbells: &[Doorbell]) -> Result<(), Fault> {
        self.emulator.ring(ctrl, doorbells)
    }
    fn wait(&mut self, until: u64) -> Result<Progress, Fault> {
        self.emulator.wait(until)
    }
    fn pass(&mut self, until: u64) {
        self.emulator.pass(until);
    }
    fn drain(&mut self, sink: &mut dyn FnMut(Event)) {
        self.emulator.drain(sink);
    }
    fn irq_setup(&mut self, ctrl: Ctrl, vectors: u16) -> Result<(), Fault> {
        self.emulator.irq_setup(ctrl, vectors)
    }
    fn irq_mask(&mut self, ctrl: Ctrl, vector: u16, masked: bool) -> Result<(), Fault> {
        self.emulator.irq_mask(ctrl, vector, masked)
    }
    fn irq_pending(&mut self, ctrl: Ctrl, vector: u16) -> Result<bool, Fault> {
        self.emulator.irq_pending(ctrl, vector)
    }
    fn reset(&mut self, ctrl: Ctrl, kind: ResetKind) -> Result<ResetOutcome, Fault> {
        self.emulator.reset(ctrl, kind)
    }
    fn map(&mut self, at: Addr, len: u64, perm: Perm) -> Result<(), Fault> {
        self.emulator.map(at, len, perm)
    }
    fn unmap(&mut self, at: Addr, len: u64) -> Result<(), Fault> {
        self.emulator.unmap(at, len)
    }
}

#[test]
fn every_test_says_how_much_harm_it_may_do() {
    let mut wrong = Vec::new();
    for case in lab::tests() {
        let mut slot = Slot::new();
        let mut bench = Bench::new(&mut slot, Arc::default(), Settings::default());
        let run = bench.run(case, 0x5eed);
        let worst = run.sequence.actions.iter().map(|action| action.hazard(1)).max();
        let worst = worst.unwrap_or(Hazard::Harmless);
        if worst != case.hazard {
            let (file, line) = (case.file, case.line);
            wrong.push(format!("{file}:{line}: {} is {worst}, not {}", case.name, case.hazard));
        }
    }
    assert!(wrong.is_empty(), "{} tests:\n{}", wrong.len(), wrong.join("\n"));
}
