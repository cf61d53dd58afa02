//! Feature 07h, Number of Queues. Base-2.3 §5.2.26.2.1.

use lab::{Lab, Outcome, conformance};
use spec::command::{GetFeatures, SetFeatures};
use spec::requirement::number_of_queues;
use spec::{Entries, Fid, Qid};

const FID: Fid = Fid::NUMBER_OF_QUEUES;

/// The answer tells how many queues were granted, and Get Features tells the same.
#[conformance(reqs = [number_of_queues::DW0, number_of_queues::STABLE])]
fn grants_queues_and_remembers(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.controller(0)?;
    ctrl.enable()?;
    ctrl.ask_queues(4, 4)?.accepted()?;
    ctrl.get_feature(FID)?.accepted()?;
    ctrl.io_pair(Qid(1), Entries(4))?;
    ctrl.get_feature(FID)?.accepted()
}

/// What was allocated stays so until a reset, whatever is asked for next.
#[conformance(req = number_of_queues::SECOND_SET_KEEPS)]
fn keeps_its_allocation_when_asked_again(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.controller(0)?;
    ctrl.enable()?;
    ctrl.ask_queues(1, 1)?.accepted()?;
    ctrl.ask_queues(4, 4)?.accepted()
}

/// Once an I/O queue exists the number cannot be set any more.
#[conformance(req = number_of_queues::AFTER_CREATION)]
fn refuses_to_change_after_a_queue_was_created(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.create_io_cq(Qid(1), Entries(4))?;
    ctrl.ask_queues(1, 1)?.refused_by(number_of_queues::AFTER_CREATION)
}

/// FFFFh queues of either kind are one more than there are identifiers.
#[conformance(req = number_of_queues::FFFF)]
fn refuses_more_queues_than_identifiers(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.controller(0)?;
    ctrl.enable()?;
    for cdw11 in [0x0000_ffff, 0xffff_0000] {
        let answer = ctrl.admin(SetFeatures { fid: FID, cdw11, ..SetFeatures::default() })?;
        if answer.status().is_success() {
            answer.ruled()?;
        } else {
            answer.refused_by(number_of_queues::FFFF)?;
        }
    }
    ctrl.ask_queues(1, 1)?.ruled()
}

/// After a reset the number can be set again.
#[conformance(req = number_of_queues::DW0)]
fn can_be_set_again_after_a_reset(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    ctrl.io_pair(Qid(1), Entries(4))?;
    ctrl.disable()?;
    ctrl.enable()?;
    ctrl.ask_queues(2, 2)?.accepted()?;
    ctrl.io_pair(Qid(2), Entries(4))
}

/// Get Features has no use for dword 11.
#[conformance(req = number_of_queues::GET_IGNORES_CDW11)]
fn ignores_dword_11_of_get_features(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let get = GetFeatures { fid: FID, cdw11: 0xffff_ffff, ..GetFeatures::default() };
    ctrl.admin(get)?.accepted()
}
