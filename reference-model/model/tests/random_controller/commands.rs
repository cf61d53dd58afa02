//! What the host sends: mostly legal commands, with one field changed now and then.

use log::random::Random;
use spec::command::*;
use spec::identify::{
    IdentifyController, IdentifyNamespace, IndependentIdentifyNamespace, LbaFormat,
    NamespaceIdentificationList, NamespaceList, Nidt,
};
use spec::structure::Text;
use spec::{Addr, Cid, Cns, Entries, Fid, Lba, Lid, Nsid, Qid, Sqe};

use crate::device::{FEATURES, NSZE, claims};

/// Bytes of memory for the data of one command: 16 pages.
pub const BUFFER: u64 = 16 * 4096;

/// A Read or Write of up to 20 blocks with its buffer at `at`: entries of the PRP list to write, if
/// it needs one. The buffer's pages follow each other backwards, so that lists mean something.
pub fn transfer(random: &mut Random, at: Addr, write: bool) -> (Sqe, Vec<u64>) {
    let count = *random.pick(&[1, 1, 1, 2, 7, 8, 9, 16, 17, 20]);
    let slba = if random.one_in(40) { NSZE - 1 } else { random.below(NSZE - 20) };
    let offset = 512 * random.below(8);
    let nsid = match random.below(60) {
        0 => 0,
        1 => 3,
        2 => 9,
        3 => u32::MAX,
        n => 1 + (n as u32 & 1),
    };
    let last = at.0 + 14 * 4096;
    let pages = |n: u64| last - n * 4096;
    let bytes = 512 * count;
    let first = (4096 - offset).min(bytes);
    let more = (bytes - first).div_ceil(4096);
    let list = at.0 + 15 * 4096;
    let (prp2, entries) = match more {
        0 => (0, Vec::new()),
        1 => (pages(1), Vec::new()),
        n => (list, (1..=n).map(pages).collect()),
    };
    let mut prp1 = pages(0) + offset;
    let mut prp2 = prp2;
    match random.below(60) {
        0 => prp1 += 1 + random.below(3),
        1 if more == 1 => prp2 += 8,
        _ => {}
    }
    let read = Read {
        nsid: Nsid(nsid),
        prp1: Addr(prp1),
        prp2: Addr(prp2),
        slba: Lba(slba),
        nlb: Entries(count as u32),
        fua: random.one_in(8),
        prinfo: if random.one_in(50) { 15 } else { 0 },
        ..Default::default()
    };
    let sqe: Sqe = read.into();
    (if write { sqe.with_opcode(1) } else { sqe }, entries)
}

/// An admin command other than Abort, which needs a victim.
pub fn admin(random: &mut Random, at: Addr) -> Sqe {
    let qid = Qid(random.below(8) as u16);
    let any = *random.pick(&[0, 1, 2, 3, 5, u32::MAX - 1, u32::MAX]);
    let entries = Entries(*random.pick(&[1, 2, 3, 4, 8, 32, 33]));
    match random.below(15) {
        0 | 1 => CreateIoCq {
            prp1: Addr(at.0 + 8 * random.below(2) * random.below(2)),
            qid,
            entries,
            pc: !random.one_in(8),
            ien: false,
            iv: 0,
        }
        .into(),
        2..=4 => {
            let cqid = Qid(random.below(8) as u16);
            CreateIoSq {
                prp1: at,
                qid,
                entries,
                pc: !random.one_in(8),
                qprio: 0,
                cqid,
                nvmsetid: 0,
            }
            .into()
        }
        5 => DeleteIoSq { qid }.into(),
        6 => DeleteIoCq { qid }.into(),
        7 => Identify {
            nsid: Nsid(any),
            prp1: at,
            cns: Cns(*random.pick(&[0, 1, 2, 3, 5, 6, 7, 8, 0x0f])),
            csi: if random.one_in(9) { 3 } else { 0 },
            ..Default::default()
        }
        .into(),
        8 => get_features(random, any),
        9 | 10 => set_features(random, any),
        11 | 12 => get_log_page(random, any, at),
        _ if random.one_in(12) => Sqe::new(0xbf),
        _ => AsyncEventRequest {}.into(),
    }
}

/// A page of those that are modelled, one that is known by name, and one that is reserved: as a whole,
/// or a part of it.
fn get_log_page(random: &mut Random, any: u32, at: Addr) -> Sqe {
    let pages = [1, 3, 2, 2, 2, 2, 0, 5, 0x12, 0x13, 0x06, 0x6f];
    let lid = Lid(*random.pick(&pages));
    let whole = match lid.0 {
        2 | 3 => 127,
        0 | 0x12 => 255,
        5 | 0x13 => 1023,
        _ => 63,
    };
    let part = random.one_in(4);
    GetLogPage {
        nsid: Nsid(if random.one_in(8) { any } else { u32::MAX }),
        prp1: at,
        lid,
        numdl_z: if part { *random.pick(&[0, 15, 63]) } else { whole },
        lpo: if part { *random.pick(&[0, 64, 66, 256, 260, 1028]) } else { 0 },
        rae: random.one_in(2),
        ..Default::default()
    }
    .into()
}

/// A feature, and what dword 11 selects within it.
fn feature(random: &mut Random) -> (Fid, u32) {
    let (fid, count) = *random.pick(&FEATURES);
    let of = random.below(count.into()) as u32;
    match fid {
        Fid::TEMPERATURE_THRESHOLD => (fid, of << 16),
        Fid::INTERRUPT_VECTOR_CONFIGURATION => (fid, of),
        _ => (fid, 0),
    }
}

