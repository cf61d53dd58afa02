//! The text form: any canonical sequence reads back, and errors point at the word.

use log::{Perm, ResetKind};
use proptest::prelude::*;
use spec::register::DoorbellKind;
use spec::{Addr, Cid, Qid, Req, Sqe};

use crate::action::{
    Action, Block, BufferId, ClaimOn, CommandId, Condition, Links, Patience, Place, Word,
};
use crate::sequence::{Sequence, Start};

fn place() -> impl Strategy<Value = Place> {
    prop_oneof![
        any::<u64>().prop_map(|at| Place::Raw(Addr(at))),
        (0..99_u32, any::<u64>()).prop_map(|(id, offset)| Place::In(BufferId(id), offset)),
    ]
}

fn word() -> impl Strategy<Value = Word> {
    prop_oneof![
        any::<u64>().prop_map(Word::Raw),
        (0..99_u32, any::<u64>()).prop_map(|(id, offset)| Word::At(BufferId(id), offset)),
    ]
}

fn block() -> impl Strategy<Value = Block> {
    prop_oneof![any::<u64>().prop_map(Block::At), (-99..99_i64).prop_map(Block::FromLast),]
}

fn links() -> impl Strategy<Value = Links> {
    let at = || proptest::option::of((0..99_u32, 0..9999_u64));
    let target = proptest::option::of(0..99_u32);
    let from_last = proptest::option::of(-99..99_i64);
    (at(), at(), from_last, target, proptest::option::of(any::<u16>())).prop_map(
        |(prp1, prp2, slba, target, cid)| Links {
            prp1: prp1.map(|(id, offset)| (BufferId(id), offset)),
            prp2: prp2.map(|(id, offset)| (BufferId(id), offset)),
            slba,
            target: target.map(CommandId),
            cid: cid.map(Cid),
        },
    )
}

/// A submit as a lab keeps it: no command identifier, and 0 where something is linked.
fn submit() -> impl Strategy<Value = Action> {
    (any::<[u32; 16]>(), any::<u16>(), 0..99_u32, links(), 0..4_u8, any::<bool>()).prop_map(
        |(dw, sqid, id, links, ctrl, send)| {
            let mut sqe = Sqe { dw }.with_cid(Cid(0));
            if links.prp1.is_some() {
                sqe = sqe.with_prps(Addr(0), sqe.prp2());
            }
            if links.prp2.is_some() {
                sqe = sqe.with_prps(sqe.prp1(), Addr(0));
            }
            if links.slba.is_some() || links.target.is_some() {
                (sqe.dw[10], sqe.dw[11]) = (0, 0);
            }
            let (sqid, id) = (Qid(sqid), CommandId(id));
            if send {
                Action::Send { ctrl, sqid, id, sqe, links }
            } else {
                Action::Submit { ctrl, sqid, id, sqe, links }
            }
        },
    )
}

fn condition() -> impl Strategy<Value = Condition> {
    prop_oneof![
        (0..99_u32).prop_map(|id| Condition::Completed(CommandId(id))),
        Just(Condition::AllCompleted),
        Just(Condition::Idle),
        any::<u32>().prop_map(Condition::Held),
        any::<u16>().prop_map(Condition::Interrupt),
        (any::<u32>(), any::<u8>(), any::<u64>(), any::<u64>()).prop_map(
            |(offset, width, mask, value)| Condition::Register(offset, width, mask, value)
        ),
    ]
}

fn claim() -> impl Strategy<Value = ClaimOn> {
    let req = || (0..spec::requirement::TABLE.len() as u16).prop_map(Req);
    prop_oneof![
        (0..99_u32, req()).prop_map(|(id, req)| ClaimOn::RefusedBy(CommandId(id), req)),
        (0..99_u32).prop_map(|id| ClaimOn::Accepted(CommandId(id))),
        (0..99_u32).prop_map(|id| ClaimOn::Ruled(CommandId(id))),
        (0..99_u32).prop_map(|id| ClaimOn::InFlight(CommandId(id))),
        req().prop_map(ClaimOn::Judged),
    ]
}

