//! `cargo xtask linux-guest`: Linux's own NVMe driver, in a machine, on our emulator or on QEMU's
//! controller.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use tempfile::TempDir;

use super::accelerator::{self, Wanted};
use super::apt::{self, Apt};
use super::cache::Cache;
use super::expected::Expected;
use super::image::Image;
use super::kernel::{Kernel, SUITE};
use super::machine::{Accelerator, Ended, Host, Job, Machine};
use super::newer_qemu::{self, Version, version_of};
use super::rates::Rates;
use super::server::{IOMMU_OF_VFIO_USER, Server, vfio_user_device};
use super::text::{for_qemu, last_lines};
use super::{BOOT_MODULES, lockstep, need};

/// The tools of the guest.
const TOOLS: [&str; 5] = ["nvme-cli", "fio", "e2fsprogs", "util-linux", "pciutils"];
/// Bytes of QEMU's namespace.
const NAMESPACE: u64 = 64 << 20;
/// The exit code of a judge to whom all of it was modelled, and agreed.
const AGREED: i32 = 0;
/// Memory of the machine in MiB.
const MEMORY: u32 = 768;

/// The controller under Linux.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Device {
    /// QEMU's own, for comparison.
    Qemu,
    /// Our emulator, by `lockstep serve` and QEMU's vfio-user-pci.
    Serve,
}

impl Device {
    fn name(self) -> &'static str {
        match self {
            Self::Qemu => "qemu",
            Self::Serve => "serve",
        }
    }
}

/// `cargo xtask linux-guest`.
#[derive(Args, Debug)]
pub struct LinuxGuestArgs {
    /// The controller under Linux.
    #[arg(long, value_enum, default_value = "serve")]
    pub device: Device,
    /// The QEMU program; default: what `cargo xtask qemu11` fetches.
    #[arg(long, value_name = "PATH")]
    pub qemu: Option<PathBuf>,
    /// A Debian kernel package (linux-image-….deb) instead of the one that is fetched.
    #[arg(long, value_name = "FILE")]
    pub kernel: Option<PathBuf>,
    /// What executes the guest.
    #[arg(long, value_enum, default_value = "auto")]
    pub accelerator: Wanted,
    /// Processors of the machine: the driver makes an I/O queue for each.
    #[arg(long, value_name = "N", default_value = "2", value_parser = clap::value_parser!(u32).range(1..=16))]
    pub cpus: u32,
    /// Keep what the guest said and its kernel's log in this folder.
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// The model judges the emulator under Linux's traffic; the first phase alone.
    #[arg(long, conflicts_with = "device", group = "only")]
    pub judge: bool,
    /// The essentials by INTx: the kernel uses no messages (`pci=nomsi`).
    #[arg(long, group = "only")]
    pub pin: bool,
    /// The essentials behind an IOMMU, which maps memory page by page as the driver uses it.
    #[arg(long, group = "only")]
    pub iommu: bool,
    /// The essentials by MSI, which the emulator has then in place of MSI-X: behind an IOMMU, where Linux
    /// takes a message for each queue, and without one, where it takes a single message.
    #[arg(long, conflicts_with = "device", group = "only")]
    pub msi: bool,
    /// Measure fio's random reads and writes of 4 KiB instead.
    #[arg(long, group = "only")]
    pub rates: bool,
    /// How often each rate is measured.
    #[arg(long, value_name = "N", default_value = "3", requires = "rates", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub turns: u32,
    /// A lockstep that serves, instead of the one that is built.
    #[arg(long, value_name = "FILE")]
    pub program: Option<PathBuf>,
    /// More arguments for `lockstep serve`.
    #[arg(last = true, value_name = "ARGUMENTS")]
    pub serve: Vec<String>,
}

