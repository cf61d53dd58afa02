//! Checks that many commands share: dword 0, NSID, reserved bits; and undefined opcodes.

use std::marker::PhantomData;

use spec::command::Command;
use spec::opcode::{Direction, admin, direction};
use spec::requirement::{common, cqe};
use spec::{Nsid, QueueKind, Req, Sqe, Status, Version};

use crate::checks;
use crate::ruling::{
    AnyCommand, Apply, Checks, Rule, Ruling, View, no_data, no_effect, no_footprint,
};
use crate::truth::{Maybe, No, Truth, Yes};

/// Whether the command moves data by its data pointer, so that PSDT means something. Features of
/// the slice live in dword 0 of the completion: what a controller makes of their PSDT is its own.
pub(super) fn uses_data_pointer(sqe: &Sqe) -> Truth {
    match (sqe.opcode(), direction(sqe.opcode())) {
        (_, Direction::None) | (admin::SET_FEATURES | admin::GET_FEATURES, _) => Maybe,
        _ => Yes,
    }
}

checks! {
    /// Command Dword 0 of any command. Base-2.3 §4.1.1 figure 91, §3.4.2.
    pub static DWORD_0: AnyCommand[sqe, v] in common {
        CID_CONFLICT      COMMAND_ID_CONFLICT
                          if v.others.same_cid != 0 => "CID {} is in flight on this queue",
                              sqe.cid();
        FUSE_UNSUPPORTED  INVALID_FIELD_IN_COMMAND | COMMAND_ABORTED_DUE_TO_MISSING_FUSED_COMMAND
                          | COMMAND_ABORTED_DUE_TO_FAILED_FUSED_COMMAND
                          if matches!(sqe.fuse(), 1 | 2) => "FUSE {}, FUSES = 0", sqe.fuse();
        // Which command stands beside this one in the queue is not followed.
        FUSE_UNPAIRED     COMMAND_ABORTED_DUE_TO_MISSING_FUSED_COMMAND | INVALID_FIELD_IN_COMMAND
                          | COMMAND_ABORTED_DUE_TO_FAILED_FUSED_COMMAND
                          if matches!(sqe.fuse(), 1 | 2) & Maybe => "FUSE {}", sqe.fuse();
        FUSE_RESERVED     INVALID_FIELD_IN_COMMAND | COMMAND_ABORTED_DUE_TO_MISSING_FUSED_COMMAND
                          if sqe.fuse() == 3 => "FUSE 11b is reserved";
        PSDT_RESERVED     INVALID_FIELD_IN_COMMAND
                          if (sqe.psdt() == 3) & uses_data_pointer(sqe) => "PSDT 11b is reserved";
    }
}

checks! {
    /// PSDT of an admin command: PRPs only. Base-2.3 §4.1.1 figure 91.
    pub static PSDT_ADMIN: AnyCommand[sqe, v] in common {
        PSDT_ADMIN        INVALID_FIELD_IN_COMMAND
                          if matches!(sqe.psdt(), 1 | 2) & uses_data_pointer(sqe)
                          => "PSDT {}: admin commands over PCIe use PRPs", sqe.psdt();
    }
}

checks! {
    /// PSDT of an I/O command. Base-2.3 §4.1.1 figure 91.
    pub static PSDT_IO: AnyCommand[sqe, v] in common {
        PSDT_WITHOUT_SGL  INVALID_FIELD_IN_COMMAND
                          if matches!(sqe.psdt(), 1 | 2) & uses_data_pointer(sqe)
                          => "PSDT {}, SGLS bits 1:0 = 0", sqe.psdt();
    }
}

checks! {
    /// NSID of a command that does not use it. Base-2.3 §4.1.1 figure 92.
    pub static NSID_UNUSED: AnyCommand[sqe, v] in common {
        NSID_UNUSED       INVALID_FIELD_IN_COMMAND
                          if unused_nsid(sqe.nsid(), v.version)
                          => "NSID {} where none is used", sqe.nsid();
    }
}

