//! Named choices: unpinned they accuse nobody and show what the DUT does; pinned, the other reading
//! diverges from the profile.

use log::{Body, LookReason};
use model::{CHOICES, ChoiceId, DivergenceKind, FindingKind, Profile};
use spec::command::{
    Abort, AsyncEventRequest, DeleteIoCq, DeleteIoSq, Flush, GetFeatures, GetLogPage, Read,
    SetFeatures,
};
use spec::log_page::SmartHealth;
use spec::register;
use spec::{Addr, Bytes, Cid, Fid, Lid, Nsid, Qid, Sqe, Status};

use super::script::*;

const SUCCESS: Status = Status::SUCCESSFUL_COMPLETION;
const FLUSH: Flush = Flush { nsid: Nsid(1) };

fn with_pair() -> Script {
    let mut s = Script::new();
    s.queue_pair(1);
    s
}

/// A command that is refused by `refusal` (reading 0) or accepted.
fn answered(
    mut s: Script,
    qid: u16,
    sqe: impl Into<Sqe>,
    refusal: Status,
    reading: usize,
) -> Script {
    let sent = s.send(qid, sqe.into());
    s.complete(sent, if reading == 0 { refusal } else { SUCCESS });
    s
}

fn read_log(lpo: u64) -> GetLogPage {
    let page =
        GetLogPage { lid: Lid::ERROR_INFORMATION, nsid: Nsid(u32::MAX), lpo, ..Default::default() };
    GetLogPage { prp1: buffer(9), ..page.with_bytes(Bytes(128)) }
}

/// A controller that takes `choice` in the way of its reading number `reading`.
fn shows(choice: ChoiceId, reading: usize) -> Script {
    queue_choice(choice, reading)
        .or_else(|| field_choice(choice, reading))
        .unwrap_or_else(|| other_choice(choice, reading))
}

/// Choices on queues, logs and addresses, shown by a status.
fn queue_choice(choice: ChoiceId, reading: usize) -> Option<Script> {
    let field = Status::INVALID_FIELD_IN_COMMAND;
    Some(match choice {
        ChoiceId::AbsentCqidBeyondGrant => {
            let mut s = Script::new();
            let sent = s.send(0, Script::create_sq(1, 9));
            let status = [Status::INVALID_QUEUE_IDENTIFIER, Status::COMPLETION_QUEUE_INVALID];
            s.complete(sent, status[reading]);
            s
        }
        ChoiceId::PrpLowBits => {
            let read = Read { nsid: Nsid(1), prp1: Addr(buffer(1).0 + 2), ..Read::default() };
            answered(with_pair(), 1, read, Status::PRP_OFFSET_INVALID, reading)
        }
        ChoiceId::NumberOfQueuesAfterDeletion => {
            let mut s = with_pair();
            s.done(0, DeleteIoSq { qid: Qid(1) }.into());
            s.done(0, DeleteIoCq { qid: Qid(1) }.into());
            let fid = Fid::NUMBER_OF_QUEUES;
            let set = SetFeatures { fid, cdw11: 3 << 16 | 3, ..Default::default() };
            let sent = s.send(0, set.into());
            let cqe = match reading {
                0 => s.cqe(sent, Status::COMMAND_SEQUENCE_ERROR, 0),
                _ => s.cqe(sent, SUCCESS, 3 << 16 | 3),
            };
            s.post(0, cqe);
            s
        }
        ChoiceId::AbortUnknownQueue => {
            let mut s = with_pair();
            let sent = s.send(0, Abort { sqid: Qid(3), cid: Cid(1) }.into());
            let cqe = match reading {
                0 => s.cqe(sent, Status::INVALID_QUEUE_IDENTIFIER, 0),
                _ => s.cqe(sent, SUCCESS, 1),
            };
            s.post(0, cqe);
            s
        }
        // ELPE = 15: the page has 16 entries of 64 bytes.
        ChoiceId::LogOffsetAtEnd => answered(Script::new(), 0, read_log(1024), field, reading),
        _ => return None,
    })
}

