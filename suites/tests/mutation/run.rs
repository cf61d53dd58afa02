//! The run: sample, judge on every core, count, and tell the stories of survivors.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use log::random::Random;
use log::{Body, Log};
use model::{Judge, Profile};

use crate::bases::{self, Base};
use crate::change::{self, Op};
use crate::excuses::{self, Case, Excuse, Excuses};
use crate::mutants::{self, Label, Site};
use crate::table::{self, Fate, Table};

/// How many mutants of each (record, field, mutation) are judged at most.
const SAMPLE: usize = 100;
/// How many survivors of each label are told in full; `LOCKSTEP_TOLD` asks for more.
const TOLD: usize = 3;

/// What a run gave.
pub struct Outcome {
    /// The table.
    pub table: Table,
    /// Everything for a reader.
    pub report: String,
    /// What makes the run fail.
    pub wrong: Vec<String>,
}

/// One judged mutant.
struct Mutant {
    site: Site,
    fate: Fate,
    /// Whether the judge believes anything else because of it.
    believed: bool,
    panicked: bool,
    story: String,
}

/// Runs the traces, mutates them and judges the mutants: those of the kinds of records `only`, or of all.
pub fn all(seed: u64, excuses: &Excuses, only: &[String]) -> Outcome {
    let began = Instant::now();
    let (bases, runs) = bases::all(seed);
    let ran = began.elapsed();
    let sites = sample(seed, &bases, only);
    let mut mutants = judge_all(seed, &bases, &sites, &excuses.excuse);
    spare_unread(&mut mutants);
    let mut table = Table::new();
    let mut used = BTreeSet::new();
    for mutant in &mutants {
        table::count(&mut table, mutant.site.label, mutant.fate);
        if let Fate::Excused(by) = mutant.fate {
            used.insert(by);
        }
    }
    let mut wrong = stories(&mutants);
    let idle = excuses.excuse.iter().enumerate().filter(|(n, _)| !used.contains(n));
    wrong.extend(idle.filter(|_| only.is_empty()).map(|(_, excuse)| {
        let Excuse { record, field, mutation, only_if, .. } = excuse;
        format!("the excuse {record} / {field} / {mutation} ({only_if}) excuses nothing")
    }));
    if bases.is_empty() {
        wrong.push("no trace is a success: there is nothing to mutate".into());
    }
    let report = format!(
        "seed {seed}: {} traces of {runs} runs in {ran:.1?}, {} mutants in {:.1?}\n{}",
        bases.len(),
        mutants.len(),
        began.elapsed() - ran,
        table::print(&table)
    );
    Outcome { table, report, wrong }
}

/// At most [`SAMPLE`] sites of each label. Which ones depends on each site alone, so that a new test moves
/// the sample only as far as its own sites come in.
fn sample(seed: u64, bases: &[Base], only: &[String]) -> Vec<Site> {
    let mut chosen: BTreeMap<Label, BTreeMap<(u64, usize), Site>> = BTreeMap::new();
    for (number, base) in bases.iter().enumerate() {
        let trace = Random::named(seed, &base.name).number();
        mutants::sites(base, number, &mut |site| {
            if !only.is_empty() && !only.iter().any(|record| record == site.label.record) {
                return;
            }
            let kept = chosen.entry(site.label).or_default();
            let mut order =
                Random::new(trace ^ (site.at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            kept.insert((order.number(), number), site);
            if kept.len() > SAMPLE {
                kept.pop_last();
            }
        });
    }
    chosen.into_values().flat_map(BTreeMap::into_values).collect()
}

fn judge_all(seed: u64, bases: &[Base], sites: &[Site], excuses: &[Excuse]) -> Vec<Mutant> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            let Some(site) = sites.get(n) else { return done };
            let base = &bases[site.base];
            let name = format!("{} {} {}", base.name, site.at, site.label);
            let mut random = Random::named(seed, &name);
            if let Some(ops) = (site.make)(base, site.at, site.span, &mut random) {
                done.push((n, judge_one(base, site, &ops, excuses)));
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut all: Vec<_> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running.into_iter().flat_map(|t| t.join().expect("judging does not panic")).collect()
    });
    all.sort_by_key(|(n, _)| *n);
    all.into_iter().map(|(_, mutant)| mutant).collect()
}