fn on_memory() -> impl Strategy<Value = Action> {
    let perm = prop::sample::select(vec![Perm::ToController, Perm::FromController, Perm::Both]);
    prop_oneof![
        (0..99_u32, any::<u64>(), any::<u32>(), any::<u32>(), perm, any::<u8>()).prop_map(
            |(id, bytes, offset, page, perm, fill)| Action::Buffer {
                id: BufferId(id),
                bytes,
                offset,
                page,
                perm,
                fill
            }
        ),
        (0..99_u32).prop_map(|id| Action::Free { id: BufferId(id) }),
        (0..4_u8, place(), any::<u32>(), any::<u32>(), any::<u32>(), block()).prop_map(
            |(ctrl, at, block_bytes, blocks, nsid, lba)| Action::Fill {
                ctrl,
                at,
                block_bytes,
                blocks,
                nsid,
                lba
            }
        ),
        (place(), any::<Vec<u8>>()).prop_map(|(at, bytes)| Action::HostWrite { at, bytes }),
        (place(), any::<u64>(), any::<u8>()).prop_map(|(at, len, value)| Action::HostSet {
            at,
            len,
            value
        }),
        (place(), prop::collection::vec(word(), 0..9))
            .prop_map(|(at, entries)| Action::List { at, entries }),
        (place(), any::<u32>(), any::<u32>())
            .prop_map(|(at, block_bytes, blocks)| Action::Blocks { at, block_bytes, blocks }),
        (place(), any::<u64>()).prop_map(|(at, len)| Action::Bytes { at, len }),
    ]
}

fn on_controller() -> impl Strategy<Value = Action> {
    let kind = prop::sample::select(vec![DoorbellKind::SqTail, DoorbellKind::CqHead]);
    let reset = prop::sample::select(vec![
        ResetKind::Controller,
        ResetKind::FunctionLevel,
        ResetKind::Conventional,
        ResetKind::Subsystem,
        ResetKind::PowerCycle,
    ]);
    let patience = prop_oneof![Just(Patience::Default), any::<u64>().prop_map(Patience::Nanos)];
    prop_oneof![
        (0..4_u8, any::<u32>(), any::<u8>()).prop_map(|(ctrl, offset, width)| Action::ReadReg {
            ctrl,
            offset,
            width
        }),
        (0..4_u8, any::<u32>(), any::<u8>(), word()).prop_map(|(ctrl, offset, width, value)| {
            Action::WriteReg { ctrl, offset, width, value }
        }),
        (0..4_u8, any::<u16>()).prop_map(|(ctrl, qid)| Action::Ring { ctrl, sqid: Qid(qid) }),
        (0..4_u8).prop_map(|ctrl| Action::RingAll { ctrl }),
        (0..4_u8, kind, any::<u16>(), any::<u32>()).prop_map(|(ctrl, kind, qid, value)| {
            Action::Doorbell { ctrl, kind, qid: Qid(qid), value }
        }),
        (0..4_u8, any::<u16>()).prop_map(|(ctrl, qid)| Action::Look { ctrl, cqid: Qid(qid) }),
        (0..4_u8, condition(), patience).prop_map(|(ctrl, condition, patience)| Action::Wait {
            ctrl,
            condition,
            patience
        }),
        (0..4_u8, any::<u16>()).prop_map(|(ctrl, qid)| Action::Release { ctrl, cqid: Qid(qid) }),
        (0..4_u8, any::<u16>()).prop_map(|(ctrl, vectors)| Action::MsixEnable { ctrl, vectors }),
        (0..4_u8, any::<u16>(), any::<bool>())
            .prop_map(|(ctrl, vector, masked)| Action::MsixMask { ctrl, vector, masked }),
        (0..4_u8, any::<u16>()).prop_map(|(ctrl, vector)| Action::MsixPending { ctrl, vector }),
        (0..4_u8).prop_map(|ctrl| Action::Irq { ctrl }),
        (0..4_u8).prop_map(|ctrl| Action::Enable { ctrl }),
        (0..4_u8, any::<u16>(), any::<u16>()).prop_map(|(ctrl, qid, entries)| Action::Pair {
            ctrl,
            qid: Qid(qid),
            entries
        }),
        (0..4_u8, reset).prop_map(|(ctrl, kind)| Action::Reset { ctrl, kind }),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        submit(),
        on_memory(),
        on_controller(),
        (0..99_u32, 0..16_u8, any::<u32>()).prop_map(|(id, dword, value)| Action::Edit {
            id: CommandId(id),
            dword,
            value
        }),
        Just(Action::Hold),
        Just(Action::LetGo),
        Just(Action::Sweep),
        Just(Action::Audit),
        any::<String>().prop_map(Action::Note),
        claim().prop_map(Action::Claim),
    ]
}

