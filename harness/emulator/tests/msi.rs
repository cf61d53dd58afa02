//! MSI: a message when the interrupt status of a vector rises, held back by INTMS, and vectors as far
//! as messages were granted.

use lockstep_emulator::{Bus, BusFault, Config, Subsystem, Work};
use spec::command::{Command, CreateIoCq, CreateIoSq, Flush, SetFeatures};
use spec::feature::InterruptCoalescing;
use spec::register::{self, DoorbellKind, doorbell_offset};
use spec::{Addr, Cqe, Entries, Fid, Nsid, Qid, Sqe, Status};

/// Queues of this many entries, a page each: SQ n at page 2n, CQ n at page 2n + 1.
const ENTRIES: u16 = 16;
const PAGE: u64 = 0x1000;

const OK: Status = Status::SUCCESSFUL_COMPLETION;

/// Memory, a clock, and the messages that came.
struct Host {
    memory: Vec<u8>,
    now: u64,
    messages: Vec<u16>,
}

impl Bus for Host {
    fn now(&self) -> u64 {
        self.now
    }

    fn allows(&self, _: usize, at: u64, len: usize, _: bool) -> bool {
        at.checked_add(len as u64).is_some_and(|end| end <= self.memory.len() as u64)
    }

    fn read(&mut self, _: usize, at: u64, to: &mut [u8]) -> Result<(), BusFault> {
        to.copy_from_slice(&self.memory[at as usize..][..to.len()]);
        Ok(())
    }

    fn write(&mut self, _: usize, at: u64, from: &[u8]) -> Result<(), BusFault> {
        self.memory[at as usize..][..from.len()].copy_from_slice(from);
        Ok(())
    }

    fn peek(&self, _: usize, _: u64, _: &mut [u8]) -> bool {
        false
    }

    fn message(&mut self, _: usize, vector: u16) {
        self.messages.push(vector);
    }
}

/// An enabled controller and its host, with an I/O queue pair for each vector of `vectors`.
struct Bench {
    subsystem: Subsystem,
    host: Host,
    tails: [u16; 4],
    heads: [u16; 4],
}

impl Bench {
    fn new(messages: u16, vectors: &[u16]) -> Self {
        let subsystem = Subsystem::new(Config::default()).unwrap();
        let host = Host { memory: vec![0; 0x20 * PAGE as usize], now: 0, messages: Vec::new() };
        let mut bench = Self { subsystem, host, tails: [0; 4], heads: [0; 4] };
        bench.subsystem.set_up_msi(0, &mut bench.host, messages);
        bench.write(register::AQA, 0x000f_000f);
        bench.write(register::ACQ, PAGE as u32);
        bench.write(register::CC, 0x0046_0001);
        bench.run();
        for (n, vector) in (1..).zip(vectors) {
            assert_eq!(bench.create(n, *vector), OK);
        }
        bench.acknowledge(0);
        bench.messages();
        bench
    }

    fn write(&mut self, offset: u32, value: u32) {
        self.subsystem.write(0, &mut self.host, offset, 4, value.into());
    }

    /// Lets the controller work until nothing is left.
    fn run(&mut self) {
        loop {
            match self.subsystem.step(&mut self.host) {
                Work::Idle => return,
                Work::Until(due) => self.host.now = due,
                Work::Hidden | Work::Seen => {}
            }
        }
    }

    /// Sends a command and lets it complete.
    fn send(&mut self, queue: u16, sqe: Sqe) {
        self.put(queue, sqe);
        self.run();
    }

    /// Sends a command.
    fn put(&mut self, queue: u16, sqe: Sqe) {
        let tail = &mut self.tails[usize::from(queue)];
        let at = u64::from(queue) * 2 * PAGE + u64::from(*tail) * 64;
        self.host.memory[at as usize..][..64].copy_from_slice(&sqe.to_bytes());
        *tail = (*tail + 1) % ENTRIES;
        let tail = u32::from(*tail);
        self.write(doorbell_offset(DoorbellKind::SqTail, queue, 0), tail);
    }

    /// A command that completes and does nothing else.
    fn flush(&mut self, queue: u16) {
        self.send(queue, Flush { nsid: Nsid(1) }.sqe());
    }

