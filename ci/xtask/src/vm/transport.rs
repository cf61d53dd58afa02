//! `cargo xtask vm-transport`: the DUT vfio without a judge, in a machine.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::lockstep::{self, MachineArgs, More};
use super::machine::{Job, Relay};

/// Runs `ci/vm/transport.sh`; its exit code.
pub fn run(root: &Path, args: &MachineArgs) -> Result<u8> {
    let args = MachineArgs { controllers: 1, ..args.clone() };
    let job = Job {
        script: root.join("ci/vm/transport.sh"),
        settings: vec![("bdf", lockstep::FIRST_BDF.into())],
        arguments: vec![],
        limit: Duration::from_secs(args.limit),
    };
    let more = More { programs: vec![("probe", lockstep::build_probe(root)?)], ..More::default() };
    Ok(lockstep::in_machine_with(root, &args, more, vec![], &job, &mut Relay)?.code)
}
