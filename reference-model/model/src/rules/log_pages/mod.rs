//! Get Log Page (opcode 02h), one file per page (LID). Base-2.3 §5.2.12.

use std::sync::Arc;

use spec::command::{Command, GetLogPage};
use spec::requirement::{get_log_page, identify as again, supported_log_pages};
use spec::{Lid, Nsid, QueueKind, Sqe, Status, Version};

use super::common::{DWORD_0, PSDT_ADMIN, Reserved, no_result, shows};
use super::prps::{Prps, placement_is_defined};
use crate::checks;
use crate::lives::Kept;
use crate::ruling::{Apply, Data, Rule, View, no_data, no_effect, no_footprint};
use crate::state::Controller;
use crate::truth::{Maybe, No, Truth, Yes};

pub mod effects;
pub mod error_information;
pub mod firmware_slot;
pub mod smart_health;
pub mod supported;

/// The rules of the modelled pages.
pub static TABLE: &[&Rule] = &[
    &supported::LOG_PAGES,
    &error_information::RULE,
    &smart_health::RULE,
    &firmware_slot::RULE,
    &effects::RULE,
    &supported::FEATURES,
    &supported::NVME_MI,
];

/// The rule for Get Log Page of this SQE; `None`: a page of the vendor's.
pub fn find(sqe: &Sqe) -> Option<&'static Rule> {
    match GetLogPage::project(sqe).lid {
        Lid::SUPPORTED_LOG_PAGES => Some(&supported::LOG_PAGES),
        Lid::ERROR_INFORMATION => Some(&error_information::RULE),
        Lid::SMART_HEALTH_INFORMATION => Some(&smart_health::RULE),
        Lid::FIRMWARE_SLOT_INFORMATION => Some(&firmware_slot::RULE),
        Lid::COMMANDS_SUPPORTED_AND_EFFECTS => Some(&effects::RULE),
        Lid::FEATURE_IDENTIFIERS_SUPPORTED_AND_EFFECTS => Some(&supported::FEATURES),
        Lid::NVME_MI_COMMANDS_SUPPORTED_AND_EFFECTS => Some(&supported::NVME_MI),
        // C0h to FFh are the vendor's.
        lid if lid.0 >= 0xc0 => None,
        lid if lid.name().is_none() => Some(&UNDEFINED),
        _ => Some(&BY_NAME),
    }
}

/// Get Log Page of a page that is defined and of which nothing more is modelled: whether it is there has
/// to agree with page 00h. A host that looks at its content sees what nothing here judges: a gap.
pub static BY_NAME: Rule = Rule {
    name: "get-log-page (by name)",
    queue: QueueKind::Admin,
    opcode: GetLogPage::OPCODE,
    tables: &[&DWORD_0, &PSDT_ADMIN, &BY_NAME_RESERVED, &UNLISTED, &PRPS],
    succeeds: None,
    data: |sqe, view| returns(sqe, view, not_modelled),
    footprint: no_footprint,
    accept: |apply| {
        no_result(apply);
        answered(apply, true);
    },
    refuse: refuse_page,
};

static BY_NAME_RESERVED: Reserved<GetLogPage> = Reserved::ALWAYS;

fn not_modelled(apply: &mut Apply, _: &[u8]) {
    let lid = GetLogPage::project(apply.sqe).lid;
    apply.gap(supported_log_pages::AS_ANSWERED, format!("the content of log page {lid}"));
}

checks! {
    static UNLISTED: GetLogPage[cmd, v] in get_log_page {
        LID_UNKNOWN_BEFORE_2_3  INVALID_FIELD_IN_COMMAND | INVALID_LOG_PAGE
                          if unlisted(cmd.lid, v) => "LID {} is not listed by page 00h", cmd.lid;
        LID_UNKNOWN       INVALID_LOG_PAGE
                          if unlisted(cmd.lid, v) => "LID {} is not listed by page 00h", cmd.lid;
        PAGE_PARAMETERS   INVALID_FIELD_IN_COMMAND | INVALID_NAMESPACE_OR_FORMAT
                          if Maybe => "what page {} asks of the command is not modelled", cmd.lid;
    }
}

