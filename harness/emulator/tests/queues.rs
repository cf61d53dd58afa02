//! Queues: creation, deletion, wrapping, doorbells, interrupts.

mod common;

use common::{DATA, ENTRIES, TestHost};
use dut::{Ctrl, Dut, Event};
use lockstep_emulator::{Config, Policy};
use log::Perm;
use spec::command::*;
use spec::register::{self, DoorbellKind};
use spec::{Addr, Entries, Nsid, Qid, Sqe, Status};

fn small() -> Config {
    Config { io_sqs: 4, io_cqs: 3, max_queue_entries: 16, vectors: 4, ..Config::default() }
}

#[test]
fn create_io_cq_refuses_what_is_wrong_and_leaves_no_trace() {
    let mut host = TestHost::enabled(small());
    let good = host.create_cq_command(1);
    let wrong = [
        (CreateIoCq { qid: Qid(0), ..good }, Status::INVALID_QUEUE_IDENTIFIER),
        (CreateIoCq { qid: Qid(4), ..good }, Status::INVALID_QUEUE_IDENTIFIER),
        (CreateIoCq { entries: Entries(1), ..good }, Status::INVALID_QUEUE_SIZE),
        (CreateIoCq { entries: Entries(17), ..good }, Status::INVALID_QUEUE_SIZE),
        (CreateIoCq { iv: 4, ..good }, Status::INVALID_INTERRUPT_VECTOR),
        (CreateIoCq { prp1: Addr(good.prp1.0 + 8), ..good }, Status::PRP_OFFSET_INVALID),
        (CreateIoCq { pc: false, prp1: Addr(0), ..good }, Status::DATA_TRANSFER_ERROR),
    ];
    for (command, status) in wrong {
        assert_eq!(host.admin(command).status(), status, "{command:?}");
    }
    let scoped = Sqe::from(good).with_nsid(Nsid(1));
    assert_eq!(host.admin(scoped).status(), Status::INVALID_FIELD_IN_COMMAND);
    assert_eq!(host.admin(good).status(), Status::SUCCESSFUL_COMPLETION);
    assert_eq!(host.admin(good).status(), Status::INVALID_QUEUE_IDENTIFIER);
    let largest = CreateIoCq { qid: Qid(3), entries: Entries(16), iv: 3, ..good };
    assert_eq!(host.admin(largest).status(), Status::SUCCESSFUL_COMPLETION);
}

#[test]
fn create_io_sq_refuses_what_is_wrong_and_leaves_no_trace() {
    let mut host = TestHost::enabled(small());
    host.create_cq(1);
    let good = host.create_sq_command(1, 1);
    let wrong = [
        (CreateIoSq { qid: Qid(0), ..good }, Status::INVALID_QUEUE_IDENTIFIER),
        (CreateIoSq { qid: Qid(5), ..good }, Status::INVALID_QUEUE_IDENTIFIER),
        (CreateIoSq { entries: Entries(1), ..good }, Status::INVALID_QUEUE_SIZE),
        (CreateIoSq { entries: Entries(17), ..good }, Status::INVALID_QUEUE_SIZE),
        (CreateIoSq { cqid: Qid(0), ..good }, Status::INVALID_QUEUE_IDENTIFIER),
        (CreateIoSq { cqid: Qid(2), ..good }, Status::COMPLETION_QUEUE_INVALID),
        (CreateIoSq { cqid: Qid(4), ..good }, Status::INVALID_QUEUE_IDENTIFIER),
        (CreateIoSq { prp1: Addr(good.prp1.0 + 64), ..good }, Status::PRP_OFFSET_INVALID),
    ];
    for (command, status) in wrong {
        assert_eq!(host.admin(command).status(), status, "{command:?}");
    }
    assert_eq!(host.admin(good).status(), Status::SUCCESSFUL_COMPLETION);
    assert_eq!(host.admin(good).status(), Status::INVALID_QUEUE_IDENTIFIER);
    assert_eq!(host.admin(DeleteIoCq { qid: Qid(1) }).status(), Status::INVALID_QUEUE_DELETION);
    assert_eq!(host.admin(DeleteIoSq { qid: Qid(1) }).status(), Status::SUCCESSFUL_COMPLETION);
    assert_eq!(host.admin(DeleteIoSq { qid: Qid(1) }).status(), Status::INVALID_QUEUE_IDENTIFIER);
    assert_eq!(host.admin(DeleteIoSq { qid: Qid(0) }).status(), Status::INVALID_QUEUE_IDENTIFIER);
    assert_eq!(host.admin(DeleteIoCq { qid: Qid(1) }).status(), Status::SUCCESSFUL_COMPLETION);
    assert_eq!(host.admin(DeleteIoCq { qid: Qid(0) }).status(), Status::INVALID_QUEUE_IDENTIFIER);
}

