//! Requirements that the judge credits by circumstance (`judge/credit.rs`): a rule that no planted defect
//! can violate is not tested, so those without one are listed.

use std::collections::BTreeSet;
use std::fs;

use xtask::root;

const LIST: &str = "ci/xtask/credited.txt";

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

/// What the files of the defects say, all together.
fn defects() -> String {
    let folder = root().join("harness/emulator/src/defect");
    let files = fs::read_dir(folder).expect("the defects can be listed");
    let text = |file: std::io::Result<fs::DirEntry>| {
        fs::read_to_string(file.expect("an entry").path()).expect("a defect can be read")
    };
    files.map(text).collect()
}

#[test]
fn credited_requirements_without_a_defect_are_listed() {
    let credited = credited();
    assert!(credited.len() > 30, "credit.rs is not understood: {credited:?}");
    let defects = defects();
    let lacks = |name: &&String| !defects.contains(&format!("\"{name}\""));
    let without: BTreeSet<&str> = credited.iter().filter(lacks).map(String::as_str).collect();
    let list = fs::read_to_string(root().join(LIST)).expect("the list can be read");
    let listed: BTreeSet<&str> = list.lines().filter(|line| !line.starts_with('#')).collect();
    let gone: Vec<_> = listed.difference(&without).collect();
    let new: Vec<_> = without.difference(&listed).collect();
    assert!(gone.is_empty(), "{LIST}: a defect violates them now, or none is credited: {gone:?}");
    assert!(new.is_empty(), "{LIST}: credited, and no defect violates them: {new:?}");
}
