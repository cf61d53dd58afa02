//! `lockstep list`.

use std::io::Write;

use reports::{Counted, Exit};

use crate::args::ListArgs;
use crate::failure::Failure;
use crate::select;

/// Lists the tests that a filter selects.
pub fn list(args: &ListArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let tests = select::tests(args.filter.as_deref())?;
    for test in &tests {
        writeln!(out, "{}", test.id())?;
        let point = test.doc.split_whitespace().collect::<Vec<_>>().join(" ");
        if !point.is_empty() {
            writeln!(out, "    {point}")?;
        }
        for req in test.requirements {
            writeln!(out, "    req:{}  {}", req.name(), req.info().clause)?;
        }
    }
    writeln!(out, "{}", Counted(tests.len() as u64, "test"))?;
    Ok(if tests.is_empty() { Exit::NothingRan } else { Exit::Passed })
}
