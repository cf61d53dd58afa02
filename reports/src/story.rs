//! The story of a finding, for a reader at 3 a.m.: what differs, what was allowed and why, the
//! command decoded and raw, what had agreed, who was tested, and how to see it again.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use crate::{DutFacts, Finding, FindingKind, Seed, TestFinished, Verdict};

/// What a story is told from.
#[derive(Clone, Copy, Debug)]
pub struct Story<'a> {
    /// Who was tested.
    pub dut: &'a DutFacts,
    /// The run's seed.
    pub seed: Seed,
    /// The program's commit.
    pub commit: &'a str,
    /// The profile's file, or `default`.
    pub profile: &'a str,
    /// The test.
    pub test: &'a TestFinished,
    /// The command that shows it again. Without one: a replay of its trace, or the test run alone.
    pub again: Option<&'a str>,
}

/// `text` as one word of a shell's command line, quoted where that is needed.
pub fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.into()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// ` --profile FILE`, or nothing for the default profile.
pub fn profile_argument(profile: &str) -> String {
    match profile {
        "default" => String::new(),
        file => format!(" --profile {}", shell_word(file)),
    }
}

impl Finding {
    /// Whether it was made in bring-up, which every test begins with.
    pub fn in_bring_up(&self) -> bool {
        self.place.step == 0
    }
}

/// The colour of a verdict.
pub(crate) fn style_of(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Passed => AnsiColor::Green.on_default(),
        Verdict::Warned => AnsiColor::Yellow.on_default(),
        Verdict::Diverged | Verdict::Error => AnsiColor::Red.on_default().bold(),
        Verdict::Unproved => AnsiColor::Magenta.on_default().bold(),
        Verdict::Waived | Verdict::NotApplicable => AnsiColor::Cyan.on_default(),
    }
}

fn style_of_finding(kind: FindingKind) -> Style {
    match kind {
        FindingKind::Divergence => style_of(Verdict::Diverged),
        FindingKind::Warning => style_of(Verdict::Warned),
        FindingKind::Anomaly | FindingKind::Inconclusive | FindingKind::Gap => {
            style_of(Verdict::Unproved)
        }
    }
}

/// At most so many findings of one kind are told in full; the rest is counted. All of them stand in
/// the JSON report.
const TOLD: usize = 3;

/// Writes the story of each finding of a test, with colours if `styled`.
pub fn write_story(story: &Story<'_>, to: &mut dyn Write, styled: bool) -> io::Result<()> {
    write_some(story, &|_| true, to, styled)
}

/// Writes the story of each finding of a test that `wanted` picks, by its index.
pub(crate) fn write_some(
    story: &Story<'_>,
    wanted: &dyn Fn(usize) -> bool,
    to: &mut dyn Write,
    styled: bool,
) -> io::Result<()> {
    let findings = &story.test.findings;
    let mut told = [0_usize; 5];
    let mut known: Vec<&str> = Vec::new();
    for (_, finding) in findings.iter().enumerate().filter(|(at, _)| wanted(*at)) {
        // What a waiver covers is written up where the waiver says.
        if let Some(waiver) = &finding.waived_by {
            if !known.contains(&waiver.as_str()) {
                known.push(waiver);
            }
            continue;
        }
        let count = &mut told[finding.kind as usize];
        *count += 1;
        if *count <= TOLD {
            let cause = finding.consequence_of.and_then(|cause| findings.get(cause as usize));
            write_finding(finding, cause, to, styled)?;
        }
    }
    for (count, kind) in told.into_iter().zip([
        FindingKind::Divergence,
        FindingKind::Warning,
        FindingKind::Anomaly,
        FindingKind::Inconclusive,
        FindingKind::Gap,
    ]) {
        if count > TOLD {
            writeln!(to, "{}  and {} more of the same test", kind.word(), count - TOLD)?;
        }
    }
    if !known.is_empty() {
        writeln!(to, "  beside known deviations: {}", known.join(", "))?;
    }
    if told != [0; 5] {
        write_footer(story, to)?;
    }
    Ok(())
}

