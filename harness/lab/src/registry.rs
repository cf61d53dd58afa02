//! The register of all tests: every `#[conformance]` function of the program.

use spec::Req;

use crate::action::Hazard;
use crate::lab::Lab;
use crate::stop::Outcome;

/// A test, as `#[conformance]` registers it.
#[derive(Debug)]
pub struct TestCase {
    /// The function's name: what the controller does.
    pub name: &'static str,
    /// The module path of the function, crate first.
    pub module: &'static str,
    /// The doc comment: the point of the test, in a sentence.
    pub doc: &'static str,
    /// The requirements that it is for.
    pub requirements: &'static [Req],
    /// The worst that it does to a controller, as far as the controller's owner has to be asked.
    pub hazard: Hazard,
    /// Where it stands.
    pub file: &'static str,
    /// Where it stands.
    pub line: u32,
    /// Its body.
    pub run: for<'a, 'd> fn(&'a mut Lab<'d>) -> Outcome,
}

inventory::collect!(TestCase);

impl TestCase {
    /// The id: module without the crate, and name: `base/admin/create_io_sq/refuses_to_...`.
    pub fn id(&self) -> String {
        let inner = self.module.split("::").skip(1);
        let parts: Vec<&str> = inner.chain([self.name]).collect();
        parts.join("/")
    }
}

/// All tests of the program, ascending by id.
pub fn tests() -> Vec<&'static TestCase> {
    let mut all: Vec<_> = inventory::iter::<TestCase>.into_iter().collect();
    all.sort_by_cached_key(|test| test.id());
    all
}
