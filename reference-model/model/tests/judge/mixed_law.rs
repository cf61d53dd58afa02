//! The law where everything happens together: reads and writes beside commands that create, delete,
//! abort, and a reset; at most 4 commands, 2 queue pairs, 3 blocks, 1 reset.
//!
//! Brute force looks for an explanation: an order of the commands that create and delete queues, an
//! order of the commits to each block, and for every answer and every silence a reason. It knows the
//! moments of doorbells and CQEs, and nothing of cells, clusters or worlds.

use log::random::Random;
use log::{Ident, LookReason};
use spec::command::{Abort, Command, DeleteIoSq};
use spec::register;
use spec::{Qid, Sqe, Status};

use super::brute_force::{FAULT, INVALID_QID, Op, SUCCESS, accuses, cases, explains};
use super::script::{CC_OFF, Script, Sent, ident};

const ABORTED: Status = Status::new(0, 0x07);
const DELETED: Status = Status::new(0, 0x08);

/// What a command does.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    /// Blocks, and the sequence number of what is written; `None`: it reads into the buffer.
    Data {
        qid: u16,
        lba: u64,
        count: u64,
        writes: Option<u64>,
        at: spec::Addr,
    },
    Create(u16),
    Delete(u16),
    /// Names another command, by number.
    Abort(usize),
}

/// A command, and what was seen of it.
#[derive(Clone, Copy, Debug)]
struct Cmd {
    kind: Kind,
    sent: Sent,
    /// The moment of its doorbell.
    from: usize,
    /// The moment of its CQE, its status, and DW0.
    answer: Option<(usize, Status, u32)>,
    /// The moment at which a reset had dropped it.
    reset: Option<usize>,
    /// What it was seen to read, by block.
    read: [Option<Ident>; 2],
    /// It is never answered.
    lost: bool,
}

impl Cmd {
    fn runs(&self) -> bool {
        self.answer.is_none() && self.reset.is_none()
    }

    fn succeeded(&self) -> bool {
        self.answer.is_some_and(|(_, status, _)| status == SUCCESS)
    }
}

struct Case {
    script: Script,
    random: Random,
    cmds: Vec<Cmd>,
    moment: usize,
    /// The moment of the reset.
    reset: Option<usize>,
    values: Vec<Ident>,
}

impl Case {
    fn new(base: &Script, seed: u64) -> Self {
        let (script, random) = (base.clone(), Random::new(seed));
        Self { script, random, cmds: Vec::new(), moment: 0, reset: None, values: Vec::new() }
    }

    /// Whether the host may think that submission queue `qid` is there: nothing is under way that
    /// creates or deletes it, and nothing ever raced.
    fn sure(&self, qid: u16) -> Option<bool> {
        let mut there = true;
        let mut last_end = 0;
        for cmd in
            self.cmds.iter().filter(|c| c.reset.is_none() && c.from > self.reset.unwrap_or(0))
        {
            let create = match cmd.kind {
                Kind::Create(q) if q == qid => true,
                Kind::Delete(q) if q == qid => false,
                _ => continue,
            };
            let (end, status, _) = cmd.answer?;
            if cmd.from < last_end {
                return None;
            }
            last_end = last_end.max(end);
            if status == SUCCESS {
                there = create;
            }
        }
        Some(there)
    }

    fn deleting(&self, qid: u16) -> bool {
        self.cmds.iter().any(|c| c.runs() && c.kind == Kind::Delete(qid))
    }

    /// Sends a random command.
    fn start(&mut self) {
        self.moment += 1;
        let qid = 1 + self.random.below(2) as u16;
        let aborted = self.cmds.iter().any(|c| matches!(c.kind, Kind::Abort(_)));
        let since = self.reset.unwrap_or(0);
        let victims: Vec<usize> = (0..self.cmds.len())
            .filter(|n| self.cmds[*n].from > since)
            .filter(|n| matches!(self.cmds[*n].kind, Kind::Data { .. }))
            .collect();
        let (kind, queue, sqe): (Kind, u16, Sqe) = match self.random.below(8) {
            0 if self.sure(qid) == Some(true) || self.random.below(4) == 0 => {
                (Kind::Delete(qid), 0, DeleteIoSq { qid: Qid(qid) }.sqe())
            }
            1 if self.sure(qid) == Some(false) || self.deleting(qid) => {
                (Kind::Create(qid), 0, Script::create_sq(qid, qid))
            }
            2 | 3 if !aborted && !victims.is_empty() => {
                let victim = *self.random.pick(&victims);
                let sent = self.cmds[victim].sent;
                let abort = Abort { sqid: Qid(sent.qid), cid: sent.cid };
                (Kind::Abort(victim), 0, abort.sqe())
            }
            _ => match [qid, 3 - qid].into_iter().find(|qid| self.sure(*qid) == Some(true)) {
                Some(qid) => self.data(qid),
                None => (Kind::Delete(qid), 0, DeleteIoSq { qid: Qid(qid) }.sqe()),
            },
        };
        let sent = self.script.send(queue, sqe);
        let lost = matches!(kind, Kind::Data { .. }) && self.random.below(12) == 0;
        let from = self.moment;
        let seen = Cmd { kind, sent, from, answer: None, reset: None, read: [None; 2], lost };
        self.cmds.push(seen);
    }