fn line(to: &mut dyn Write, label: &str, text: &str) -> io::Result<()> {
    for (n, part) in text.lines().enumerate() {
        writeln!(to, "  {:<9} {part}", if n == 0 { label } else { "" })?;
    }
    Ok(())
}

fn write_finding(
    finding: &Finding,
    cause: Option<&Finding>,
    to: &mut dyn Write,
    styled: bool,
) -> io::Result<()> {
    let style = if styled { style_of_finding(finding.kind) } else { Style::new() };
    let name = finding.requirement.as_deref().unwrap_or(match finding.divergence {
        Some(crate::DivergenceKind::Death) => "the DUT died",
        _ => "no requirement",
    });
    let mut facts: Vec<String> = Vec::new();
    facts.extend(finding.level.clone());
    facts.extend(finding.clause.clone());
    if let Some(kind) = finding.divergence
        && kind != crate::DivergenceKind::Rule
    {
        facts.push(format!("{kind:?}").to_lowercase());
    }
    facts.push(match finding.place.step {
        0 => "bring-up".into(),
        step => format!("step {step} of {}", finding.place.steps),
    });
    if finding.place.ctrl != 0 {
        facts.push(format!("controller {}", finding.place.ctrl));
    }
    facts.push(finding.place.at.clone());
    let facts = facts.join(" · ");
    writeln!(to, "{style}{:<9}{style:#} {name:<40} {facts}", finding.kind.word())?;

    line(to, "observed", &finding.observed)?;
    for (n, allowed) in finding.allowed.iter().enumerate() {
        let label = if n == 0 { "allowed" } else { "or" };
        match allowed.because.as_str() {
            "" => line(to, label, &allowed.answer)?,
            because => line(to, label, &format!("{}   because {because}", allowed.answer))?,
        }
    }
    if let Some(command) = &finding.command {
        line(to, "command", &command.decoded)?;
        // Two lines of eight dwords keep the 64 bytes below the width of a terminal.
        let middle = command.sqe.match_indices(' ').nth(7).map_or(command.sqe.len(), |(at, _)| at);
        let (first, second) = command.sqe.split_at(middle);
        line(to, "sqe", &format!("{first}\n{}", second.trim_start()))?;
    }
    if finding.place.step > 1 {
        let steps = format!("steps 1-{}: {}", finding.place.step - 1, finding.agreed);
        line(to, "agreed", &steps)?;
    }
    if let Some(cause) = cause {
        let name = cause.requirement.as_deref().unwrap_or(&cause.observed);
        let step = cause.place.step;
        line(to, "perhaps", &format!("only a consequence of {name} at step {step}"))?;
    }
    if !finding.dut_lines.is_empty() {
        line(to, "dut says", &finding.dut_lines.join("\n"))?;
    }
    Ok(())
}

fn write_footer(story: &Story<'_>, to: &mut dyn Write) -> io::Result<()> {
    let Story { dut, seed, commit, profile, test, again } = story;
    line(to, "test", &test.id)?;
    let revision = match dut.revision.as_str() {
        "" => "VS not read".into(),
        revision => format!("VS {revision}"),
    };
    line(to, "dut", &format!("{} · {revision} · seed {seed} · commit {commit}", dut.description))?;
    match (again, &test.trace) {
        (Some(again), _) => line(to, "again", again)?,
        // A trace holds the profile that it was judged by.
        (None, Some(trace)) => {
            line(
                to,
                "replay",
                &format!("lockstep replay {} {}", shell_word(trace), dut.arguments),
            )?;
        }
        (None, None) => {
            let profile = profile_argument(profile);
            let (arguments, test) = (&dut.arguments, shell_word(&format!("={}", test.id)));
            let run = format!("lockstep run {arguments}{profile} --seed {seed} --filter {test}");
            line(to, "again", &run)?;
        }
    }
    writeln!(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_a_shell() {
        assert_eq!(shell_word("a/b-1.toml"), "a/b-1.toml");
        assert_eq!(shell_word("serial=it's"), "'serial=it'\\''s'");
        assert_eq!(shell_word("a b"), "'a b'");
        assert_eq!(shell_word(""), "''");
        assert_eq!(profile_argument("default"), "");
        assert_eq!(profile_argument("my profile"), " --profile 'my profile'");
    }
}
