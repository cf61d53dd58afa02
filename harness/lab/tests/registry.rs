//! `#[conformance]` and the register of tests.

extern crate lockstep_lab as lab;

use std::sync::Arc;

use emulator::{Config, EmulatorDut};
use lab::{Bench, Lab, Outcome, Settings, conformance};
use model::{Profile, Verdict};
use spec::command::CreateIoSq;
use spec::requirement::create_io_sq;
use spec::{Entries, Qid};

mod base {
    use super::*;

    /// An I/O Submission Queue cannot be bound to a Completion Queue
    /// that was never created.
    #[conformance(req = create_io_sq::CQID_NOT_CREATED)]
    fn refuses_an_absent_completion_queue(lab: &mut Lab<'_>) -> Outcome {
        let mut ctrl = lab.enabled_controller()?;
        ctrl.create_io_cq(Qid(1), Entries(64))?;
        let good = ctrl.io_sq(Qid(1), Qid(1))?;
        ctrl.admin(CreateIoSq { cqid: Qid(2), ..good })?
            .refused_by(create_io_sq::CQID_NOT_CREATED)?;
        ctrl.admin(good)?.accepted()
    }
}

/// Claims what is not so: it must fail, or nothing can.
#[conformance(reqs = [create_io_sq::CQID_NOT_CREATED, create_io_sq::QID_RANGE])]
fn accepts_an_absent_completion_queue(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let good = ctrl.io_sq(Qid(1), Qid(2))?;
    ctrl.admin(good)?.accepted()
}

fn verdict(name: &str) -> Verdict {
    let test = lab::tests().into_iter().find(|test| test.name == name).expect("it is registered");
    let mut dut = EmulatorDut::new(Config::default()).unwrap();
    Bench::new(&mut dut, Arc::new(Profile::default()), Settings::default()).run(test, 1).verdict
}

#[test]
fn tests_are_registered_with_all_that_a_report_needs() {
    let tests = lab::tests();
    assert_eq!(tests.len(), 2);
    let ids: Vec<String> = tests.iter().map(|test| test.id()).collect();
    assert_eq!(
        ids,
        ["accepts_an_absent_completion_queue", "base/refuses_an_absent_completion_queue"]
    );
    let test = tests[1];
    assert_eq!(test.requirements, [create_io_sq::CQID_NOT_CREATED]);
    assert_eq!(
        test.doc,
        "An I/O Submission Queue cannot be bound to a Completion Queue that was never created."
    );
    assert!(test.file.ends_with("registry.rs") && test.line > 0);
    assert_eq!(tests[0].requirements.len(), 2);
}

#[test]
fn a_true_test_passes_and_a_false_one_does_not() {
    assert_eq!(verdict("refuses_an_absent_completion_queue"), Verdict::Passed);
    let false_one = verdict("accepts_an_absent_completion_queue");
    assert!(!matches!(false_one, Verdict::Passed | Verdict::Warned), "{false_one:?}");
}
