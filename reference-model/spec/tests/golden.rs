//! Wire bytes worked out by hand from the figures: what the encoders must give, and nothing that
//! this crate computes. Offsets are bytes from the start of the structure; multi-byte fields are
//! little endian, so the least significant byte comes first.

use lockstep_spec as spec;
use spec::command::*;
use spec::event::{AsyncEvent, INVALID_DOORBELL_WRITE_VALUE};
use spec::feature::{NumberOfQueues, SupportedCapabilities, VolatileWriteCache};
use spec::identify::{IdentifyController, IdentifyNamespace, LbaFormat, NamespaceList, PowerState};
use spec::log_page::ErrorInformation;
use spec::register::{Aqa, Cap, Cc, Crto, Csts, DoorbellKind, doorbell_at, doorbell_offset};
use spec::structure::Text;
use spec::*;

/// N bytes of zero but for the pieces at the given offsets.
fn wire<const N: usize>(pieces: &[(usize, &[u8])]) -> [u8; N] {
    let mut bytes = [0; N];
    for (at, piece) in pieces {
        bytes[*at..*at + piece.len()].copy_from_slice(piece);
    }
    bytes
}

/// The command encodes to these bytes, and is read back from them.
#[track_caller]
fn golden<C: Command + PartialEq + std::fmt::Debug>(command: C, pieces: &[(usize, &[u8])]) {
    let bytes: [u8; 64] = wire(pieces);
    assert_eq!(command.sqe().to_bytes(), bytes, "{}", C::NAME);
    assert_eq!(C::project(&Sqe::from_bytes(&bytes)), command, "{}", C::NAME);
}

#[test]
fn common_dwords_of_an_sqe() {
    // Figure 91: opcode 02h; FUSE 10b in bits 9:8 and PSDT 01b in bits 15:14 make byte 1
    // 0100_0010b = 42h; CID 1234h in bytes 3:2. Figure 92: NSID in bytes 7:4, MPTR in 23:16,
    // PRP1 in 31:24, PRP2 in 39:32.
    let sqe = Sqe::new(2)
        .with_cid(Cid(0x1234))
        .with_fuse(2)
        .with_psdt(1)
        .with_nsid(Nsid(0x0102_0304))
        .with_prps(Addr(0x1122_3344_5566_7788), Addr(0x99aa_bbcc_ddee_ff00));
    let bytes = wire(&[
        (0, &[0x02, 0x42, 0x34, 0x12]),
        (4, &[4, 3, 2, 1]),
        (24, &[0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11]),
        (32, &[0x00, 0xff, 0xee, 0xdd, 0xcc, 0xbb, 0xaa, 0x99]),
    ]);
    assert_eq!(sqe.to_bytes(), bytes);
    assert_eq!((sqe.opcode(), sqe.fuse(), sqe.psdt(), sqe.cid()), (2, 2, 1, Cid(0x1234)));
    assert_eq!(
        Sqe::from_bytes(&wire(&[(16, &[8, 7, 6, 5, 4, 3, 2, 1])])).mptr(),
        Addr(0x0102_0304_0506_0708)
    );
}

#[test]
fn cqe() {
    // Figures 96 to 100. Dword 0 = 11223344h. Dword 2: SQHD 0007h in bytes 9:8, SQID 0003h in
    // bytes 11:10. Dword 3: CID 0041h in bytes 13:12; above it bit 16 P = 1, bits 24:17
    // SC = 80h, bits 27:25 SCT = 2, bit 31 DNR = 1. The Status field (bits 31:17) is
    // 100_0010_1000_0000b with DNR on top: 4280h; shifted left by one with P: 8501h.
    let cqe =
        Cqe::new(0x1122_3344, Qid(3), 7, Cid(0x41), Status::WRITE_FAULT, true).with_phase(true);
    let bytes = [0x44, 0x33, 0x22, 0x11, 0, 0, 0, 0, 7, 0, 3, 0, 0x41, 0, 0x01, 0x85];
    assert_eq!(cqe.to_bytes(), bytes);
    let read = Cqe::from_bytes(&bytes);
    assert_eq!(
        (read.dw0(), read.sqhd(), read.sqid(), read.cid()),
        (0x1122_3344, 7, Qid(3), Cid(0x41))
    );
    assert_eq!((read.status(), read.dnr(), read.phase()), (Status::WRITE_FAULT, true, true));
    // CRD 01b is bit 28, M bit 30: the top byte 0101_0000b = 50h.
    let read = Cqe { dw: [0, 0, 0, 0x5000_0000] };
    assert_eq!(
        (read.crd(), read.more(), read.dnr(), read.status().is_success()),
        (1, true, false, true)
    );
}

