//! Every finding about QEMU can be shown again: the sequences in `docs/findings/qemu`, replayed on the
//! QEMU that is here.
//!
//! The head of each names the requirement, what the judge makes of it (`diverges`, `warns` or `anomaly`) and
//! the versions of QEMU where it does. On those it has to; on other versions that somebody has looked at
//! it must not. `with iommu` asks for that option, `intermittent` allows several attempts.
//! Without QEMU nothing is replayed, unless `LOCKSTEP_REQUIRE=qemu`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lab::Sequence;
use model::FindingKind;
use qemu::{OpenError, Options, Qemu};
use runner::lane::{QemuLane, default_qemu};
use runner::run::on_fresh;
use runner::waiver::Waivers;
use spec::Req;

/// The versions whose divergences have all been looked at.
const KNOWN: [&str; 3] = ["7.2", "10.0", "11.1"];
/// How often a sequence that shows its finding by chance is tried.
const ATTEMPTS: usize = 20;

struct Finding {
    name: String,
    requirement: Req,
    kind: String,
    versions: Vec<String>,
    iommu: bool,
    intermittent: bool,
    sequence: Sequence,
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

fn findings() -> Vec<Finding> {
    let files = std::fs::read_dir(folder("docs/findings/qemu")).expect("the folder of findings");
    let mut paths: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Finding {
    let name = path.file_name().expect("a name").to_string_lossy().into_owned();
    let text = std::fs::read_to_string(path).expect("a text");
    let word = |key: &str| {
        let mut lines = text.lines().filter_map(|line| line.strip_prefix("# "));
        lines.find_map(|line| line.strip_prefix(key)).map(|rest| rest.trim().to_string())
    };
    let requirement = word("requirement ").unwrap_or_else(|| panic!("{name}: no requirement"));
    let requirement = Req::find(&requirement).unwrap_or_else(|| panic!("{name}: {requirement}"));
    let kinds = ["diverges", "warns", "anomaly"];
    let (kind, versions) = kinds
        .iter()
        .find_map(|kind| Some((kind.to_string(), word(kind)?)))
        .unwrap_or_else(|| panic!("{name}: no line of {kinds:?}"));
    let sequence = Sequence::from_text(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    Finding {
        requirement,
        kind,
        versions: versions.split_whitespace().map(str::to_string).collect(),
        iommu: word("with").is_some_and(|with| with == "iommu"),
        intermittent: word("intermittent").is_some(),
        sequence,
        name,
    }
}

/// Whether the finding shows itself.
fn shows(finding: &Finding) -> bool {
    let options = Options { iommu: finding.iommu, ..default_qemu() };
    let lane = QemuLane::new(options, "");
    let performed = on_fresh(&lane, &Arc::default(), |bench| bench.replay(&finding.sequence));
    let (run, _) = performed.unwrap_or_else(|why| panic!("{}: {why}", finding.name));
    let kind = |kind: &FindingKind| match kind {
        FindingKind::Divergence(_) => "diverges",
        FindingKind::Warning => "warns",
        FindingKind::Anomaly => "anomaly",
        _ => "",
    };
    let mut found = run.findings.iter();
    found.any(|f| f.req == Some(finding.requirement) && kind(&f.kind) == finding.kind)
}

#[test]
fn every_finding_shows_itself_on_its_versions_and_on_no_other() {
    let version = match Qemu::open(default_qemu()) {
        Ok(qemu) => qemu.version().to_string(),
        Err(error @ OpenError::Missing { .. }) => {
            let required = std::env::var("LOCKSTEP_REQUIRE").unwrap_or_default();
            assert!(!required.contains("qemu"), "LOCKSTEP_REQUIRE=qemu, but {error}");
            println!("not run: {error}");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let known = KNOWN.into_iter().find(|known| version.starts_with(&format!("{known}.")));
    let Some(known) = known else {
        println!("nobody has looked at QEMU {version}: nothing is expected of it");
        return;
    };
    let mut wrong = Vec::new();
    for finding in findings() {
        let expected = finding.versions.iter().any(|version| version == known);
        let attempts = if finding.intermittent && expected { ATTEMPTS } else { 1 };
        let shown = (0..attempts).any(|_| shows(&finding));
        if shown != expected {
            let not = if shown { "" } else { " not" };
            wrong.push(format!("{}: does{not} show itself on QEMU {version}", finding.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_waiver_and_every_page_has_its_sequences() {
    let findings = findings();
    for known in KNOWN {
        let waivers = Waivers::load(&folder(&format!("ci/waivers/qemu-{known}.toml")));
        let waivers = waivers.expect("the waivers of a known version");
        let shown: BTreeSet<&str> = findings
            .iter()
            .filter(|finding| finding.versions.iter().any(|version| version == known))
            .map(|finding| finding.requirement.name())
            .collect();
        for waiver in &waivers.entries {
            // What a finding leaves unproved is waived beside it, for the same test.
            let Some(requirement) = waiver.requirement else {
                let mut others = waivers.entries.iter().filter(|w| w.test == waiver.test);
                assert!(others.any(|w| w.requirement.is_some()), "QEMU {known}: {}", waiver.id);
                continue;
            };
            let requirement = requirement.name();
            assert!(shown.contains(requirement), "QEMU {known}: no sequence for {requirement}");
        }
        let page = folder(&format!("docs/findings/qemu-{known}.md"));
        let page = std::fs::read_to_string(page).expect("the page of a known version");
        for finding in findings.iter().filter(|f| f.versions.iter().any(|v| v == known)) {
            let link = format!("qemu/{}", finding.name);
            assert!(page.contains(&link), "docs/findings/qemu-{known}.md does not name {link}");
        }
    }
}