    /// So many commands that complete, and no time that passes.
    fn post_without_waiting(&mut self, queue: u16, count: u16) {
        for _ in 0..count {
            self.put(queue, Flush { nsid: Nsid(1) }.sqe());
        }
        while matches!(self.subsystem.step(&mut self.host), Work::Hidden | Work::Seen) {}
    }

    /// The entry that the host looks at next.
    fn entry(&self, queue: u16) -> Cqe {
        let head = u64::from(self.heads[usize::from(queue)]);
        let at = (u64::from(queue) * 2 + 1) * PAGE + head * 16;
        Cqe::from_bytes(self.host.memory[at as usize..][..16].try_into().unwrap())
    }

    /// Releases one entry.
    fn release(&mut self, queue: u16) {
        let next = (self.heads[usize::from(queue)] + 1) % ENTRIES;
        self.release_up_to(queue, next);
    }

    /// Releases every entry.
    fn acknowledge(&mut self, queue: u16) {
        self.release_up_to(queue, self.tails[usize::from(queue)]);
    }

    fn release_up_to(&mut self, queue: u16, head: u16) {
        self.heads[usize::from(queue)] = head;
        self.write(doorbell_offset(DoorbellKind::CqHead, queue, 0), head.into());
        self.run();
    }

    /// Creates a queue pair whose Completion Queue has this vector.
    fn create(&mut self, queue: u16, iv: u16) -> Status {
        let at = |page: u64| Addr((u64::from(queue) * 2 + page) * PAGE);
        let (qid, entries, pc) = (Qid(queue), Entries(ENTRIES.into()), true);
        let cq = CreateIoCq { qid, entries, prp1: at(1), pc, ien: true, iv };
        let status = self.admin(cq.sqe());
        if status == OK {
            let sq = CreateIoSq { qid, cqid: qid, entries, prp1: at(0), pc, ..Default::default() };
            assert_eq!(self.admin(sq.sqe()), OK);
        }
        status
    }

    fn admin(&mut self, sqe: Sqe) -> Status {
        self.send(0, sqe);
        let status = self.entry(0).status();
        self.acknowledge(0);
        status
    }

    /// The messages since the last time.
    fn messages(&mut self) -> Vec<u16> {
        std::mem::take(&mut self.host.messages)
    }
}

#[test]
fn each_queue_has_its_message_and_the_admin_queue_the_first() {
    let mut bench = Bench::new(4, &[3, 1]);
    bench.flush(1);
    assert_eq!(bench.messages(), [3]);
    bench.flush(2);
    assert_eq!(bench.messages(), [1]);
    bench.acknowledge(1);
    bench.acknowledge(2);
    bench.messages();
    bench.flush(0);
    assert_eq!(bench.messages(), [0]);
}

#[test]
fn a_message_tells_of_the_first_entry_and_of_what_is_left() {
    let mut bench = Bench::new(2, &[1]);
    bench.flush(1);
    bench.flush(1);
    bench.flush(1);
    assert_eq!(bench.messages(), [1], "the status rises once");
    bench.release(1);
    assert_eq!(bench.messages(), [1], "two entries are left");
    bench.acknowledge(1);
    assert_eq!(bench.messages(), [], "nothing is left");
    bench.flush(1);
    assert_eq!(bench.messages(), [1], "it rises again");
}

#[test]
fn what_is_acknowledged_of_one_vector_brings_a_message_of_another_that_waits() {
    let mut bench = Bench::new(4, &[1, 2]);
    bench.flush(1);
    bench.flush(2);
    assert_eq!(bench.messages(), [1, 2]);
    bench.acknowledge(1);
    assert_eq!(bench.messages(), [2]);
    bench.acknowledge(2);
    assert_eq!(bench.messages(), []);
}

#[test]
fn queues_that_share_a_vector_share_its_status() {
    let mut bench = Bench::new(1, &[0, 0]);
    bench.flush(1);
    bench.flush(2);
    assert_eq!(bench.messages(), [0]);
    bench.acknowledge(1);
    assert_eq!(bench.messages(), [0], "of the other queue");
    bench.acknowledge(2);
    assert_eq!(bench.messages(), []);
}