#[test]
fn queue_commands() {
    // Figures 506 to 509. Dword 6 (byte 24) PRP1; dword 10 (byte 40): QID, then QSIZE 63 for 64
    // entries; dword 11 (byte 44): PC bit 0 and QPRIO 10b in bits 2:1 = 05h, CQID above;
    // dword 12 (byte 48) NVMSETID.
    golden(
        CreateIoSq {
            prp1: Addr(0x12000),
            qid: Qid(1),
            entries: Entries(64),
            pc: true,
            qprio: 2,
            cqid: Qid(2),
            nvmsetid: 9,
        },
        &[
            (0, &[1]),
            (24, &[0x00, 0x20, 0x01]),
            (40, &[1, 0, 63, 0]),
            (44, &[5, 0, 2, 0]),
            (48, &[9]),
        ],
    );
    // Figures 502 to 504. PC bit 0, IEN bit 1, IV in bits 31:16. 65,536 entries are QSIZE FFFFh.
    golden(
        CreateIoCq {
            prp1: Addr(0xffff_ffff_ffff_f000),
            qid: Qid(0xabcd),
            entries: Entries(65536),
            pc: true,
            ien: true,
            iv: 0x102,
        },
        &[
            (0, &[5]),
            (24, &[0x00, 0xf0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            (40, &[0xcd, 0xab, 0xff, 0xff]),
            (44, &[3, 0, 2, 1]),
        ],
    );
    // Figures 513 and 511.
    golden(DeleteIoSq { qid: Qid(0x102) }, &[(0, &[0]), (40, &[2, 1])]);
    golden(DeleteIoCq { qid: Qid(0x102) }, &[(0, &[4]), (40, &[2, 1])]);
}

#[test]
fn identify() {
    // Figures 323 to 325. Dword 10: CNS in byte 40, CNTID in 43:42; dword 11: CNSSID in 45:44,
    // CSI in byte 47; dword 14 (byte 56): UIDX, 7 bits.
    golden(
        Identify {
            nsid: Nsid(1),
            prp1: Addr(0x1000),
            prp2: Addr(0x2000),
            cns: Cns::NAMESPACE_ATTACHED_CONTROLLER_LIST,
            cntid: Cntlid(0x0304),
            cnssid: 0x0506,
            csi: 2,
            uidx: 0x7f,
        },
        &[
            (0, &[6]),
            (4, &[1]),
            (25, &[0x10]),
            (33, &[0x20]),
            (40, &[0x12, 0, 4, 3]),
            (44, &[6, 5, 0, 2]),
            (56, &[0x7f]),
        ],
    );
}

#[test]
fn get_log_page() {
    // Figures 201 to 205. Dword 10: LID 01h in byte 40; LSP 0101010b in bits 14:8 and RAE in bit
    // 15: byte 41 = AAh; NUMDL in 43:42. Dword 11: NUMDU in 45:44, LSI in 47:46. Dwords 12 and 13
    // (byte 48): the offset. Dword 14: UIDX in byte 56, OT in bit 23 (byte 58 = 80h), CSI in 59.
    let command = GetLogPage {
        nsid: Nsid::BROADCAST,
        prp1: Addr(0x1000),
        prp2: Addr(0),
        lid: Lid::ERROR_INFORMATION,
        lsp: 0x2a,
        rae: true,
        numdl_z: 0x000f,
        numdu_z: 0x0001,
        lsi: 0x0203,
        lpo: 0x0102_0304_0506_0708,
        uidx: 5,
        ot: true,
        csi: 3,
    };
    golden(
        command,
        &[
            (0, &[2]),
            (4, &[0xff; 4]),
            (25, &[0x10]),
            (40, &[0x01, 0xaa, 0x0f, 0x00, 0x01, 0x00, 0x03, 0x02]),
            (48, &[8, 7, 6, 5, 4, 3, 2, 1]),
            (56, &[5, 0, 0x80, 3]),
        ],
    );
    // NUMD is 1000Fh, 0's based: 10010h dwords are 40040h bytes.
    assert_eq!(command.bytes(), Bytes(0x40040));
    assert_eq!(command.with_bytes(Bytes(0x40040)), command);
    let page = command.with_bytes(Bytes(4096));
    assert_eq!((page.numdl_z, page.numdu_z), (0x3ff, 0));
    assert_eq!(
        (command.with_bytes(Bytes(0)).bytes(), command.with_bytes(Bytes(5)).bytes()),
        (Bytes(4), Bytes(8))
    );
}

#[test]
fn features() {
    // Figures 401 and 402: FID in byte 40, SV in bit 31 (byte 43 = 80h); dword 11 at byte 44.
    // Figure 472: NSQR 3 (4 queues) in bits 15:0, NCQR 7 (8 queues) in bits 31:16.
    let queues = NumberOfQueues::of(Entries(4), Entries(8));
    assert_eq!(queues.into_bits(), 0x0007_0003);
    assert_eq!((queues.io_sqs(), queues.io_cqs()), (Entries(4), Entries(8)));
    let set = SetFeatures {
        nsid: Nsid(0),
        prp1: Addr(0),
        prp2: Addr(0),
        fid: Fid::NUMBER_OF_QUEUES,
        sv: true,
        cdw11: queues.into_bits(),
        cdw12: 0x0c0b_0a09,
        cdw13: 0x100f_0e0d,
        uidx: 1,
        cdw15: 0x1413_1211,
    };
    golden(
        set,
        &[
            (0, &[9]),
            (40, &[0x07, 0, 0, 0x80]),
            (44, &[3, 0, 7, 0]),
            (48, &[0x09, 0x0a, 0x0b, 0x0c]),
            (52, &[0x0d, 0x0e, 0x0f, 0x10]),
            (56, &[1]),
            (60, &[0x11, 0x12, 0x13, 0x14]),
        ],
    );
    // Figure 196: SEL 011b in bits 10:8 of dword 10, byte 41.
    golden(
        GetFeatures {
            fid: Fid::VOLATILE_WRITE_CACHE,
            sel: 3,
            nsid: Nsid(7),
            ..GetFeatures::default()
        },
        &[(0, &[0x0a]), (4, &[7]), (40, &[0x06, 0x03])],
    );
    // Figure 408: WCE is bit 0. Figure 199: bits 0, 1, 2.
    assert_eq!(VolatileWriteCache::new().with_wce(true).into_bits(), 1);
    let caps = SupportedCapabilities::from_bits(0b101);
    assert_eq!(
        (caps.saveable(), caps.namespace_specific(), caps.changeable()),
        (true, false, true)
    );
}

#[test]
fn abort_and_event_request() {
    // Figure 146: SQID in bits 15:0 of dword 10, CID in bits 31:16.
    golden(Abort { sqid: Qid(1), cid: Cid(0x4102) }, &[(0, &[8]), (40, &[1, 0, 2, 0x41])]);
    golden(AsyncEventRequest {}, &[(0, &[0x0c])]);
    // Figure 150: type 0 in bits 2:0, information 01h in bits 15:8, log page 01h in bits 23:16.
    assert_eq!(INVALID_DOORBELL_WRITE_VALUE.dword0().into_bits(), 0x0001_0100);
    // Type 6, information 03h, log page 81h.
    let event = AsyncEvent::from_bits(0x0081_0306);
    assert_eq!((event.aet(), event.aei(), event.lid()), (6, 3, 0x81));
    assert_eq!(event.def(), Some(&event::SANITIZE_OPERATION_ENTERED_MEDIA_VERIFICATION_STATE));
}

#[test]
fn io_commands() {
    golden(Flush { nsid: Nsid::BROADCAST }, &[(0, &[0]), (4, &[0xff; 4])]);
    // NVM-1.0 figures 44 to 51. Dwords 2 and 3 (byte 8): 48 bits. MPTR at byte 16, SLBA at 40.
    // Dword 12 (byte 48): NLB 7 for 8 blocks; STC bit 24, PRINFO 1010b in bits 29:26 and LR bit
    // 31 make byte 51 1010_1001b = A9h. Dword 13 (byte 52): DSM. Dword 14 (byte 56): EILBRT.
    // Dword 15 (byte 60): ELBAT, ELBATM.
    golden(
        Read {
            nsid: Nsid(1),
            elbtu: 0x0605_0403_0201,
            mptr: Addr(0x3000),
            prp1: Addr(0x1004),
            prp2: Addr(0x2000),
            slba: Lba(0x0807_0605_0403_0201),
            nlb: Entries(8),
            stc: true,
            prinfo: 0b1010,
            fua: false,
            lr: true,
            dsm: 0xc2,
            eilbrt: 0x0d0c_0b0a,
            elbat: 0x1110,
            elbatm: 0x1312,
        },
        &[
            (0, &[2]),
            (4, &[1]),
            (8, &[1, 2, 3, 4, 5, 6]),
            (17, &[0x30]),
            (24, &[0x04, 0x10]),
            (33, &[0x20]),
            (40, &[1, 2, 3, 4, 5, 6, 7, 8]),
            (48, &[7, 0, 0, 0xa9]),
            (52, &[0xc2]),
            (56, &[0x0a, 0x0b, 0x0c, 0x0d]),
            (60, &[0x10, 0x11, 0x12, 0x13]),
        ],
    );
    // NVM-1.0 §3.2.6. As Read, and: DTYPE 1 in bits 23:20 of dword 12 (byte 50 = 10h), DSPEC in
    // bits 31:16 of dword 13 (byte 54). FUA is bit 30 (byte 51 = 40h). 65,536 blocks are FFFFh.
    golden(
        Write {
            nsid: Nsid(1),
            slba: Lba(1 << 32),
            nlb: Entries(65536),
            dtype: 1,
            dspec: 0x0203,
            fua: true,
            ilbrt: 1,
            lbat: 2,
            lbatm: 3,
            ..Write::default()
        },
        &[
            (0, &[1]),
            (4, &[1]),
            (44, &[1]),
            (48, &[0xff, 0xff, 0x10, 0x40]),
            (54, &[3, 2]),
            (56, &[1]),
            (60, &[2, 0, 3, 0]),
        ],
    );
}

#[test]
fn registers() {
    // Figure 36. MQES 07FFh; CQR bit 16; AMS 01b bits 18:17 -> byte 2 = 03h; TO 0Fh -> byte 3;
    // DSTRD 2 bits 35:32, NSSRS bit 36, CSS 01h bits 44:37 (bit 37) -> byte 4 = 32h; CSS bit 7 is
    // bit 44 and BPS bit 45 are clear, CPS 01b bits 47:46 -> byte 5 = 40h; MPSMIN 1 and MPSMAX 4
    // -> byte 6 = 41h; PMRS bit 56, CMBS 57, NSSS 58, CRMS 11b bits 60:59, NSSES bit 61 -> byte 7.
    let cap = Cap::new()
        .with_mqes_z(0x7ff)
        .with_cqr(true)
        .with_ams(1)
        .with_to(0x0f)
        .with_dstrd(2)
        .with_nssrs(true)
        .with_css(1)
        .with_cps(1)
        .with_mpsmin(1)
        .with_mpsmax(4)
        .with_nsss(true)
        .with_crms(3)
        .with_nsses(true);
    assert_eq!(cap.into_bits().to_le_bytes(), [0xff, 0x07, 0x03, 0x0f, 0x32, 0x40, 0x41, 0x3c]);
    assert_eq!(Cap::from_bits(1 << 44).css(), 0x80);
    assert_eq!(Cap::from_bits(1 << 45), Cap::new().with_bps(true));
    assert_eq!(Cap::from_bits(3 << 56), Cap::new().with_pmrs(true).with_cmbs(true));

    // Figure 41. EN bit 0, CSS 110b bits 6:4, MPS 1 bits 10:7 -> E1h 00h; AMS 001b bits 13:11 and
    // SHN 10b bits 15:14 -> byte 1 = 88h; IOSQES 6, IOCQES 4 -> byte 2 = 46h; CRIME bit 24.
    let cc = Cc::new()
        .with_en(true)
        .with_css(6)
        .with_mps(1)
        .with_ams(1)
        .with_shn(2)
        .with_iosqes(6)
        .with_iocqes(4)
        .with_crime(true);
    assert_eq!(cc.into_bits().to_le_bytes(), [0xe1, 0x88, 0x46, 0x01]);
    assert_eq!(cc.page_bytes(), 8192);

    // Figure 42. RDY 0, CFS 1, SHST 3:2, NSSRO 4, PP 5, ST 6.
    for (bits, csts) in [
        (0x01, Csts::new().with_rdy(true)),
        (0x02, Csts::new().with_cfs(true)),
        (0x08, Csts::new().with_shst(2)),
        (0x10, Csts::new().with_nssro(true)),
        (0x20, Csts::new().with_pp(true)),
        (0x40, Csts::new().with_st(true)),
    ] {
        assert_eq!(csts.into_bits(), bits);
    }
    // Figure 44: ASQS bits 11:0, ACQS bits 27:16. Figure 57: CRWMT bits 15:0, CRIMT 31:16.
    assert_eq!(Aqa::new().with_asqs_z(31).with_acqs_z(0xfff).into_bits(), 0x0fff_001f);
    assert_eq!(Crto::new().with_crwmt(0x10).with_crimt(0x20).into_bits(), 0x0020_0010);
    // Base-2.3 §3.1.4.2: 2.3 is 0002_0300h, 1.2.1 is 0001_0201h.
    assert_eq!(Version::new(2, 3).to_raw(), 0x0002_0300);
    assert_eq!(Version::parse("1.2.1").map(Version::to_raw), Some(0x0001_0201));

    // PCIe Transport §3.1.2: queue 3 with a stride of 4 << 1 bytes.
    assert_eq!(doorbell_offset(DoorbellKind::SqTail, 0, 0), 0x1000);
    assert_eq!(doorbell_offset(DoorbellKind::CqHead, 0, 0), 0x1004);
    assert_eq!(doorbell_offset(DoorbellKind::SqTail, 3, 1), 0x1030);
    assert_eq!(doorbell_at(0x1038, 1), Some((DoorbellKind::CqHead, 3)));
    assert_eq!(doorbell_at(0x1034, 1), None);
}

#[test]
fn identify_controller() {
    // Figure 328, fields at their byte offsets.
    let mut id = IdentifyController::zeroed();
    id.set()
        .vid(0x1b36)
        .ssvid(0x1af4)
        .sn(Text::padded("S1", b' '))
        .mn(Text::padded("lockstep", b' '))
        .fr(Text::padded("1.0", b' '))
        .ieee([0x00, 0x54, 0x52])
        .mdts(7)
        .cntlid(0x0102)
        .ver(0x0002_0300)
        .oacs(0x010a)
        .acl(3)
        .elpe(63)
        .tnvmcap(0x0102)
        .sqes(0x66)
        .cqes(0x44)
        .nn(256)
        .oncs(0x0155)
        .vwc(7)
        .sgls(0)
        .mnan(1)
        .subnqn(Text::padded("nqn.a", 0));
    let bytes: [u8; 4096] = wire(&[
        (0, &[0x36, 0x1b, 0xf4, 0x1a]),
        (4, b"S1                  "),
        (24, b"lockstep                                "),
        (64, b"1.0     "),
        (73, &[0x00, 0x54, 0x52]),
        (77, &[7]),
        (78, &[0x02, 0x01]),
        (80, &[0x00, 0x03, 0x02, 0x00]),
        (256, &[0x0a, 0x01]),
        (258, &[3]),
        (262, &[63]),
        (280, &[0x02, 0x01]),
        (512, &[0x66, 0x44]),
        (516, &[0x00, 0x01, 0x00, 0x00]),
        (520, &[0x55, 0x01]),
        (525, &[7]),
        (540, &[1]),
        (768, b"nqn.a"),
    ]);
    assert!(*id.bytes() == bytes, "{id}");
    let view = IdentifyController(&bytes);
    assert_eq!((view.mn().text(), view.version()), ("lockstep".into(), Version::new(2, 3)));
    assert_eq!(view.controller(), Cntlid(0x0102));
    let shown = view.to_string();
    assert!(
        shown.contains("mn         \"lockstep\"\n") && shown.contains("nn         256 (100h)\n"),
        "{shown}"
    );

    // Figure 329. State 1 stands at byte 2080: MP 2500 (09C4h, 25 W), NOPS is bit 25 (byte 3 = 2),
    // ENLAT in bytes 7:4, EXLAT in 11:8.
    let bytes: [u8; 4096] = wire(&[(2080, &[0xc4, 0x09, 0, 2, 5, 0, 0, 0, 6, 0, 0, 0])]);
    let state: PowerState = IdentifyController(&bytes).power_state(1).unwrap();
    assert_eq!((state.mp(), state.flags(), state.enlat(), state.exlat()), (2500, 2, 5, 6));
    assert!(IdentifyController(&bytes).power_state(32).is_none());
}

#[test]
fn identify_namespace() {
    // NVM-1.0 figures 97 and 98. NLBAF 1 is two formats; FLBAS 31h: bits 3:0 = 1, bit 4 metadata
    // in the block, bits 6:5 = 01b, so the index is 16 + 1 = 17, at byte 128 + 4 * 17 = 196: MS 8
    // in bits 15:0, LBADS 12 in bits 23:16, RP 2 in bits 25:24.
    let mut ns = IdentifyNamespace::zeroed();
    let mut formats = ns.lbaf();
    formats[17] = LbaFormat::new().with_ms(8).with_lbads(12).with_rp(2);
    ns.set()
        .nsze(0x1_0000)
        .ncap(0xffff)
        .nuse(1)
        .nlbaf(1)
        .flbas(0x31)
        .dlfeat(9)
        .nvmcap(1 << 64)
        .eui64(*b"ABCDEFGH")
        .lbaf(formats);
    let bytes: [u8; 4096] = wire(&[
        (2, &[1]),
        (8, &[0xff, 0xff]),
        (16, &[1]),
        (25, &[1, 0x31]),
        (33, &[9]),
        (56, &[1]),
        (120, b"ABCDEFGH"),
        (196, &[8, 0, 12, 2]),
    ]);
    assert!(*ns.bytes() == bytes, "{ns}");
    let view = IdentifyNamespace(&bytes);
    assert_eq!((view.format_index(), view.metadata_extends_block()), (17, true));
    assert_eq!((view.format().ms(), view.format().data_bytes()), (8, Some(Bytes(4096))));
    assert_eq!(LbaFormat::new().data_bytes(), None);
    assert_eq!(LbaFormat::new().with_lbads(255).data_bytes(), None);
}

#[test]
fn namespace_list() {
    // Figure 139.
    let list = NamespaceList::of([Nsid(1), Nsid(0x0203)]);
    let bytes: [u8; 4096] = wire(&[(0, &[1, 0, 0, 0, 3, 2, 0, 0])]);
    assert!(list.0 == bytes);
    assert_eq!(NamespaceList(&bytes).to_string(), "[1, 515]");
}

#[test]
fn error_information() {
    // Figure 209. STS: Status in bits 15:1, the phase in bit 0: SCT 1, SC 01h with P = 1 and DNR
    // (bit 15 of STS) = 1 is 1000_0010_0000_0011b = 8203h.
    let bytes = wire(&[
        (0, &[0x05]),
        (8, &[0x02, 0x00, 0x41, 0x00]),
        (12, &[0x03, 0x82]),
        (14, &[0x28, 0x03]),
        (16, &[0x00, 0x10]),
        (24, &[0xff; 4]),
        (31, &[0x02]),
        (63, &[1]),
    ]);
    let entry = ErrorInformation(&bytes);
    assert_eq!((entry.ecnt(), entry.command()), (5, Some((Qid(2), Cid(0x41)))));
    assert_eq!(entry.status(), Status::INVALID_QUEUE_IDENTIFIER);
    assert_eq!((entry.pel(), entry.lba(), entry.namespace()), (0x0328, 0x1000, Nsid::BROADCAST));
    assert_eq!((entry.opc(), entry.lpver()), (2, 1));
    let mut built = ErrorInformation::zeroed();
    built
        .set()
        .ecnt(5)
        .sqid(2)
        .cid(0x41)
        .sts(0x8203)
        .pel(0x0328)
        .lba(0x1000)
        .nsid(u32::MAX)
        .opc(2)
        .lpver(1);
    assert_eq!(built.bytes(), &bytes);
    built.set().sqid(u16::MAX).cid(u16::MAX);
    assert_eq!(built.command(), None);
}
