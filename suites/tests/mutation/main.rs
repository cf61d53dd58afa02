//! Log mutation: the harness proves that its judge looks (design.md section 6).
//!
//! One observation of a passing trace is changed, and the log is judged again. The mutant is *flagged*
//! (a finding more, or a verdict that is no success), *excused* by `ci/excuses.toml` because what it
//! shows is legal, or *unjudged*, if it is a claim that no rule reads. What is none of these is a hole
//! in the judge: the run fails. `ci/mutation.toml` holds how many of each field are flagged;
//! `LOCKSTEP_BLESS=1` writes it.
//!
//! It takes a minute, and runs with `LOCKSTEP_LONG=1` only. Another
//! `LOCKSTEP_SEED` samples other mutants, which the ratchet does not hold; `LOCKSTEP_RECORDS=dma,interrupt`
//! mutates records of these kinds alone, and holds neither the ratchet nor that each excuse is used.

mod bases;
mod change;
mod completions;
mod data;
mod excuses;
mod mutants;
mod names;
mod others;
mod predicates;
mod registers;
mod run;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
// Without a name used from it the linker drops the suites, and with them every test.
use lockstep_suites as _;

use crate::table::Ratchet;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = vec![
        Trial::test("every_excuse_is_well_formed", || Ok(excuses().map(|_| ())?)),
        Trial::test("a_list_of_holes_is_refused", refuses_holes),
        Trial::ignorable_test("every_mutant_is_flagged_or_excused", mutation),
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../ci").join(name)
}

fn excuses() -> Result<excuses::Excuses, String> {
    let path = file("excuses.toml");
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    excuses::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
}

/// What the specification forbids and the judge does not see cannot be written down to pass.
fn refuses_holes() -> Result<(), Failed> {
    let hole =
        "[[hole]]\nrecord = \"dma\"\nfield = \"len\"\nmutation = \"any\"\nreason = \"later\"\n";
    match excuses::parse(hole) {
        Ok(_) => Err("a hole was taken".into()),
        Err(error) if error.contains("hole") => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn mutation() -> Result<Completion, Failed> {
    let set = |name: &str| std::env::var(name).is_ok_and(|value| value == "1");
    if !set("LOCKSTEP_LONG") {
        return Ok(Completion::ignored_with("takes a minute: LOCKSTEP_LONG=1 runs it"));
    }
    let seed = match std::env::var("LOCKSTEP_SEED") {
        Ok(text) => text.parse().map_err(|_| format!("LOCKSTEP_SEED: {text} is no number"))?,
        Err(_) => 0x5eed,
    };
    let only = std::env::var("LOCKSTEP_RECORDS").unwrap_or_default();
    let only: Vec<String> = only.split(',').filter(|s| !s.is_empty()).map(String::from).collect();
    if set("LOCKSTEP_BLESS") && !only.is_empty() {
        return Err("the ratchet is of all records: LOCKSTEP_BLESS without LOCKSTEP_RECORDS".into());
    }
    let outcome = run::all(seed, &excuses()?, &only);
    print!("{}", outcome.report);
    let path = file("mutation.toml");
    if set("LOCKSTEP_BLESS") {
        std::fs::write(&path, HEAD.to_string() + &Ratchet::of(&outcome.table).print())?;
    }
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let ratchet = Ratchet::parse(&text)?;
    let mut wrong = outcome.wrong;
    // The ratchet was taken of the sample of the default seed.
    if std::env::var("LOCKSTEP_SEED").is_err() && only.is_empty() {
        wrong.extend(ratchet.check(&outcome.table));
    }
    match wrong.is_empty() {
        true => Ok(Completion::Completed),
        false => Err(wrong.join("\n").into()),
    }
}

const HEAD: &str = "\
# What log mutation is held to, per field and in percent. Written by LOCKSTEP_BLESS=1 with LOCKSTEP_LONG=1.
#
#   LOCKSTEP_LONG=1 cargo test -p lockstep-suites --test mutation
#
# [killed]: the least share of mutants that the judge flags. Mutants that an excuse of ci/excuses.toml covers
# are legal traces, and stand in [excused] alone; those in bytes that no rule reads are counted as unjudged.
# A field without a line here has nothing that should be flagged: all of its mutants are excused or unjudged.
#
# [excused]: the largest share of mutants that excuses may cover, of those in fields that a rule reads; some
# points above what was reached, since the sample moves a little with every test that is added. Where it is
# high: most entries of an Error Information page are not valid (error-information.*, count 0); the text
# gives vendor specific bytes, More, Do Not Retry, and NSSRO, ST and PP outside of their states, no one value.

";
