//! The terminal: progress while it runs, a line for each test that did not pass, the story of each
//! finding, and a summary.
//!
//! The writer gets styled text; the program hands it a stream that strips styles for pipes and
//! under `NO_COLOR`. Progress goes to a second stream, and only if that is a terminal.

use std::collections::BTreeSet;
use std::io::{self, Write};

use anstyle::{Reset, Style};

use crate::story::{style_of, write_some};
use crate::{Counted, Event, Exit, Report, RunFinished, RunStarted, TestFinished, Verdict};

/// A line that is overwritten while the run goes on: `[12/63] base/admin/…`.
pub trait Progress {
    /// Shows `text` in place of what was there.
    fn show(&mut self, text: &str);
    /// Takes it away, so that a line can be written.
    fn clear(&mut self);
}

/// Progress for pipes and files: none.
impl Progress for () {
    fn show(&mut self, _text: &str) {}
    fn clear(&mut self) {}
}

/// The writer. Feed it every event of a run in order.
pub struct Terminal<W, P = ()> {
    to: W,
    progress: P,
    report: Option<Report>,
    /// Findings in bring-up that were told: requirement and observation. Every test begins with
    /// bring-up, so each of them would tell the same again.
    told: BTreeSet<(Option<String>, String)>,
}

impl<W: Write, P: Progress> Terminal<W, P> {
    /// A writer to `to`, with `progress` beside it.
    pub fn new(to: W, progress: P) -> Self {
        Self { to, progress, report: None, told: BTreeSet::new() }
    }

    /// Takes in one event.
    pub fn event(&mut self, event: &Event) -> io::Result<()> {
        self.progress.clear();
        match event {
            Event::RunStarted(started) => self.begin(started)?,
            Event::TestStarted(test) => {
                if let Some(report) = &self.report {
                    let done = report.counts.tests;
                    self.progress.show(&format!("[{done}/{}] {}", report.selected, test.id));
                }
            }
            Event::TestFinished(test) => self.test(test)?,
            Event::RunFinished(finished) => self.finish(finished)?,
        }
        self.to.flush()
    }

    /// The stream back.
    pub fn into_inner(self) -> W {
        self.to
    }

    fn begin(&mut self, run: &RunStarted) -> io::Result<()> {
        let bold = Style::new().bold();
        let RunStarted { version, commit, seed, .. } = run;
        writeln!(self.to, "{bold}lockstep {version}{bold:#} · commit {commit} · seed {seed}")?;
        let dut = &run.dut;
        let revision = if dut.revision.is_empty() { "unknown" } else { &dut.revision };
        writeln!(self.to, "dut      {} · VS {revision}", dut.description)?;
        writeln!(self.to, "profile  {}", run.profile.name)?;
        if let Some(waivers) = &run.waivers {
            writeln!(self.to, "waivers  {waivers}")?;
        }
        let tests = Counted(run.selected.into(), "test");
        match &run.filter {
            Some(filter) => writeln!(self.to, "{tests} selected by `{filter}`\n")?,
            None => writeln!(self.to, "{tests}\n")?,
        }
        self.report = Some(Report::begin(run));
        Ok(())
    }

    fn test(&mut self, test: &TestFinished) -> io::Result<()> {
        let Some(report) = &mut self.report else { return Ok(()) };
        report.add(test);
        if test.verdict == Verdict::Passed {
            return Ok(());
        }
        let style = style_of(test.verdict);
        let word = test.verdict.word().to_uppercase();
        writeln!(self.to, "{style}{word:<9}{Reset} {}", test.id)?;
        // The reason of these two is that there are findings, and they are told next.
        let told = matches!(test.verdict, Verdict::Diverged | Verdict::Warned);
        for part in test.reason.lines().filter(|_| !told || test.findings.is_empty()) {
            writeln!(self.to, "  {part}")?;
        }
        // What is waived is known: its line says by which waiver.
        if test.verdict != Verdict::Waived {
            let mut again: Vec<&str> = Vec::new();
            let new: Vec<bool> = test
                .findings
                .iter()
                .map(|finding| {
                    let name = (finding.requirement.clone(), finding.observed.clone());
                    let waived = finding.waived_by.is_some();
                    let new = waived || !finding.in_bring_up() || self.told.insert(name);
                    if !new {
                        again.push(finding.requirement.as_ref().unwrap_or(&finding.observed));
                    }
                    new
                })
                .collect();
            if !again.is_empty() {
                writeln!(self.to, "  in bring-up, as told above: {}", again.join(", "))?;
            }
            let story = report.story(test);
            write_some(&story, &|at| new[at], &mut self.to, true)?;
        }
        Ok(())
    }

    fn finish(&mut self, finished: &RunFinished) -> io::Result<()> {
        let Some(report) = &mut self.report else { return Ok(()) };
        report.finish(finished);
        let to = &mut self.to;
        for problem in &finished.problems {
            let style = style_of(Verdict::Unproved);
            writeln!(to, "{style}PROBLEM{style:#}   {}", problem.text)?;
        }
        if finished.interrupted {
            let left = u64::from(report.selected - report.counts.tests.min(report.selected));
            let style = style_of(Verdict::Error);
            writeln!(
                to,
                "{style}INTERRUPTED{style:#} {} did not run; what finished is kept",
                Counted(left, "test")
            )?;
        }
        write_summary(report, to)?;
        let exit = Exit::ALL.into_iter().find(|e| e.code() == finished.exit);
        match exit {
            Some(Exit::Passed) | None => Ok(()),
            Some(exit) => writeln!(to, "{exit}"),
        }
    }
}

fn write_summary(report: &Report, to: &mut dyn Write) -> io::Result<()> {
    let counts = &report.counts;
    write!(to, "{}:", Counted(counts.tests.into(), "test"))?;
    let mut comma = "";
    for verdict in Verdict::ALL {
        let count = counts.of(verdict);
        if count > 0 {
            let style = style_of(verdict);
            write!(to, "{comma} {style}{count} {verdict}{style:#}")?;
            comma = ",";
        }
    }
    writeln!(to)?;
    let judged = report.requirements.iter().filter(|r| r.judged > 0).count();
    let diverged = report.requirements.iter().filter(|r| r.diverged > 0).count();
    writeln!(
        to,
        "{judged} of {} judged, {diverged} diverged",
        Counted(report.requirements.len() as u64, "named requirement")
    )?;
    let seen = &report.observations;
    let share = 100.0 * seen.inconclusive as f64 / seen.total().max(1) as f64;
    writeln!(to, "{seen} judged; {share:.2} % inconclusive")?;
    for choice in report.choices.iter().filter(|choice| !choice.shown.is_empty()) {
        let pinned = if choice.pinned { ", pinned to " } else { "" };
        let taken = if choice.pinned { choice.taken.as_str() } else { "" };
        let shown: Vec<String> = choice
            .shown
            .iter()
            .map(|shown| format!("{} ({}x)", shown.reading, shown.times))
            .collect();
        writeln!(to, "choice {}: {}{pinned}{taken}", choice.name, shown.join(", "))?;
    }
    Ok(())
}
