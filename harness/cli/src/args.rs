//! The arguments, and the help that teaches them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use reports::Seed;
use vfio::Bdf;

use crate::dut_arg::DutArg;
use crate::help;

/// Judges NVMe controllers: a golden model of the specifications, in lockstep with a device under
/// test.
#[derive(Parser, Debug)]
#[command(name = "lockstep", version, arg_required_else_help = true, after_help = help::PROGRAM)]
#[command(max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run the tests on a DUT and report.
    #[command(after_help = help::RUN)]
    Run(RunArgs),
    /// List the tests, with the requirements that they prove.
    #[command(after_help = help::LIST)]
    List(ListArgs),
    /// List every entry of the catalogue and what becomes of it.
    #[command(after_help = help::REQUIREMENTS)]
    Requirements(RequirementsArgs),
    /// Tell what the DUT says of itself, and where it contradicts itself.
    #[command(after_help = help::CLAIMS)]
    Claims(ClaimsArgs),
    /// Perform a sequence, or the actions of a trace, on a DUT.
    #[command(after_help = help::REPLAY)]
    Replay(ReplayArgs),
    /// Judge a trace again, without any DUT.
    #[command(after_help = help::JUDGE)]
    Judge(JudgeArgs),
    /// Cut a sequence or trace down to the few actions that still diverge.
    #[command(after_help = help::SHRINK)]
    Shrink(ShrinkArgs),
    /// Hold two JSON reports side by side: do two DUTs get the same verdicts?
    #[command(after_help = help::COMPARE)]
    Compare(CompareArgs),
    /// Plant each defect in the emulator and see whether the tests notice.
    #[command(after_help = help::SABOTAGE)]
    Sabotage(SabotageArgs),
    /// Look for false alarms: correct emulators of every kind must raise nothing.
    #[command(after_help = help::PANEL)]
    Panel(PanelArgs),
    /// Write a random sequence.
    #[command(after_help = help::GENERATE)]
    Generate(GenerateArgs),
    /// Measure how fast a DUT is driven, raw and in lockstep.
    #[command(after_help = help::RATES)]
    Rates(RatesArgs),
    /// Export the emulator over vfio-user: to QEMU, or to `--dut vfio-user:SOCKET`.
    #[command(after_help = SERVE_HELP)]
    Serve(ServeArgs),
    /// Look at this machine: QEMU, memory, limits, NVMe controllers and what keeps them from a test.
    Doctor(DoctorArgs),
    /// Take a controller from its driver and bind it to vfio-pci, until `unbind`.
    Bind(BindArgs),
    /// Give a controller back to the driver that it had.
    Unbind(UnbindArgs),
    /// Gives a controller back when standard input ends: started by a run for itself.
    #[command(name = vfio::GUARD, hide = true)]
    Guard(GuardArgs),
}

/// Which DUT, and how it is made.
#[derive(Args, Clone, Debug)]
pub struct DutArgs {
    /// The device under test: emulator, qemu, vfio:BDF or vfio-user:SOCKET.
    #[arg(long, value_name = "DUT", default_value = "emulator")]
    pub dut: DutArg,
    /// The QEMU program, a path or a name in PATH.
    #[arg(long, value_name = "PATH", help_heading = "QEMU")]
    pub qemu: Option<PathBuf>,
    /// A property of QEMU's nvme device, such as mdts=4. May be given several times.
    #[arg(long, value_name = "KEY=VALUE", help_heading = "QEMU")]
    pub device: Vec<String>,
    /// How many controllers QEMU has, in one subsystem.
    #[arg(long, value_name = "N", help_heading = "QEMU")]
    pub controllers: Option<u8>,
    /// A namespace: MIB or MIB:BLOCK, such as 64:4096. May be given several times.
    #[arg(long, value_name = "MIB[:BLOCK]", help_heading = "QEMU")]
    pub namespace: Vec<String>,
    /// Put QEMU's IOMMU between its controllers and memory: an access beyond what was mapped is refused,
    /// and seen.
    #[arg(long, help_heading = "QEMU")]
    pub iommu: bool,
    /// Put QEMU's own trace lines beside each finding.
    #[arg(long, help_heading = "QEMU")]
    pub qemu_trace: bool,
    /// How a vfio-user server reaches host memory: by descriptors, or by messages, each of which is
    /// seen and checked.
    #[arg(long, value_enum, default_value = "descriptors", help_heading = "vfio-user")]
    pub dma: DmaArg,
    /// How doorbells of a vfio-user server are rung: mapped where that is safe, mapped where it is
    /// offered, or by messages.
    #[arg(long, value_enum, default_value = "safely", help_heading = "vfio-user")]
    pub ring: RingArg,
    /// Consent to change data and saved settings of the controller with this very serial number.
    #[arg(long, value_name = "SERIAL", help_heading = "Controllers that are not ours")]
    pub erase: Option<String>,
    /// Consent, beside --erase, to what may take other functions or the host down.
    #[arg(long, requires = "erase", help_heading = "Controllers that are not ours")]
    pub disrupt: bool,
    /// The emulator's configuration (TOML).
    #[arg(long, value_name = "FILE", help_heading = "Emulator")]
    pub config: Option<PathBuf>,
    /// Plant a defect in the emulator; `lockstep sabotage --list` names them.
    #[arg(long, value_name = "NAME", help_heading = "Emulator")]
    pub defect: Option<String>,
    /// Delays and orders that a correct emulator may choose, drawn from this seed.
    #[arg(long, value_name = "N", help_heading = "Emulator")]
    pub perturb: Option<Seed>,
}

