//! Requirements that the judge credits by circumstance (`judge/credit.rs`, `judge/forms.rs`): a rule that no
//! planted defect can violate is not tested. That the defects are noticed by it holds `suites/tests/proof.rs`.

use std::collections::BTreeSet;
use std::fs;

use xtask::root;

/// The requirements that these files name as `group::NAME`.
fn credited() -> BTreeSet<String> {
    let judge = root().join("reference-model/model/src/judge");
    let read = |name| fs::read_to_string(judge.join(name)).expect("it can be read");
    let text: String = ["credit.rs", "forms.rs"].map(read).concat();
    let known = fs::read_to_string(root().join("reference-model/requirements/numbers.txt"))
        .expect("numbers.txt can be read");
    let known: BTreeSet<&str> = known.lines().collect();
    let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    let names = words.filter_map(|word| {
        let mut parts = word.rsplit("::");
        let (name, group) = (parts.next()?, parts.next()?);
        // The files call the group `cqe` so.
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
    assert!(credited.len() > 30, "they are not understood: {credited:?}");
    let defects = defects();
    let lacks = |name: &&String| !defects.contains(&format!("\"{name}\""));
    let without: Vec<_> = credited.iter().filter(lacks).collect();
    assert!(without.is_empty(), "credited, and no defect violates them: {without:?}");
}
