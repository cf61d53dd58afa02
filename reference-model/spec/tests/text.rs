//! The text form and the printed form of commands, and what wrong text is told.

use lockstep_spec as spec;
use spec::command::{self, Abort, Command, CreateIoSq, Flush, Read, describe, from_text, to_text};
use spec::{Addr, Cid, Entries, Lba, Nsid, Qid, QueueKind, Sqe};

fn good() -> CreateIoSq {
    CreateIoSq {
        prp1: Addr(0x12000),
        qid: Qid(1),
        entries: Entries(64),
        pc: true,
        cqid: Qid(2),
        ..CreateIoSq::default()
    }
}

#[test]
fn a_command_in_a_sequence() {
    let sqe = good().sqe();
    let text = "create-io-sq prp1=0x12000 qid=1 entries=64 pc=1 cqid=2";
    assert_eq!(to_text(&sqe, QueueKind::Admin), text);
    // Any order, and either base.
    assert_eq!(from_text("create-io-sq cqid=0x2 pc=1  entries=64 qid=1 prp1=0x1_2000"), Ok(sqe));
    assert_eq!(CreateIoSq::project(&from_text(text).unwrap()), good());
}

#[test]
fn raw_zero_is_left_out_also_where_it_means_one() {
    let one = Read { nsid: Nsid(1), slba: Lba(5), nlb: Entries(1), ..Read::default() };
    assert_eq!(to_text(&one.sqe(), QueueKind::Nvm), "read nsid=1 slba=5");
    let two = Read { nlb: Entries(2), ..one };
    assert_eq!(to_text(&two.sqe(), QueueKind::Nvm), "read nsid=1 slba=5 nlb=2");
}

#[test]
fn what_every_command_has_and_what_no_field_covers() {
    let mut sqe = good().sqe().with_cid(Cid(7)).with_fuse(1).with_nsid(Nsid(3));
    sqe.dw[11] |= 1 << 3;
    sqe.dw[15] = 0xff;
    let text = "create-io-sq prp1=0x12000 qid=1 entries=64 pc=1 cqid=2 cid=7 fuse=1 nsid=3 \
                dw11=0x8 dw15=0xff";
    assert_eq!(to_text(&sqe, QueueKind::Admin), text);
    assert_eq!(from_text(text), Ok(sqe));
    // In Abort, `cid` is the victim's.
    let abort = Abort { sqid: Qid(1), cid: Cid(5) }.sqe().with_cid(Cid(9));
    assert_eq!(to_text(&abort, QueueKind::Admin), "abort sqid=1 cid=5 dw0=0x90000");
    assert_eq!(from_text("abort sqid=1 cid=5 dw0=0x90000"), Ok(abort));
}

#[test]
fn unknown_opcodes_are_raw() {
    let sqe = Sqe::new(0xc1).with_nsid(Nsid(2));
    assert_eq!(to_text(&sqe, QueueKind::Admin), "admin-raw dw0=0xc1 dw1=0x2");
    assert_eq!(to_text(&sqe, QueueKind::Nvm), "nvm-raw dw0=0xc1 dw1=0x2");
    assert_eq!(from_text("nvm-raw dw1=2 dw0=0xc1"), Ok(sqe));
    // The same bytes are another command in another queue.
    assert_eq!(to_text(&Sqe::new(0), QueueKind::Admin), "delete-io-sq");
    assert_eq!(to_text(&Sqe::new(0), QueueKind::Nvm), "flush");
}