/// How a vfio-user server reaches host memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum DmaArg {
    /// By a file descriptor: quick.
    Descriptors,
    /// By messages: exact.
    Messages,
}

impl From<DmaArg> for vfio_user::Dma {
    fn from(arg: DmaArg) -> Self {
        match arg {
            DmaArg::Descriptors => Self::Descriptors,
            DmaArg::Messages => Self::Messages,
        }
    }
}

/// How doorbells of a vfio-user server are rung.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum RingArg {
    /// Mapped where the server cannot cut the file off.
    Safely,
    /// Mapped where it is offered.
    Trusting,
    /// By messages.
    Messages,
}

impl From<RingArg> for vfio_user::Ring {
    fn from(arg: RingArg) -> Self {
        match arg {
            RingArg::Safely => Self::Safely,
            RingArg::Trusting => Self::Trusting,
            RingArg::Messages => Self::ByMessages,
        }
    }
}

/// What the user expects of the DUT.
#[derive(Args, Clone, Debug)]
pub struct ProfileArgs {
    /// What is expected of the DUT: margins, budgets, pinned choices (TOML).
    #[arg(long, value_name = "FILE")]
    pub profile: Option<PathBuf>,
    /// Where every random choice flows from.
    #[arg(long, value_name = "N", default_value = "0x5eed")]
    pub seed: Seed,
}

/// `lockstep run`.
#[derive(Args, Debug)]
pub struct RunArgs {
    #[command(flatten)]
    pub dut: DutArgs,
    #[command(flatten)]
    pub profile: ProfileArgs,
    /// Which tests, all without it; how filters are written stands below.
    #[arg(long, value_name = "EXPR")]
    pub filter: Option<String>,
    /// Known deviations of this DUT (TOML), such as ci/waivers/qemu-7.2.toml.
    #[arg(long, value_name = "FILE")]
    pub waivers: Option<PathBuf>,
    /// Warnings fail the run.
    #[arg(long)]
    pub strict: bool,
    /// Write JUnit XML.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Write a JSON report.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Keep the traces of all tests (`all`), or keep those of failing tests in this folder.
    #[arg(long, value_name = "DIR|all")]
    pub trace: Option<PathBuf>,
    /// Where events and traces go; default: reports/out/ and a folder named by DUT and seed.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Tests at a time; default: one for each core on the emulator, else one.
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
}

/// `lockstep list`.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Which tests; all without it.
    #[arg(value_name = "EXPR")]
    pub filter: Option<String>,
}

/// `lockstep requirements`.
#[derive(Args, Debug)]
pub struct RequirementsArgs {
    /// Only entries whose name, id, area or disposition contains this.
    #[arg(value_name = "TEXT")]
    pub part: Option<String>,
    /// Only how many there are of each disposition.
    #[arg(long)]
    pub summary: bool,
}

/// `lockstep claims`.
#[derive(Args, Debug)]
pub struct ClaimsArgs {
    #[command(flatten)]
    pub dut: DutArgs,
    #[command(flatten)]
    pub profile: ProfileArgs,
}

/// `lockstep replay`.
#[derive(Args, Debug)]
pub struct ReplayArgs {
    /// A trace or a sequence.
    pub file: PathBuf,
    #[command(flatten)]
    pub dut: DutArgs,
    /// What is expected of the DUT, if not what the trace was recorded with.
    #[arg(long, value_name = "FILE")]
    pub profile: Option<PathBuf>,
    /// Write the trace of the replay.
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Print the actions as a sequence and stop.
    #[arg(long)]
    pub show: bool,
}

