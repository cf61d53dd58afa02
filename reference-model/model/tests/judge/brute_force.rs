//! The law of the belief state: on small cases the factored judge never accuses where brute force
//! finds an explanation, and never passes where it finds none.
//!
//! Data and structure apart here, together in `mixed_law`.
//!
//! Brute force knows nothing of cells, clusters or candidates: it tries every order of the hidden
//! commits that the log's order allows, and every outcome of commands whose outcome is unknown.

use log::random::Random;
use log::{Ident, LookReason};
use model::FindingKind;
use spec::command::{Command, DeleteIoCq, DeleteIoSq};
use spec::register;
use spec::{Qid, Sqe, Status};

use super::script::{CC_OFF, Script, Sent, ident};

pub const SUCCESS: Status = Status::SUCCESSFUL_COMPLETION;
/// Write Fault: what was written, if anything, is open.
pub const FAULT: Status = Status::new(2, 0x80);

/// Cases per law; `LOCKSTEP_CASES` sets another number.
pub fn cases() -> u64 {
    std::env::var("LOCKSTEP_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(4_000)
}

/// Whether the judge accuses.
pub fn accuses(script: &Script) -> bool {
    let judge = script.judge();
    let open = judge.findings().iter().any(|f| f.kind == FindingKind::Inconclusive);
    assert!(!open, "inconclusive within the bounds: {:#?}", judge.findings());
    judge.findings().iter().any(|f| matches!(f.kind, FindingKind::Divergence(_)))
}

// ---- data: writes and reads of three blocks over two queue pairs, with a reset

/// One block's part of a command, as brute force sees it.
#[derive(Clone, Copy, Debug)]
pub struct Op {
    /// Moments between which it takes effect.
    pub from: usize,
    pub upto: usize,
    /// What it writes; `None`: it reads.
    pub writes: Option<Ident>,
    /// What it was seen to read.
    pub reads: Option<Ident>,
    /// It may also take no effect.
    pub optional: bool,
}

/// Whether some order of `left` after a content of `now` (unknown before any sight) explains all.
pub fn explains(left: &[Op], now: Option<Ident>) -> bool {
    let must: Vec<&Op> = left.iter().filter(|op| !op.optional).collect();
    if must.is_empty() {
        return true;
    }
    (0..left.len()).any(|n| {
        let op = left[n];
        let rest: Vec<Op> =
            left.iter().enumerate().filter(|(m, _)| *m != n).map(|(_, o)| *o).collect();
        // Nothing that must have ended before this one began may be left; what may have had no
        // effect and ended before is passed over.
        let rest = match pass_over(&rest, op.from) {
            Some(rest) => rest,
            None => return false,
        };
        match (op.writes, op.reads, now) {
            (Some(value), ..) => explains(&rest, Some(value)),
            (None, Some(seen), Some(now)) => seen == now && explains(&rest, Some(now)),
            // The first sight binds what was there before.
            (None, Some(seen), None) => explains(&rest, Some(seen)),
            (None, None, now) => explains(&rest, now),
        }
    })
}

fn pass_over(rest: &[Op], from: usize) -> Option<Vec<Op>> {
    let over = |op: &Op| op.upto < from;
    if rest.iter().any(|op| over(op) && !op.optional) {
        return None;
    }
    Some(rest.iter().copied().filter(|op| !over(op)).collect())
}

/// A command under way.
struct Running {
    sent: Sent,
    lba: u64,
    count: u64,
    from: usize,
    sequence: Option<u64>,
    buffer: Option<spec::Addr>,
}

struct DataCase {
    script: Script,
    /// Per block: what brute force has to explain.
    ops: [Vec<Op>; 3],
    moment: usize,
    values: Vec<Ident>,
}

impl DataCase {
    fn start(&mut self, random: &mut Random) -> Running {
        let qid = 1 + random.below(2) as u16;
        let lba = random.below(3);
        let count = 1 + random.below(3 - lba).min(1);
        self.moment += 1;
        if random.below(2) == 0 {
            let (sqe, sequence) = self.script.write_sqe(lba, count as u32);
            self.values.extend((lba..lba + count).map(|lba| ident(sequence, lba)));
            let sent = self.script.send(qid, sqe);
            let from = self.moment;
            return Running { sent, lba, count, from, sequence: Some(sequence), buffer: None };
        }
        let (sqe, at) = self.script.read_sqe(lba, count as u32);
        let sent = self.script.send(qid, sqe);
        Running { sent, lba, count, from: self.moment, sequence: None, buffer: Some(at) }
    }

    /// Completes a command; `status` of a write may leave it open.
    fn end(&mut self, run: Running, random: &mut Random) {
        self.moment += 1;
        let status = if run.sequence.is_some() && random.below(4) == 0 { FAULT } else { SUCCESS };
        self.script.complete(run.sent, status);
        let upto = self.moment;
        let mut seen = Vec::new();
        for lba in run.lba..run.lba + run.count {
            let writes = run.sequence.map(|sequence| ident(sequence, lba));
            let reads = run.buffer.map(|_| self.guess(lba, random));
            seen.extend(reads);
            let op = Op { from: run.from, upto, writes, reads, optional: status != SUCCESS };
            self.ops[lba as usize].push(op);
        }
        if let Some(at) = run.buffer {
            self.script.look(at, &seen);
        }
    }

    /// A value that a read of `lba` might have got, right or wrong.
    fn guess(&self, lba: u64, random: &mut Random) -> Ident {
        let written: Vec<Ident> =
            self.ops[lba as usize].iter().filter_map(|op| op.writes).collect();
        match random.below(6) {
            0 => Ident(1000 + lba),
            1 if !self.values.is_empty() => *random.pick(&self.values),
            _ => written.last().copied().unwrap_or(Ident(1000 + lba)),
        }
    }

    /// A reset: what is under way may have taken effect until it was over.
    fn reset(&mut self, running: Vec<Running>) {
        self.script.write(register::CC, 4, CC_OFF);
        self.script.csts(0);
        self.moment += 1;
        for run in running {
            for lba in run.lba..run.lba + run.count {
                let Some(sequence) = run.sequence else { continue };
                let writes = Some(ident(sequence, lba));
                let (from, upto) = (run.from, self.moment);
                self.ops[lba as usize].push(Op { from, upto, writes, reads: None, optional: true });
            }
        }
        self.script.enable();
        self.script.queue_pair(1);
        self.script.queue_pair(2);
    }
}

#[test]
fn data_is_judged_as_brute_force_judges_it() {
    let mut base = Script::new();
    base.queue_pair(1);
    base.queue_pair(2);
    let (mut accused, mut explained) = (0, 0);
    for seed in 0..cases() {
        let mut random = Random::new(seed);
        let ops = [const { Vec::new() }; 3];
        let mut case = DataCase { script: base.clone(), ops, moment: 0, values: Vec::new() };
        let mut running: Vec<Running> = Vec::new();
        let mut to_start = 4;
        let mut resets = u64::from(random.below(3) == 0);
        while to_start > 0 || !running.is_empty() {
            let start = to_start > 0 && (running.is_empty() || random.below(2) == 0);
            if start {
                running.push(case.start(&mut random));
                to_start -= 1;
            } else if resets > 0 && random.below(4) == 0 {
                case.reset(std::mem::take(&mut running));
                resets -= 1;
            } else {
                let n = random.below(running.len() as u64) as usize;
                let run = running.swap_remove(n);
                case.end(run, &mut random);
            }
        }
        let explanation = case.ops.iter().all(|ops| explains(ops, None));
        let accusation = accuses(&case.script);
        accused += u64::from(accusation);
        explained += u64::from(explanation);
        assert_eq!(accusation, !explanation, "seed {seed}: {:#?}", case.ops);
    }
    assert!(accused > cases() / 20 && explained > cases() / 20, "{accused} of {}", cases());
}

// ---- structure: queues created and deleted beside each other

pub const INVALID_QID: Status = Status::new(1, 0x01);
const CQ_INVALID: Status = Status::new(1, 0x00);
const INVALID_DELETION: Status = Status::new(1, 0x0c);

/// What exists: completion queues, and submission queues with theirs. Identifiers 1 and 2.
#[derive(Clone, Copy, Default, PartialEq)]
struct Queues {
    cqs: [bool; 3],
    sqs: [Option<usize>; 3],
}

#[derive(Clone, Copy, Debug)]
enum Change {
    CreateCq(usize),
    CreateSq(usize, usize),
    DeleteSq(usize),
    DeleteCq(usize),
}

impl Change {
    fn random(random: &mut Random) -> Self {
        let mut qid = || 1 + random.below(2) as usize;
        let (a, b) = (qid(), qid());
        match random.below(4) {
            0 => Self::CreateCq(a),
            1 => Self::CreateSq(a, b),
            2 => Self::DeleteSq(a),
            _ => Self::DeleteCq(a),
        }
    }

    fn sqe(self) -> Sqe {
        match self {
            Self::CreateCq(q) => Script::create_cq(q as u16),
            Self::CreateSq(q, c) => Script::create_sq(q as u16, c as u16),
            Self::DeleteSq(q) => DeleteIoSq { qid: Qid(q as u16) }.sqe(),
            Self::DeleteCq(q) => DeleteIoCq { qid: Qid(q as u16) }.sqe(),
        }
    }

    /// The statuses that a controller in state `q` may give; success first if it may succeed.
    fn allowed(self, q: &Queues) -> Vec<Status> {
        match self {
            // Refusing an identifier in use is recommended only.
            Self::CreateCq(n) if q.cqs[n] => vec![SUCCESS, INVALID_QID],
            Self::CreateCq(_) => vec![SUCCESS],
            Self::CreateSq(n, c) => match (q.cqs[c], q.sqs[n].is_some()) {
                (true, false) => vec![SUCCESS],
                // Of an identifier in use neither the refusal nor its status binds.
                (true, true) => vec![SUCCESS, INVALID_QID, CQ_INVALID],
                (false, true) => vec![CQ_INVALID, INVALID_QID],
                (false, false) => vec![CQ_INVALID],
            },
            Self::DeleteSq(n) if q.sqs[n].is_some() => vec![SUCCESS],
            Self::DeleteCq(n) if q.cqs[n] && q.sqs.contains(&Some(n)) => vec![INVALID_DELETION],
            Self::DeleteCq(n) if q.cqs[n] => vec![SUCCESS],
            Self::DeleteSq(_) | Self::DeleteCq(_) => vec![INVALID_QID],
        }
    }

    fn apply(self, q: &mut Queues) {
        match self {
            Self::CreateCq(n) => q.cqs[n] = true,
            Self::CreateSq(n, c) => q.sqs[n] = Some(c),
            Self::DeleteSq(n) => q.sqs[n] = None,
            Self::DeleteCq(n) => q.cqs[n] = false,
        }
    }
}

/// A change under way or over, with the moments of its doorbell and its CQE.
#[derive(Clone, Copy, Debug)]
struct Done {
    change: Change,
    from: usize,
    upto: usize,
    status: Status,
}

/// Whether some order of `left` from state `q` on gives all these answers.
fn orders(left: &[Done], q: Queues) -> bool {
    left.is_empty()
        || (0..left.len()).any(|n| {
            let this = left[n];
            let first = left.iter().all(|other| other.upto >= this.from);
            if !first || !this.change.allowed(&q).contains(&this.status) {
                return false;
            }
            let mut next = q;
            if this.status == SUCCESS {
                this.change.apply(&mut next);
            }
            let rest: Vec<Done> = (0..left.len()).filter(|m| *m != n).map(|m| left[m]).collect();
            orders(&rest, next)
        })
}

/// A random case: its log, and what was answered when.
fn structure_case(base: &Script, seed: u64) -> (Script, Vec<Done>) {
    let mut random = Random::new(seed);
    let mut script = base.clone();
    let mut guess = Queues::default();
    let mut running: Vec<(Sent, Change, usize)> = Vec::new();
    let mut done = Vec::new();
    let (mut moment, mut to_start) = (0, 4);
    while to_start > 0 || !running.is_empty() {
        moment += 1;
        if to_start > 0 && (running.is_empty() || random.below(2) == 0) {
            let change = Change::random(&mut random);
            running.push((script.send(0, change.sqe()), change, moment));
            to_start -= 1;
            continue;
        }
        let n = random.below(running.len() as u64) as usize;
        let (sent, change, from) = running.swap_remove(n);
        let likely = change.allowed(&guess);
        let any = [SUCCESS, INVALID_QID, CQ_INVALID, INVALID_DELETION];
        let listed: &[Status] = match change {
            Change::CreateCq(_) | Change::DeleteSq(_) => &[SUCCESS, INVALID_QID],
            Change::CreateSq(..) => &[SUCCESS, INVALID_QID, CQ_INVALID],
            Change::DeleteCq(_) => &any,
        };
        let status = if random.below(4) == 0 { *random.pick(listed) } else { likely[0] };
        if status == SUCCESS {
            change.apply(&mut guess);
        }
        script.complete(sent, status);
        done.push(Done { change, from, upto: moment, status });
    }
    script.empty_look(0, LookReason::Idle);
    (script, done)
}

#[test]
fn structure_is_judged_as_brute_force_judges_it() {
    let base = Script::new();
    let (mut accused, mut explained) = (0, 0);
    for seed in 0..cases() {
        let (script, done) = structure_case(&base, seed);
        let explanation = orders(&done, Queues::default());
        let accusation = accuses(&script);
        accused += u64::from(accusation);
        explained += u64::from(explanation);
        assert_eq!(
            accusation,
            !explanation,
            "seed {seed}: {done:#?} {:#?}",
            script.judge().findings()
        );
    }
    assert!(accused > cases() / 20 && explained > cases() / 20, "{accused} of {}", cases());
}
