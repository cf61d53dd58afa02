//! `cargo xtask vm-kill`: lockstep is killed in mid-run, and what it had borrowed has to go back.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::lockstep::{self, MachineArgs};
use super::machine::{Job, Relay};

/// Runs `ci/vm/kill.sh`; its exit code.
pub fn run(root: &Path, args: &MachineArgs) -> Result<u8> {
    // Another controller of the subsystem would keep the block device alive.
    let args = MachineArgs { controllers: 1, ..args.clone() };
    let job = Job {
        script: root.join("ci/vm/kill.sh"),
        settings: vec![("bdf", args.first_bdf().into())],
        arguments: vec![],
        limit: Duration::from_secs(args.limit),
    };
    Ok(lockstep::in_machine(root, &args, vec![], &job, &mut Relay)?.code)
}
