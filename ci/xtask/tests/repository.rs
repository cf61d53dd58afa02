//! The checks of the repository as ordinary tests. Each lists every problem that it finds.

use std::fs;

use xtask::{Problem, edges, fail_on, handles, links, names, root, source, tidy};

#[test]
fn crates_know_only_whom_the_design_lets_them_know() {
    let packages = edges::packages(&root()).expect("cargo metadata runs");
    fail_on(edges::check(&root(), &packages));
}

#[test]
fn names_follow_the_style_guide() {
    fail_on(names::check(&source::read(&root()).expect("the sources can be read")));
}

#[test]
fn nothing_unfinished_stays_in_the_tree() {
    let ratchet = tidy::Ratchet::read(&root()).expect("the ratchet can be read");
    fail_on(tidy::check(&source::read(&root()).expect("the sources can be read"), &ratchet));
}

#[test]
fn every_requirement_is_judged_or_listed() {
    let list = fs::read_to_string(root().join(handles::PATH)).expect("the list can be read");
    let names = handles::names(&root()).expect("numbers.txt can be read");
    fail_on(handles::check(
        &names,
        &source::read(&root()).expect("the sources can be read"),
        &list,
    ));
}

#[test]
fn what_the_documents_point_to_is_there() {
    let documents = links::documents(&root()).expect("the documents can be read");
    let sources = source::read(&root()).expect("the sources can be read");
    fail_on(links::check(&root(), &documents, &sources));
}

#[test]
fn licences_and_readme_exist() {
    let missing = ["LICENSE-MIT", "LICENSE-APACHE", "README.md"]
        .into_iter()
        .filter(|file| !root().join(file).is_file())
        .map(|file| Problem::new(file, 1, format!("{file} is missing"), "the file at the root"));
    fail_on(missing.collect());
}
