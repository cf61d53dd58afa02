//! What there is to send, by the tables of `spec` and of the model: what is added there is drawn here. A
//! test holds that each rule of the model is met.

use std::sync::LazyLock;

use spec::command::{GetFeatures, GetLogPage, Identify};
use spec::opcode::{lookup, vendor_specific};
use spec::{Cns, Fid, Lid, QueueKind, Sqe};

/// Codes of one field: those that are modelled, and those that no known revision defines.
pub(super) struct Codes {
    pub modelled: Vec<u8>,
    pub undefined: Vec<u8>,
}

impl Codes {
    fn of(sqe: impl Fn(u8) -> Sqe, is_named: impl Fn(u8) -> bool) -> Self {
        let ruled = |code: &u8| model::rules::find(QueueKind::Admin, &sqe(*code)).is_some();
        let (modelled, undefined) = (0..=u8::MAX).filter(ruled).partition(|code| is_named(*code));
        Self { modelled, undefined }
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
