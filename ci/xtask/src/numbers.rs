//! `numbers.txt`: which name has which handle. Append-only, because traces hold the numbers.

use std::collections::BTreeSet;

/// Where the list lies, from the root.
pub const PATH: &str = "reference-model/requirements/numbers.txt";

const WITHDRAWN: &str = " withdrawn";

/// The list: the position of a name is its handle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// A name, and whether it was withdrawn.
    pub names: Vec<(String, bool)>,
}

impl Numbers {
    /// Reads the list: one name a line, `withdrawn` behind those that are no more.
    pub fn parse(text: &str) -> Self {
        let name = |line: &str| match line.strip_suffix(WITHDRAWN) {
            Some(name) => (name.trim().to_owned(), true),
            None => (line.trim().to_owned(), false),
        };
        Self { names: text.lines().map(name).collect() }
    }

    /// The list as the file holds it.
    pub fn text(&self) -> String {
        let line = |(name, withdrawn): &(String, bool)| {
            format!("{name}{}\n", if *withdrawn { WITHDRAWN } else { "" })
        };
        self.names.iter().map(line).collect()
    }

    /// Appends the names of `used` that are new; tells which of the list are missing there though
    /// not withdrawn, used though withdrawn, or listed twice.
    pub fn extend(&mut self, used: &BTreeSet<&str>) -> Vec<(usize, String)> {
        let mut wrong = Vec::new();
        let mut listed = BTreeSet::new();
        for (at, (name, withdrawn)) in self.names.iter().enumerate() {
            if !listed.insert(name.clone()) {
                wrong.push((at + 1, format!("{name} is listed twice")));
            }
            match (used.contains(name.as_str()), withdrawn) {
                (false, false) => wrong.push((at + 1, format!("{name} vanished"))),
                (true, true) => wrong.push((at + 1, format!("{name} was withdrawn and is used"))),
                _ => {}
            }
        }
        let new = used.iter().filter(|name| !listed.contains(**name));
        self.names.extend(new.map(|name| ((*name).to_owned(), false)));
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appends_and_never_reorders() {
        let mut numbers = Numbers::parse("b.two\na.one\n");
        assert_eq!(numbers.extend(&BTreeSet::from(["a.one", "a.zero", "b.two"])), []);
        assert_eq!(numbers.text(), "b.two\na.one\na.zero\n");
    }

    #[test]
    fn a_name_may_only_vanish_when_withdrawn() {
        let mut numbers = Numbers::parse("a.one\na.two withdrawn\n");
        let wrong = numbers.extend(&BTreeSet::new());
        assert_eq!(wrong, [(1, "a.one vanished".to_owned())]);
    }
}
