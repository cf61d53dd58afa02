//! `cargo xtask`: the generator, the checks of the repository, and its virtual machines.

use std::fs;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use xtask::vm::cache::Cache;
use xtask::vm::linux_guest::{self, LinuxGuestArgs};
use xtask::vm::lockstep::{self, MachineArgs, VmArgs};
use xtask::vm::newer_qemu::{self, Version};
use xtask::vm::verdicts::{self, VerdictsArgs};
use xtask::vm::{BAD_USAGE, BadUsage, HARNESS_FAILED, INTERRUPTED};
use xtask::vm::{kill, refusals, smoke, transport};
use xtask::{Problem, check, generate, handles, root, source, vm};

/// The generator, the checks of the repository, and its virtual machines.
#[derive(Parser)]
#[command(name = "cargo xtask", arg_required_else_help = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Write the requirement handles from reference-model/requirements/*.toml.
    Gen {
        /// Fail if the committed files differ from what would be written.
        #[arg(long)]
        check: bool,
    },
    /// Bring ci/xtask/unjudged.txt up to date with the rules of the model.
    Unjudged,
    /// Format, generated files, clippy, tests; runs all, then lists what failed.
    Check,
    /// Fetch QEMU 10.0 beside the system's and print its path.
    Qemu10,
    /// Fetch QEMU 11, which has vfio-user-pci, beside the system's and print its path.
    Qemu11,
    /// Build the program that runs in virtual machines, without shared libraries, and print its path.
    VmProgram,
    /// Run lockstep in a virtual machine with NVMe controllers behind an IOMMU.
    Vm(VmArgs),
    /// Run lockstep in a machine and outside: exit code, reports and traces must be the same.
    VmSmoke(MachineArgs),
    /// Kill lockstep in mid-run in a machine: what it had borrowed has to go back.
    VmKill(MachineArgs),
    /// The DUT vfio without a judge, in a machine: interrupts of each kind, power, resets, IOMMU faults.
    VmTransport(MachineArgs),
    /// Everything that lockstep refuses to do to a controller, tried in a machine.
    VmRefusals(MachineArgs),
    /// Judge one QEMU over qtest and over vfio: the verdicts must be the same.
    SameVerdicts(VerdictsArgs),
    /// Boot Linux on our emulator, or on QEMU's controller, and use it with Linux's own tools.
    LinuxGuest(LinuxGuestArgs),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Task::Gen { check } => report(generate::run(check)),
        Task::Unjudged => report(unjudged().map(|()| Vec::new())),
        Task::Check => check_all(),
        Task::Qemu10 => machine(|| print_qemu(Version::V10)),
        Task::Qemu11 => machine(|| print_qemu(Version::V11)),
        Task::VmProgram => machine(print_program),
        Task::Vm(args) => machine(|| lockstep::run(&root(), &args)),
        Task::VmSmoke(args) => machine(|| smoke::run(&root(), &args)),
        Task::VmKill(args) => machine(|| kill::run(&root(), &args)),
        Task::VmTransport(args) => machine(|| transport::run(&root(), &args)),
        Task::VmRefusals(args) => machine(|| refusals::run(&root(), &args)),
        Task::SameVerdicts(args) => machine(|| verdicts::run(&root(), &args)),
        Task::LinuxGuest(args) => machine(|| linux_guest::run(&root(), &args)),
    }
}

fn report(done: Result<Vec<Problem>>) -> ExitCode {
    match done {
        Ok(problems) if problems.is_empty() => ExitCode::SUCCESS,
        Ok(problems) => {
            for problem in problems {
                eprintln!("{problem}");
            }
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The exit code of what `task` ran in a machine, or the harness's own failure.
fn machine(task: impl FnOnce() -> Result<u8>) -> ExitCode {
    match vm::catch_interrupts().and_then(|()| task()) {
        Ok(code) => ExitCode::from(code),
        Err(_) if vm::interrupted() => ExitCode::from(INTERRUPTED),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(if error.is::<BadUsage>() { BAD_USAGE } else { HARNESS_FAILED })
        }
    }
}

fn print_qemu(version: Version) -> Result<u8> {
    println!("{}", newer_qemu::fetch(&Cache::open()?, version)?.display());
    Ok(0)
}

fn print_program() -> Result<u8> {
    println!("{}", lockstep::build(&root())?.display());
    Ok(0)
}

fn unjudged() -> Result<()> {
    let path = root().join(handles::PATH);
    let list = fs::read_to_string(&path)?;
    let updated = handles::update(&handles::names(&root())?, &source::read(&root())?, &list);
    println!("{} requirements are not judged", updated.lines().count());
    Ok(fs::write(path, updated)?)
}

fn check_all() -> ExitCode {
    match check::run(&root()) {
        Ok(failed) if failed.is_empty() => {
            println!("all checks passed");
            ExitCode::SUCCESS
        }
        Ok(failed) => {
            eprintln!("failed: {}", failed.join(", "));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
