//! A deadline verdict rests on a look that began after the deadline, and that look is in the log.

extern crate lockstep_lab as lab;

use std::sync::Arc;

use emulator::{Config, EmulatorDut};
use lab::{Bench, Settings};
use log::Body;
use model::{Profile, Verdict};
use spec::register::{self, Csts};

#[test]
fn the_last_look_before_a_deadline_verdict_is_recorded() {
    let table = emulator::defect::TABLE;
    let never = table.iter().find(|defect| defect.name() == "rdy-never-rises").unwrap();
    let mut dut = EmulatorDut::with_defect(Config::default(), *never).unwrap();
    let mut bench = Bench::new(&mut dut, Arc::new(Profile::default()), Settings::default());
    let run = bench.run_as("deadline", 0, |lab| lab.enabled_controller().map(drop));
    assert_eq!(run.verdict, Verdict::Diverged);

    let records = run.log.records();
    let judged = &records[run.findings[0].record as usize];
    let Body::RegisterRead(read) = judged.body() else { panic!("{judged:?}") };
    assert_eq!(read.offset, register::CSTS);
    assert!(!Csts::from(read.value as u32).rdy());
    let enabled = records.iter().rev().find(|record| {
        matches!(record.body(), Body::RegisterWrite(w) if w.offset == register::CC && w.value & 1 != 0)
    });
    let cap = records.iter().find_map(|record| match record.body() {
        Body::RegisterRead(read) if read.offset == register::CAP => Some(read.value),
        _ => None,
    });
    let timeout = u64::from(register::Cap::from(cap.unwrap()).to()) * 500_000_000;
    assert!(judged.not_before > enabled.unwrap().seen + timeout, "the look began too early");
}
