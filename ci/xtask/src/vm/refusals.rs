//! `cargo xtask vm-refusals`: what lockstep refuses, and that it touches nothing.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::lockstep::{self, MachineArgs, More};
use super::machine::{Job, Relay};

/// A controller that shares its IOMMU group: the other function of its device has a driver.
const GROUPED: [&str; 4] = [
    "-device",
    "nvme,id=grouped,serial=grouped,addr=6.0,multifunction=on",
    "-device",
    "virtio-rng-pci,addr=6.1",
];
/// Its address.
const GROUPED_BDF: &str = "0000:00:06.0";

/// Runs `ci/vm/refusals.sh` in a machine whose kernel uses its IOMMU, and in one whose kernel does not;
/// 0 if everything was refused as it should be.
pub fn run(root: &Path, args: &MachineArgs) -> Result<u8> {
    // With another controller of the subsystem the namespace would stay.
    let mut args = MachineArgs { controllers: 1, ..args.clone() };
    if args.program.is_none() {
        args.program = Some(lockstep::build(root)?);
    }
    for (iommu, kernel_arguments) in [("yes", "intel_iommu=on"), ("no", "intel_iommu=off")] {
        let job = Job {
            script: root.join("ci/vm/refusals.sh"),
            settings: vec![
                ("iommu", iommu.into()),
                ("bdf", args.first_bdf().into()),
                ("grouped", GROUPED_BDF.into()),
            ],
            arguments: vec![],
            limit: Duration::from_secs(args.limit),
        };
        let more = More {
            kernel_arguments,
            devices: GROUPED.map(str::to_owned).to_vec(),
            modules: &["ext4", "crc32c_generic"],
            ..More::default()
        };
        let ended = lockstep::in_machine_with(root, &args, more, vec![], &job, &mut Relay)?;
        if ended.code != 0 {
            return Ok(ended.code);
        }
    }
    Ok(0)
}
