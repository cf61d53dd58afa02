//! Get Log Page, pages 00h, 02h, 03h, 05h and 12h. Base-2.3 §5.2.12.1.

use lab::{Ctl, Lab, Outcome, Shutdown, Stop, conformance};
use log::ResetKind;
use spec::command::{GetFeatures, GetLogPage};
use spec::requirement::smart;
use spec::{Bytes, Fid, Lba, Lid, Nsid, Version};

use super::feature_values::selects;
use crate::base::given;

const SMART: Lid = Lid::SMART_HEALTH_INFORMATION;

/// Reads the first `bytes` of a page, and looks at them.
fn read(ctrl: &mut Ctl<'_>, lid: Lid, nsid: Nsid, bytes: u64) -> Outcome {
    let command = GetLogPage { lid, nsid, ..GetLogPage::default() };
    let answer = ctrl.admin_in(command.with_bytes(Bytes(bytes)), bytes)?;
    answer.accepted()?;
    answer.bytes()?;
    Ok(())
}

fn read_smart(ctrl: &mut Ctl<'_>) -> Outcome {
    read(ctrl, SMART, Nsid::BROADCAST, 512)
}

/// Log Page Attributes (LPA) of Identify Controller.
fn lpa(ctrl: &mut Ctl<'_>) -> Result<u8, Stop> {
    Ok(given::identified(ctrl)?.lpa())
}

/// An enabled controller with this bit of LPA.
fn with_attribute<'d>(lab: &mut Lab<'d>, bit: u8, what: &str) -> Result<Ctl<'d>, Stop> {
    let mut ctrl = lab.enabled_controller()?;
    let has = lpa(&mut ctrl)? >> bit & 1 != 0;
    lab.needs(has, what)?;
    Ok(ctrl)
}

/// The SMART page has values within their ranges, and its counters never go back.
#[conformance(reqs = [smart::RANGES, smart::LIFETIME])]
fn reports_its_health(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    lpa(&mut ctrl)?;
    read_smart(&mut ctrl)?;
    read_smart(&mut ctrl)
}

/// No time is counted above a threshold that is not told.
#[conformance(req = smart::TEMPERATURE_TIME)]
fn counts_no_time_above_an_untold_threshold(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let id = given::identified(&mut ctrl)?;
    let untold = id.wctemp() == 0 || id.cctemp() == 0;
    lab.needs(untold, "a temperature threshold that is not told (WCTEMP or CCTEMP = 0)")?;
    read_smart(&mut ctrl)
}

/// NSID 0 asks for the page of the controller too.
#[conformance(req = smart::NSID_ZERO)]
fn reports_its_health_without_a_namespace(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    lab.needs(ctrl.vs()? >= Version::new(2, 0), "VS of at least 2.0")?;
    read(&mut ctrl, SMART, Nsid(0), 512)?;
    read_smart(&mut ctrl)
}

/// No namespace has a page of its own, where none is claimed.
#[conformance(req = smart::NSID)]
fn refuses_the_health_of_one_namespace(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let of_each = lpa(&mut ctrl)? & 1 != 0;
    lab.needs(!of_each, "no SMART page of each namespace (LPA bit 0 = 0)")?;
    let ns = given::namespace(lab, &ctrl)?;
    let command = GetLogPage { lid: SMART, nsid: Nsid(ns.nsid), ..GetLogPage::default() };
    let answer = ctrl.admin_in(command.with_bytes(Bytes(512)), 512)?;
    match answer.status().is_success() {
        true => answer.ruled(),
        false => answer.refused_by(smart::NSID),
    }
}

/// Commands of the host are counted.
#[conformance(req = smart::HOST_COMMANDS, hazard = erasing)]
fn counts_reads_and_writes(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let ns = given::namespace(lab, &ctrl)?;
    let nsid = Nsid(ns.nsid);
    read_smart(&mut ctrl)?;
    ctrl.write_blocks(nsid, Lba(0), 8)?.accepted()?;
    ctrl.read_blocks(nsid, Lba(0), 8)?.accepted()?;
    ctrl.read_blocks(nsid, Lba(0), 1)?.accepted()?;
    read_smart(&mut ctrl)
}

/// Data are counted in thousands of 512 bytes, rounded up.
#[conformance(req = smart::DATA_UNITS, hazard = erasing)]
fn counts_data_in_thousands_of_512_bytes(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let ns = given::namespace(lab, &ctrl)?;
    let nsid = Nsid(ns.nsid);
    ctrl.write_blocks(nsid, Lba(0), 16)?.accepted()?;
    ctrl.read_blocks(nsid, Lba(0), 16)?.accepted()?;
    read_smart(&mut ctrl)?;
    for _ in 0..4 {
        ctrl.write_blocks(nsid, Lba(0), 16)?.accepted()?;
        ctrl.read_blocks(nsid, Lba(0), 16)?.accepted()?;
    }
    read_smart(&mut ctrl)
}

/// A loss of power is unexpected if no shutdown was complete, and only then.
#[conformance(reqs = [smart::UNEXPECTED_LOSSES, smart::LIFETIME])]
fn counts_unexpected_losses_of_power(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    given::needs_power_cycle(lab)?;
    lab.needs(ctrl.vs()? >= Version::new(2, 3), "VS of at least 2.3")?;
    read_smart(&mut ctrl)?;
    ctrl.reset(ResetKind::PowerCycle)?;
    given::bring_back(&mut ctrl)?;
    read_smart(&mut ctrl)?;
    ctrl.shutdown(Shutdown::Normal)?;
    ctrl.reset(ResetKind::PowerCycle)?;
    given::bring_back(&mut ctrl)?;
    read_smart(&mut ctrl)
}

