//! Identify, CNS 00h, 01h and 02h. Base-2.3 §5.2.13.

use lab::{Lab, Outcome, conformance};
use spec::command::Identify;
use spec::requirement::{common, identify, identify_active_list};
use spec::{Cns, Nsid};

const CONTROLLER: Cns = Cns::IDENTIFY_CONTROLLER;
const ACTIVE_LIST: Cns = Cns::ACTIVE_NAMESPACE_ID_LIST;

/// Identify Controller describes the same controller each time it is asked.
#[conformance(reqs = [identify::CNS_KNOWN, identify_controller::VER, identify_controller::SQES,
    identify_controller::CQES, identify_controller::STRINGS, identify::RESERVED_ZERO])]
fn describes_the_controller(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    for _ in 0..2 {
        let answer = ctrl.identify_with(Identify { cns: CONTROLLER, ..Identify::default() })?;
        answer.accepted()?;
        answer.identify_controller()?;
    }
    Ok(())
}

/// Identify Namespace describes every active namespace.
#[conformance(reqs = [identify_namespace::CAPACITY_ORDER, identify_namespace::NLBAF,
    identify_namespace::LBADS])]
fn describes_each_active_namespace(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let namespaces = ctrl.namespaces();
    lab.needs(!namespaces.is_empty(), "an active namespace")?;
    for namespace in namespaces {
        let nsid = Nsid(namespace.nsid);
        let answer = ctrl.identify_with(Identify { nsid, ..Identify::default() })?;
        answer.accepted()?;
        answer.identify_namespace()?;
    }
    Ok(())
}

/// The list of active namespaces ascends, and starts after the NSID that was given.
#[conformance(reqs = [identify_active_list::ORDER, identify::LIST_ZERO_FILLED])]
fn lists_active_namespaces_in_order(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let list = Identify { cns: ACTIVE_LIST, ..Identify::default() };
    let all = ctrl.identify_with(list)?;
    all.accepted()?;
    for nsid in all.namespace_list()?.iter().take(4) {
        let rest = ctrl.identify_with(Identify { nsid, ..list })?;
        rest.accepted()?;
        rest.namespace_list()?;
    }
    Ok(())
}

/// FFFFFFFEh and FFFFFFFFh leave no identifier to list: they are refused.
#[conformance(req = identify_active_list::NSID_RANGE)]
fn refuses_a_list_that_starts_after_the_last_identifier(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    for nsid in [Nsid(0xffff_fffe), Nsid::BROADCAST] {
        let list = Identify { cns: ACTIVE_LIST, nsid, ..Identify::default() };
        let answer = ctrl.identify_with(list)?;
        if answer.status().is_success() {
            answer.ruled()?;
        } else {
            answer.refused_by(identify_active_list::NSID_RANGE)?;
        }
    }
    Ok(())
}

/// NSID 0 names no namespace.
#[conformance(req = common::NSID_INVALID)]
fn refuses_namespace_0(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let answer = ctrl.identify_with(Identify { nsid: Nsid(0), ..Identify::default() })?;
    answer.refused_by(common::NSID_INVALID)
}

/// An identifier above NN names no namespace.
#[conformance(req = common::NSID_INVALID)]
fn refuses_a_namespace_beyond_the_last(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let nn = ctrl.facts().map_or(0, |facts| facts.nn);
    lab.needs(nn < 0xffff_fffe, "an NSID above NN")?;
    let answer = ctrl.identify_with(Identify { nsid: Nsid(nn + 1), ..Identify::default() })?;
    answer.refused_by(common::NSID_INVALID)
}

/// An inactive namespace has no description: zeroes come back.
#[conformance(req = identify_namespace::NSID_INACTIVE)]
fn returns_zeroes_for_an_inactive_namespace(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let nn = ctrl.facts().map_or(0, |facts| facts.nn);
    let active = ctrl.namespaces();
    let inactive = (1..=nn.min(1024)).find(|nsid| active.iter().all(|n| n.nsid != *nsid));
    lab.needs(inactive.is_some(), "an inactive namespace")?;
    let nsid = Nsid(inactive.unwrap_or_default());
    let answer = ctrl.identify_with(Identify { nsid, ..Identify::default() })?;
    answer.accepted()?;
    answer.identify_namespace()?;
    Ok(())
}

/// A data structure that does not exist cannot be asked for.
#[conformance(req = identify::CNS_UNKNOWN)]
fn refuses_an_unknown_structure(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let answer = ctrl.identify_with(Identify { cns: Cns(0xbf), ..Identify::default() })?;
    answer.refused_by(identify::CNS_UNKNOWN)
}

/// The buffer may start inside a page; the rest then goes where PRP2 says.
#[conformance(req = identify::PRP2_NO_LIST)]
fn splits_the_structure_over_two_pages(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let page = ctrl.page_bytes();
    // The second page does not follow the first.
    let rest = ctrl.buffer_at(4096 - 512, 0, log::Perm::FromController, 0xa5)?;
    let begin = ctrl.buffer_at(512, (page - 512) as u32, log::Perm::FromController, 0xa5)?;
    let command =
        Identify { cns: CONTROLLER, prp1: begin.at, prp2: rest.at, ..Identify::default() };
    ctrl.admin(command)?.accepted()?;
    ctrl.see_bytes(begin.place(0), 512)?;
    ctrl.see_bytes(rest.place(0), 4096 - 512)?;
    ctrl.sweep()?;
    Ok(())
}
