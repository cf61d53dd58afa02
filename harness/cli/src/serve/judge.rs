//! `lockstep serve --judge`: the model judges what passes between the emulator and its client.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::anyhow;
use dut::{Capabilities, Identity, Tap};
use lab::{TraceHeader, Witness};
use model::Profile;
use reports::{
    Counts, DutFacts, Exit, Observations, Seed, Story, TestFinished, Verdict, shell_word,
    write_story,
};
use runner::facts::COMMIT;
use runner::settle::{Judged, Lack, Rest};
use runner::waiver::Waivers;
use spec::Version;

use crate::failure::Failure;

/// What the observation is called in stories and traces.
const NAME: &str = "serve";
/// Findings of one requirement that are told in full; the rest is counted.
const TOLD: u32 = 3;
/// Records after which what was judged is forgotten, unless a trace is kept.
const KEPT: usize = 4096;

/// The judge of a server, and what it has told.
pub struct LiveJudge {
    witness: Arc<Mutex<Witness>>,
    profile: Arc<Profile>,
    facts: DutFacts,
    /// Findings that were looked at.
    looked: usize,
    /// How many of each were found: kind and requirement.
    counts: BTreeMap<(String, String), u32>,
    trace: Option<PathBuf>,
    /// The command that shows a finding again.
    again: String,
}

impl LiveJudge {
    /// The judge of a device that has just been powered on. With `trace` everything is kept in
    /// memory, and written there in the end.
    pub fn new(
        identity: &Identity,
        capabilities: &Capabilities,
        profile: Arc<Profile>,
        trace: Option<PathBuf>,
    ) -> Self {
        let witness = Witness::new(identity, capabilities, Arc::clone(&profile));
        let facts = runner::facts::of(identity.clone(), capabilities, "serve", None);
        let witness = Arc::new(Mutex::new(witness));
        Self {
            witness,
            profile,
            facts,
            looked: 0,
            counts: BTreeMap::new(),
            again: again(trace.as_deref()),
            trace,
        }
    }

    /// What the device is to tell.
    pub fn tap(&self) -> Box<dyn Tap + Send> {
        Box::new(Arc::clone(&self.witness))
    }

    fn witness(&self) -> MutexGuard<'_, Witness> {
        self.witness.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells what was found since the last look.
    pub fn look(&mut self) {
        let witness = Arc::clone(&self.witness);
        let mut witness = witness.lock().unwrap_or_else(PoisonError::into_inner);
        let (findings, log) = witness.follow();
        if self.facts.revision.is_empty()
            && let Some(revision) = runner::facts::revision(&self.profile, log)
        {
            self.facts.revision = revision.to_string();
        }
        let revision = Version::parse(&self.facts.revision);
        for finding in &findings[self.looked.min(findings.len())..] {
            let name = finding.req.map_or("", |req| req.name());
            let kind = format!("{:?}", finding.kind);
            let count = self.counts.entry((kind, name.into())).or_default();
            *count += 1;
            if *count > TOLD {
                continue;
            }
            let told = Judged {
                id: NAME,
                requirements: &[],
                verdict: &model::Verdict::Diverged,
                findings: std::slice::from_ref(finding),
                log,
                revision,
                rest: &|_| Rest { verdict: model::Verdict::Diverged, lacks: Lack::Nothing },
            };
            let mut settled = told.settle(&Waivers::default());
            // Every record is a step of a host that has no sequence.
            for told in &mut settled.findings {
                told.place.step = told.place.record;
                told.place.steps = log.len() as u32;
            }
            let test = TestFinished {
                id: NAME.into(),
                verdict: settled.verdict,
                findings: settled.findings,
                number: 0,
                requirements: Vec::new(),
                reason: settled.reason,
                observations: Observations::default(),
                coverage: Vec::new(),
                choices: Vec::new(),
                lacks: None,
                trace: None,
                duration_us: None,
            };
            let story = Story {
                dut: &self.facts,
                seed: Seed(0),
                commit: COMMIT,
                profile: "default",
                test: &test,
                again: Some(&self.again),
            };
            // Nobody may be there to read it: what was found is counted all the same.
            let _ = write_story(&story, &mut anstream::stderr(), true);
        }
        self.looked = findings.len();
        if self.trace.is_none() && log.records().len() > KEPT {
            witness.forget();
        }
    }

    /// The observation is over: what was judged, and the exit code.
    pub fn finish(mut self, now: u64, out: &mut dyn Write) -> Result<Exit, Failure> {
        let verdict = self.witness().finish(now);
        self.look();
        if let Some(path) = &self.trace {
            let header = TraceHeader {
                test: NAME.into(),
                seed: 0,
                commit: COMMIT.into(),
                dut: "serve".into(),
                profile: (*self.profile).clone(),
            };
            let trace = self.witness().trace(&header);
            let written = std::fs::write(path, trace.to_bytes());
            written.map_err(|error| Failure::unwritten(path, error))?;
        }
        for ((kind, name), count) in &self.counts {
            writeln!(out, "{count} x {kind} {name}")?;
        }
        let seen = runner::told::observations(self.witness().coverage());
        let (verdict, reason) = match verdict {
            model::Verdict::Passed => (Verdict::Passed, String::new()),
            model::Verdict::Warned => (Verdict::Warned, String::new()),
            model::Verdict::Diverged => (Verdict::Diverged, String::new()),
            model::Verdict::NotApplicable(why) => (Verdict::NotApplicable, why),
            model::Verdict::Unproved(why) => (Verdict::Unproved, why),
            model::Verdict::Error(why) => return Err(Failure::harness(anyhow!("{why}"))),
        };
        let colon = if reason.is_empty() { "" } else { ": " };
        writeln!(out, "{verdict}{colon}{reason} · {seen}")?;
        let mut counts = Counts::default();
        counts.add(verdict);
        Ok(Exit::of_run(&counts, &[], false, false))
    }
}

/// What shows a finding again: the trace, or the same server with one.
fn again(trace: Option<&Path>) -> String {
    match trace {
        Some(path) => format!("lockstep judge {}", shell_word(&path.display().to_string())),
        None => {
            let arguments = std::env::args().skip(1).map(|word| shell_word(&word));
            let words: Vec<String> = arguments.collect();
            format!("lockstep {} --trace serve.trace", words.join(" "))
        }
    }
}
