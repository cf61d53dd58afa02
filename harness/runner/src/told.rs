//! Findings and counts of the judge, as reports write them.

use log::{Body, Log};
use model::{DivergenceKind, Finding, FindingKind};
use reports::{Observations, RequirementCounts};
use spec::command::describe;
use spec::requirement::{Level, Req};
use spec::{QueueKind, Version};

/// One finding of a log, whose controller is judged by `revision`.
pub fn finding(
    finding: &Finding,
    log: &Log,
    revision: Option<Version>,
    waived_by: Option<String>,
) -> reports::Finding {
    let (kind, divergence) = kinds(finding.kind);
    let level = finding.req.zip(revision).and_then(|(req, version)| req.force(version));
    let steps = log.records().iter().map(|r| r.step).max().unwrap_or(0);
    reports::Finding {
        kind,
        divergence,
        requirement: finding.req.map(|req| req.name().into()),
        clause: finding.req.map(|req| req.info().clause.into()),
        level: level.map(|force| level_word(force.level).into()),
        place: reports::Place {
            step: finding.step.into(),
            steps: steps.into(),
            ctrl: finding.ctrl,
            record: finding.record,
            at: finding.place.clone(),
        },
        observed: finding.observed.clone(),
        allowed: finding
            .allowed
            .iter()
            .map(|allowed| reports::Allowed {
                answer: allowed.answer.clone(),
                because: allowed.because.clone(),
            })
            .collect(),
        command: finding
            .command
            .zip(command(finding, log))
            .map(|(sqe, decoded)| reports::Command { decoded, sqe: format!("{sqe:?}") }),
        agreed: seen_before(log, finding.record),
        consequence_of: finding.consequence_of,
        waived_by,
        dut_lines: Vec::new(),
    }
}

/// The command that a finding of a log concerns, decoded.
pub fn command(finding: &Finding, log: &Log) -> Option<String> {
    let sqe = finding.command?;
    Some(describe(&sqe, queue_of(finding, &sqe, log)).to_string())
}

/// Which opcode table the command of a finding belongs to: that of the queue it was last put into.
fn queue_of(finding: &Finding, sqe: &spec::Sqe, log: &Log) -> QueueKind {
    let submitted =
        log.before(finding.record + 1).iter().rev().find_map(|record| match record.body() {
            Body::Submit { sqid, sqe: ref seen, .. } if seen == sqe => Some(sqid),
            _ => None,
        });
    match submitted {
        Some(sqid) if !sqid.is_admin() => QueueKind::Nvm,
        _ => QueueKind::Admin,
    }
}

fn kinds(kind: FindingKind) -> (reports::FindingKind, Option<reports::DivergenceKind>) {
    use reports::FindingKind as To;
    match kind {
        FindingKind::Divergence(kind) => {
            let kind = match kind {
                DivergenceKind::Rule => reports::DivergenceKind::Rule,
                DivergenceKind::Profile => reports::DivergenceKind::Profile,
                DivergenceKind::Silence => reports::DivergenceKind::Silence,
                DivergenceKind::Death => reports::DivergenceKind::Death,
            };
            (To::Divergence, Some(kind))
        }
        FindingKind::Warning => (To::Warning, None),
        FindingKind::Anomaly => (To::Anomaly, None),
        FindingKind::Inconclusive => (To::Inconclusive, None),
        FindingKind::Gap => (To::Gap, None),
    }
}

/// The level as the specification writes it.
fn level_word(level: Level) -> &'static str {
    match level {
        Level::May => "may",
        Level::Should => "should",
        Level::Shall => "shall",
    }
}

/// What had been observed before record `record`.
fn seen_before(log: &Log, record: u32) -> Observations {
    let mut seen = Observations::default();
    for record in log.before(record) {
        match record.body() {
            Body::Completion { .. } => seen.completions += 1,
            Body::RegisterRead(_) => seen.register_reads += 1,
            Body::BytesSeen { payload, .. } => seen.data_bytes += payload.len,
            Body::BlocksSeen { block_bytes, payload, .. } => {
                seen.data_bytes += payload.len / 8 * u64::from(block_bytes);
            }
            Body::FewBlocksSeen { block_bytes, count, .. } => {
                seen.data_bytes += u64::from(count) * u64::from(block_bytes);
            }
            Body::Interrupt { count, .. } => seen.interrupts += u64::from(count),
            _ => {}
        }
    }
    seen
}

/// The judge's counts, in all.
pub fn observations(coverage: &model::Coverage) -> Observations {
    Observations {
        completions: coverage.completions,
        register_reads: coverage.register_reads,
        data_bytes: coverage.data_bytes,
        interrupts: coverage.interrupts,
        inconclusive: coverage.inconclusive,
        tainted: coverage.tainted,
    }
}

/// The judge's counts, for each requirement that has any.
pub fn requirement_counts(coverage: &model::Coverage) -> Vec<RequirementCounts> {
    let at =
        |counts: &[u32], req: Req| u64::from(counts.get(usize::from(req.0)).copied().unwrap_or(0));
    Req::all()
        .map(|req| RequirementCounts {
            exercised: at(&coverage.exercised, req),
            judged: at(&coverage.judged, req),
            diverged: at(&coverage.diverged, req),
            ..RequirementCounts::zero(req)
        })
        .filter(|counts| counts.exercised + counts.judged + counts.diverged > 0)
        .collect()
}

/// The readings of named choices that the DUT showed.
pub fn choices_shown(coverage: &model::Coverage) -> Vec<reports::Shown> {
    let counted = model::CHOICES.iter().zip(&coverage.choices);
    let each = counted.flat_map(|(choice, counts)| {
        choice.readings.iter().zip(counts).filter(|(_, times)| **times > 0).map(
            |(reading, times)| reports::Shown {
                choice: choice.name.into(),
                reading: (*reading).into(),
                times: u64::from(*times),
            },
        )
    });
    each.collect()
}
