//! `cargo xtask vm-transport`: the DUT vfio without a judge, in two machines.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::cache::Cache;
use super::lockstep::{self, MachineArgs, More};
use super::machine::{Job, Relay};
use super::newer_qemu::{self, Version};
use super::server::{IOMMU_OF_VFIO_USER, Server, vfio_user_device};

/// Runs `ci/vm/transport.sh` on QEMU's controller, behind a root port, and then on the emulator with MSI,
/// which no controller of QEMU's has; the exit code.
pub fn run(root: &Path, args: &MachineArgs) -> Result<u8> {
    let program = match &args.program {
        Some(program) => program.clone(),
        None => lockstep::build(root)?,
    };
    let args = MachineArgs { controllers: 1, program: Some(program.clone()), ..args.clone() };
    let probe = lockstep::build_probe(root)?;
    match on_qemu(root, &MachineArgs { root_port: true, ..args.clone() }, probe.clone())? {
        0 => on_the_emulator(root, &args, &program, probe),
        code => Ok(code),
    }
}

fn on_qemu(root: &Path, args: &MachineArgs, probe: PathBuf) -> Result<u8> {
    let more = More { programs: vec![("probe", probe)], ..More::default() };
    let job = job(root, args, "qemu");
    Ok(lockstep::in_machine_with(root, args, more, vec![], &job, &mut Relay)?.code)
}

fn on_the_emulator(root: &Path, args: &MachineArgs, program: &Path, probe: PathBuf) -> Result<u8> {
    let qemu = newer_qemu::fetch(&Cache::open()?, Version::V11)?;
    let args = MachineArgs { qemu, root_port: false, ..args.clone() };
    let folder = tempfile::Builder::new().prefix("lockstep-transport-").tempdir();
    let folder = folder.context("a folder")?;
    let socket = folder.path().join("socket");
    let arguments = ["--namespace", "64", "--interrupts", "msi"].map(str::to_owned);
    let log = folder.path().join("serve.log");
    let mut server = Server::start(program, &socket, &arguments, &log)?;
    let devices = [
        "-device".to_owned(),
        IOMMU_OF_VFIO_USER.to_owned(),
        "-device".to_owned(),
        vfio_user_device(&socket),
    ];
    let programs = vec![("probe", probe)];
    let more = More { instead: Some(devices.to_vec()), programs, ..More::default() };
    let job = job(root, &args, "emulator");
    let ended = lockstep::in_machine_with(root, &args, more, vec![], &job, &mut Relay)?;
    server.still_runs()?;
    Ok(ended.code)
}

fn job(root: &Path, args: &MachineArgs, controller: &str) -> Job {
    Job {
        script: root.join("ci/vm/transport.sh"),
        settings: vec![("bdf", args.first_bdf().into()), ("controller", controller.into())],
        arguments: vec![],
        limit: Duration::from_secs(args.limit),
    }
}