/// `lockstep judge`.
#[derive(Args, Debug)]
pub struct JudgeArgs {
    /// The trace.
    pub trace: PathBuf,
    /// What is expected of the DUT, if not what the trace was recorded with.
    #[arg(long, value_name = "FILE")]
    pub profile: Option<PathBuf>,
}

/// `lockstep shrink`.
#[derive(Args, Debug)]
pub struct ShrinkArgs {
    /// A trace or a sequence that diverges.
    pub file: PathBuf,
    #[command(flatten)]
    pub dut: DutArgs,
    /// What is expected of the DUT, if not what the trace was recorded with.
    #[arg(long, value_name = "FILE")]
    pub profile: Option<PathBuf>,
    /// Keep a divergence by this requirement; default: the first that bring-up does not show already.
    #[arg(long, value_name = "NAME")]
    pub req: Option<String>,
    /// How many shorter sequences are tried at most.
    #[arg(long, value_name = "N", default_value = "3000")]
    pub runs: u32,
    /// Where the short sequence goes; without it, to standard output.
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
}

/// `lockstep compare`.
#[derive(Args, Debug)]
pub struct CompareArgs {
    /// The first report, written by `run --json`.
    #[arg(value_name = "A.json")]
    pub a: PathBuf,
    /// The second.
    #[arg(value_name = "B.json")]
    pub b: PathBuf,
    /// Write the comparison as JSON too.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// `lockstep sabotage`.
#[derive(Args, Debug)]
pub struct SabotageArgs {
    /// List the defects and stop.
    #[arg(long)]
    pub list: bool,
    /// Only these defects: a part of the name.
    #[arg(value_name = "NAME")]
    pub only: Option<String>,
    /// Which tests; all without it.
    #[arg(long, value_name = "EXPR")]
    pub filter: Option<String>,
    #[command(flatten)]
    pub profile: ProfileArgs,
    /// Write the kill matrix as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Defects at a time; default: one for each core.
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
}

/// `lockstep panel`.
#[derive(Args, Debug)]
pub struct PanelArgs {
    /// How many configurations.
    #[arg(long, value_name = "N", default_value = "32")]
    pub configs: u32,
    /// How many generated sequences for each configuration.
    #[arg(long, value_name = "N", default_value = "32")]
    pub sequences: u32,
    /// Findings that are explained (TOML); default: those of ci/waivers/panel.toml.
    #[arg(long, value_name = "FILE")]
    pub waivers: Option<PathBuf>,
    #[command(flatten)]
    pub profile: ProfileArgs,
    /// Configurations at a time; default: one for each core.
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
}

/// `lockstep rates`.
#[derive(Args, Debug)]
pub struct RatesArgs {
    #[command(flatten)]
    pub dut: DutArgs,
    /// How many turns each way; one more warms up.
    #[arg(long, value_name = "N", default_value = "10")]
    pub turns: usize,
    /// Commands of one doorbell.
    #[arg(long, value_name = "N", default_value = "32",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(runner::rates::MOST)))]
    pub batch: u32,
    /// What QEMU keeps the namespaces in, if not as in `run` (nbd).
    #[arg(long, value_enum, help_heading = "QEMU")]
    pub backend: Option<BackendArg>,
}

/// What QEMU keeps the namespaces in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum BackendArg {
    /// A server in this process: it can hold commands.
    Nbd,
    /// A file each.
    Raw,
    /// Nothing: what is written is gone, so that no run can be judged on it.
    Null,
}

impl From<BackendArg> for qemu::Backend {
    fn from(arg: BackendArg) -> Self {
        match arg {
            BackendArg::Nbd => Self::Nbd,
            BackendArg::Raw => Self::Raw,
            BackendArg::Null => Self::Null,
        }
    }
}

/// `lockstep generate`.
#[derive(Args, Debug)]
pub struct GenerateArgs {
    /// Where every random choice flows from.
    #[arg(long, value_name = "N", default_value = "0x5eed")]
    pub seed: Seed,
    /// About how many rounds: each is a command, a batch, the life of a queue, or a reset.
    #[arg(long, value_name = "N")]
    pub rounds: Option<u32>,
    /// The configuration of the emulator that it is for (TOML).
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where the sequence goes; without it, to standard output.
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
}

/// `lockstep doctor`.
#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// The QEMU program, a path or a name in PATH.
    #[arg(long, value_name = "PATH")]
    pub qemu: Option<PathBuf>,
    /// A folder that stands in for the machine's /sys, /proc, /dev and /run.
    #[arg(long, value_name = "DIR", hide = true, default_value = "/")]
    pub root: PathBuf,
}