/// The firmware slots: the active one holds what runs, those that do not exist hold nothing.
#[conformance(reqs = [firmware_slot::ACTIVE, firmware_slot::EMPTY, firmware_slot::REVISION])]
fn reports_its_firmware_slots(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    lpa(&mut ctrl)?;
    read(&mut ctrl, Lid::FIRMWARE_SLOT_INFORMATION, Nsid(0), 512)
}

/// A page read in parts is the same page.
#[conformance(req = get_log_page::OFFSET_PART)]
fn returns_a_page_in_parts(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = with_attribute(lab, 2, "extended data for Get Log Page (LPA bit 2)")?;
    let lid = Lid::FIRMWARE_SLOT_INFORMATION;
    read(&mut ctrl, lid, Nsid(0), 512)?;
    for lpo in [128, 256, 384] {
        let part = GetLogPage { lid, lpo, ..GetLogPage::default() }.with_bytes(Bytes(128));
        let answer = ctrl.admin_in(part, 128)?;
        answer.accepted()?;
        answer.bytes()?;
    }
    Ok(())
}

/// What is supported is told with its effects, and as Identify Controller tells it.
#[conformance(reqs = [commands_supported::ENTRIES, commands_supported::EFFECTS,
    commands_supported::AS_IDENTIFY])]
fn reports_its_commands_and_their_effects(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = with_attribute(lab, 1, "Commands Supported and Effects (LPA bit 1)")?;
    ctrl.cc()?;
    read(&mut ctrl, Lid::COMMANDS_SUPPORTED_AND_EFFECTS, Nsid(0), 4096)
}

/// The relaxation of a command goes with the restriction that it relaxes.
#[conformance(req = commands_supported::RELAXATION)]
fn relaxes_only_what_is_restricted(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = with_attribute(lab, 1, "Commands Supported and Effects (LPA bit 1)")?;
    lab.needs(ctrl.vs()? >= Version::new(2, 3), "VS of at least 2.3")?;
    read(&mut ctrl, Lid::COMMANDS_SUPPORTED_AND_EFFECTS, Nsid(0), 4096)
}

/// The pages that are listed are those that can be read: every page with a name, and one without.
#[conformance(req = supported_log_pages::AS_ANSWERED)]
fn lists_the_pages_that_it_has(lab: &mut Lab<'_>) -> Outcome {
    const RESERVED: Lid = Lid(0x6f);
    const VENDOR_SPECIFIC: u8 = 0xc0;
    let mut ctrl = lab.enabled_controller()?;
    lab.needs(ctrl.vs()? >= Version::new(2, 0), "VS of at least 2.0")?;
    read(&mut ctrl, Lid::SUPPORTED_LOG_PAGES, Nsid(0), 1024)?;
    read_smart(&mut ctrl)?;
    read(&mut ctrl, Lid::FIRMWARE_SLOT_INFORMATION, Nsid(0), 512)?;
    let named = |lid: &Lid| lid.name().is_some() || *lid == RESERVED;
    for lid in (0..VENDOR_SPECIFIC).map(Lid).filter(named) {
        // What else a page asks for is left out, and its content is not looked at: the point is
        // whether it is there.
        let command = GetLogPage { lid, rae: true, ..GetLogPage::default() };
        ctrl.admin_in(command.with_bytes(Bytes(512)), 512)?.ruled()?;
    }
    Ok(())
}

/// Features that every I/O controller has.
const MANDATORY: [Fid; 4] = [
    Fid::ARBITRATION,
    Fid::POWER_MANAGEMENT,
    Fid::TEMPERATURE_THRESHOLD,
    Fid::ASYNCHRONOUS_EVENT_CONFIGURATION,
];

/// Optional features of the controller that nothing but their identifier selects.
const OPTIONAL: [Fid; 9] = [
    Fid::AUTONOMOUS_POWER_STATE_TRANSITION,
    Fid::HOST_MEMORY_BUFFER,
    Fid::TIMESTAMP,
    Fid::KEEP_ALIVE_TIMER,
    Fid::HOST_CONTROLLED_THERMAL_MANAGEMENT,
    Fid::NON_OPERATIONAL_POWER_STATE_CONFIG,
    Fid::HOST_BEHAVIOR_SUPPORT,
    Fid::SANITIZE_CONFIG,
    Fid::SOFTWARE_PROGRESS_MARKER,
];

/// What is said of features has a form, and those that are listed are those that can be asked for.
#[conformance(req = features_supported::ENTRIES)]
fn lists_the_features_that_it_has(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    lab.needs(ctrl.vs()? >= Version::new(2, 0), "VS of at least 2.0")?;
    let lid = Lid::FEATURE_IDENTIFIERS_SUPPORTED_AND_EFFECTS;
    read(&mut ctrl, lid, Nsid(0), 1024)?;
    for fid in MANDATORY {
        ctrl.get_feature(fid)?.ruled()?;
    }
    if selects(&ctrl) {
        // Their capabilities, of which the text says the same for every feature.
        for fid in OPTIONAL {
            let command = GetFeatures { fid, sel: 3, ..GetFeatures::default() };
            ctrl.admin_in(command, 4096)?.ruled()?;
        }
    }
    Ok(())
}
