//! The generator on a small catalogue: what it writes, and what it says of each mistake.

use std::fs;

use tempfile::TempDir;
use xtask::generate::{Output, generate};

const ENTRY: &str = r#"[[req]]
id = "QUE-CSQ-06"
name = "create-io-sq.cqid-not-created"
when = "CAP.CQR"
levels = { '1.3' = 'should recommended', '2.3' = 'shall' }
spec = "base-2.0"
clause = "5.5"
also = "base-2.3 §5.3.2"
clause_confidence = "high"
level = "should"
applies_when = "CAP.CQR"
since = "1.0"
text = "A rule."
observe = "1h/00h Completion Queue Invalid."
status = ["1h/00h"]
verified = "base-2.3"
"#;

/// A catalogue whose only area holds `entries`, with `numbers`.
fn catalogue(entries: &str, numbers: &str) -> TempDir {
    let root = TempDir::new().expect("a folder can be made");
    let write = |path: &str, text: String| {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().expect("it has a folder")).expect("a folder");
        fs::write(path, text).expect("a file can be written");
    };
    let count = entries.matches("[[req]]").count();
    let area = format!("[meta]\narea = \"queues\"\nentries = {count}\n\n{entries}");
    write("reference-model/requirements/queues.toml", area);
    write("reference-model/requirements/specs.toml", "[a]\nid = \"base-2.0\"\n".into());
    write("reference-model/requirements/numbers.txt", numbers.into());
    let facts = "\nfacts! {\n    /// CAP.CQR.\n    CapCqr = \"CAP.CQR\";\n}\n";
    write("reference-model/spec/src/requirement.rs", facts.into());
    write("rustfmt.toml", "max_width = 100\nuse_small_heuristics = \"Max\"\n".into());
    root
}

fn generated(entries: &str, numbers: &str) -> Output {
    let root = catalogue(entries, numbers);
    let result = generate(root.path()).expect("the catalogue can be read");
    result.unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// The problems of a catalogue with `entries`, as they are printed.
fn problems(entries: &str, numbers: &str) -> Vec<String> {
    let root = catalogue(entries, numbers);
    let result = generate(root.path()).expect("the catalogue can be read");
    let problems = result.err().unwrap_or_default();
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn writes_handles_the_table_and_the_numbers() {
    let output = generated(ENTRY, "");
    let [(_, numbers), (_, handles), (_, catalogue)] = &output.files[..] else { panic!() };
    assert_eq!(numbers, "create-io-sq.cqid-not-created\n");
    for part in [
        "pub mod create_io_sq {",
        "    /// A rule. Base-2.3 §5.3.2 (QUE-CSQ-06)\n",
        "    pub const CQID_NOT_CREATED: Req = Req(0);",
        "pub static TABLE: [Requirement; 1]",
        "Force { level: Level::Should, status: StatusForce::Recommended }",
        "Force { level: Level::Shall, status: StatusForce::Exact }",
        "when: Condition::Compare(Fact::CapCqr, Comparison::Ne, 0),",
        "verified: true,",
    ] {
        assert!(handles.contains(part), "{part}\n{handles}");
    }
    assert!(
        catalogue.contains("id: \"QUE-CSQ-06\", name: Some(\"create-io-sq.cqid-not-created\")")
    );
}

#[test]
fn numbers_stay_and_withdrawn_names_keep_their_slot() {
    let numbers = "create-io-sq.old withdrawn\ncreate-io-sq.cqid-not-created\n";
    let output = generated(ENTRY, numbers);
    assert_eq!(output.files[0].1, numbers);
    assert!(output.files[1].1.contains("CQID_NOT_CREATED: Req = Req(1);"));
    assert!(output.files[1].1.contains("[Requirement; 2]"));
    assert!(!output.files[1].1.contains("pub const OLD"));
}

#[test]
fn says_where_and_what_is_wrong() {
    for (from, to, expected) in [
        ("create-io-sq.cqid", "CreateIoSq.cqid", "is no name, use group.words-with-dashes"),
        ("\nwhen = \"CAP.CQR\"", "\nwhen = \"CAP.XYZ\"", "CAP.XYZ is no fact"),
        ("\nwhen = \"CAP.CQR\"\n", "\n", "needs a `when`"),
        ("'shall'", "'must'", "\"must\" is no force"),
        ("'2.3'", "'two'", "\"two\" is no revision"),
        ("status = [\"1h/00h\"]\n", "", "binds a status"),
        ("status = [\"1h/00h\"]", "status = [\"1h/01h\"]", "1h/01h is not named in observe"),
        ("base-2.0", "base-9.9", "unknown document base-9.9"),
        ("level = \"should\"", "level = \"must\"", "unknown level must"),
        ("name = \"create-io-sq.cqid-not-created\"\n", "", "when or levels without a name"),
    ] {
        let found = problems(&ENTRY.replace(from, to), "");
        assert!(found.iter().any(|problem| problem.contains(expected)), "{expected}: {found:?}");
        let place = "reference-model/requirements/queues.toml:6: error: QUE-CSQ-06: ";
        assert!(found[0].starts_with(place), "{found:?}");
    }
}

#[test]
fn names_and_ids_are_unique() {
    let second = ENTRY.replace("QUE-CSQ-06", "QUE-CSQ-07");
    let found = problems(&format!("{ENTRY}\n{second}"), "");
    assert!(found.iter().any(|problem| problem.contains("is used twice")), "{found:?}");
    let second = ENTRY.replace("cqid-not-created", "other");
    let found = problems(&format!("{ENTRY}\n{second}"), "");
    assert!(found.iter().any(|problem| problem.contains("the id is used in")), "{found:?}");
}

#[test]
fn a_name_does_not_vanish_silently() {
    let found = problems(ENTRY, "create-io-sq.gone\n");
    let expected = "numbers.txt:1: error: create-io-sq.gone vanished, use a name that an entry has";
    assert!(found[0].contains(expected), "{found:?}");
}