/// Runs all phases; the exit code: 0 if all is as `ci/vm/linux-guest.toml` expects it, else 1.
pub fn run(root: &Path, args: &LinuxGuestArgs) -> Result<u8> {
    need("setpriv", "util-linux")?;
    let expected = Expected::read(&root.join("ci/vm/linux-guest.toml"))?;
    let cache = Cache::open()?;
    let qemu = match &args.qemu {
        Some(qemu) => qemu.clone(),
        None => newer_qemu::fetch(&cache, Version::V11)?,
    };
    eprintln!("{}", version_of(&qemu)?);
    let kernel = Kernel::fetch(&cache, args.kernel.as_deref())?;
    let tools = tools(&cache)?;
    let accelerator = accelerator::choose(args.accelerator, &cache, root, &qemu, &kernel)?;
    let program = match (args.device, &args.program) {
        (Device::Qemu, _) => None,
        (Device::Serve, Some(program)) => Some(program.clone()),
        (Device::Serve, None) => Some(lockstep::build(root)?),
    };
    let folder = tempfile::Builder::new().prefix("lockstep-linux-").tempdir();
    let lane = Lane {
        root,
        args,
        qemu,
        kernel,
        tools,
        accelerator,
        program,
        folder: folder.context("a folder")?,
    };
    let disk = File::create(lane.path("disk")).and_then(|file| file.set_len(NAMESPACE));
    disk.context("the namespace")?;
    let phases: &[&str] = match args.device {
        _ if args.pin => &["pin"],
        _ if args.iommu => &["iommu"],
        _ if args.msi => &["msi", "msi-single"],
        _ if args.rates => &["rates"],
        _ if args.judge => &["first"],
        Device::Qemu => &["first", "second"],
        Device::Serve => &["first", "second", "third"],
    };
    let mut faults = 0;
    for phase in phases {
        let begin = Instant::now();
        faults += lane.phase(phase, &expected)?;
        eprintln!("{phase}: {:.1} s", begin.elapsed().as_secs_f64());
        if faults > 0 {
            // What follows builds on it.
            break;
        }
    }
    println!("EXIT {}", u8::from(faults > 0));
    Ok(u8::from(faults > 0))
}

/// What all phases have in common.
struct Lane<'a> {
    root: &'a Path,
    args: &'a LinuxGuestArgs,
    qemu: PathBuf,
    kernel: Kernel,
    tools: PathBuf,
    accelerator: Accelerator,
    /// Lockstep, where it serves the controller.
    program: Option<PathBuf>,
    folder: TempDir,
}

impl Lane<'_> {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs one phase, with a server of its own; how much was not as expected.
    fn phase(&self, phase: &str, expected: &Expected) -> Result<usize> {
        let (socket, log) = (self.path("socket"), self.path("serve.log"));
        let server = self.program.as_ref().map(|program| {
            let mut arguments =
                vec!["--namespace-file".to_owned(), self.path("disk").display().to_string()];
            if self.args.judge {
                arguments.push("--judge".to_owned());
            }
            if self.args.msi {
                arguments.extend(["--interrupts", "msi"].map(str::to_owned));
            }
            arguments.extend(self.args.serve.iter().cloned());
            Server::start(program, &socket, &arguments, &log)
        });
        let mut guest = Guest { server: server.transpose()?, ..Guest::default() };
        let job = Job {
            script: self.root.join("ci/vm/linux-guest.sh"),
            settings: vec![
                ("phase", phase.into()),
                ("cpus", self.args.cpus.to_string()),
                ("turns", self.args.turns.to_string()),
            ],
            arguments: vec![],
            limit: Duration::from_secs(if self.args.rates { 3600 } else { 600 }),
        };
        let ended = self.machine(phase)?.run(&job, &mut guest);
        if let Some(folder) = &self.args.keep {
            let dmesg = ended.as_ref().ok().and_then(|ended| ended.dmesg.as_deref());
            guest.keep(folder, &format!("{}-{phase}", self.args.device.name()), dmesg)?;
            if self.program.is_some() {
                fs::copy(&log, folder.join("serve.log")).context("the server's log")?;
            }
        }
        let ended = ended.with_context(|| last_lines(&guest.said(), 20))?;
        let mut faults = match self.args.rates {
            true => self.measured(expected, phase, &guest, &ended)?,
            false => compare(expected, self.args.device, phase, &guest, &ended),
        };
        match guest.server {
            Some(server) if self.args.judge => {
                let (code, words) = server.interrupt()?;
                println!("  judged: exit code {code}\n{words}");
                faults += usize::from(code != AGREED);
            }
            // The next phase finds what a crash leaves.
            Some(server) => server.kill()?,
            None => {}
        }
        Ok(faults)
    }

    /// Prints the rates; how much stands in the kernel's log and should not.
    fn measured(
        &self,
        expected: &Expected,
        phase: &str,
        guest: &Guest,
        ended: &Ended,
    ) -> Result<usize> {
        let rates = Rates::read(&String::from_utf8_lossy(&guest.results))
            .with_context(|| last_lines(&guest.said(), 20))?;
        let (device, log) = (self.args.device.name(), ended.dmesg.as_deref().unwrap_or_default());
        let arguments = self.args.serve.join(" ");
        println!("{}", rates.table(format!("{device} {arguments}").trim_end()));
        let alarms = expected.alarms(device, phase, log);
        alarms.iter().for_each(|alarm| println!("  {alarm}"));
        Ok(alarms.len())
    }

    /// QEMU's arguments for the controller, behind an IOMMU or not.
    fn devices(&self, iommu: bool) -> Vec<String> {
        let mut devices: Vec<String> = Vec::new();
        let mut add = |option: &str, value: String| devices.extend([option.to_owned(), value]);
        if iommu {
            add("-device", IOMMU_OF_VFIO_USER.into());
        }
        match self.args.device {
            Device::Qemu => {
                let disk = for_qemu(&self.path("disk").display().to_string());
                add("-drive", format!("if=none,id=disk,format=raw,discard=unmap,file={disk}"));
                add("-device", "nvme,serial=lockstep,drive=disk,addr=4".into());
            }
            Device::Serve => add("-device", vfio_user_device(&self.path("socket"))),
        }
        devices
    }

    fn machine(&self, phase: &str) -> Result<Machine> {
        let mut modules = BOOT_MODULES.to_vec();
        modules.extend(["nvme-core", "nvme", "ext4", "crc32c_generic"]);
        let iommu = matches!(phase, "iommu" | "msi");
        let kernel_arguments = match phase {
            "pin" => "pci=nomsi",
            _ if iommu => "intel_iommu=on",
            _ => "",
        };
        Ok(Machine {
            qemu: self.qemu.clone(),
            accelerator: self.accelerator,
            vmlinux: self.kernel.vmlinux.clone(),
            image: Image::new(self.root, &self.kernel, &modules)?.finish(),
            memory: MEMORY,
            cpus: self.args.cpus,
            kernel_arguments: kernel_arguments.into(),
            devices: self.devices(iommu),
            shares: vec![],
            tools: Some(self.tools.clone()),
            boot_limit: Duration::from_secs(60),
            boots: 2,
        })
    }
}