/// Choices on fields of commands, shown by a status.
fn field_choice(choice: ChoiceId, reading: usize) -> Option<Script> {
    let field = Status::INVALID_FIELD_IN_COMMAND;
    Some(match choice {
        ChoiceId::PsdtWithoutData => {
            let sqe: Sqe = FLUSH.into();
            let mut sqe = sqe;
            sqe.dw[0] |= 1 << 14;
            answered(with_pair(), 1, sqe, field, reading)
        }
        ChoiceId::FeatureNsidAboveNn => {
            let get =
                GetFeatures { fid: Fid::NUMBER_OF_QUEUES, nsid: Nsid(9), ..Default::default() };
            let mut s = Script::new();
            let sent = s.send(0, get.into());
            let cqe = match reading {
                0 => s.cqe(sent, field, 0),
                _ => s.cqe(sent, SUCCESS, 3 << 16 | 3),
            };
            s.post(0, cqe);
            s
        }
        ChoiceId::DatasetHints => {
            let read = Read { nsid: Nsid(1), prp1: buffer(1), dsm: 0x41, ..Read::default() };
            answered(with_pair(), 1, read, Status::CONFLICTING_ATTRIBUTES, reading)
        }
        _ => return None,
    })
}

/// Choices that something else shows.
fn other_choice(choice: ChoiceId, reading: usize) -> Script {
    match choice {
        ChoiceId::SameTail => {
            let mut s = with_pair();
            let aer = s.send(0, AsyncEventRequest {}.into());
            s.done(1, FLUSH.into());
            s.ring(1);
            if reading == 0 {
                let cqe = s.cqe(aer, SUCCESS, 0x01_0100);
                s.post(0, cqe);
            } else {
                s.done(1, FLUSH.into());
            }
            s
        }
        ChoiceId::FieldsOfDisable => {
            let mut s = Script::new();
            s.write(register::CC, 4, CC_OFF);
            s.csts(0);
            s.read(register::CC, 4, if reading == 0 { CC_OFF } else { 0 });
            s
        }
        ChoiceId::OutstandingRequest => {
            let mut s = with_pair();
            let aer = s.send(0, AsyncEventRequest {}.into());
            s.doorbell(register::DoorbellKind::SqTail, 1, ENTRIES);
            match reading {
                0 => {
                    let cqe = s.cqe(aer, SUCCESS, 0x01_0100);
                    s.post(0, cqe);
                }
                _ => s.empty_look(0, LookReason::Idle),
            }
            s
        }
        ChoiceId::EqualThreshold => {
            let mut s = Script::bare();
            s.read(register::VS, 4, 0x1_0400);
            s.enable_without_version();
            let fid = Fid::TEMPERATURE_THRESHOLD;
            s.done(0, SetFeatures { fid, cdw11: 310, ..Default::default() }.into());
            let lid = Lid::SMART_HEALTH_INFORMATION;
            s.done(0, GetLogPage { lid, ..read_log(0).with_bytes(Bytes(512)) }.into());
            let mut page = SmartHealth::zeroed();
            page.set().ctemp(310).cw(if reading == 0 { 2 } else { 0 });
            let payload = s.log.store(page.bytes());
            s.add(Body::BytesSeen { at: buffer(9), payload });
            s
        }
        ChoiceId::EntryOfMore => {
            let mut s = with_pair();
            let sent = s.send(1, FLUSH.into());
            let mut cqe = s.cqe(sent, SUCCESS, 0);
            cqe.dw[3] |= 1 << 30;
            s.post(1, cqe);
            s.done(0, read_log(0).into());
            let mut bytes = [0; 128];
            if reading == 1 {
                bytes[0] = 1;
                bytes[8] = 1;
                bytes[10..12].copy_from_slice(&sent.cid.0.to_le_bytes());
                bytes[63] = 1;
            }
            let payload = s.log.store(&bytes);
            s.add(Body::BytesSeen { at: buffer(9), payload });
            s
        }
        _ => panic!("{} has no case", choice.info().name),
    }
}