    fn data(&mut self, qid: u16) -> (Kind, u16, Sqe) {
        let lba = self.random.below(3);
        let count = 1 + self.random.below(3 - lba).min(1);
        if self.random.below(2) == 0 {
            let (sqe, sequence) = self.script.write_sqe(lba, count as u32);
            self.values.extend((lba..lba + count).map(|lba| ident(sequence, lba)));
            let (writes, at) = (Some(sequence), sqe.prp1());
            return (Kind::Data { qid, lba, count, writes, at }, qid, sqe);
        }
        let (sqe, at) = self.script.read_sqe(lba, count as u32);
        (Kind::Data { qid, lba, count, writes: None, at }, qid, sqe)
    }

    /// Completes command `n` in some way, mostly a right one.
    fn end(&mut self, n: usize) {
        self.moment += 1;
        let cmd = self.cmds[n];
        let (status, dw0) = match cmd.kind {
            Kind::Data { qid, writes, .. } => (self.data_status(n, qid, writes.is_some()), 0),
            Kind::Create(qid) | Kind::Delete(qid) => {
                let exists = self.guess(qid);
                let right = matches!(cmd.kind, Kind::Delete(_)) == exists;
                let success = right != (self.random.below(5) == 0);
                (if success { SUCCESS } else { INVALID_QID }, 0)
            }
            Kind::Abort(victim) => {
                let may = self.cmds[victim].answer.is_none_or(|(_, status, _)| status == ABORTED);
                let done = may != (self.random.below(6) == 0) && self.random.below(4) != 0;
                (SUCCESS, u32::from(!done))
            }
        };
        let cqe = self.script.cqe(cmd.sent, status, dw0);
        self.script.post(cmd.sent.qid, cqe);
        self.cmds[n].answer = Some((self.moment, status, dw0));
        if let Kind::Data { lba, count, writes: None, at, .. } = cmd.kind {
            let seen: Vec<Ident> = (0..count).map(|b| self.guess_value(lba + b)).collect();
            if status == SUCCESS {
                self.script.look(at, &seen);
                for (place, seen) in self.cmds[n].read.iter_mut().zip(seen) {
                    *place = Some(seen);
                }
            }
        }
        if let Kind::Create(qid) = cmd.kind
            && status == SUCCESS
        {
            self.script.new_sq(qid);
        }
    }

    fn data_status(&mut self, n: usize, qid: u16, write: bool) -> Status {
        let named = self.cmds.iter().find(|c| c.kind == Kind::Abort(n));
        let said = named.and_then(|abort| abort.answer).is_some_and(|(_, _, dw0)| dw0 == 0);
        match self.random.below(12) {
            0 => ABORTED,
            1 => DELETED,
            2 if write => FAULT,
            3 | 4 if named.is_some() => ABORTED,
            _ if said => ABORTED,
            5 | 6 if self.deleting(qid) => DELETED,
            _ => SUCCESS,
        }
    }

    /// Whether the queue exists, if CQEs come in the order in which commands ran.
    fn guess(&self, qid: u16) -> bool {
        let since = self.reset.unwrap_or(0);
        let done = self.cmds.iter().filter(|c| c.from > since && c.succeeded());
        let mut done: Vec<_> = done.filter_map(|c| c.answer.map(|(at, ..)| (at, c.kind))).collect();
        done.sort_by_key(|(at, _)| *at);
        done.iter().fold(true, |there, (_, kind)| match kind {
            Kind::Create(q) if *q == qid => true,
            Kind::Delete(q) if *q == qid => false,
            _ => there,
        })
    }

    /// A value that a read of `lba` might have got, right or wrong.
    fn guess_value(&mut self, lba: u64) -> Ident {
        let written = self.cmds.iter().rev().find_map(|cmd| match cmd.kind {
            Kind::Data { lba: first, count, writes: Some(sequence), .. } => {
                let in_it = (first..first + count).contains(&lba) && cmd.answer.is_some();
                in_it.then(|| ident(sequence, lba))
            }
            _ => None,
        });
        match self.random.below(6) {
            0 => Ident(1000 + lba),
            1 if !self.values.is_empty() => *self.random.pick(&self.values),
            _ => written.unwrap_or(Ident(1000 + lba)),
        }
    }