proptest! {
    #[test]
    fn every_sequence_reads_back_as_it_was_written(
        actions in prop::collection::vec(action(), 0..20),
        seed in any::<u64>(),
        reset in any::<bool>(),
    ) {
        let start = if reset { Start::Reset } else { Start::Enabled };
        let sequence = Sequence { start, seed, actions };
        let text = sequence.to_text();
        match Sequence::from_text(&text) {
            Ok(back) => prop_assert_eq!(back, sequence),
            Err(error) => prop_assert!(false, "{error}\nin\n{text}"),
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in ".{0,200}", lines in prop::collection::vec("[a-z0-9= #\"+-]{0,60}", 0..6)) {
        let _ = Sequence::from_text(&text);
        let _ = Sequence::from_text(&format!("{}\n{}", super::HEADER, lines.join("\n")));
    }
}

#[test]
fn a_sequence_written_by_hand_is_understood() {
    let text = "\
# Reads one block into the middle of a page.
lockstep sequence 1
start enabled

b0 = buffer bytes=1024 perm=from-controller offset=0x200   # trailing words
c0 = submit sq=1 read nsid=1 slba=last-1 nlb=2 prp1=b0
ring sq=1
wait c0 patience=1_000_000
claim accepted c0
note \"two words\"
";
    let sequence = Sequence::from_text(text).unwrap();
    assert_eq!(sequence.actions.len(), 6);
    let Action::Submit { sqe, links, .. } = &sequence.actions[1] else { panic!("no submit") };
    assert_eq!((links.slba, links.prp1), (Some(-1), Some((BufferId(0), 0))));
    assert_eq!(sqe.opcode(), 2);
    assert_eq!(sequence.actions[5], Action::Note("two words".into()));
}

#[test]
fn errors_point_at_the_word() {
    let cases = [
        ("", "line 1, column 1: expected `lockstep sequence 1`"),
        ("hello", "line 1, column 1: expected `lockstep sequence 1`"),
        ("lockstep sequence 9", "expected version 1 of the format"),
        ("lockstep sequence 1\n\nrinq sq=1", "line 3, column 1: expected an action: read-reg"),
        (
            "lockstep sequence 1\nring sq=x",
            "line 2, column 6: expected sq= and a number of 16 bits",
        ),
        ("lockstep sequence 1\nring sq=1 cq=2", "line 2, column 11: expected nothing more"),
        ("lockstep sequence 1\nring", "line 2, column 5: expected sq= and a number"),
        ("lockstep sequence 1\nx1 = buffer bytes=1 perm=both", "expected a label: b0"),
        ("lockstep sequence 1\nc0 = submit sq=1 raed nsid=1", "line 2, column 18: expected "),
        (
            "lockstep sequence 1\nc0 = submit sq=1 read nlb=0",
            "line 2, column 23: expected a number",
        ),
        (
            "lockstep sequence 1\nc0 = submit sq=1 read cid=7",
            "expected as=.. for the command's own",
        ),
        ("lockstep sequence 1\nclaim refused c0 by=no-such", "line 2, column 18: expected by="),
        ("lockstep sequence 1\nnote hello", "line 2, column 6: expected a text in double quotes"),
        ("lockstep sequence 1\nwrite b0 0g", "line 2, column 10: expected bytes as pairs"),
        (
            "lockstep sequence 1\nreset softly",
            "line 2, column 7: expected controller, function-level",
        ),
    ];
    for (text, expected) in cases {
        let error = Sequence::from_text(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text:?} gave\n{error}");
    }
    let error = Sequence::from_text("lockstep sequence 1\nring sq=1 twice").unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 2, column 11: expected nothing more\n  ring sq=1 twice\n            ^^^^^"
    );
}
