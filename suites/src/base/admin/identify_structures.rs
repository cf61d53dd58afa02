//! Identify, CNS 03h and 05h to 08h: descriptors, and what command sets say. Base-2.3 §5.2.13.2.

use lab::{Answer, Ctl, Lab, Outcome, Stop, conformance};
use spec::command::Identify;
use spec::requirement::{
    identify_descriptors, identify_io_active_list, identify_nvm_controller, identify_nvm_namespace,
};
use spec::{Cns, Nsid, Version};

const DESCRIPTORS: Cns = Cns::NAMESPACE_IDENTIFICATION_DESCRIPTOR_LIST;
const SET_NAMESPACE: Cns = Cns::IO_COMMAND_SET_SPECIFIC_IDENTIFY_NAMESPACE;
const SET_CONTROLLER: Cns = Cns::IO_COMMAND_SET_SPECIFIC_IDENTIFY_CONTROLLER;
const SET_LIST: Cns = Cns::IO_COMMAND_SET_SPECIFIC_ACTIVE_NAMESPACE_ID_LIST;
const INDEPENDENT: Cns = Cns::IO_COMMAND_SET_INDEPENDENT_IDENTIFY_NAMESPACE;

/// A command set that no text defines. Base-2.3 figure 327.
const RESERVED_SET: u8 = 0x2f;

/// An enabled controller of this revision at least.
fn controller_from<'d>(lab: &mut Lab<'d>, major: u16, minor: u8) -> Result<Ctl<'d>, Stop> {
    let mut ctrl = lab.enabled_controller()?;
    let since = Version::new(major, minor);
    lab.needs(ctrl.vs()? >= since, &format!("VS of at least {since}"))?;
    Ok(ctrl)
}

fn asked<'d>(ctrl: &mut Ctl<'d>, cns: Cns, nsid: Nsid, csi: u8) -> Result<Answer<'d>, Stop> {
    ctrl.identify_with(Identify { cns, nsid, csi, ..Identify::default() })
}

/// Asks for a structure and looks at all of it.
fn read(ctrl: &mut Ctl<'_>, cns: Cns, nsid: Nsid) -> Outcome {
    let answer = asked(ctrl, cns, nsid, 0)?;
    answer.accepted()?;
    answer.bytes()?;
    Ok(())
}

fn first_namespace(lab: &mut Lab<'_>, ctrl: &Ctl<'_>) -> Result<Nsid, Stop> {
    let first = ctrl.namespaces().first().map(|ns| Nsid(ns.nsid));
    lab.needs(first.is_some(), "an active namespace")?;
    Ok(first.unwrap_or_default())
}

/// An NSID up to NN that is not active.
fn inactive_namespace(lab: &mut Lab<'_>, ctrl: &Ctl<'_>) -> Result<Nsid, Stop> {
    let nn = ctrl.facts().map_or(0, |facts| facts.nn);
    let active = ctrl.namespaces();
    let inactive = (1..=nn.min(1024)).find(|nsid| active.iter().all(|n| n.nsid != *nsid));
    lab.needs(inactive.is_some(), "an inactive namespace")?;
    Ok(Nsid(inactive.unwrap_or_default()))
}

/// The descriptors of a namespace are well formed, name it, and say what Identify Namespace says.
#[conformance(reqs = [identify_descriptors::FORMAT, identify_descriptors::ONE_AT_LEAST,
    identify_descriptors::AS_NAMESPACE])]
fn describes_each_namespace_by_its_identifiers(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = controller_from(lab, 1, 3)?;
    first_namespace(lab, &ctrl)?;
    for namespace in ctrl.namespaces() {
        let nsid = Nsid(namespace.nsid);
        read(&mut ctrl, Cns::IDENTIFY_NAMESPACE, nsid)?;
        read(&mut ctrl, DESCRIPTORS, nsid)?;
    }
    Ok(())
}

/// The descriptors of a namespace stay what they are.
#[conformance(req = identify_descriptors::CONSTANT)]
fn keeps_the_identifiers_of_a_namespace(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = controller_from(lab, 1, 3)?;
    let nsid = first_namespace(lab, &ctrl)?;
    read(&mut ctrl, DESCRIPTORS, nsid)?;
    read(&mut ctrl, DESCRIPTORS, nsid)
}

/// Where several command sets are possible a descriptor names that of the namespace.
#[conformance(req = identify_descriptors::CSI)]
fn names_the_command_set_of_a_namespace(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = controller_from(lab, 2, 0)?;
    let several = ctrl.cap()?.css() >> 6 & 1 != 0;
    lab.needs(several, "several command sets (CAP.CSS bit 6)")?;
    let nsid = first_namespace(lab, &ctrl)?;
    read(&mut ctrl, DESCRIPTORS, nsid)
}