    fn reset(&mut self) {
        self.script.write(register::CC, 4, CC_OFF);
        self.script.csts(0);
        self.moment += 1;
        self.reset = Some(self.moment);
        for cmd in self.cmds.iter_mut().filter(|cmd| cmd.runs()) {
            cmd.reset = Some(self.moment);
        }
        self.script.enable();
        self.script.grant();
        self.script.queue_pair(1);
        self.script.queue_pair(2);
    }

    fn run(&mut self) {
        let mut resets = u64::from(self.random.below(3) == 0);
        loop {
            let to_start = self.cmds.len() < 4;
            let running: Vec<usize> = (0..self.cmds.len())
                .filter(|n| self.cmds[*n].runs() && !self.cmds[*n].lost)
                .collect();
            if to_start && (running.is_empty() || self.random.below(2) == 0) {
                self.start();
            } else if running.is_empty() {
                break;
            } else if resets > 0 && self.random.below(4) == 0 {
                self.reset();
                resets -= 1;
            } else {
                let n = *self.random.pick(&running);
                self.end(n);
            }
        }
        for cqid in 0..3 {
            self.script.empty_look(cqid, LookReason::Idle);
        }
    }
}

// ---- brute force

/// The end of the interval in which data command `n` may have had an effect, and whether its CQE, if it
/// has none, is owed.
fn effect_ends(cmds: &[Cmd], n: usize, qid: u16) -> (usize, bool) {
    let cmd = &cmds[n];
    let mut end = usize::MAX;
    let mut owed = true;
    if let Some((at, ..)) = cmd.answer {
        (end, owed) = (at, false);
    }
    if let Some(at) = cmd.reset {
        (end, owed) = (end.min(at), false);
    }
    for other in cmds {
        let Some((at, SUCCESS, dw0)) = other.answer else { continue };
        match other.kind {
            // An immediate abort leaves no effect after the completion of the Abort.
            Kind::Abort(victim) if victim == n && dw0 == 0 => end = end.min(at),
            // What was in a deleted queue is implicitly complete.
            Kind::Delete(q) if q == qid && other.from > cmd.from => {
                (end, owed) = (end.min(at), false);
            }
            _ => {}
        }
    }
    (end, owed)
}

/// Whether the answer of data command `n`, or its silence, has a reason.
fn data_is_explained(cmds: &[Cmd], n: usize, qid: u16) -> bool {
    let cmd = &cmds[n];
    let (_, owed) = effect_ends(cmds, n, qid);
    let Some((at, status, _)) = cmd.answer else { return !owed };
    let runs = |c: &&Cmd| c.from < at && c.reset.is_none_or(|end| end > at);
    let deletes = || cmds.iter().filter(runs).filter(|c| c.kind == Kind::Delete(qid));
    // Nothing comes after the completion of a Delete that succeeded.
    let late =
        deletes().any(|c| c.from > cmd.from && c.succeeded() && c.answer.is_some_and(|a| a.0 < at));
    let abort = cmds.iter().find(|c| c.kind == Kind::Abort(n));
    let says_done = abort.and_then(|a| a.answer).is_some_and(|(_, _, dw0)| dw0 == 0);
    let right = match status {
        ABORTED => abort.is_some_and(|abort| abort.from < at),
        DELETED => deletes().any(|c| c.answer.is_none_or(|(end, ..)| end > at)),
        _ => true,
    };
    right && !late && (!says_done || status == ABORTED)
}

/// Whether what the Abort `n` says fits what became of its victim.
fn abort_is_explained(cmds: &[Cmd], n: usize, victim: usize) -> bool {
    let (abort, victim) = (&cmds[n], &cmds[victim]);
    let Some((at, _, dw0)) = abort.answer else { return true };
    match (dw0, victim.answer) {
        (0, Some((end, ..))) => end > abort.from,
        (0, None) => true,
        // It was aborted before the Abort completed: then that was at once.
        (_, Some((end, ABORTED, _))) => !(end > abort.from && end < at),
        _ => true,
    }
}

/// A victim whose queue was deleted before the Abort was sent was not there to be aborted.
fn victim_was_there(cmds: &[Cmd], n: usize, victim: usize) -> bool {
    let (abort, Kind::Data { qid, .. }) = (&cmds[n], cmds[victim].kind) else { return true };
    let gone = cmds.iter().any(|c| {
        let over = c.answer.is_some_and(|(at, ..)| at < abort.from);
        c.kind == Kind::Delete(qid) && c.from > cmds[victim].from && c.succeeded() && over
    });
    !(gone && abort.answer.is_some_and(|(_, _, dw0)| dw0 == 0))
}