/// Whether page 00h says that the page is not there.
fn unlisted(lid: Lid, v: &View) -> Truth {
    match supported::listed(lid, v) {
        Some(false) => Yes,
        Some(true) => No,
        None => Maybe,
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
    refuse: |apply| {
        if apply.cqe.status() == Status::INVALID_LOG_PAGE {
            answered(apply, false);
        }
    },
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
    /// NSID of a page that belongs to the controller or subsystem. Base-2.3 §5.2.12.1.
    static CONTROLLER_PAGE: GetLogPage[cmd, v] in get_log_page {
        NSID              INVALID_FIELD_IN_COMMAND
                          if !matches!(cmd.nsid, Nsid(0) | Nsid::BROADCAST)
                          => "NSID {}, the page belongs to the controller", cmd.nsid;
    }
}

checks! {
    /// A page that not every controller has.
    static OPTIONAL: GetLogPage[cmd, v] in get_log_page {
        LID_UNKNOWN_BEFORE_2_3  INVALID_FIELD_IN_COMMAND | INVALID_LOG_PAGE
                          if !has_page(cmd.lid, v) => "LID {} is not supported", cmd.lid;
        LID_UNKNOWN       INVALID_LOG_PAGE
                          if !has_page(cmd.lid, v) => "LID {} is not supported", cmd.lid;
    }
}

/// Whether the controller has this page, by its list (page 00h), by what it claims and its revision. Base-2.3 §3.1.3.5, figure
/// 328 (LPA, OACS).
fn has_page(lid: Lid, v: &View) -> Truth {
    if let Some(listed) = supported::listed(lid, v) {
        return listed.into();
    }
    let Some(claims) = v.claims else { return Maybe };
    let from_2_0 = v.version >= Version::new(2, 0);
    let bit = match lid {
        Lid::COMMANDS_SUPPORTED_AND_EFFECTS if claims.lpa & 1 << 1 != 0 => return Yes,
        Lid::COMMANDS_SUPPORTED_AND_EFFECTS if v.version < Version::new(2, 3) => return No,
        Lid::NVME_MI_COMMANDS_SUPPORTED_AND_EFFECTS => claims.oacs & 1 << 6 != 0,
        _ => claims.lpa & 1 << 5 != 0,
    };
    if bit && from_2_0 { Yes } else { Maybe }
}

checks! {
    /// Where a page of fixed size is read from. Base-2.3 §5.2.12, figures 201 to 205.
    static OFFSETS: GetLogPage[cmd, v] in get_log_page {
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
static RESERVED: Reserved<GetLogPage> =
    Reserved::and(|cmd, v| cmd.csi != 0 && v.version < Version::new(2, 3) || reserved(cmd, v));

/// The same for pages that CSI chooses, where several command sets are on: a set that is not
/// supported may be refused.
static RESERVED_BESIDE_CSI: Reserved<GetLogPage> = Reserved::and(|cmd, v| {
    let ignored = v.version >= Version::new(2, 3) && v.cc_known && v.cc.css() != ALL_SETS;
    cmd.csi != 0 && !ignored || reserved(cmd, v)
});

/// CC.CSS of all supported command sets.
const ALL_SETS: u8 = 0b110;

fn reserved(cmd: &GetLogPage, v: &View) -> bool {
    let extended = has_extended_data(v);
    let offset = (cmd.lpo != 0 || cmd.ot) && extended != Yes;
    let length = (cmd.numdl_z > 0xfff || cmd.numdu_z != 0) && extended != Yes;
    let retain = cmd.rae && v.version < Version::new(1, 3);
    offset || length || retain || cmd.lsp != 0 || cmd.lsi != 0 || cmd.uidx != 0
}

/// Holds an answer against the list of pages (page 00h).
fn answered(apply: &mut Apply, supported: bool) {
    let lid = GetLogPage::project(apply.sqe).lid;
    let listed = supported::listed(lid, apply.controller());
    apply.hold(supported_log_pages::AS_ANSWERED, listed.map(|listed| listed == supported), || {
        let did = if supported { "returned" } else { "refused as not supported" };
        let (lists, is) = if supported { ("LSUPP 1", "0") } else { ("LSUPP 0", "1") };
        (format!("LID {lid} was {did}"), lists.into(), format!("page 00h has LSUPP {is}"))
    });
}

/// The refusal of a page.
fn refuse_page(apply: &mut Apply) {
    no_result(apply);
    if apply.cqe.status() == Status::INVALID_LOG_PAGE {
        answered(apply, false);
    }
}

/// The acceptance of a page without use for CSI.
fn accept_page(apply: &mut Apply) {
    no_result(apply);
    answered(apply, true);
    let csi = GetLogPage::project(apply.sqe).csi;
    shows(apply, get_log_page::CSI_IGNORED, csi != 0);
}

/// The acceptance of a page that CSI chooses.
fn accept_page_of_set(apply: &mut Apply) {
    no_result(apply);
    answered(apply, true);
    let csi = GetLogPage::project(apply.sqe).csi;
    let one_set = apply.controller().cc_known && apply.controller().cc.css() != ALL_SETS;
    shows(apply, get_log_page::CSI_IGNORED, csi != 0 && one_set);
}

/// The command set that a page speaks of: that of CC.CSS, or what CSI says with CC.CSS = 110b.
fn chosen_set(sqe: &Sqe, controller: &Controller) -> Option<u8> {
    match controller.cc.css() {
        _ if !controller.cc_known => None,
        0 => Some(0),
        ALL_SETS => Some(GetLogPage::project(sqe).csi),
        _ => None,
    }
}

/// The page, if all of it was read.
fn whole<const N: usize>(apply: &mut Apply, bytes: &[u8]) -> Option<[u8; N]> {
    let cmd = GetLogPage::project(apply.sqe);
    let from = starts_at(&cmd, apply.controller())?;
    (from == 0).then(|| bytes.first_chunk::<N>().copied()).flatten()
}

/// The same of a page that nothing changes but what no test sends. A part is held against the whole as
/// it was read before.
fn steady<const N: usize>(apply: &mut Apply, bytes: &[u8]) -> Option<[u8; N]> {
    let cmd = GetLogPage::project(apply.sqe);
    let from = starts_at(&cmd, apply.controller())?;
    let lives = apply.controller().lives;
    let key = cmd.lid;
    let found = apply.controller().kept_pages.iter().position(|(lid, _)| *lid == key);
    let kept = found.map(|at| apply.controller().kept_pages[at].1.clone());
    let kept = kept.filter(|kept| kept.lives.resets == lives.resets && cmd.csi == 0);
    let start = usize::try_from(from).unwrap_or(usize::MAX).min(N);
    let shown = &bytes[..bytes.len().min(N - start)];
    if let Some(kept) = kept {
        let same = kept.bytes[start..start + shown.len()] == *shown;
        let story = || {
            let differs = |n: &usize| kept.bytes[start + n] != shown[*n];
            let n = (0..shown.len()).find(differs).unwrap_or(0);
            let now = format!("byte {} is {:02X}h", start + n, shown[n]);
            (now, format!("it was {:02X}h when the whole page was read", kept.bytes[start + n]))
        };
        if start > 0 {
            apply.hold(get_log_page::OFFSET_PART, same, || {
                let (now, because) = story();
                (now, "the part of the page at the offset".into(), because)
            });
        } else {
            apply.expect(again::SAME_AGAIN, same, story);
        }
    }
    let page = whole::<N>(apply, bytes)?;
    if cmd.csi == 0 {
        let kept = Kept { bytes: Arc::from(&page[..]), lives };
        let pages = &mut apply.controller().kept_pages;
        match found {
            Some(at) => pages[at].1 = kept,
            None => {
                let at = pages.partition_point(|(lid, _)| *lid < key);
                pages.insert(at, (key, kept));
            }
        }
    }
    Some(page)
}

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
        Lid::SMART_HEALTH_INFORMATION | Lid::FIRMWARE_SLOT_INFORMATION => Some(512),
        Lid::COMMANDS_SUPPORTED_AND_EFFECTS | Lid::NVME_MI_COMMANDS_SUPPORTED_AND_EFFECTS => {
            Some(4096)
        }
        Lid::SUPPORTED_LOG_PAGES | Lid::FEATURE_IDENTIFIERS_SUPPORTED_AND_EFFECTS => Some(1024),
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
pub fn clears_event(cmd: &GetLogPage, version: Version) -> bool {
    !cmd.rae || version < Version::new(1, 3)
}
