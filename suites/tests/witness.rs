//! The judge at the device's side: the same tests drive the emulator, and a [`Witness`] on its tap, which
//! knows nothing of lab or test, writes the log that is judged.
//!
//! The correct emulator raises nothing there either, and planted defects are seen.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use dut::Dut as _;
use emulator::{Config, Defect, EmulatorDut, Policy};
use lab::{Bench, Settings, TestCase, Witness};
use model::{Finding, Profile, Verdict};
use runner::lane::default_emulator;
use runner::sabotage::accused;
use runner::waiver::Waivers;
// Without a name used from it the linker drops the suites, and with them every test.
use lockstep_suites as _;

const SEED: u64 = 0x5eed;

/// What the witness of one test made of it.
struct Seen {
    findings: Vec<Finding>,
    verdict: Verdict,
    records: usize,
    completions: u64,
    data_bytes: u64,
}

/// Runs a test on a fresh emulator with a witness.
fn witnessed(case: &TestCase, config: Config, defect: Option<&'static dyn Defect>) -> Seen {
    let mut dut = match defect {
        Some(defect) => EmulatorDut::with_defect(config, defect),
        None => EmulatorDut::new(config),
    }
    .expect("the default configuration is possible");
    let profile = Arc::new(Profile::default());
    let witness = Witness::new(&dut.identity(), dut.capabilities(), Arc::clone(&profile));
    let witness = Arc::new(Mutex::new(witness));
    dut.set_tap(Box::new(Arc::clone(&witness)));
    Bench::new(&mut dut, profile, Settings::default()).run(case, SEED);
    let now = dut.now();
    drop(dut);
    let mut witness = witness.lock().unwrap_or_else(PoisonError::into_inner);
    let verdict = witness.finish(now);
    Seen {
        findings: witness.findings().to_vec(),
        verdict,
        records: witness.log().len(),
        completions: witness.coverage().completions,
        data_bytes: witness.coverage().data_bytes,
    }
}

fn told(id: &str, finding: &Finding) -> String {
    format!(
        "{id}: {:?} {} at {}, record {}: {} (allowed: {})",
        finding.kind,
        finding.req.map_or("-", |req| req.name()),
        finding.place,
        finding.record,
        finding.observed,
        finding
            .allowed
            .iter()
            .map(|a| format!("{} because {}", a.answer, a.because))
            .collect::<Vec<_>>()
            .join(" or "),
    )
}

#[test]
fn the_correct_emulator_raises_nothing_at_its_own_side_of_the_link() {
    let mut wrong = Vec::new();
    let (mut records, mut completions, mut data_bytes) = (0, 0, 0);
    for case in lab::tests() {
        let seen = witnessed(case, default_emulator(), None);
        wrong.extend(seen.findings.iter().map(|finding| told(&case.id(), finding)));
        if !matches!(seen.verdict, Verdict::Passed) {
            wrong.push(format!("{}: {:?}", case.id(), seen.verdict));
        }
        records += seen.records;
        completions += seen.completions;
        data_bytes += seen.data_bytes;
    }
    assert!(wrong.is_empty(), "{} findings:\n{}", wrong.len(), wrong.join("\n"));
    eprintln!("{records} records, {completions} completions, {data_bytes} data bytes");
    assert!(completions > 1_000 && data_bytes > 1_000_000, "the witness saw hardly anything");
}

#[test]
fn correct_emulators_of_every_kind_with_every_delay_and_order_raise_nothing() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ci/waivers/panel.toml");
    let explained = Waivers::load(&path).expect("the panel's waivers can be read");
    let mut wrong = Vec::new();
    for seed in 0..16 {
        let config = Config { policy: Policy::random(seed), ..Config::random(seed) };
        for case in lab::tests() {
            let seen = witnessed(case, config.clone(), None);
            let news = seen
                .findings
                .iter()
                .filter(|f| explained.covering(&case.id(), f, || None).is_none());
            wrong.extend(news.map(|finding| format!("{seed}: {}", told(&case.id(), finding))));
        }
    }
    assert!(wrong.is_empty(), "{} findings:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn planted_defects_are_seen_at_the_devices_side() {
    let mut killed = Vec::new();
    let mut survived = Vec::new();
    for defect in emulator::defect::TABLE {
        // Tests that are for what it breaks come first.
        let aims = |case: &&'static TestCase| {
            case.requirements.iter().any(|req| defect.breaks().contains(&req.name()))
        };
        let mut cases = lab::tests();
        cases.sort_by_key(|case| !aims(case));
        let seen = cases.into_iter().any(|case| {
            let mut config = default_emulator();
            defect.configure(&mut config);
            let version = config.version;
            let seen = witnessed(case, config, Some(*defect));
            let mut accused = seen.findings.iter().filter_map(|finding| accused(finding, version));
            accused.any(|req| defect.breaks().contains(&req.name()))
        });
        if seen { killed.push(defect.name()) } else { survived.push(defect.name()) }
    }
    assert!(survived.is_empty(), "seen: {killed:?}; not seen: {survived:?}");
}
