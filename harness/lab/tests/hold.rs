//! What the host itself keeps in flight is not overdue, however long it does so.

extern crate lockstep_lab as lab;

use std::sync::Arc;

use emulator::{Config, EmulatorDut};
use lab::{Bench, Sequence, Settings, TestRun};
use log::Body;
use model::{Profile, Verdict};

/// Longer than the quiet window of the profile.
const BEYOND: u64 = 25_000_000_000;

fn replay_on(dut: &mut EmulatorDut, steps: &str) -> TestRun {
    let profile = Profile::default();
    assert!(BEYOND > profile.quiet_window);
    let sequence = Sequence::from_text(&format!("lockstep sequence 1\n{steps}")).unwrap();
    Bench::new(dut, Arc::new(profile), Settings::default()).replay(&sequence)
}

fn replay(steps: &str) -> TestRun {
    replay_on(&mut EmulatorDut::new(Config::default()).unwrap(), steps)
}

/// A Write that is held on queue 1, and a queue's deletion that may wait for it.
fn held(waits: &str) -> String {
    format!(
        "pair qid=1 entries=8\n\
         b0 = buffer bytes=512 perm=to-controller\n\
         fill b0 blocks=1 size=512 nsid=1 lba=0\n\
         hold\n\
         c0 = submit sq=1 write nsid=1 prp1=b0\n\
         ring sq=1\n\
         c1 = submit sq=0 delete-io-sq qid=1\n\
         {waits}"
    )
}

#[test]
fn a_wait_for_what_is_held_may_be_as_patient_as_it_likes() {
    // One that is over at once, one that never comes true, several that add up; then looks that come
    // soon after the hold, one of them in a sweep.
    for waits in [
        format!("wait held count=1 patience={BEYOND}\nwait c0 patience={BEYOND}"),
        format!("wait held count=2 patience={BEYOND}"),
        "wait held count=2\nwait held count=2\nwait held count=2".to_string(),
        format!("ring sq=0\nwait held count=2 patience={BEYOND}\nwait c1"),
    ] {
        let soon = "let-go\nwait interrupt vector=1 patience=1\nwait interrupt vector=1 patience=1\n\
                    c2 = submit sq=0 abort target=c0\nring sq=0\nwait c2\nwait all-completed";
        let run = replay(&format!("{}\n{soon}", held(&waits)));
        assert_eq!((run.stop, run.findings), (None, vec![]), "{waits}");
    }
}

#[test]
fn a_hold_that_a_sequence_forgets_ends_before_the_audit() {
    // Nothing is in flight at the end, but what the audit reads back would be held.
    let run = replay(&held("let-go\nwait c0\nhold"));
    assert_eq!((run.stop, run.findings), (None, vec![]));
    let last = run.log.records().last().map(|record| record.body());
    assert_eq!(last, Some(Body::End { audited: true }));
    let read_back = |body: Body| matches!(body, Body::FewBlocksSeen { .. });
    assert!(run.log.records().iter().any(|record| read_back(record.body())));
}

#[test]
fn a_reset_that_ends_a_hold_is_swept_as_any_other() {
    let run = replay(&held(
        "wait held count=1\nreset conventional\nclaim judged reset.nothing-posted-after",
    ));
    assert_eq!((run.stop, run.findings, run.verdict), (None, vec![], Verdict::Passed));
}

#[test]
fn what_is_still_missing_a_quiet_window_after_a_hold_is_missing() {
    let table = emulator::defect::TABLE;
    let lost = table.iter().find(|defect| defect.name() == "second-tail-lost").unwrap();
    let mut dut = EmulatorDut::with_defect(Config::default(), *lost).unwrap();
    let flush = |n| format!("c{n} = submit sq=1 flush nsid=1\nring sq=1\n");
    let steps =
        format!("pair qid=1 entries=8\nhold\n{}{}let-go\nwait all-completed", flush(0), flush(1));
    let run = replay_on(&mut dut, &steps);
    assert_eq!(run.verdict, Verdict::Diverged, "{:?}", run.findings);
}