fn get_features(random: &mut Random, any: u32) -> Sqe {
    let (fid, cdw11) = match random.below(3) {
        0 => (*random.pick(&[Fid(6), Fid(7), Fid(0), Fid::TIMESTAMP]), 0),
        _ => feature(random),
    };
    // Of the time itself nothing is modelled.
    let sel = if fid == Fid::TIMESTAMP { 3 } else { random.below(6) as u8 };
    let nsid = match random.below(5) {
        0 => any,
        n if fid == Fid::ERROR_RECOVERY => 1 + (n as u32 & 1),
        _ => 0,
    };
    GetFeatures { fid, sel, nsid: Nsid(nsid), cdw11, ..Default::default() }.into()
}

fn set_features(random: &mut Random, any: u32) -> Sqe {
    let (fid, cdw11) = match random.below(3) {
        0 => {
            let fid = *random.pick(&[Fid(6), Fid(7), Fid(7), Fid(0xbf)]);
            (fid, *random.pick(&[0, 1, 0x0003_0003, 0xffff_0001]))
        }
        _ => {
            let (fid, selection) = feature(random);
            let value = match fid {
                Fid::INTERRUPT_VECTOR_CONFIGURATION => (random.below(2) as u32) << 16,
                Fid::ASYNCHRONOUS_EVENT_CONFIGURATION => *random.pick(&[0, 1, 2, 2, 0x1f]),
                _ => *random.pick(&[0, 1, 2, 5, 0x1f, 300, 310, 0x0001_0000, 0x4000]),
            };
            (fid, value | selection)
        }
    };
    let nsid = match random.below(8) {
        0 => any,
        n if fid == Fid::ERROR_RECOVERY => 1 + (n as u32 & 1),
        _ => 0,
    };
    let sv = random.one_in(8);
    SetFeatures { fid, sv, nsid: Nsid(nsid), cdw11, ..Default::default() }.into()
}

/// An Abort of this command, or of one that is not there.
pub fn abort(random: &mut Random, victim: Option<(u16, Cid)>) -> Sqe {
    let (sqid, cid) =
        victim.filter(|_| !random.one_in(6)).unwrap_or((random.below(4) as u16, Cid(0xfff0)));
    Abort { sqid: Qid(sqid), cid }.into()
}

/// The structure that a successful Identify returned.
pub fn identify(cmd: &Identify, ctrl: u8) -> Option<[u8; 4096]> {
    match cmd.cns {
        Cns::IDENTIFY_CONTROLLER => Some(identify_controller(u16::from(ctrl)).0),
        Cns::ACTIVE_NAMESPACE_ID_LIST => {
            let above = [1, 2].into_iter().filter(|n| *n > cmd.nsid.0);
            Some(NamespaceList::of(above.map(Nsid)).0)
        }
        Cns::IDENTIFY_NAMESPACE if matches!(cmd.nsid, Nsid(1 | 2)) => Some(identify_namespace().0),
        Cns::IDENTIFY_NAMESPACE => Some([0; 4096]),
        Cns::NAMESPACE_IDENTIFICATION_DESCRIPTOR_LIST => {
            let uuid = [cmd.nsid.0 as u8; 16];
            let ids = [(Nidt::UUID, &uuid[..]), (Nidt::CSI, &[0][..])];
            Some(NamespaceIdentificationList::of(ids).0)
        }
        Cns::IO_COMMAND_SET_SPECIFIC_ACTIVE_NAMESPACE_ID_LIST => {
            let above = [1, 2].into_iter().filter(|n| *n > cmd.nsid.0);
            Some(NamespaceList::of(above.map(Nsid)).0)
        }
        Cns::IO_COMMAND_SET_INDEPENDENT_IDENTIFY_NAMESPACE if matches!(cmd.nsid, Nsid(1 | 2)) => {
            let mut ns = IndependentIdentifyNamespace::zeroed();
            ns.set().nmic(1).nstat(1);
            Some(ns.0)
        }
        Cns::IO_COMMAND_SET_SPECIFIC_IDENTIFY_NAMESPACE
        | Cns::IO_COMMAND_SET_SPECIFIC_IDENTIFY_CONTROLLER
        | Cns::IO_COMMAND_SET_INDEPENDENT_IDENTIFY_NAMESPACE => Some([0; 4096]),
        _ => None,
    }
}

fn identify_controller(n: u16) -> IdentifyController {
    let c = claims(n);
    let mut id = IdentifyController::zeroed();
    id.set()
        .vid(c.vid)
        .sn(Text::padded("SERIAL", b' '))
        .mn(Text::padded("random controller", b' '))
        .fr(Text::padded("1", b' '))
        .ieee([1, 2, 3])
        .cmic(c.cmic)
        .mdts(c.mdts)
        .cntlid(c.cntlid)
        .ver(c.ver)
        .bpcap(1)
        .cntrltype(c.cntrltype)
        .acl(c.acl)
        .aerl(c.aerl)
        .frmw(c.frmw)
        .lpa(c.lpa)
        .elpe(c.elpe)
        .wctemp(340)
        .cctemp(350)
        .sqes(c.sqes)
        .cqes(c.cqes)
        .nn(c.nn)
        .oncs(c.oncs)
        .vwc(c.vwc)
        .subnqn(Text::padded("nqn.2019-08.org.example:random", 0));
    id
}

fn identify_namespace() -> IdentifyNamespace {
    let mut formats = [LbaFormat::new(); 64];
    formats[0] = LbaFormat::new().with_lbads(9);
    let mut ns = IdentifyNamespace::zeroed();
    ns.set().nsze(NSZE).ncap(NSZE).nmic(1).dlfeat(1).lbaf(formats);
    ns
}
