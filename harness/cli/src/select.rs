//! Which tests, which profile: what several commands ask for.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, anyhow};
use lab::TestCase;
use model::Profile;
use runner::filter::Filter;
use spec::Req;

use crate::args::ProfileArgs;
use crate::failure::Failure;

/// The tests that `filter` selects, ascending by id.
pub fn tests(filter: Option<&str>) -> Result<Vec<&'static TestCase>, Failure> {
    let mut tests = lab::tests();
    let Some(text) = filter else { return Ok(tests) };
    let ids: Vec<String> = tests.iter().map(|test| test.id()).collect();
    let known: Vec<&str> = ids.iter().map(String::as_str).collect();
    let filter = Filter::parse(text, &known).map_err(Failure::usage)?;
    tests.retain(|test| {
        let requirements: Vec<&str> = test.requirements.iter().map(|req| req.name()).collect();
        filter.selects(&test.id(), &requirements, test.hazard)
    });
    Ok(tests)
}

/// The requirement of this name.
pub fn requirement(name: &str) -> Result<Req, Failure> {
    let names = || spec::requirement::TABLE.iter().map(|info| info.name);
    Req::find(name).ok_or_else(|| {
        Failure::usage(match runner::source::nearest(name, names()) {
            Some(near) => anyhow!("no requirement is called `{name}`; did you mean `{near}`?"),
            None => {
                anyhow!("no requirement is called `{name}`; `lockstep requirements` names them")
            }
        })
    })
}

/// The profile and its name in reports.
pub fn profile(path: Option<&Path>) -> Result<(Arc<Profile>, String), Failure> {
    match path {
        None => Ok((Arc::default(), "default".into())),
        Some(path) => {
            let profile = runner::profile::load(path).map_err(Failure::usage)?;
            Ok((Arc::new(profile), path.display().to_string()))
        }
    }
}

/// As [`profile`], from the arguments.
pub fn profile_of(args: &ProfileArgs) -> Result<(Arc<Profile>, String), Failure> {
    profile(args.profile.as_deref())
}

/// How many pieces of work at a time: as asked, or one for each core.
pub fn jobs(asked: Option<usize>) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    asked.unwrap_or_else(cores).max(1)
}

/// A file to be written at the end, opened now: a path that cannot be is better known at once.
pub fn create(path: &Path) -> Result<std::fs::File, Failure> {
    std::fs::File::create(path)
        .with_context(|| format!("cannot write {}", path.display()))
        .map_err(Failure::usage)
}

/// Set by the first Ctrl-C: what is under way finishes, nothing else begins.
static STOP: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C ends the work in order; a second one ends the program.
pub fn stop_on_ctrl_c() -> Result<&'static AtomicBool, Failure> {
    ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(reports::Exit::Interrupted.code()));
        }
    })
    .context("cannot listen for Ctrl-C")
    .map_err(Failure::harness)?;
    Ok(&STOP)
}
