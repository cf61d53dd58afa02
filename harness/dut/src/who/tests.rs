//! Controllers that say who they are, and those that do anything else: nobody waits for ever.

use std::sync::Arc;

use log::ResetKind;
use spec::Status;

use super::*;
use crate::{
    Arena, Capabilities, Clock, DmaVisibility, Event, Identity, IrqPrecision, ResetOutcome,
};

/// What is wrong with a controller.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    NeverReady,
    AlwaysReady,
    Fatal,
    Silent,
    Refuses,
    AnswersAnother,
    Absent,
    HugePages,
    DiesAtDoorbell,
}

/// A controller of a few registers, whose time moves with every wait.
struct Fake {
    flaw: Flaw,
    arena: Arc<Arena>,
    capabilities: Capabilities,
    now: u64,
    cc: u32,
    asq: u64,
    acq: u64,
    written: Vec<(u32, u64)>,
}

impl Fake {
    fn new(flaw: Flaw) -> Self {
        let capabilities = Capabilities {
            clock: Clock::Virtual,
            controllers: 1,
            resets: Vec::new(),
            irq: IrqPrecision::None,
            msix_vectors: 0,
            msix_table: false,
            dma: DmaVisibility::Guarded,
            read_flushes_dma: true,
            wide_access: true,
            holds: false,
            rewind: false,
        };
        let arena = Arc::new(Arena::new(1 << 20, Addr(1 << 20)).unwrap());
        // It was left enabled by somebody else.
        let cc = Cc::new().with_en(true).into_bits();
        Self { flaw, arena, capabilities, now: 0, cc, asq: 0, acq: 0, written: Vec::new() }
    }

    fn csts(&self) -> u32 {
        let rdy = match self.flaw {
            Flaw::NeverReady | Flaw::Fatal => false,
            Flaw::AlwaysReady => true,
            _ => Cc::from(self.cc).en(),
        };
        let cfs = self.flaw == Flaw::Fatal && Cc::from(self.cc).en();
        Csts::new().with_rdy(rdy).with_cfs(cfs).into_bits()
    }

    fn execute(&self) {
        let mut bytes = [0; Sqe::BYTES];
        assert!(self.arena.read(Addr(self.asq), &mut bytes));
        let sqe = Sqe::from_bytes(&bytes);
        let mut data = IdentifyController([0; 4096]);
        data.0[4..24].copy_from_slice(b"SERIAL 1            ");
        data.0[24..64].copy_from_slice(format!("{:<40}", "A model").as_bytes());
        data.0[64..72].copy_from_slice(b"1.0     ");
        assert!(self.arena.write(sqe.prp1(), &data.0));
        let status = match self.flaw {
            Flaw::Refuses => Status::INVALID_FIELD_IN_COMMAND,
            _ => Status::new(0, 0),
        };
        let cid = if self.flaw == Flaw::AnswersAnother { Cid(77) } else { sqe.cid() };
        let cqe = Cqe::new(0, spec::Qid(0), 1, cid, status, false).with_phase(true);
        assert!(self.arena.write(Addr(self.acq), &cqe.to_bytes()));
    }
}

