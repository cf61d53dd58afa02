//! Requirements that the judge credits by circumstance (`judge/credit.rs`): a rule that no planted defect
//! can violate is not tested. That the defects are noticed by it holds `suites/tests/proof.rs`.

use std::collections::BTreeSet;
use std::fs;

use xtask::root;

/// The requirements that the file names as `group::NAME`.
fn credited() -> BTreeSet<String> {
    let path = root().join("reference-model/model/src/judge/credit.rs");
    let text = fs::read_to_string(path).expect("credit.rs can be read");
    let known = fs::read_to_string(root().join("reference-model/requirements/numbers.txt"))
        .expect("numbers.txt can be read");
    let known: BTreeSet<&str> = known.lines().collect();
    let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    let names = words.filter_map(|word| {
        let mut parts = word.rsplit("::");
        let (name, group) = (parts.next()?, parts.next()?);
        // The file calls the group `cqe` so.
        let group = if group == "req" { "cqe" } else { group };
        let dashed = |text: &str| text.to_lowercase().replace('_', "-");
        Some(format!("{}.{}", dashed(group), dashed(name)))
    });
    names.filter(|name| known.contains(name.as_str())).collect()
}

/// What the defects with a file of their own say, all together.
fn defects() -> String {
    let folder = root().join("harness/emulator/src/defect");
    let files = fs::read_dir(folder).expect("the defects can be listed");
    let paths = files.map(|file| file.expect("an entry").path()).filter(|path| path.is_file());
    paths.map(|path| fs::read_to_string(path).expect("a defect can be read")).collect()
}

#[test]
fn a_defect_violates_each_credited_requirement() {
    let credited = credited();
    assert!(credited.len() > 30, "credit.rs is not understood: {credited:?}");
    let defects = defects();
    let lacks = |name: &&String| !defects.contains(&format!("\"{name}\""));
    let without: Vec<_> = credited.iter().filter(lacks).collect();
    assert!(without.is_empty(), "credited, and no defect violates them: {without:?}");
}