/// An inactive namespace has no descriptors.
#[conformance(req = identify_descriptors::NSID_INACTIVE)]
fn refuses_descriptors_of_an_inactive_namespace(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = controller_from(lab, 1, 3)?;
    let nsid = inactive_namespace(lab, &ctrl)?;
    let answer = asked(&mut ctrl, DESCRIPTORS, nsid, 0)?;
    answer.refused_by(identify_descriptors::NSID_INACTIVE)
}

/// FFFFFFFFh names no namespace that could have descriptors.
#[conformance(req = identify_descriptors::NSID_RANGE)]
fn refuses_descriptors_of_all_namespaces(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = controller_from(lab, 2, 3)?;
    let answer = asked(&mut ctrl, DESCRIPTORS, Nsid::BROADCAST, 0)?;
    answer.refused_by(identify_descriptors::NSID_RANGE)
}

/// The structures of the NVM command set are there.
#[conformance(reqs = [identify::MANDATORY, identify_io_active_list::ORDER,
    identify_nvm_namespace::NSID_INACTIVE])]
fn returns_the_structures_of_the_command_set(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = controller_from(lab, 2, 0)?;
    let nsid = first_namespace(lab, &ctrl)?;
    read(&mut ctrl, SET_NAMESPACE, nsid)?;
    read(&mut ctrl, SET_CONTROLLER, Nsid(0))?;
    read(&mut ctrl, SET_LIST, Nsid(0))?;
    read(&mut ctrl, SET_LIST, nsid)
}

/// A namespace has no structure of a command set that is not its own.
#[conformance(req = identify_nvm_namespace::CSI_UNSUPPORTED)]
fn refuses_another_command_set_for_a_namespace(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = controller_from(lab, 2, 0)?;
    ctrl.cap()?;
    let nsid = first_namespace(lab, &ctrl)?;
    // Which set it has is told by its descriptors.
    read(&mut ctrl, DESCRIPTORS, nsid)?;
    let answer = asked(&mut ctrl, SET_NAMESPACE, nsid, 0x01)?;
    answer.refused_by(identify_nvm_namespace::CSI_UNSUPPORTED)
}

/// A controller has no structure of a command set that does not exist.
#[conformance(req = identify_nvm_controller::CSI_UNSUPPORTED)]
fn refuses_an_unknown_command_set_for_the_controller(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = controller_from(lab, 2, 0)?;
    ctrl.cap()?;
    let answer = asked(&mut ctrl, SET_CONTROLLER, Nsid(0), RESERVED_SET)?;
    answer.refused_by(identify_nvm_controller::CSI_UNSUPPORTED)
}

/// No namespaces are listed for a command set that does not exist.
#[conformance(req = identify_io_active_list::CSI_UNSUPPORTED)]
fn refuses_to_list_namespaces_of_an_unknown_command_set(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = controller_from(lab, 2, 0)?;
    ctrl.cap()?;
    let answer = asked(&mut ctrl, SET_LIST, Nsid(0), RESERVED_SET)?;
    answer.refused_by(identify_io_active_list::CSI_UNSUPPORTED)
}

/// What does not depend on the command set is as in Identify Namespace, and 0 where it is missing.
#[conformance(reqs = [identify_independent::AS_NAMESPACE, identify_independent::UNSUPPORTED_ZERO])]
fn describes_a_namespace_without_its_command_set(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = controller_from(lab, 2, 0)?;
    let nsid = first_namespace(lab, &ctrl)?;
    read(&mut ctrl, Cns::IDENTIFY_NAMESPACE, nsid)?;
    read(&mut ctrl, INDEPENDENT, nsid)
}

/// A namespace that is dispersed is shared.
#[conformance(req = identify_independent::DISPERSED)]
fn disperses_only_shared_namespaces(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = controller_from(lab, 2, 3)?;
    let nsid = first_namespace(lab, &ctrl)?;
    read(&mut ctrl, INDEPENDENT, nsid)
}

/// An inactive namespace has no description without its command set either: zeroes come back.
#[conformance(req = identify_independent::NSID_INACTIVE)]
fn returns_zeroes_for_an_inactive_namespace(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = controller_from(lab, 2, 0)?;
    let nsid = inactive_namespace(lab, &ctrl)?;
    read(&mut ctrl, SET_NAMESPACE, nsid)?;
    read(&mut ctrl, INDEPENDENT, nsid)
}