/// Whether some order of the commands that create or delete `qid` gives their answers. Those that a
/// reset has dropped may have run or not.
fn structure_is_explained(left: &[Cmd], there: bool) -> bool {
    if left.iter().all(|cmd| cmd.answer.is_none()) {
        return true;
    }
    (0..left.len()).any(|n| {
        let this = left[n];
        let end = |cmd: &Cmd| cmd.answer.map_or(usize::MAX, |(at, ..)| at);
        if left.iter().any(|other| end(other) < this.from) {
            return false;
        }
        let create = matches!(this.kind, Kind::Create(_));
        let rest: Vec<Cmd> = (0..left.len()).filter(|m| *m != n).map(|m| left[m]).collect();
        // To refuse an identifier in use is recommended only.
        let may_succeed = create || there;
        let may_fail = create == there;
        match this.answer {
            Some((_, SUCCESS, _)) => may_succeed && structure_is_explained(&rest, create),
            Some(_) => may_fail && structure_is_explained(&rest, there),
            None => may_succeed && structure_is_explained(&rest, create),
        }
    })
}

/// The part of data command `n` in the block `lba`.
fn op(cmds: &[Cmd], n: usize, block: u64) -> Option<Op> {
    let cmd = &cmds[n];
    let Kind::Data { qid, lba, count, writes, .. } = cmd.kind else { return None };
    if !(lba..lba + count).contains(&block) {
        return None;
    }
    let (upto, _) = effect_ends(cmds, n, qid);
    let writes = writes.map(|sequence| ident(sequence, block));
    let reads = cmd.read[(block - lba) as usize];
    let optional = !cmd.succeeded() || (writes.is_none() && reads.is_none());
    Some(Op { from: cmd.from, upto, writes, reads, optional })
}

fn is_explained(case: &Case) -> bool {
    let cmds = &case.cmds;
    let answers = (0..cmds.len()).all(|n| match cmds[n].kind {
        Kind::Data { qid, .. } => data_is_explained(cmds, n, qid),
        Kind::Abort(victim) => {
            abort_is_explained(cmds, n, victim) && victim_was_there(cmds, n, victim)
        }
        Kind::Create(_) | Kind::Delete(_) => true,
    });
    let reset = case.reset.unwrap_or(usize::MAX);
    let lives: [&dyn Fn(&Cmd) -> bool; 2] = [&|cmd| cmd.from < reset, &|cmd| cmd.from > reset];
    let queues = [1, 2].into_iter().all(|qid| {
        lives.iter().all(|life| {
            let names = |c: &&Cmd| c.kind == Kind::Create(qid) || c.kind == Kind::Delete(qid);
            let changes: Vec<Cmd> =
                cmds.iter().filter(names).filter(|c| life(c)).copied().collect();
            structure_is_explained(&changes, true)
        })
    });
    let blocks = (0..3).all(|block| {
        let ops: Vec<Op> = (0..cmds.len()).filter_map(|n| op(cmds, n, block)).collect();
        explains(&ops, None)
    });
    answers && queues && blocks
}

/// Whether two commands that create or delete one queue ran beside each other, or a reset came upon one.
fn raced(case: &Case) -> bool {
    let queue = |cmd: &Cmd| match cmd.kind {
        Kind::Create(qid) | Kind::Delete(qid) => Some(qid),
        _ => None,
    };
    let end = |cmd: &Cmd| cmd.answer.map(|(at, ..)| at).or(cmd.reset).unwrap_or(usize::MAX);
    let beside = |a: &Cmd, b: &Cmd| a.from < end(b) && b.from < end(a);
    case.cmds.iter().enumerate().any(|(n, a)| {
        let others = &case.cmds[n + 1..];
        queue(a).is_some() && others.iter().any(|b| queue(a) == queue(b) && beside(a, b))
    })
}

#[test]
fn all_together_is_judged_as_brute_force_judges_it() {
    let mut base = Script::new();
    base.queue_pair(1);
    base.queue_pair(2);
    let (mut accused, mut explained, mut races) = (0, 0, 0);
    for seed in 0..cases() {
        let mut case = Case::new(&base, seed);
        case.run();
        let explanation = is_explained(&case);
        let accusation = accuses(&case.script);
        accused += u64::from(accusation);
        explained += u64::from(explanation);
        races += u64::from(raced(&case) && explanation);
        assert_eq!(
            accusation,
            !explanation,
            "seed {seed}: {:#?}\n{:#?}",
            case.cmds,
            case.script.judge().findings()
        );
    }
    assert!(accused > cases() / 20 && explained > cases() / 20, "{accused} of {}", cases());
    assert!(races > cases() / 200, "{races} explained races of {}", cases());
}