fn judge_one(base: &Base, site: &Site, ops: &[Op], excuses: &[Excuse]) -> Mutant {
    let mutated = change::apply(&base.log, ops);
    let judged = catch_unwind(AssertUnwindSafe(|| bases::judge(&mutated)));
    let mut mutant = Mutant {
        site: *site,
        fate: Fate::Flagged,
        believed: false,
        panicked: judged.is_err(),
        story: String::new(),
    };
    if judged.as_ref().is_ok_and(|judged| !judged.flags(&base.judged)) {
        mutant.believed = is_claim(site) && believes_another(base, &mutated, site.at);
        let case = Case { base, at: site.at, mutated: &mutated };
        let excuse = excuses::find(excuses, site.label, &case);
        mutant.fate = excuse.map_or(Fate::Survived, Fate::Excused);
    }
    if mutant.panicked || mutant.fate == Fate::Survived {
        mutant.story = story(base, site, &mutated, ops);
    }
    mutant
}

/// Whether the site is a claim: what the controller says of itself.
fn is_claim(site: &Site) -> bool {
    site.label.record == "bytes-seen"
}

/// Whether the belief right after the record is another because of the change.
fn believes_another(base: &Base, mutated: &Log, at: usize) -> bool {
    let after = |log: &Log| {
        let mut log = log.clone();
        let payload = log.payload_area().len();
        log.truncate(at + 1, payload);
        let mut judge = Judge::new(Arc::new(Profile::default()));
        judge.catch_up(&log);
        (judge.worlds().to_vec(), judge.coverage().clone())
    };
    after(&base.log) != after(mutated)
}

/// A claim is unjudged if no mutant of its field was flagged or changed what is believed.
fn spare_unread(mutants: &mut [Mutant]) {
    let read: BTreeSet<_> = mutants
        .iter()
        .filter(|m| !is_claim(&m.site) || m.fate == Fate::Flagged || m.believed)
        .map(|m| (m.site.label.record, m.site.label.path()))
        .collect();
    for mutant in mutants {
        let label = mutant.site.label;
        if mutant.fate == Fate::Survived && !read.contains(&(label.record, label.path())) {
            mutant.fate = Fate::Unjudged;
        }
    }
}

/// What is wrong with the mutants, survivors of one label together.
fn stories(mutants: &[Mutant]) -> Vec<String> {
    let told = std::env::var("LOCKSTEP_TOLD").ok().and_then(|n| n.parse().ok()).unwrap_or(TOLD);
    let mut wrong: BTreeMap<Label, Vec<&Mutant>> = BTreeMap::new();
    for mutant in mutants.iter().filter(|m| m.panicked || m.fate == Fate::Survived) {
        wrong.entry(mutant.site.label).or_default().push(mutant);
    }
    let tell = |(label, list): (Label, Vec<&Mutant>)| {
        let panics = list.iter().filter(|mutant| mutant.panicked).count();
        let mut text =
            format!("{label}: {} survived, {panics} made the judge panic", list.len() - panics);
        for mutant in list.iter().take(told) {
            let _ = write!(text, "\n{}", mutant.story);
        }
        text
    };
    wrong.into_iter().map(tell).collect()
}

/// Which trace, which record, what was changed.
fn story(base: &Base, site: &Site, mutated: &Log, ops: &[Op]) -> String {
    let mut text = format!("  in {}, record {}\n", base.name, site.at);
    if let Some((_, sqe)) = base.command(site.at) {
        let _ = writeln!(text, "    command {sqe:?}");
    }
    let _ = writeln!(text, "    was     {:?}", base.record(site.at));
    if let Body::BytesSeen { .. } = base.record(site.at).body() {
        let _ = writeln!(text, "    field   bytes {} and {} more", site.span.0, site.span.1);
    }
    for op in ops {
        let _ = match op {
            Op::Set(at, record) => writeln!(text, "    now     record {at}: {record:?}"),
            Op::Remove(at) => writeln!(text, "    now     without record {at}"),
            Op::Insert(at, record) => writeln!(text, "    now     before record {at}: {record:?}"),
            Op::Bytes(at, bytes) => {
                let was = &base.log.payload_area()[*at as usize..*at as usize + bytes.len()];
                writeln!(text, "    now     payload {at}: {was:02x?} became {bytes:02x?}")
            }
            Op::Delay(at, nanos) => {
                writeln!(text, "    now     from record {at} on {nanos} ns later")
            }
        };
    }
    let around = site.at.saturating_sub(2)..(site.at + 4).min(mutated.len());
    for n in around {
        let _ = writeln!(text, "    {n:>5}   {:?}", mutated.records()[n]);
    }
    text
}