checks! {
    /// NSID of a command that names one namespace. Base-2.3 §4.1.1 figure 92, §3.2.1.
    pub static NSID_USED: AnyCommand[sqe, v] in common {
        NSID_INVALID      INVALID_NAMESPACE_OR_FORMAT
                          if !v.valid_nsid(sqe.nsid()) => "NSID {}, {}", sqe.nsid(), valid(v);
        NSID_INACTIVE     INVALID_FIELD_IN_COMMAND
                          if inactive(sqe, v) => "NSID {}, {}", sqe.nsid(), active(v);
        NSID_BROADCAST    INVALID_FIELD_IN_COMMAND
                          if is_broadcast(sqe)
                          => "NSID FFFFFFFFh is not supported by this command";
    }
}

checks! {
    /// NSID of a command that names one namespace or, by FFFFFFFFh, all of them.
    pub static NSID_OR_BROADCAST: AnyCommand[sqe, v] in common {
        NSID_INVALID      INVALID_NAMESPACE_OR_FORMAT
                          if !v.valid_nsid(sqe.nsid()) => "NSID {}, {}", sqe.nsid(), valid(v);
        NSID_INACTIVE     INVALID_FIELD_IN_COMMAND
                          if inactive(sqe, v) => "NSID {}, {}", sqe.nsid(), active(v);
    }
}

checks! {
    /// NSID of a feature of the controller: no rule covers an identifier above NN. Base-2.3 §4.4.
    pub static NSID_ABOVE_NN: AnyCommand[sqe, v] in common {
        NSID_INVALID      INVALID_NAMESPACE_OR_FORMAT | INVALID_FIELD_IN_COMMAND
                          if (sqe.nsid().0 != 0) & !v.valid_nsid(sqe.nsid()) & Maybe
                          => "NSID {}, {}", sqe.nsid(), valid(v);
    }
}

checks! {
    /// An opcode that no specification defines. Base-2.3 §4.2.3.1.
    static OPCODE: AnyCommand[sqe, v] in common {
        OPCODE            INVALID_COMMAND_OPCODE
                          if true => "opcode {:02X}h is reserved", sqe.opcode();
    }
}

/// Whether the command names every namespace.
pub fn is_broadcast(sqe: &Sqe) -> bool {
    sqe.nsid() == Nsid::BROADCAST
}

/// Whether a non-zero NSID is at fault where none is used: 1.3 does not speak of FFFFFFFFh.
pub fn unused_nsid(nsid: Nsid, version: Version) -> Truth {
    match nsid {
        Nsid(0) => No,
        Nsid::BROADCAST if version < Version::new(2, 0) => Maybe,
        _ => Yes,
    }
}

fn inactive(sqe: &Sqe, v: &View) -> Truth {
    let nsid = sqe.nsid();
    !is_broadcast(sqe) & (v.valid_nsid(nsid) & !v.active.is_active(nsid))
}

/// For reports: the valid identifiers.
pub fn valid(v: &View) -> String {
    v.claims.map_or("NN was not read".into(), |c| format!("NN = {}", c.nn))
}

/// For reports: the active identifiers.
pub fn active(v: &View) -> String {
    let known = v.active.known();
    let shown: Vec<_> = known.iter().take(8).map(u32::to_string).collect();
    let more = if known.len() > shown.len() { ", ..." } else { "" };
    format!("active NSIDs {{{}{more}}}", shown.join(", "))
}

/// The reserved bits of command `C`: a controller may check them, and need not. Base-2.3 §1.4.1.6.
///
/// Reserved is judged against the newest known revision, so fields that came later are not in the
/// mask; `also` says where such a field, or one without use here, is reserved after all.
pub struct Reserved<C> {
    also: fn(&C, &View) -> bool,
    command: PhantomData<fn() -> C>,
}

