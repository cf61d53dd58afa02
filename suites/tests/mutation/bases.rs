//! The traces that are mutated: every registered test on the correct emulator that was a success.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use emulator::{Config, EmulatorDut};
use lab::Settings;
use log::{Body, Log, Record};
use model::{Finding, FindingKind, Profile, Verdict};
use spec::register::DoorbellKind;
use spec::{Addr, Req, Sqe};

/// A trace of a success, and what the judge made of it.
pub struct Base {
    /// The configuration and the test.
    pub name: String,
    /// Everything that was recorded.
    pub log: Log,
    /// What the judge says of it.
    pub judged: Judged,
    /// Who submitted what, by record.
    pub index: Index,
    /// Whether the bring-up is mutated in this trace; it is the same in most.
    pub with_bring_up: bool,
}

/// What the judge says of a log.
pub struct Judged {
    /// Passed or warned.
    pub success: bool,
    /// How often each finding was made.
    pub findings: BTreeMap<(FindingKind, Option<Req>), u32>,
}

/// Judges a log from its beginning.
pub fn judge(log: &Log) -> Judged {
    let (verdict, findings, _) = lab::judge(log, Arc::new(Profile::default()));
    Judged::new(&verdict, &findings)
}

impl Judged {
    fn new(verdict: &Verdict, findings: &[Finding]) -> Self {
        let mut counts = BTreeMap::new();
        for finding in findings {
            *counts.entry((finding.kind, finding.req)).or_default() += 1;
        }
        let success = matches!(verdict, Verdict::Passed | Verdict::Warned);
        Self { success, findings: counts }
    }

    /// Whether a mutant of a log that was judged `base` is flagged: no success any more, or a finding
    /// more.
    pub fn flags(&self, base: &Judged) -> bool {
        let more =
            |(finding, count): (_, &u32)| *count > base.findings.get(finding).copied().unwrap_or(0);
        !self.success || self.findings.iter().any(more)
    }
}

/// Who submitted what, by record: read from the log alone, by nothing that the judge knows.
#[derive(Default)]
pub struct Index {
    /// The `Submit` of the command that a `Completion` names.
    pub submit: HashMap<usize, usize>,
    /// The first doorbell of the queue after a `Submit`.
    pub rung: HashMap<usize, usize>,
    /// The `Completion` of a `Submit`.
    pub completion: HashMap<usize, usize>,
    /// The admin command that returned the bytes of a `BytesSeen`: its `Submit`.
    pub source: HashMap<usize, usize>,
}

impl Index {
    fn new(records: &[Record]) -> Self {
        let mut index = Self::default();
        let mut latest = HashMap::new();
        let mut unrung: HashMap<(u8, u16), Vec<usize>> = HashMap::new();
        let mut returned: HashMap<Addr, usize> = HashMap::new();
        for (at, record) in records.iter().enumerate() {
            match record.body() {
                Body::Submit { sqid, sqe, .. } => {
                    latest.insert((record.ctrl, sqid.0, sqe.cid().0), at);
                    unrung.entry((record.ctrl, sqid.0)).or_default().push(at);
                }
                Body::Doorbell(bell) if bell.kind == DoorbellKind::SqTail => {
                    for submit in unrung.remove(&(record.ctrl, bell.qid.0)).unwrap_or_default() {
                        index.rung.insert(submit, at);
                    }
                }
                Body::Completion { cqe, .. } => {
                    let key = (record.ctrl, cqe.sqid().0, cqe.cid().0);
                    let Some(&submit) = latest.get(&key) else { continue };
                    index.submit.insert(at, submit);
                    index.completion.insert(submit, at);
                    if let Body::Submit { sqid, sqe, .. } = records[submit].body()
                        && sqid.is_admin()
                    {
                        returned.insert(sqe.prp1(), submit);
                    }
                }
                Body::BytesSeen { at: from, .. } => {
                    if let Some(&submit) = returned.get(&from) {
                        index.source.insert(at, submit);
                    }
                }
                _ => {}
            }
        }
        index
    }
}

impl Base {
    /// Record `at`.
    pub fn record(&self, at: usize) -> &Record {
        &self.log.records()[at]
    }

    /// The command that the completion in record `at` names: whether it is an admin command, and its SQE.
    pub fn command(&self, at: usize) -> Option<(bool, Sqe)> {
        let submit = *self.index.submit.get(&at)?;
        match self.record(submit).body() {
            Body::Submit { sqid, sqe, .. } => Some((sqid.is_admin(), sqe)),
            _ => None,
        }
    }
}

/// One trace of every bring-up so many is mutated in its bring-up too.
const BRING_UP_EVERY: usize = 8;

/// The configurations: one controller, and two that share a namespace.
fn configs() -> [(&'static str, Config); 2] {
    let two = Config { controllers: 2, ..Config::default() };
    [("one controller", Config::default()), ("two controllers", two)]
}

/// Runs every test under every configuration and keeps the successes. Gives them and the number of runs.
pub fn all(seed: u64) -> (Vec<Base>, usize) {
    let mut bases = Vec::new();
    let mut runs = 0;
    for (words, config) in configs() {
        for test in lab::tests() {
            let opened = EmulatorDut::new(config.clone());
            let mut dut = opened.expect("the configurations are valid");
            let profile = Arc::new(Profile::default());
            let run = lab::run_test(&mut dut, test, profile, seed, Settings::default());
            runs += 1;
            if matches!(run.verdict, Verdict::Passed | Verdict::Warned) {
                bases.push(Base {
                    name: format!("{words}: {}", test.id()),
                    judged: judge(&run.log),
                    index: Index::new(run.log.records()),
                    log: run.log,
                    with_bring_up: bases.len() % BRING_UP_EVERY == 0,
                });
            }
        }
    }
    (bases, runs)
}
