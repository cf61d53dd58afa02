//! `cargo xtask vm`: lockstep in a machine with NVMe controllers behind an IOMMU.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use tempfile::TempDir;

use super::accelerator::{self, Wanted};
use super::cache::Cache;
use super::image::Image;
use super::kernel::Kernel;
use super::machine::{Ended, Host, Job, Machine, Relay};
use super::newer_qemu::version_of;
use super::text::for_qemu;
use super::{BOOT_MODULES, BadUsage, need, share};

/// The target of the program that runs in a machine: the host's own, linked statically.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The PCI slot of the first controller, as on the DUT `qemu`, or of its root port.
const FIRST_SLOT: u8 = 4;

/// Hot plug by the ports themselves instead of ACPI. Where ACPI does it, QEMU's port says that it reports an
/// active link and never does (`hw/acpi/pcihp.c` takes the place of `hw/pci/pcie.c`), and the kernel takes
/// the function for gone after each reset of the bus (ENOTTY, docs/dut-vfio.md).
const NATIVE_HOTPLUG: &str = "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off";

/// The serial number of every controller.
pub const SERIAL: &str = "lockstep";

/// A namespace of the machine's controllers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Namespace {
    bytes: u64,
    /// Bytes per logical block.
    block: u32,
}

impl std::fmt::Display for Namespace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.bytes >> 20, self.block)
    }
}

/// A machine with NVMe controllers.
#[derive(Args, Clone, Debug)]
pub struct MachineArgs {
    /// The QEMU program, a path or a name in PATH.
    #[arg(long, value_name = "PATH", default_value = "qemu-system-x86_64")]
    pub qemu: PathBuf,
    /// A Debian kernel package (linux-image-….deb) instead of the one that is fetched.
    #[arg(long, value_name = "FILE")]
    pub kernel: Option<PathBuf>,
    /// What executes the guest.
    #[arg(long, value_enum, default_value = "auto")]
    pub accelerator: Wanted,
    /// A property of QEMU's nvme device, such as mdts=4. May be given several times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = property)]
    pub device: Vec<String>,
    /// How many controllers. More than one are put into one NVM subsystem.
    #[arg(long, value_name = "N", default_value = "2", value_parser = clap::value_parser!(u8).range(1..=16))]
    pub controllers: u8,
    /// Put each controller behind a root port of its own, at 0000:01:00.0, 0000:02:00.0, ...: only there it
    /// is alone on a bus, which the kernel can reset.
    #[arg(long)]
    pub root_port: bool,
    /// A namespace: MIB or MIB:BLOCK, such as 64:4096. May be given several times.
    #[arg(long, value_name = "MIB[:BLOCK]", default_value = "64", value_parser = namespace)]
    pub namespace: Vec<Namespace>,
    /// Memory of the machine in MiB.
    #[arg(long, value_name = "MIB", default_value = "1024", value_parser = clap::value_parser!(u32).range(256..=65536))]
    pub memory: u32,
    /// Processors of the machine.
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub cpus: u32,
    /// Seconds that the machine may take to boot.
    #[arg(long, value_name = "SECONDS", default_value = "60")]
    pub boot_limit: u64,
    /// Seconds that the job may take.
    #[arg(long, value_name = "SECONDS", default_value = "900")]
    pub limit: u64,
    /// A static lockstep instead of the one that is built.
    #[arg(long, value_name = "FILE")]
    pub program: Option<PathBuf>,
}

impl MachineArgs {
    /// The address of the first controller.
    pub fn first_bdf(&self) -> &'static str {
        if self.root_port { "0000:01:00.0" } else { "0000:00:04.0" }
    }
}

/// `cargo xtask vm`.
#[derive(Args, Debug)]
pub struct VmArgs {
    /// The machine.
    #[command(flatten)]
    pub machine: MachineArgs,
    /// Print how long booting and running took.
    #[arg(long)]
    pub times: bool,
    /// The arguments of lockstep. Its controllers are 0000:00:04.0, 0000:00:05.0, ... (but --root-port).
    #[arg(last = true, required = true, value_name = "ARGUMENTS")]
    pub arguments: Vec<String>,
}

