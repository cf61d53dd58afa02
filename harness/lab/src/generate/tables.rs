//! What there is to send, by the tables of `spec` and of the model: what is added there is drawn here. A
//! test holds that each rule of the model is met.

use std::sync::LazyLock;

use spec::command::{GetFeatures, GetLogPage, Identify};
use spec::opcode::{lookup, vendor_specific};
use spec::{Cns, Fid, Lid, QueueKind, Sqe};

/// Codes of one field that have a rule: those that are modelled, those that are known by name alone, and
/// those that no known revision defines.
pub(super) struct Codes {
    pub modelled: Vec<u8>,
    pub by_name: Vec<u8>,
    pub undefined: Vec<u8>,
}

impl Codes {
    fn of(sqe: impl Fn(u8) -> Sqe, is_named: impl Fn(u8) -> bool) -> Self {
        let mut codes = Self { modelled: Vec::new(), by_name: Vec::new(), undefined: Vec::new() };
        for code in 0..=u8::MAX {
            let Some(rule) = model::rules::find(QueueKind::Admin, &sqe(code)) else { continue };
            match model::rules::is_modelled(rule) {
                true => codes.modelled.push(code),
                false if is_named(code) => codes.by_name.push(code),
                false => codes.undefined.push(code),
            }
        }
        codes
    }
}

/// Structures of Identify (CNS).
pub(super) static STRUCTURES: LazyLock<Codes> = LazyLock::new(|| {
    let sqe = |code| Identify { cns: Cns(code), ..Default::default() }.into();
    Codes::of(sqe, |code| Cns(code).name().is_some())
});

/// Log pages (LID).
pub(super) static PAGES: LazyLock<Codes> = LazyLock::new(|| {
    let sqe = |code| GetLogPage { lid: Lid(code), ..Default::default() }.into();
    Codes::of(sqe, |code| Lid(code).name().is_some())
});

/// Features (FID).
pub(super) static FEATURES: LazyLock<Codes> = LazyLock::new(|| {
    let sqe = |code| GetFeatures { fid: Fid(code), ..Default::default() }.into();
    Codes::of(sqe, |code| Fid(code).name().is_some())
});

/// Opcodes that no known revision defines, outside of the vendor's.
pub(super) fn undefined_opcodes(queue: QueueKind) -> Vec<u8> {
    // 79h to 7Dh mean something to a zoned namespace, which may be attached.
    let zoned = |opcode| queue == QueueKind::Nvm && (0x79..=0x7d).contains(&opcode);
    let undefined = |opcode: &u8| {
        lookup(queue, *opcode).is_none() && !vendor_specific(queue, *opcode) && !zoned(*opcode)
    };
    (0..=u8::MAX).filter(undefined).collect()
}
