//! What a controller makes of its surroundings as a PCI function: no work without bus mastering, and
//! the level of INTx.

use lockstep_emulator::{Bus, BusFault, Config, Subsystem, Work};
use spec::command::{Command, Identify};
use spec::register::{self, DoorbellKind, doorbell_offset};
use spec::{Addr, Cns, Qid};

const SQ: u64 = 0;
const CQ: u64 = 0x1000;
const DATA: u64 = 0x2000;

/// Three pages of memory, a clock that every look moves, and a bit.
struct Surroundings {
    memory: Vec<u8>,
    now: u64,
    masters: bool,
}

impl Bus for Surroundings {
    fn now(&self) -> u64 {
        self.now
    }

    fn masters(&self, _: usize) -> bool {
        self.masters
    }

    fn allows(&self, _: usize, at: u64, len: usize, _: bool) -> bool {
        at.checked_add(len as u64).is_some_and(|end| end <= self.memory.len() as u64)
    }

    fn read(&mut self, _: usize, at: u64, to: &mut [u8]) -> Result<(), BusFault> {
        assert!(self.masters, "a read without bus mastering");
        to.copy_from_slice(&self.memory[at as usize..][..to.len()]);
        Ok(())
    }

    fn write(&mut self, _: usize, at: u64, from: &[u8]) -> Result<(), BusFault> {
        assert!(self.masters, "a write without bus mastering");
        self.memory[at as usize..][..from.len()].copy_from_slice(from);
        Ok(())
    }

    fn peek(&self, _: usize, _: u64, _: &mut [u8]) -> bool {
        false
    }

    fn message(&mut self, _: usize, _: u16) {
        panic!("a message without MSI-X");
    }
}

/// Lets the controller work until nothing is left.
fn run(subsystem: &mut Subsystem, bus: &mut Surroundings) {
    loop {
        match subsystem.step(bus) {
            Work::Idle => return,
            Work::Until(due) => bus.now = due,
            Work::Hidden | Work::Seen => {}
        }
    }
}

fn enabled(masters: bool) -> (Subsystem, Surroundings) {
    let mut subsystem = Subsystem::new(Config::default()).unwrap();
    let mut bus = Surroundings { memory: vec![0; 0x3000], now: 0, masters };
    subsystem.write(0, &mut bus, register::AQA, 4, 0x000f_000f);
    subsystem.write(0, &mut bus, register::ASQ, 8, SQ);
    subsystem.write(0, &mut bus, register::ACQ, 8, CQ);
    subsystem.write(0, &mut bus, register::CC, 4, 0x0046_0001);
    run(&mut subsystem, &mut bus);
    assert_eq!(subsystem.read(0, &mut bus, register::CSTS, 4), 1);
    let (cns, prp1) = (Cns::IDENTIFY_CONTROLLER, Addr(DATA));
    let identify = Identify { cns, prp1, ..Identify::default() }.sqe();
    bus.memory[..64].copy_from_slice(&identify.to_bytes());
    ring(&mut subsystem, &mut bus, DoorbellKind::SqTail);
    run(&mut subsystem, &mut bus);
    (subsystem, bus)
}

fn ring(subsystem: &mut Subsystem, bus: &mut Surroundings, kind: DoorbellKind) {
    subsystem.write(0, bus, doorbell_offset(kind, Qid::ADMIN.0, 0), 4, 1);
}

fn has_completed(bus: &Surroundings) -> bool {
    bus.memory[CQ as usize + 14] & 1 != 0
}

#[test]
fn nothing_is_fetched_until_the_function_is_a_bus_master() {
    // It becomes ready all the same: that needs no memory.
    let (mut subsystem, mut bus) = enabled(false);
    assert!(!has_completed(&bus));
    assert_eq!(subsystem.read(0, &mut bus, register::CSTS, 4), 1);
    bus.masters = true;
    run(&mut subsystem, &mut bus);
    assert!(has_completed(&bus));
}

#[test]
fn intx_is_asserted_while_an_unmasked_completion_waits() {
    let (mut subsystem, mut bus) = enabled(true);
    let asserts = |subsystem: &Subsystem| subsystem.controller(0).unwrap().asserts_intx();
    assert!(has_completed(&bus) && asserts(&subsystem));
    subsystem.write(0, &mut bus, register::INTMS, 4, 1);
    assert!(!asserts(&subsystem));
    subsystem.write(0, &mut bus, register::INTMC, 4, 1);
    assert!(asserts(&subsystem));
    ring(&mut subsystem, &mut bus, DoorbellKind::CqHead);
    assert!(!asserts(&subsystem));
}

#[test]
fn a_reset_takes_intx_down() {
    let (mut subsystem, mut bus) = enabled(true);
    subsystem.write(0, &mut bus, register::CC, 4, 0x0046_0000);
    assert!(!subsystem.controller(0).unwrap().asserts_intx());
}
