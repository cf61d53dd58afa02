//! Get Log Page (opcode 02h), one file per page (LID). Base-2.3 §5.2.12.

use spec::command::{Command, GetLogPage};
use spec::requirement::get_log_page;
use spec::{Lid, Nsid, QueueKind, Sqe, Version};

use super::common::{DWORD_0, PSDT_ADMIN, Reserved, no_result, shows};
use super::prps::{Prps, placement_is_defined};
use crate::checks;
use crate::ruling::{Apply, Data, Rule, View, no_data, no_effect, no_footprint};
use crate::state::Controller;
use crate::truth::{Maybe, No, Truth, Yes};

pub mod error_information;

/// The rules of the modelled pages.
pub static TABLE: &[&Rule] = &[&error_information::RULE];

/// The rule for Get Log Page of this SQE; `None`: a page that is not modelled.
pub fn find(sqe: &Sqe) -> Option<&'static Rule> {
    match GetLogPage::project(sqe).lid {
        Lid::ERROR_INFORMATION => Some(&error_information::RULE),
        // C0h to FFh are the vendor's.
        lid if lid.name().is_none() && lid.0 < 0xc0 => Some(&UNDEFINED),
        _ => None,
    }
}

/// Get Log Page of a page that no known revision defines.
pub static UNDEFINED: Rule = Rule {
    name: "get-log-page (undefined)",
    queue: QueueKind::Admin,
    opcode: GetLogPage::OPCODE,
    tables: &[&DWORD_0, &PSDT_ADMIN, &LID],
    succeeds: None,
    data: no_data,
    footprint: no_footprint,
    accept: no_effect,
    refuse: no_effect,
};

checks! {
    static LID: GetLogPage[cmd, v] in get_log_page {
        LID_UNKNOWN_BEFORE_2_3  INVALID_FIELD_IN_COMMAND | INVALID_LOG_PAGE
                          if true => "LID {} is not defined", cmd.lid;
        LID_UNKNOWN       INVALID_LOG_PAGE
                          if true => "LID {} is not defined", cmd.lid;
    }
}

checks! {
    /// Get Log Page of a page with a fixed size that belongs to the controller or subsystem.
    /// Base-2.3 §5.2.12, figures 201 to 205, §5.2.12.1.
    static CHECKS: GetLogPage[cmd, v] in get_log_page {
        // CDW1: NSID
        NSID              INVALID_FIELD_IN_COMMAND
                          if !matches!(cmd.nsid, Nsid(0) | Nsid::BROADCAST)
                          => "NSID {}, the page belongs to the controller", cmd.nsid;
        // CDW12 and CDW13: Log Page Offset
        OFFSET_UNALIGNED  INVALID_FIELD_IN_COMMAND
                          if !cmd.ot && cmd.lpo & 3 != 0 => "offset {:X}h", cmd.lpo;
        OFFSET_BEYOND     INVALID_FIELD_IN_COMMAND
                          if beyond(cmd, v)
                          => "offset {:X}h, the page has {} bytes", cmd.lpo, told_size(v, cmd.lid);
        OFFSET_AT_END     INVALID_FIELD_IN_COMMAND
                          if !cmd.ot & page_bytes(v,
                              cmd.lid).map_or(Maybe, |size| (cmd.lpo == size).into())
                          => "offset {:X}h is the end of the page", cmd.lpo;
        // CDW14: which pages take an index is not followed (page 00h).
        INDEX_OFFSET      INVALID_FIELD_IN_COMMAND
                          if cmd.ot & Maybe => "OT 1";
    }
}

/// Fields of later revisions, and those that mean something only with extended data (LPA bit 2).
static RESERVED: Reserved<GetLogPage> = Reserved::and(|cmd, v| {
    let extended = has_extended_data(v);
    let offset = (cmd.lpo != 0 || cmd.ot) && extended != Yes;
    let length = (cmd.numdl_z > 0xfff || cmd.numdu_z != 0) && extended != Yes;
    let retain = cmd.rae && v.version < Version::new(1, 3);
    let csi = cmd.csi != 0 && v.version < Version::new(2, 3);
    offset || length || retain || csi || cmd.lsp != 0 || cmd.lsi != 0 || cmd.uidx != 0
});

/// The data buffer.
static PRPS: Prps = Prps { bytes: |sqe, v| transfer(&GetLogPage::project(sqe), v).into() };

/// Whether Log Page Offset and the 32-bit Number of Dwords are supported (LPA bit 2).
fn has_extended_data(controller: &Controller) -> Truth {
    controller.claims.map(|c| c.lpa & 1 << 2 != 0).into()
}

/// How many bytes the command moves: without extended data only 12 bits of NUMDL count.
fn transfer(cmd: &GetLogPage, controller: &Controller) -> Option<u64> {
    let short = 4 * (u64::from(cmd.numdl_z & 0xfff) + 1);
    match has_extended_data(controller) {
        Yes => Some(cmd.bytes().0),
        No => Some(short),
        Maybe => Some(short).filter(|short| *short == cmd.bytes().0),
    }
}

/// The size of a modelled page, once known.
pub(super) fn page_bytes(controller: &Controller, lid: Lid) -> Option<u64> {
    match lid {
        Lid::ERROR_INFORMATION => Some(64 * (u64::from(controller.claims?.elpe) + 1)),
        _ => None,
    }
}

fn told_size(v: &View, lid: Lid) -> String {
    page_bytes(v, lid).map_or("unknown".into(), |size| size.to_string())
}

/// Whether the byte offset lies behind the end of the page. At the end itself is another matter;
/// bits 1:0 of the offset may count or not.
fn beyond(cmd: &GetLogPage, v: &View) -> Truth {
    match page_bytes(v, cmd.lid) {
        _ if cmd.ot || cmd.lpo == 0 => No,
        None => Maybe,
        Some(size) if cmd.lpo & !3 > size => Yes,
        Some(size) if cmd.lpo > size => Maybe,
        Some(_) => No,
    }
}

/// The page goes where the PRP entries say, if the text says what they mean.
fn returns(sqe: &Sqe, view: &View, seen: fn(&mut Apply, &[u8])) -> Data {
    match transfer(&GetLogPage::project(sqe), view) {
        Some(bytes) if placement_is_defined(sqe, view, bytes) => {
            Data::Returns { bytes: u32::try_from(bytes).unwrap_or(u32::MAX), seen }
        }
        _ => Data::Unknown,
    }
}

/// The byte offset at which the returned data starts; `None`: not known, or an index.
fn starts_at(cmd: &GetLogPage, controller: &Controller) -> Option<u64> {
    match has_extended_data(controller) {
        Yes if cmd.ot => None,
        Yes => Some(cmd.lpo & !3),
        _ if cmd.lpo == 0 && !cmd.ot => Some(0),
        _ => None,
    }
}

/// Whether the read clears the event of the page: RAE = 0, or any read before 1.3.
fn clears_event(cmd: &GetLogPage, version: Version) -> bool {
    !cmd.rae || version < Version::new(1, 3)
}