/// `lockstep bind`.
#[derive(Args, Debug)]
pub struct BindArgs {
    /// The controller's PCI address, such as 0000:01:00.0; `lockstep doctor` lists them.
    pub bdf: Bdf,
    /// A folder that stands in for the machine's /sys, /proc, /dev and /run.
    #[arg(long, value_name = "DIR", hide = true, default_value = "/")]
    pub root: PathBuf,
}

/// `lockstep unbind`.
#[derive(Args, Debug)]
pub struct UnbindArgs {
    /// The controller's PCI address.
    #[arg(required_unless_present = "restore")]
    pub bdf: Option<Bdf>,
    /// Give back what a run that was killed has left bound, this controller or all: their former
    /// drivers stand in /run/lockstep.
    #[arg(long)]
    pub restore: bool,
    /// A folder that stands in for the machine's /sys, /proc, /dev and /run.
    #[arg(long, value_name = "DIR", hide = true, default_value = "/")]
    pub root: PathBuf,
}

/// `lockstep guard`.
#[derive(Args, Debug)]
pub struct GuardArgs {
    /// Where the machine's /sys, /proc, /dev and /run are.
    pub root: PathBuf,
    /// The controller's PCI address.
    pub bdf: Bdf,
}

const SERVE_HELP: &str = "\
Each controller has a socket of its own and serves one client at a time. A namespace file holds what
is durable: after a crash of this program what a drive holds after a loss of power. Ctrl-C is an
orderly power-off and removes the sockets. The whole story: docs/dut-vfio-user.md.";

/// How clients of `lockstep serve` reach doorbells.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum DoorbellArg {
    /// They may map them.
    Mapped,
    /// By messages only.
    Messages,
}

impl From<DoorbellArg> for vfio_user::server::Doorbells {
    fn from(arg: DoorbellArg) -> Self {
        match arg {
            DoorbellArg::Mapped => Self::Mapped,
            DoorbellArg::Messages => Self::Messages,
        }
    }
}

/// The messages by which an exported function interrupts.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum InterruptsArg {
    /// MSI-X, with as many vectors as the configuration has (32 by default).
    Msix,
    /// MSI in its place: at most 32 messages, a power of two, of which the client enables as many as
    /// it likes. The interrupt mask (INTMS, INTMC) works, and there is no table.
    Msi,
}

/// `lockstep serve`.
#[derive(Args, Debug)]
pub struct ServeArgs {
    /// Where to listen. Given several times: a controller for each, in one subsystem.
    #[arg(long, value_name = "PATH", required = true)]
    pub socket: Vec<PathBuf>,
    /// The emulator's configuration (TOML).
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// A namespace kept in a file: PATH or PATH:BLOCK, with blocks of 512 or 4096 bytes. May be given
    /// several times.
    #[arg(long, value_name = "PATH[:BLOCK]")]
    pub namespace_file: Vec<String>,
    /// A namespace in memory: MIB or MIB:BLOCK, such as 64:4096. May be given several times.
    #[arg(long, value_name = "MIB[:BLOCK]")]
    pub namespace: Vec<String>,
    /// Tell clients that everything on it may be erased: `lockstep run` then asks for no consent.
    #[arg(long)]
    pub expendable: bool,
    /// How clients reach doorbells.
    #[arg(long, value_enum, default_value = "mapped")]
    pub doorbells: DoorbellArg,
    /// For how long mapped doorbells are looked at without a pause after the last event.
    #[arg(long, value_name = "MICROSECONDS",
          default_value_t = vfio_user::server::SPIN.as_micros() as u64)]
    pub spin: u64,
    /// The messages of the function; INTx it has beside them. A client that enables fewer messages of
    /// MSI than it was offered (Linux takes one, unless an IOMMU remaps interrupts) gets Invalid Interrupt
    /// Vector for a queue beyond them.
    #[arg(long, value_enum, default_value = "msix", value_name = "KIND")]
    pub interrupts: InterruptsArg,
    /// Plant a defect in the emulator; `lockstep sabotage --list` names them.
    #[arg(long, value_name = "NAME")]
    pub defect: Option<String>,
    /// Delays and orders that a correct emulator may choose, drawn from this seed.
    #[arg(long, value_name = "N")]
    pub perturb: Option<Seed>,
    /// Judge what passes between the emulator and its client, as seen at the emulator's side.
    #[arg(long)]
    pub judge: bool,
    /// What is expected, for --judge (TOML).
    #[arg(long, value_name = "FILE", requires = "judge")]
    pub profile: Option<PathBuf>,
    /// Keep all that --judge sees, and write it as a trace in the end.
    #[arg(long, value_name = "FILE", requires = "judge")]
    pub trace: Option<PathBuf>,
}
