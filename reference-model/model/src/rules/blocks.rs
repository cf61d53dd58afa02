//! What Read and Write share: the range of logical blocks, their transfer, hints and tags.

use spec::command::{Command, Read};
use spec::{Entries, Lba, Nsid, Sqe};

use super::prps::{Length, Prps, placement_is_defined};
use crate::checks;
use crate::ruling::{Blocks, Data, View};
use crate::state::NamespaceClaims;
use crate::truth::{Maybe, No, Truth, Yes};

checks! {
    /// The fields that Read and Write have in the same place. NVM-1.0 §3.2.4, §3.2.6.
    pub static CHECKS: Read[cmd, v] in common {
        LBA_RANGE         LBA_OUT_OF_RANGE
                          if beyond_the_end(cmd.nsid, cmd.slba, cmd.nlb, v)
                          => "SLBA {}, {} blocks, NSZE {}", cmd.slba, cmd.nlb,
                             claims(v, cmd.nsid).map_or(0, |c| c.nsze);
        // Of PRINFO the text does not say that it is ignored without protection information.
        PRINFO_WITHOUT_PI INVALID_PROTECTION_INFORMATION | INVALID_FIELD_IN_COMMAND
                          if cmd.prinfo != 0 || cmd.stc => "PRINFO {:X}h", cmd.prinfo;
        DSM_HINTS         CONFLICTING_ATTRIBUTES | INVALID_FIELD_IN_COMMAND
                          if hints(cmd.dsm) => "DSM {:02X}h", cmd.dsm;
    }
}

/// The data buffer: PRPs only, no metadata.
pub static PRPS: Prps = Prps {
    bytes: |sqe, v| match names_no_namespace(sqe.nsid(), v) {
        true => Length::Undefined,
        false => blocks(sqe, v).map(|b| bytes(&b)).into(),
    },
};

/// Whether NSID surely names no namespace that a command could address alone.
fn names_no_namespace(nsid: Nsid, v: &View) -> bool {
    nsid == Nsid::BROADCAST || v.valid_nsid(nsid).is_no() || v.active.is_active(nsid).is_no()
}

fn claims(v: &View, nsid: Nsid) -> Option<NamespaceClaims> {
    v.world.namespace(nsid)?.claims
}

fn beyond_the_end(nsid: Nsid, slba: Lba, nlb: Entries, v: &View) -> Truth {
    match names_no_namespace(nsid, v) {
        true => No,
        false => v.world.namespace(nsid).map_or(Maybe, |ns| ns.ends_before(slba, nlb.0)),
    }
}

/// One defined hint never changes the outcome; several may contradict each other, and the higher
/// access frequencies are reserved.
fn hints(dsm: u8) -> Truth {
    let frequency = dsm & 15;
    let given = [frequency, dsm & 0x30, dsm & 0x40, dsm & 0x80].iter().filter(|h| **h != 0).count();
    // Write defines frequencies up to 6h, Read up to 8h.
    if given <= 1 && frequency <= 6 { No } else { Maybe }
}

/// The range, where the format has blocks of data alone: no metadata, no protection information.
fn blocks(sqe: &Sqe, v: &View) -> Option<Blocks> {
    let cmd = Read::project(sqe);
    let format = claims(v, cmd.nsid)?;
    let plain = format.ms == 0 && format.dps & 7 == 0;
    plain.then_some(Blocks {
        nsid: cmd.nsid,
        slba: cmd.slba.0,
        count: cmd.nlb.0,
        block_bytes: format.block_bytes,
        placed: true,
    })
}

fn bytes(blocks: &Blocks) -> u64 {
    u64::from(blocks.count) * u64::from(blocks.block_bytes)
}

/// The range, and whether its placement in host memory is defined.
pub fn data(sqe: &Sqe, v: &View, of: fn(Blocks) -> Data) -> Data {
    match blocks(sqe, v) {
        Some(blocks) => of(Blocks { placed: is_placed(sqe, v, &blocks), ..blocks }),
        None => Data::Unknown,
    }
}

#[inline]
fn is_placed(sqe: &Sqe, v: &View, blocks: &Blocks) -> bool {
    let bytes = bytes(blocks);
    let one_page = sqe.psdt() == 0 && sqe.prp1().offset(v.page_bytes()) + bytes <= v.page_bytes();
    one_page || placement_is_defined(sqe, v, bytes)
}

/// Whether a write may find no capacity left: only with thin provisioning.
pub fn may_run_out(v: &View, nsid: Nsid) -> Truth {
    match claims(v, nsid) {
        Some(claims) if claims.nsfeat & 1 == 0 => No,
        None if names_no_namespace(nsid, v) => No,
        _ => Maybe,
    }
}

/// Whether the namespace says that it is write protected. How it came to be, and whether it still
/// is, is not followed.
pub fn may_be_protected(v: &View, nsid: Nsid) -> Truth {
    match claims(v, nsid) {
        Some(claims) if claims.nsattr & 1 == 0 => No,
        None if names_no_namespace(nsid, v) => No,
        _ => Maybe,
    }
}

/// Reserved before the tags grew (NVM-1.0).
pub fn long_tags(tags: u64, v: &View) -> Truth {
    if tags != 0 && v.version < spec::Version::new(2, 0) { Yes } else { No }
}
