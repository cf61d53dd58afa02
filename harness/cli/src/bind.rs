//! `lockstep bind` and `unbind`: a controller for longer than a run, and what a killed run has left.

use std::io::Write;

use anyhow::anyhow;
use reports::Exit;
use vfio::{Bdf, Interface, Journal, OpenError, Tree};

use crate::args::{BindArgs, GuardArgs, UnbindArgs};
use crate::failure::Failure;

/// What could not be done: the user's to mend, or the machine's.
fn failed(error: OpenError) -> Failure {
    match error {
        OpenError::Refused(_) => Failure::usage(error),
        _ => Failure::harness(error),
    }
}

/// Binds a controller to vfio-pci, until `unbind`.
pub fn bind(args: &BindArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let (tree, bdf) = (Tree::at(&args.root), args.bdf);
    let (controller, group) = vfio::examine(&tree, bdf).map_err(failed)?;
    vfio::take(&tree, bdf, true).map_err(failed)?;
    let before = controller.driver.as_deref().unwrap_or("none");
    writeln!(out, "{bdf} is bound to {}; its driver was: {before}", vfio::DRIVER)?;
    let interface = Interface::choose(&tree, bdf, group);
    writeln!(out, "it is opened by {interface}")?;
    let files = interface.files_of_root().join(" ");
    writeln!(out, "for a user who is not root: chown USER {files}, and `ulimit -l` above 64 MiB")?;
    writeln!(out, "to give it back: lockstep unbind {bdf}")?;
    Ok(Exit::Passed)
}

/// Gives controllers back.
pub fn unbind(args: &UnbindArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let tree = Tree::at(&args.root);
    let journal = Journal::of(&tree);
    let bdfs = match (args.bdf, args.restore) {
        (None, _) => journal.bdfs(),
        (Some(bdf), true) if journal.entry(bdf).map_err(failed)?.is_none() => {
            let why = "nothing was taken from it, as far as /run/lockstep says";
            return Err(Failure::usage(anyhow!("{bdf}: {why}")));
        }
        (Some(bdf), _) => {
            // An address that is none is said before anything is written.
            if journal.entry(bdf).map_err(failed)?.is_none() {
                tree.controller(bdf).map_err(failed)?;
            }
            vec![bdf]
        }
    };
    if bdfs.is_empty() {
        writeln!(out, "nothing is to be given back")?;
    }
    let mut worst = Ok(Exit::Passed);
    for bdf in bdfs {
        match give_back(&tree, bdf) {
            Ok(words) => writeln!(out, "{words}")?,
            Err(failure) => worst = Err(failure),
        }
    }
    worst
}

fn give_back(tree: &Tree, bdf: Bdf) -> Result<String, Failure> {
    Ok(match vfio::give_back(tree, bdf).map_err(failed)? {
        Some(driver) => format!("{bdf} is bound to {driver}"),
        None => format!("{bdf} has no driver, as before"),
    })
}

/// The guardian of a run.
pub fn guard(args: &GuardArgs) -> Result<Exit, Failure> {
    vfio::guard(&Tree::at(&args.root), args.bdf).map_err(failed)?;
    Ok(Exit::Passed)
}