/// Runs lockstep in a machine; its exit code.
pub fn run(root: &Path, args: &VmArgs) -> Result<u8> {
    let here = std::env::current_dir().context("the current folder")?;
    let job = Job {
        script: root.join("ci/vm/lockstep.sh"),
        settings: vec![("here", here.display().to_string())],
        arguments: args.arguments.clone(),
        limit: Duration::from_secs(args.machine.limit),
    };
    let shares = share::folders(&here, &args.arguments).map_err(BadUsage)?;
    let ended = in_machine(root, &args.machine, shares, &job, &mut Relay)?;
    if args.times {
        let seconds = |time: Duration| time.as_secs_f64();
        eprintln!(
            "machine: job begun after {:.1} s, ended after {:.1} s",
            seconds(ended.booted),
            seconds(ended.ended)
        );
    }
    Ok(ended.code)
}

/// What a machine has beside what its arguments say.
#[derive(Debug)]
pub struct More {
    /// The kernel's command line.
    pub kernel_arguments: &'static str,
    /// Arguments for QEMU.
    pub devices: Vec<String>,
    /// Arguments for QEMU in place of those for its own controllers and their IOMMU.
    pub instead: Option<Vec<String>>,
    /// Modules that the job may load, beside nvme and vfio.
    pub modules: &'static [&'static str],
    /// Programs: name in `/vm/bin`, and the file.
    pub programs: Vec<(&'static str, PathBuf)>,
}

impl Default for More {
    fn default() -> Self {
        let kernel_arguments = "intel_iommu=on";
        Self { kernel_arguments, devices: vec![], instead: None, modules: &[], programs: vec![] }
    }
}

/// Runs a job in a machine that has lockstep and NVMe controllers.
pub fn in_machine(
    root: &Path,
    args: &MachineArgs,
    shares: Vec<PathBuf>,
    job: &Job,
    host: &mut dyn Host,
) -> Result<Ended> {
    in_machine_with(root, args, More::default(), shares, job, host)
}

/// Runs a job in a machine that has lockstep, NVMe controllers, and more.
pub fn in_machine_with(
    root: &Path,
    args: &MachineArgs,
    more: More,
    shares: Vec<PathBuf>,
    job: &Job,
    host: &mut dyn Host,
) -> Result<Ended> {
    need("setpriv", "util-linux")?;
    version_of(&args.qemu)?;
    let disks = tempfile::Builder::new().prefix("lockstep-disks-").tempdir();
    let disks = disks.context("a folder for the namespaces")?;
    let mut devices = match more.instead {
        Some(devices) => devices,
        None => controllers(args, &disks)?,
    };
    devices.extend(more.devices);
    let program = match &args.program {
        Some(program) => program.clone(),
        None => build(root)?,
    };
    let program = fs::read(&program).with_context(|| program.display().to_string())?;
    let cache = Cache::open()?;
    let kernel = Kernel::fetch(&cache, args.kernel.as_deref())?;
    let mut modules = BOOT_MODULES.to_vec();
    modules.extend(["nvme", "vfio_iommu_type1", "vfio-pci"]);
    modules.extend(more.modules);
    let mut image = Image::new(root, &kernel, &modules)?;
    image.file("vm/bin/lockstep", &program);
    for (name, file) in &more.programs {
        let program = fs::read(file).with_context(|| file.display().to_string())?;
        image.file(&format!("vm/bin/{name}"), &program);
    }
    let machine = Machine {
        accelerator: accelerator::choose(args.accelerator, &cache, root, &args.qemu, &kernel)?,
        qemu: args.qemu.clone(),
        vmlinux: kernel.vmlinux.clone(),
        image: image.finish(),
        memory: args.memory,
        cpus: args.cpus,
        kernel_arguments: more.kernel_arguments.into(),
        devices,
        shares,
        tools: None,
        boot_limit: Duration::from_secs(args.boot_limit),
        boots: 2,
    };
    machine.run(job, host)
}

/// Builds lockstep without shared libraries.
pub fn build(root: &Path) -> Result<PathBuf> {
    Ok(build_static(root)?.join("lockstep"))
}