#[test]
fn the_interrupt_mask_holds_a_vector_back_and_the_message_comes_when_it_is_lifted() {
    let mut bench = Bench::new(4, &[1, 2]);
    bench.write(register::INTMS, 1 << 1);
    bench.flush(1);
    bench.flush(2);
    assert_eq!(bench.messages(), [2]);
    // Another vector's mask is not its own.
    bench.write(register::INTMC, 1 << 2);
    bench.run();
    assert_eq!(bench.messages(), []);
    bench.write(register::INTMC, 1 << 1);
    bench.run();
    assert_eq!(bench.messages(), [1]);
    // It was open already: nothing rises.
    bench.write(register::INTMC, 1 << 1);
    bench.run();
    assert_eq!(bench.messages(), []);
    // Acknowledged behind the mask there is nothing to tell.
    bench.acknowledge(1);
    bench.acknowledge(2);
    bench.messages();
    bench.write(register::INTMS, 1 << 1);
    bench.flush(1);
    bench.acknowledge(1);
    bench.write(register::INTMC, u32::MAX);
    bench.run();
    assert_eq!(bench.messages(), []);
}

#[test]
fn a_vector_beyond_the_messages_that_were_granted_is_refused() {
    for (messages, good, bad) in [(1, 0, 1), (4, 3, 4), (32, 31, 32)] {
        let mut bench = Bench::new(messages, &[]);
        assert_eq!(bench.create(1, bad), Status::INVALID_INTERRUPT_VECTOR);
        assert_eq!(bench.create(1, u16::MAX), Status::INVALID_INTERRUPT_VECTOR);
        assert_eq!(bench.create(1, good), OK);
        bench.messages();
        bench.flush(1);
        assert_eq!(bench.messages(), [good]);
    }
}

#[test]
fn what_waits_is_told_when_msi_is_turned_on_and_nothing_without_it() {
    let mut bench = Bench::new(0, &[1]);
    bench.flush(1);
    assert_eq!(bench.messages(), []);
    bench.subsystem.set_up_msi(0, &mut bench.host, 2);
    bench.run();
    assert_eq!(bench.messages(), [1]);
    // More messages for a host that has some tell nothing anew.
    bench.subsystem.set_up_msi(0, &mut bench.host, 4);
    bench.run();
    assert_eq!(bench.messages(), []);
    bench.subsystem.set_up_msi(0, &mut bench.host, 0);
    bench.flush(1);
    bench.acknowledge(1);
    bench.flush(1);
    assert_eq!(bench.messages(), []);
}

#[test]
fn a_controller_reset_keeps_msi_and_a_reset_of_the_function_does_not() {
    let mut bench = Bench::new(2, &[1]);
    bench.flush(1);
    bench.messages();
    bench.write(register::CC, 0x0046_0000);
    bench.run();
    let of = |bench: &Bench| {
        let controller = bench.subsystem.controller(0).unwrap();
        (controller.msi, controller.interrupt_status())
    };
    assert_eq!(of(&bench), (2, 0));
    bench.subsystem.reset(0, &mut bench.host, log::ResetKind::FunctionLevel);
    assert_eq!(of(&bench), (0, 0));
    assert_eq!(bench.messages(), []);
}

#[test]
fn messages_are_coalesced_and_one_that_the_host_did_not_wait_for_does_not_come() {
    let mut bench = Bench::new(2, &[1]);
    // Three entries, or 700 microseconds.
    let cdw11 = InterruptCoalescing::new().with_thr_z(2).with_time(7).into_bits();
    let set = SetFeatures { fid: Fid::INTERRUPT_COALESCING, cdw11, ..Default::default() };
    assert_eq!(bench.admin(set.sqe()), OK);
    bench.messages();
    let begin = bench.host.now;
    // The host of this test waits for all that is to come: 700 microseconds for the first.
    bench.flush(1);
    assert_eq!(bench.messages(), [1]);
    assert_eq!(bench.host.now - begin, 700_000);
    bench.acknowledge(1);
    for (patient, come) in [(true, vec![1]), (false, vec![])] {
        bench.post_without_waiting(1, 2);
        assert_eq!(bench.messages(), [], "two completions of three");
        if patient {
            bench.post_without_waiting(1, 1);
        } else {
            bench.acknowledge(1);
        }
        bench.run();
        assert_eq!(bench.messages(), come);
        bench.acknowledge(1);
        bench.messages();
    }
}