#[test]
fn entry_sizes_have_to_be_set_first() {
    let mut host = TestHost::new(small());
    host.start();
    // EN only, on top of what `start` wrote: the entry sizes go back to 0 before RDY.
    host.write32(register::CC, register::Cc::new().with_en(true).into_bits());
    assert!(host.wait_csts(|csts| csts.rdy()));
    let (cq, sq) = (host.create_cq_command(1), host.create_sq_command(1, 1));
    assert_eq!(host.admin(cq).status(), Status::INVALID_QUEUE_SIZE);
    assert_eq!(host.admin(sq).status(), Status::INVALID_QUEUE_SIZE);
}

#[test]
fn queues_may_be_scattered_unless_cqr_says_otherwise() {
    let mut host = TestHost::enabled(Config::default());
    // 128 entries of 64 bytes are two pages, here in reverse order.
    let (list, sq_pages, cq_page) = (DATA, [DATA + 0x3000, DATA + 0x2000], DATA + 0x5000);
    host.fill(list, &sq_pages[0].to_le_bytes());
    host.fill(list + 8, &sq_pages[1].to_le_bytes());
    host.fill(list + 0x1000, &cq_page.to_le_bytes());
    let cq = CreateIoCq {
        pc: false,
        prp1: Addr(list + 0x1000),
        entries: Entries(128),
        ..host.create_cq_command(1)
    };
    let sq = CreateIoSq {
        pc: false,
        prp1: Addr(list),
        entries: Entries(128),
        ..host.create_sq_command(1, 1)
    };
    host.adopt_cq(1, cq_page, 128);
    assert_eq!(host.admin(cq).status(), Status::SUCCESSFUL_COMPLETION);
    assert_eq!(host.admin(sq).status(), Status::SUCCESSFUL_COMPLETION);
    for n in 0..200u64 {
        let slot = n % 128;
        let at = sq_pages[(slot / 64) as usize] + slot % 64 * 64;
        let flush = Sqe::from(Flush { nsid: Nsid(1) }).with_cid(spec::Cid(n as u16));
        host.fill(at, &flush.to_bytes());
        host.doorbell(DoorbellKind::SqTail, 1, (n as u32 + 1) % 128);
        let cqe = host.next(1).unwrap();
        assert_eq!((cqe.cid().0, cqe.status()), (n as u16, Status::SUCCESSFUL_COMPLETION));
    }
    let mut host = TestHost::enabled(Config { cqr: true, ..Config::default() });
    let cq = CreateIoCq { pc: false, ..host.create_cq_command(1) };
    assert_eq!(host.admin(cq).status(), Status::INVALID_FIELD_IN_COMMAND);
}

#[test]
fn identifiers_heads_and_phases_are_right_over_many_wraps() {
    let mut host = TestHost::enabled(Config::default());
    host.create_cq(1);
    host.create_sq(1, 1);
    host.create_sq(5, 1);
    for n in 0..40u32 {
        let sqid = if n % 3 == 0 { 5 } else { 1 };
        let cid = host.submit(sqid, Flush { nsid: Nsid(1) });
        let cqe = host.next(1).unwrap();
        assert_eq!((cqe.sqid().0, cqe.cid()), (sqid, cid));
        assert_eq!((cqe.dw[0], cqe.dw[1], cqe.dnr(), cqe.more()), (0, 0, false, false));
        assert!(u32::from(cqe.sqhd()) < ENTRIES);
    }
}

#[test]
fn a_full_completion_queue_holds_commands_back_and_no_others() {
    for overcommit in [false, true] {
        let policy = Policy { overcommit, ..Policy::default() };
        let mut host = TestHost::enabled(Config { policy, ..Config::default() });
        let cq = host.create_cq_command(1);
        host.adopt_cq(1, cq.prp1.0, 4);
        host.admin(CreateIoCq { entries: Entries(4), ..cq });
        host.create_sq(1, 1);
        host.create_pair(2);
        let cids: Vec<_> = (0..7).map(|_| host.place(1, Flush { nsid: Nsid(1) })).collect();
        host.ring(1);
        host.settle();
        assert_eq!(host.run(2, Flush { nsid: Nsid(1) }).status(), Status::SUCCESSFUL_COMPLETION);
        let mut seen = Vec::new();
        for _ in 0..3 {
            seen.push(host.take(1).unwrap().cid());
        }
        assert!(host.take(1).is_none(), "a fourth entry in a queue of four");
        host.settle();
        host.release(1);
        while let Some(cqe) = host.next(1) {
            seen.push(cqe.cid());
        }
        assert_eq!(seen, cids);
    }
}

#[test]
fn a_tail_out_of_range_stops_the_queue_until_it_is_created_again() {
    let mut host = TestHost::ready(Config::default());
    let first = host.submit(1, Flush { nsid: Nsid(1) });
    assert!(host.completion(1, first).is_some());
    host.doorbell(DoorbellKind::SqTail, 1, ENTRIES);
    host.submit(1, Flush { nsid: Nsid(1) });
    assert!(host.next(1).is_none());
    assert_eq!(host.admin(DeleteIoSq { qid: Qid(1) }).status(), Status::SUCCESSFUL_COMPLETION);
    host.create_sq(1, 1);
    assert_eq!(host.io(Flush { nsid: Nsid(1) }).status(), Status::SUCCESSFUL_COMPLETION);
}