#[test]
fn errors_say_which_word_and_what_was_expected() {
    let names = "delete-io-sq, create-io-sq, get-log-page, delete-io-cq, create-io-cq, identify, \
                 abort, set-features, get-features, async-event-request, flush, write, read";
    for (text, message) in [
        ("", format!("the command is missing: expected {names}, admin-raw or nvm-raw")),
        ("raed nsid=1", format!("`raed`: expected {names}, admin-raw or nvm-raw")),
        ("flush now", "`now`: expected field=value".into()),
        ("flush nsid=1 nsid=2", "`nsid=2`: expected `nsid` once".into()),
        (
            "flush nsid=0x100000000",
            "`nsid=0x100000000`: expected a number from 0 to 0xffffffff (32 bits)".into(),
        ),
        ("flush nsid=-1", "`nsid=-1`: expected a number from 0 to 0xffffffff (32 bits)".into()),
        (
            "read nlb=0",
            "`nlb=0`: expected a number from 1 to 65536 (the field is 0's based)".into(),
        ),
        (
            "read nlb=65537",
            "`nlb=65537`: expected a number from 1 to 65536 (the field is 0's based)".into(),
        ),
        (
            "abort qid=1",
            "`qid=1`: expected one of sqid, cid, fuse, psdt, nsid, mptr, prp1, prp2, dw0 to dw15"
                .into(),
        ),
        ("read dw12=0x3", "`dw12=0x3`: expected bits 0x3 to be set by `nlb`".into()),
        ("read dw0=1", "`dw0=1`: expected bits 0x1 to be set by the command's name".into()),
        ("admin-raw dw16=1", "`dw16=1`: expected dw0 to dw15".into()),
        ("admin-raw dw01=1", "`dw01=1`: expected dw0 to dw15".into()),
        ("admin-raw dw1=0x1ffffffff", "`dw1=0x1ffffffff`: expected a number of 32 bits".into()),
    ] {
        assert_eq!(from_text(text).unwrap_err().to_string(), message, "{text}");
    }
}

#[test]
fn commands_in_reports() {
    for (sqe, queue, words) in [
        (
            good().sqe().with_cid(Cid(0x41)),
            QueueKind::Admin,
            "Create I/O SQ  PRP1 0x1_2000  QID 1  64 entries  PC 1  CQID 2",
        ),
        (CreateIoSq::default().sqe(), QueueKind::Admin, "Create I/O SQ  QID 0  1 entry  CQID 0"),
        (
            Read {
                nsid: Nsid(1),
                prp1: Addr(0x1000),
                slba: Lba(0),
                nlb: Entries(8),
                fua: true,
                ..Read::default()
            }
            .sqe(),
            QueueKind::Nvm,
            "Read  NSID 1  PRP1 0x1000  SLBA 0  8 blocks  FUA 1",
        ),
        (Flush { nsid: Nsid::BROADCAST }.sqe(), QueueKind::Nvm, "Flush  NSID FFFFFFFFh"),
        (
            command::Identify { cns: spec::Cns::IDENTIFY_CONTROLLER, ..Default::default() }.sqe(),
            QueueKind::Admin,
            "Identify  NSID 0  CNS 01h Identify Controller  CNTID 0",
        ),
        (
            command::GetLogPage {
                lid: spec::Lid::ERROR_INFORMATION,
                numdl_z: 15,
                rae: true,
                ..Default::default()
            }
            .sqe(),
            QueueKind::Admin,
            "Get Log Page  NSID 0  LID 01h Error Information  RAE 1  NUMDL 15 (0's based)",
        ),
        (
            Abort { sqid: Qid(1), cid: Cid(5) }.sqe().with_cid(Cid(9)),
            QueueKind::Admin,
            "Abort  SQID 1  CID 5",
        ),
        (
            Sqe { dw: [0x0c, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0] },
            QueueKind::Admin,
            "Asynchronous Event Request  DW10 0x10 outside its fields",
        ),
        (
            Sqe::new(0x0d),
            QueueKind::Admin,
            "Namespace Management  0000000d 00000000 00000000 00000000 00000000 00000000 00000000 \
             00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000",
        ),
        (
            Sqe::new(0xc1),
            QueueKind::Nvm,
            "I/O opcode C1h  000000c1 00000000 00000000 00000000 00000000 00000000 00000000 \
             00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000",
        ),
    ] {
        assert_eq!(describe(&sqe, queue).to_string(), words);
    }
}

#[test]
fn defined_bits_leave_what_is_reserved() {
    let bits = command::by_name("create-io-sq").unwrap().defined_bits();
    // Dword 0 but for bits 13:10; no NSID; PRP1; QID and QSIZE; CQID, QPRIO and PC; NVMSETID.
    let expected = [
        0xffff_c3ff,
        0,
        0,
        0,
        0,
        0,
        u32::MAX,
        u32::MAX,
        0,
        0,
        u32::MAX,
        0xffff_0007,
        0xffff,
        0,
        0,
        0,
    ];
    assert_eq!(bits, expected);
}
