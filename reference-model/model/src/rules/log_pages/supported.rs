//! Pages that list what is supported: Supported Log Pages (LID 00h), Feature Identifiers Supported and
//! Effects (12h), NVMe-MI Commands Supported and Effects (13h). Base-2.3 §5.2.12.1.1, §5.2.12.1.18,
//! §5.2.12.1.19.

use spec::command::{Command, GetLogPage};
use spec::log_page::{
    FeatureIdentifiersSupportedAndEffects, FidEffects, LidSupported,
    NvmeMiCommandsSupportedAndEffects, SupportedLogPages,
};
use spec::{Fid, QueueKind};

use super::*;
use crate::rules::claims::{claims, hold_all};

/// Supported Log Pages.
pub static LOG_PAGES: Rule = Rule { name: "get-log-page 00h", data: log_pages, ..LIST };
/// Feature Identifiers Supported and Effects.
pub static FEATURES: Rule = Rule { name: "get-log-page 12h", data: features, ..LIST };
/// NVMe-MI Commands Supported and Effects.
pub static NVME_MI: Rule = Rule { name: "get-log-page 13h", data: nvme_mi, ..LIST };

const LIST: Rule = Rule {
    name: "",
    queue: QueueKind::Admin,
    opcode: GetLogPage::OPCODE,
    tables: &[
        &DWORD_0,
        &PSDT_ADMIN,
        &RESERVED_BESIDE_CSI,
        &CONTROLLER_PAGE,
        &OPTIONAL,
        &OFFSETS,
        &PRPS,
    ],
    succeeds: Some(get_log_page::MANDATORY),
    data: |_, _| Data::Unknown,
    footprint: no_footprint,
    accept: accept_page_of_set,
    refuse: refuse_page,
};

fn log_pages(sqe: &Sqe, view: &View) -> Data {
    returns(sqe, view, log_pages_seen)
}

fn features(sqe: &Sqe, view: &View) -> Data {
    returns(sqe, view, features_seen)
}

fn nvme_mi(sqe: &Sqe, view: &View) -> Data {
    returns(sqe, view, nvme_mi_seen)
}

claims! {
    static INDEX: SupportedLogPages[page, v] in supported_log_pages {
        INDEX_OFFSET: pages(page, |entry| entry.ios()).is_none(),
            "IOS 0 without extended data (LPA bit 2)",
            "LID {}", pages(page, |entry| entry.ios()).unwrap_or_default();
    }
}

claims! {
    static PAGES_RESERVED: SupportedLogPages[page, v] in identify {
        RESERVED_ZERO: pages(page, |entry| entry.into_bits() & 0xfffc != 0).is_none(),
            "0 in bits 15:2",
            "LID {}", pages(page, |entry| entry.into_bits() & 0xfffc != 0).unwrap_or_default();
    }
}

fn pages(page: &SupportedLogPages, bad: impl Fn(LidSupported) -> bool) -> Option<Lid> {
    (0..=u8::MAX).map(Lid).find(|lid| bad(page.lids(*lid)))
}

/// A list of supported things, if it was read since the last reset.
fn list(lid: Lid, controller: &Controller) -> Option<[u8; 1024]> {
    let mut pages = controller.kept_pages.iter();
    let (_, kept) = pages.find(|(page, _)| *page == lid)?;
    let going_on = kept.lives.resets == controller.lives.resets;
    <[u8; 1024]>::try_from(&*kept.bytes).ok().filter(|_| going_on)
}

/// Whether page 00h says that the page is supported.
pub(super) fn listed(lid: Lid, controller: &Controller) -> Option<bool> {
    let bytes = list(Lid::SUPPORTED_LOG_PAGES, controller)?;
    Some(SupportedLogPages(bytes).lids(lid).lsupp())
}

/// Whether page 12h says that the feature is supported.
pub fn lists_feature(fid: Fid, controller: &Controller) -> Option<bool> {
    let bytes = list(Lid::FEATURE_IDENTIFIERS_SUPPORTED_AND_EFFECTS, controller)?;
    Some(FeatureIdentifiersSupportedAndEffects(bytes).fis(fid).fsupp())
}

fn log_pages_seen(apply: &mut Apply, bytes: &[u8]) {
    let Some(bytes) = steady::<1024>(apply, bytes) else { return };
    let page = SupportedLogPages(bytes);
    hold_all(apply, &page, INDEX);
    hold_all(apply, &page, PAGES_RESERVED);
}

claims! {
    static FEATURE_ENTRIES: FeatureIdentifiersSupportedAndEffects[page, v] in features_supported {
        ENTRIES: fids(page, misfit).is_none(),
            "0 for features that are not supported, at most one scope for others",
            "FID {}", fids(page, misfit).unwrap_or_default();
    }
}

claims! {
    static FEATURES_RESERVED: FeatureIdentifiersSupportedAndEffects[page, v] in identify {
        RESERVED_ZERO: fids(page, leftover).is_none(), "0 in bits 18:5 and 31:27",
            "FID {}", fids(page, leftover).unwrap_or_default();
    }
}

fn fids(
    page: &FeatureIdentifiersSupportedAndEffects,
    bad: impl Fn(FidEffects) -> bool,
) -> Option<Fid> {
    (0..=u8::MAX).map(Fid).find(|fid| bad(page.fis(*fid)))
}

fn misfit(entry: FidEffects) -> bool {
    !entry.fsupp() && entry.into_bits() != 0 || entry.fsp().count_ones() > 1
}

fn leftover(entry: FidEffects) -> bool {
    entry.into_bits() & 0x0007_ffe0 != 0 || entry.fsp() & 0xf80 != 0
}

fn features_seen(apply: &mut Apply, bytes: &[u8]) {
    let Some(bytes) = steady::<1024>(apply, bytes) else { return };
    let page = FeatureIdentifiersSupportedAndEffects(bytes);
    hold_all(apply, &page, FEATURE_ENTRIES);
    hold_all(apply, &page, FEATURES_RESERVED);
}

claims! {
    static MI_ENTRIES: NvmeMiCommandsSupportedAndEffects[page, v] in nvme_mi_commands_supported {
        ENTRIES: unsupported(page).is_none() && page.bytes()[1024..].iter().all(|b| *b == 0),
            "0 for commands that are not supported, and behind the last",
            "{}", unsupported(page).map_or("a byte behind the last entry is not 0".into(),
                |opcode| format!("opcode {opcode:02X}h is not supported, its entry is not 0"));
    }
}

fn unsupported(page: &NvmeMiCommandsSupportedAndEffects) -> Option<u8> {
    let odd = |opcode: &u8| {
        let entry = page.mics(*opcode);
        !entry.csupp() && entry.into_bits() != 0
    };
    (0..=u8::MAX).find(odd)
}

fn nvme_mi_seen(apply: &mut Apply, bytes: &[u8]) {
    if let Some(bytes) = steady::<4096>(apply, bytes) {
        hold_all(apply, &NvmeMiCommandsSupportedAndEffects(bytes), MI_ENTRIES);
    }
}