const ALL: [ChoiceId; 13] = [
    ChoiceId::AbsentCqidBeyondGrant,
    ChoiceId::PrpLowBits,
    ChoiceId::NumberOfQueuesAfterDeletion,
    ChoiceId::AbortUnknownQueue,
    ChoiceId::LogOffsetAtEnd,
    ChoiceId::PsdtWithoutData,
    ChoiceId::FeatureNsidAboveNn,
    ChoiceId::DatasetHints,
    ChoiceId::SameTail,
    ChoiceId::FieldsOfDisable,
    ChoiceId::OutstandingRequest,
    ChoiceId::EntryOfMore,
    ChoiceId::EqualThreshold,
];

/// A profile that pins a choice.
fn pins(choice: ChoiceId, reading: usize) -> Profile {
    let info = choice.info();
    let pin = (info.name.to_string(), info.readings[reading].to_string());
    Profile { choices: vec![pin], ..Profile::default() }
}

#[test]
fn each_choice_accuses_nobody_until_a_profile_pins_it() {
    for choice in ALL {
        for reading in [0, 1] {
            let s = shows(choice, reading);
            let judge = s.judge();
            let what = format!("{} {reading}", choice.info().name);
            assert!(judge.findings().is_empty(), "{what}: {:#?}", judge.findings());
            let shown = judge.coverage().choices[choice as usize];
            assert!(shown[reading] > 0 && shown[1 - reading] == 0, "{what}: {shown:?}");
            let same = s.judge_by(pins(choice, reading));
            assert!(same.findings().is_empty(), "{what}: {:#?}", same.findings());
            let other = s.judge_by(pins(choice, 1 - reading));
            let kinds: Vec<_> = other.findings().iter().map(|f| f.kind).collect();
            let expected = FindingKind::Divergence(DivergenceKind::Profile);
            assert_eq!(kinds, [expected], "{what}: {:#?}", other.findings());
        }
    }
}

#[test]
fn every_choice_has_a_name_two_readings_and_a_test() {
    assert_eq!(CHOICES.len(), ALL.len());
    for (n, choice) in ALL.into_iter().enumerate() {
        assert_eq!(choice as usize, n);
        let info = choice.info();
        assert!(info.readings.len() == 2 && info.readings[0] != info.readings[1]);
        assert!(info.question.ends_with('?') || info.question.contains("? "), "{}", info.name);
        assert_eq!(CHOICES.iter().filter(|other| other.name == info.name).count(), 1);
    }
}

/// `docs/choices.md` as it has to be.
fn page() -> String {
    let mut text = String::from(
        "# Named choices\n\n\
         Where the text is unclear, or leaves exactly two answers to the controller, lockstep accuses neither\n\
         reading. It counts which one the DUT shows: `choices[]` of the JSON report, and the last lines on the\n\
         terminal. A profile (`--profile`) may pin a reading; a DUT that shows the other one then diverges, by a\n\
         finding of kind *profile*:\n\n\
         ```toml\n[choices]\n\"prp.low-bits\" = \"refused\"\n```\n\n\
         `silence.quiet-window` is a choice too: no command has a time limit, so a profile says after how much\n\
         quiet an owed completion is missing (`quiet-window-ms`). An interrupt vector equal to the number of\n\
         messages is unclear as well, and not shown: a log does not tell the number of messages.\n\n\
         This page is written from `reference-model/model/src/choices.rs` by\n\
         `LOCKSTEP_BLESS=1 cargo test -p lockstep-model --test judge`, and checked by the same test without it.\n",
    );
    for choice in CHOICES {
        text += &format!(
            "\n## `{}`\n\n{}\n\n- readings: `{}`\n- clauses: {}\n",
            choice.name,
            choice.question,
            choice.readings.join("`, `"),
            choice.clauses
        );
    }
    text
}

#[test]
fn the_page_of_choices_lists_them_all() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/choices.md");
    if std::env::var("LOCKSTEP_BLESS").is_ok_and(|value| value == "1") {
        std::fs::write(path, page()).expect("the page can be written");
    }
    let text = std::fs::read_to_string(path).expect("docs/choices.md can be read");
    assert!(text == page(), "docs/choices.md is not up to date: LOCKSTEP_BLESS=1 writes it");
}