impl Dut for Fake {
    fn identity(&self) -> Identity {
        Identity { kind: "fake".into(), description: String::new() }
    }
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }
    fn memory(&self) -> &Arc<Arena> {
        &self.arena
    }
    fn now(&self) -> u64 {
        self.now
    }
    fn read(&mut self, _: Ctrl, offset: u32, _: Width) -> Result<u64, Fault> {
        if self.flaw == Flaw::Absent {
            return Ok(u64::MAX);
        }
        let mpsmin = if self.flaw == Flaw::HugePages { 15 } else { 0 };
        let cap = Cap::new().with_mqes_z(63).with_to(1).with_css(1).with_mpsmin(mpsmin);
        Ok(match offset {
            register::CAP => cap.into_bits(),
            register::CC => self.cc.into(),
            register::CSTS => self.csts().into(),
            _ => 0,
        })
    }
    fn write(&mut self, _: Ctrl, offset: u32, _: Width, value: u64) -> Result<(), Fault> {
        self.written.push((offset, value));
        match offset {
            register::CC => self.cc = value as u32,
            register::ASQ => self.asq = value,
            register::ACQ => self.acq = value,
            _ => {}
        }
        Ok(())
    }
    fn ring(&mut self, _: Ctrl, doorbells: &[Doorbell]) -> Result<(), Fault> {
        match self.flaw {
            Flaw::DiesAtDoorbell => return Err(Fault::Gone("pulled out".into())),
            Flaw::Silent => {}
            _ if doorbells[0].offset == register::DOORBELLS => self.execute(),
            _ => {}
        }
        Ok(())
    }
    fn wait(&mut self, until: u64) -> Result<Progress, Fault> {
        self.now = (self.now + 1_000_000).min(until);
        Ok(Progress::Ran)
    }
    fn drain(&mut self, _: &mut dyn FnMut(Event)) {}
    fn irq_setup(&mut self, _: Ctrl, _: u16) -> Result<(), Fault> {
        Ok(())
    }
    fn irq_mask(&mut self, _: Ctrl, _: u16, _: bool) -> Result<(), Fault> {
        Ok(())
    }
    fn irq_pending(&mut self, _: Ctrl, _: u16) -> Result<bool, Fault> {
        Ok(false)
    }
    fn reset(&mut self, _: Ctrl, _: ResetKind) -> Result<ResetOutcome, Fault> {
        Ok(ResetOutcome { all: true, msix_off: true })
    }
}

fn asked(flaw: Flaw) -> Result<Who, String> {
    let mut fake = Fake::new(flaw);
    let who = who_is(&mut fake, Ctrl(0)).map_err(|error| error.to_string());
    assert!(fake.now < 200_000_000_000, "it waited {} s", fake.now / 1_000_000_000);
    let left_enabled = Cc::from(fake.cc).en();
    assert!(!left_enabled || who.is_err(), "it was left enabled");
    who
}

#[test]
fn a_controller_says_who_it_is_and_is_left_disabled() {
    let who = asked(Flaw::None).unwrap();
    let expected =
        Who { serial: "SERIAL 1".into(), model: "A model".into(), firmware: "1.0".into() };
    assert_eq!(who, expected);
}

#[test]
fn whatever_else_it_does_is_said_in_words_and_in_time() {
    for (flaw, said) in [
        (Flaw::NeverReady, "CSTS.RDY did not become 1"),
        (Flaw::AlwaysReady, "CSTS.RDY did not become 0"),
        (Flaw::Fatal, "CSTS.CFS = 1"),
        (Flaw::Silent, "Identify did not complete within 10 s"),
        (Flaw::Refuses, "Identify failed: Invalid Field in Command"),
        (Flaw::AnswersAnother, "Identify failed"),
        (Flaw::Absent, "there is no controller"),
        (Flaw::HugePages, "CAP.MPSMIN"),
        (Flaw::DiesAtDoorbell, "pulled out"),
    ] {
        let error = asked(flaw).unwrap_err();
        assert!(error.contains(said), "{said}: {error}");
    }
}

#[test]
fn nothing_is_sent_but_the_one_command() {
    let mut fake = Fake::new(Flaw::None);
    who_is(&mut fake, Ctrl(0)).unwrap();
    let registers = [register::CC, register::AQA, register::ASQ, register::ACQ];
    assert!(
        fake.written.iter().all(|(offset, _)| registers.contains(offset)),
        "{:?}",
        fake.written
    );
    let shutdowns = fake
        .written
        .iter()
        .filter(|(offset, value)| *offset == register::CC && Cc::from(*value as u32).shn() != 0);
    assert_eq!(shutdowns.count(), 0);
}