/// Builds the example of the vfio crate without shared libraries.
pub fn build_probe(root: &Path) -> Result<PathBuf> {
    Ok(build_static(root)?.join("examples/probe"))
}

/// Builds both together, so that both have their dependencies with the same features: else each would
/// build them afresh. In a target folder of its own, because its flags would make every other build start
/// afresh too. The folder of what was built.
fn build_static(root: &Path) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = root.join("target/static");
    let status = Command::new(cargo)
        .args(["build", "--release", "--locked", "--quiet"])
        .args(["--package", "lockstep", "--bin", "lockstep"])
        .args(["--package", "lockstep-vfio", "--example", "probe"])
        .args(["--target", TARGET, "--target-dir"])
        .arg(&target)
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .env("CARGO_PROFILE_RELEASE_STRIP", "debuginfo")
        .current_dir(root)
        .status()
        .context("cargo")?;
    ensure!(status.success(), "the static program does not build ({status})");
    Ok(target.join(TARGET).join("release"))
}

/// QEMU's arguments for an IOMMU, the controllers, and the namespaces, which all controllers share.
fn controllers(args: &MachineArgs, disks: &TempDir) -> Result<Vec<String>> {
    let mut devices: Vec<String> = Vec::new();
    let mut add = |option: &str, value: String| devices.extend([option.to_owned(), value]);
    add("-device", "intel-iommu,intremap=on".into());
    if args.root_port {
        add("-global", NATIVE_HOTPLUG.into());
    }
    // As the DUT `qemu` has it: a controller alone says that it is alone (CMIC).
    let subsystem = match args.controllers {
        0 | 1 => "",
        _ => {
            add("-device", "nvme-subsys,id=subsystem,nqn=lockstep".into());
            ",subsys=subsystem"
        }
    };
    let mut properties = String::new();
    for property in &args.device {
        properties += &format!(",{}", for_qemu(property));
    }
    for n in 0..args.controllers {
        let slot = FIRST_SLOT + n;
        let place = match args.root_port {
            true => {
                let port = format!("pcie-root-port,id=port{n},chassis={slot},addr={slot:#x}");
                add("-device", port);
                format!("bus=port{n}")
            }
            false => format!("addr={slot:#x}"),
        };
        let own = format!("nvme,id=ctrl{n},serial={SERIAL},{place}{subsystem}");
        add("-device", own + &properties);
    }
    for (n, Namespace { bytes, block }) in args.namespace.iter().enumerate() {
        let disk = disks.path().join(format!("namespace{n}"));
        let file = File::create(&disk).and_then(|file| file.set_len(*bytes));
        file.with_context(|| disk.display().to_string())?;
        add(
            "-drive",
            format!("if=none,id=disk{n},format=raw,discard=unmap,file={}", disk.display()),
        );
        add(
            "-device",
            format!(
                "nvme-ns,id=ns{nsid},bus=ctrl0,drive=disk{n},nsid={nsid},\
                 logical_block_size={block},physical_block_size={block}",
                nsid = n + 1
            ),
        );
    }
    Ok(devices)
}

fn namespace(text: &str) -> Result<Namespace, String> {
    let (mib, block) = text.split_once(':').unwrap_or((text, "512"));
    match (mib.parse::<u32>(), block.parse::<u32>()) {
        (Ok(mib), Ok(block)) if mib > 0 && block >= 512 && block.is_power_of_two() => {
            Ok(Namespace { bytes: u64::from(mib) << 20, block })
        }
        _ => Err("write MIB or MIB:BLOCK, such as 64 or 64:4096".into()),
    }
}

fn property(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some((key, _)) if !key.is_empty() => Ok(text.into()),
        _ => Err("write KEY=VALUE, such as mdts=4".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_are_read_or_refused() {
        assert_eq!(namespace("64"), Ok(Namespace { bytes: 64 << 20, block: 512 }));
        assert_eq!(namespace("2:4096"), Ok(Namespace { bytes: 2 << 20, block: 4096 }));
        for text in ["", "0", "x", "64:", "64:100", "64:256", "64:600", "-1"] {
            assert!(namespace(text).is_err(), "{text}");
        }
        assert_eq!(namespace("2:4096").unwrap().to_string(), "2:4096");
    }
}
