//! Planted defects: what they declare is true, and each can be reached.

mod common;
mod tour;

use std::collections::HashSet;

use lockstep_emulator::seam::{Correct, Defect};
use lockstep_emulator::{Config, defect};
use spec::requirement;
use tour::session;

fn all() -> impl Iterator<Item = &'static dyn Defect> {
    defect::TABLE.iter().chain(defect::AWAITING_RULES).copied()
}

#[test]
fn every_defect_declares_requirements_that_exist() {
    let known: HashSet<_> = requirement::TABLE.iter().map(|entry| entry.name).collect();
    for defect in all() {
        assert!(!defect.breaks().is_empty(), "{} breaks nothing", defect.name());
        assert!(!defect.story().is_empty(), "{} has no story", defect.name());
        for name in defect.breaks() {
            assert!(known.contains(name), "{}: no requirement {name}", defect.name());
        }
    }
}

#[test]
fn names_are_unique_and_found() {
    let names: HashSet<_> = all().map(|defect| defect.name()).collect();
    assert_eq!(names.len(), all().count());
    assert!(names.len() >= 24);
    for name in defect::TABLE.iter().map(|defect| defect.name()) {
        assert_eq!(defect::find(name).map(|defect| defect.name()), Some(name));
    }
    assert!(defect::find("none").is_none());
}

#[test]
fn every_defect_shows_in_a_session_that_the_correct_controller_shows_nothing_in() {
    let (mut hidden, mut known) = (Vec::new(), Vec::<(Config, Vec<String>)>::new());
    for defect in all() {
        let mut config = Config::default();
        defect.configure(&mut config);
        if !known.iter().any(|(other, _)| *other == config) {
            config.check().unwrap();
            let correct = session(config.clone(), &Correct);
            assert_eq!(correct, session(config.clone(), &Correct), "not deterministic");
            known.push((config.clone(), correct));
        }
        let shown = session(config.clone(), defect);
        if known.contains(&(config, shown)) {
            hidden.push(defect.name());
        }
    }
    assert!(hidden.is_empty(), "cannot be seen: {hidden:?}");
}