/// Prints what is not as expected; how much that is.
fn compare(
    expected: &Expected,
    device: Device,
    phase: &str,
    guest: &Guest,
    ended: &Ended,
) -> usize {
    let results = String::from_utf8_lossy(&guest.results);
    let log = ended.dmesg.as_deref().unwrap_or_default();
    let mut faults = expected.faults(device.name(), phase, &results, log);
    if ended.code != 0 {
        faults.push(format!("the script ended with {}", ended.code));
    }
    println!("{phase}: {} steps, {} not as expected", results.lines().count(), faults.len());
    for fault in &faults {
        println!("  {fault}");
    }
    if !faults.is_empty() {
        eprintln!("{}", guest.said());
    }
    faults.len()
}

/// Collects what the guest says, and does what it asks for.
#[derive(Default)]
struct Guest {
    server: Option<Server>,
    results: Vec<u8>,
    said: Vec<u8>,
}

impl Guest {
    fn said(&self) -> String {
        String::from_utf8_lossy(&self.said).into_owned()
    }

    fn keep(&self, folder: &Path, name: &str, log: Option<&str>) -> Result<()> {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        fs::write(folder.join(format!("{name}.results")), &self.results).context("results")?;
        fs::write(folder.join(format!("{name}.log")), &self.said).context("the guest's log")?;
        let log = log.unwrap_or_default();
        fs::write(folder.join(format!("{name}.dmesg")), log).context("the kernel's log")
    }
}

impl Host for Guest {
    fn output(&mut self, text: &[u8], errors: bool) -> Result<()> {
        if errors { &mut self.said } else { &mut self.results }.extend_from_slice(text);
        Ok(())
    }

    fn request(&mut self, words: &str) -> Result<String> {
        match (words, self.server.take()) {
            ("kill-server", Some(server)) => server.kill().map(|()| "killed".into()),
            _ => bail!("the guest asked for `{words}`, which cannot be done here"),
        }
    }
}

/// The tree of the guest's tools; fetched unless it is there.
fn tools(cache: &Cache) -> Result<PathBuf> {
    cache.folder("tools", |folder| {
        eprintln!("fetching the guest's tools (once)");
        let root = folder.join("apt");
        let debs = Apt::new(&root, &[SUITE], None)?.with_dependencies(&TOOLS)?;
        apt::unpack(&debs, folder)?;
        fs::remove_dir_all(&root).context("what apt needed")?;
        for name in ["proc", "sys", "dev", "tmp", "mnt"] {
            fs::create_dir_all(folder.join(name)).context("a folder of the tools")?;
        }
        Ok(())
    })
}