impl<C: Command> Reserved<C> {
    /// Only the bits that the command leaves undefined.
    pub const ALWAYS: Self = Self::and(|_, _| false);

    /// Those, and fields without meaning under the condition.
    pub const fn and(also: fn(&C, &View) -> bool) -> Self {
        Self { also, command: PhantomData }
    }

    /// The bits, dword by dword, that command `C` defines.
    const DEFINED: [u32; 16] = {
        let mut bits = [0; 16];
        // Opcode, FUSE, PSDT and CID; NSID has checks of its own, PRP Entry 2 as well.
        bits[0] = 0xffff_c3ff;
        bits[1] = u32::MAX;
        let mut n = 0;
        while n < C::FIELDS.len() {
            C::FIELDS[n].write(&mut bits, u64::MAX);
            n += 1;
        }
        bits
    };
}

impl<C: Command> Checks for Reserved<C> {
    fn count(&self) -> usize {
        1
    }

    #[inline]
    fn evaluate(&self, sqe: &Sqe, view: &View) -> Ruling {
        let bits = sqe.dw.iter().zip(Self::DEFINED).fold(0, |all, (dw, mask)| all | dw & !mask);
        let reserved = bits != 0 || (self.also)(&C::project(sqe), view);
        Ruling { failing: u64::from(reserved), undecided: 0 }
    }

    fn check(&self, _: usize) -> (Req, &'static [Status]) {
        (common::RESERVED_BITS, &[Status::INVALID_FIELD_IN_COMMAND])
    }

    fn because(&self, _: usize, sqe: &Sqe, _: &View) -> String {
        let dwords = sqe.dw.iter().zip(Self::DEFINED).enumerate();
        let bad: Vec<_> = dwords
            .filter(|(_, (dw, mask))| **dw & !mask != 0)
            .map(|(n, (dw, mask))| format!("dword {n} bits {:08X}h", dw & !mask))
            .collect();
        match bad.is_empty() {
            true => "a field that has no meaning here is not 0".into(),
            false => format!("reserved bits are set: {}", bad.join(", ")),
        }
    }
}

/// An acceptance that shows that a requirement was met: the command gave it an occasion.
pub fn shows(apply: &mut Apply, req: Req, occasion: bool) {
    if occasion {
        apply.hold(req, true, Default::default);
    }
}

/// Holds that both dwords of the completion are 0, for commands that define neither.
pub fn no_result(apply: &mut Apply) {
    let [dw0, dw1, ..] = apply.cqe.dw;
    apply.hold(cqe::RESERVED_DWORDS, dw0 == 0 && dw1 == 0, || {
        (
            format!("dword 0 {dw0:08X}h, dword 1 {dw1:08X}h"),
            "0 in both".into(),
            "the command defines neither".into(),
        )
    });
}

/// Holds that dword 1 of the completion is 0, for commands that define dword 0 alone.
pub fn no_second_dword(apply: &mut Apply) {
    let dw1 = apply.cqe.dw[1];
    apply.hold(cqe::RESERVED_DWORDS, dw1 == 0, || {
        (format!("dword 1 {dw1:08X}h"), "0".into(), "the command does not define it".into())
    });
}

/// An admin command with an opcode that no known revision defines.
pub static UNDEFINED_ADMIN: Rule = Rule {
    name: "undefined admin opcode",
    queue: QueueKind::Admin,
    opcode: 0xbf,
    tables: &[&DWORD_0, &OPCODE],
    succeeds: None,
    data: no_data,
    footprint: no_footprint,
    accept: no_effect,
    refuse: no_effect,
};

/// An I/O command of the NVM command set with an opcode that no known revision defines.
pub static UNDEFINED_NVM: Rule = Rule {
    name: "undefined I/O opcode",
    queue: QueueKind::Nvm,
    opcode: 0x7e,
    tables: &[&DWORD_0, &OPCODE],
    succeeds: None,
    data: no_data,
    footprint: no_footprint,
    accept: no_effect,
    refuse: no_effect,
};