#[test]
fn more_commands_than_there_is_room_for_are_an_invalid_value() {
    let mut host = TestHost::ready(Config { io_latency_ns: 1_000_000, ..Config::default() });
    for _ in 0..6 {
        host.place(1, Flush { nsid: Nsid(1) });
    }
    host.ring(1);
    // Two entries back: as a distance that is all but one slot, and the queue is not empty.
    host.doorbell(DoorbellKind::SqTail, 1, 4);
    assert!(host.dut.subsystem().controller(0).unwrap().sq(1).unwrap().errored);
}

#[test]
fn deleting_a_queue_ends_its_commands() {
    for complete_deleted in [false, true] {
        let config = Config { io_latency_ns: 1_000_000, complete_deleted, ..Config::default() };
        let mut host = TestHost::ready(config);
        let cids: Vec<_> = (0..4).map(|_| host.place(1, Flush { nsid: Nsid(1) })).collect();
        host.ring(1);
        host.run_for(10_000);
        let cqe = host.admin(DeleteIoSq { qid: Qid(1) });
        assert_eq!(cqe.status(), Status::SUCCESSFUL_COMPLETION);
        let mut seen = Vec::new();
        while let Some(cqe) = host.take(1) {
            assert_eq!(cqe.status(), Status::COMMAND_ABORTED_DUE_TO_SQ_DELETION);
            seen.push(cqe.cid());
        }
        assert_eq!(seen, if complete_deleted { cids } else { Vec::new() });
        host.settle();
        assert!(host.take(1).is_none());
    }
}

fn messages(host: &mut TestHost) -> Vec<u16> {
    host.settle();
    let events = std::mem::take(&mut host.events);
    let vector = |event| match event {
        Event::Interrupt { vector, .. } => Some(vector),
        _ => None,
    };
    events.into_iter().filter_map(vector).collect()
}

#[test]
fn messages_go_to_the_vector_of_the_queue_and_masks_hold_them_back() {
    let mut host = TestHost::enabled(small());
    host.dut.irq_setup(Ctrl(0), 3).unwrap();
    let cq = CreateIoCq { iv: 2, ..host.create_cq_command(1) };
    host.adopt_cq(1, cq.prp1.0, ENTRIES);
    host.admin(cq);
    host.create_sq(1, 1);
    assert_eq!(messages(&mut host), [0, 0]);
    host.io(Flush { nsid: Nsid(1) });
    assert_eq!(messages(&mut host), [2]);
    host.dut.irq_mask(Ctrl(0), 2, true).unwrap();
    host.io(Flush { nsid: Nsid(1) });
    host.io(Flush { nsid: Nsid(1) });
    assert_eq!(messages(&mut host), []);
    assert!(host.dut.irq_pending(Ctrl(0), 2).unwrap());
    host.dut.irq_mask(Ctrl(0), 2, false).unwrap();
    assert_eq!(messages(&mut host), [2]);
    assert!(!host.dut.irq_pending(Ctrl(0), 2).unwrap());
    host.dut.mask_function(Ctrl(0), true);
    host.io(Flush { nsid: Nsid(1) });
    assert_eq!(messages(&mut host), []);
    host.dut.mask_function(Ctrl(0), false);
    assert_eq!(messages(&mut host), [2]);
    assert!(host.dut.irq_setup(Ctrl(0), 5).is_err());
}

#[test]
fn no_message_without_ien_or_without_msi_x() {
    let mut host = TestHost::ready(small());
    assert_eq!(messages(&mut host), []);
    host.dut.irq_setup(Ctrl(0), 2).unwrap();
    let cq = CreateIoCq { ien: false, iv: 1, ..host.create_cq_command(2) };
    host.adopt_cq(2, cq.prp1.0, ENTRIES);
    host.admin(cq);
    host.create_sq(2, 2);
    assert_eq!(messages(&mut host), [0, 0]);
    host.run(2, Flush { nsid: Nsid(1) });
    assert_eq!(messages(&mut host), []);
}

#[test]
fn a_queue_in_memory_that_is_not_there_is_fatal() {
    let mut host = TestHost::ready(Config::default());
    let base = host.queue_base(1, false);
    host.dut.unmap(Addr(base), 4096).unwrap();
    host.submit(1, Flush { nsid: Nsid(1) });
    assert!(host.wait_csts(|csts| csts.cfs()));
    host.dut.map(Addr(base), 4096, Perm::Both).unwrap();
    host.disable();
    assert!(!host.csts().cfs());
    host.enable();
    host.create_pair(1);
    // A Completion Queue that may only be read.
    let base = host.queue_base(1, true);
    host.dut.map(Addr(base), 4096, Perm::ToController).unwrap();
    host.submit(1, Flush { nsid: Nsid(1) });
    assert!(host.wait_csts(|csts| csts.cfs()));
}
