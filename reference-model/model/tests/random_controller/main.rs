//! The law: the model, run as a controller that takes any permitted outcome at any time, is judged
//! without an alarm. Completions are delayed and overtake each other, queues come and go with
//! commands in them, completion queues run full, commands are aborted, controllers are reset in
//! mid-flight, two controllers share their namespaces.
//!
//! `LOCKSTEP_RANDOM_COMMANDS` sets how many commands are run (default 4,000).

extern crate lockstep_model as model;

mod commands;
mod device;
mod health;
mod host;

use std::sync::Arc;

use log::random::Random;
use model::{FindingKind, Judge, Profile};

/// Commands in one segment, which is judged by itself.
const SEGMENT: u64 = 500;

fn run(seed: u64, commands: u64) -> host::Host {
    let mut host = host::Host::new(Random::new(seed));
    host.bring_up();
    host.run(commands);
    host
}

fn judged(host: &host::Host) -> Judge {
    let mut judge = Judge::new(Arc::new(Profile::default()));
    judge.catch_up(&host.log);
    judge
}

#[test]
fn the_model_run_as_a_random_controller_is_judged_without_an_alarm() {
    let wanted = std::env::var("LOCKSTEP_RANDOM_COMMANDS").ok().and_then(|n| n.parse().ok());
    let segments = wanted.unwrap_or(4_000u64).div_ceil(SEGMENT);
    let (mut completions, mut bytes, mut refused, mut inconclusive) = (0, 0, 0, 0);
    for seed in 0..segments {
        let host = run(seed, SEGMENT);
        let judge = judged(&host);
        // Not to decide is no alarm, as long as it is rare: a reset may end commands on whose order
        // an answer depended.
        let alarms = |f: &&model::Finding| {
            !matches!(f.kind, FindingKind::Warning | FindingKind::Inconclusive)
        };
        let alarm = judge.findings().iter().find(alarms);
        inconclusive += judge.coverage().inconclusive;
        if let Some(finding) = alarm {
            let from = (finding.record as usize).saturating_sub(60);
            for (n, record) in host.log.records().iter().enumerate().skip(from).take(64) {
                eprintln!("{n:6} {record:?}");
            }
            panic!("seed {seed}: {finding:#?}");
        }
        completions += judge.coverage().completions;
        bytes += judge.coverage().data_bytes;
        refused += host.refused;
    }
    println!(
        "{completions} completions, {refused} refusals, {bytes} bytes, {inconclusive} undecided"
    );
    assert!(completions >= segments * SEGMENT / 2, "only {completions} completions were judged");
    assert!(inconclusive * 100 < completions, "{inconclusive} of {completions} undecided");
    assert!(bytes > 0 && refused > 0, "nothing was read, or nothing was refused");
}

/// The same controller with one fault is not: the law is not empty.
#[test]
fn a_random_controller_with_a_stale_read_is_caught() {
    let caught = (0..8).any(|seed| {
        let mut host = host::Host::new(Random::new(seed));
        host.device.forgets_writes = true;
        host.bring_up();
        host.run(SEGMENT);
        let judge = judged(&host);
        judge.findings().iter().any(|f| matches!(f.kind, FindingKind::Divergence(_)))
    });
    assert!(caught);
}
