//! `cargo xtask same-verdicts`: one QEMU, judged over qtest from outside and over vfio from inside a
//! machine, has to get the same verdicts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::differences::{Comparison, Explanations};
use super::lockstep::{self, MachineArgs, SERIAL};
use super::machine::{Job, Relay};

/// Exit codes of a run that came to verdicts: docs/exit-codes.md.
const JUDGED: [i32; 3] = [0, 1, 3];

/// The waivers' name in the folder of the reports.
const WAIVERS: &str = "waivers.toml";

/// What `lockstep compare` writes.
const COMPARISON: &str = "comparison.json";

/// `cargo xtask same-verdicts`.
#[derive(Args, Debug)]
pub struct VerdictsArgs {
    /// The machine.
    #[command(flatten)]
    pub machine: MachineArgs,
    /// Which tests; all without it.
    #[arg(long, value_name = "EXPR")]
    pub filter: Option<String>,
    /// Known deviations of this QEMU (TOML).
    #[arg(long, value_name = "FILE")]
    pub waivers: Option<PathBuf>,
    /// Keep reports and traces in this folder.
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
}

/// Judges both ways and compares; the exit code: 0 if nothing differs but what is explained.
pub fn run(root: &Path, args: &VerdictsArgs) -> Result<u8> {
    let program = match &args.machine.program {
        Some(program) => {
            fs::canonicalize(program).with_context(|| program.display().to_string())?
        }
        None => lockstep::build(root)?,
    };
    let temporary = tempfile::Builder::new().prefix("lockstep-verdicts-").tempdir();
    let temporary = temporary.context("a folder")?;
    let folder = match &args.keep {
        Some(folder) => {
            fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
            fs::canonicalize(folder).with_context(|| folder.display().to_string())?
        }
        None => temporary.path().to_path_buf(),
    };
    if let Some(waivers) = &args.waivers {
        // Both runs find them beside their reports.
        fs::copy(waivers, folder.join(WAIVERS)).with_context(|| waivers.display().to_string())?;
    }
    // A vfio DUT is one controller.
    let machine =
        MachineArgs { controllers: 1, program: Some(program.clone()), ..args.machine.clone() };
    let begin = Instant::now();
    let code = over_qtest(&program, &machine, args, &folder)?;
    println!("over qtest: exit code {code}, {:.1} s", begin.elapsed().as_secs_f64());
    let begin = Instant::now();
    let code = over_vfio(root, &machine, args, &folder)?;
    println!("over vfio: exit code {code}, {:.1} s", begin.elapsed().as_secs_f64());
    compare(root, &program, &folder)
}

/// 0 if nothing differs but what is explained, else 1.
fn compare(root: &Path, program: &Path, folder: &Path) -> Result<u8> {
    let known = Explanations::read(&root.join("ci/vm/same-verdicts.toml"))?;
    let done = Command::new(program)
        .args(["compare", "qtest.json", "vfio.json", "--json", COMPARISON])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .context("lockstep compare")?;
    let code = done.status.code().context("lockstep compare was killed")?;
    let errors = String::from_utf8_lossy(&done.stderr);
    ensure!(matches!(code, 0 | 1), "lockstep compare ended with {code}: {errors}");
    let comparison = Comparison::read(&folder.join(COMPARISON))?;
    println!("{}", comparison.summary());
    let unexplained = comparison.unexplained(&known);
    if unexplained.is_empty() {
        println!("nothing differs that is not explained");
        return Ok(0);
    }
    println!("{}", String::from_utf8_lossy(&done.stdout));
    for difference in unexplained {
        println!("not explained: {difference}");
    }
    Ok(1)
}

/// What both runs are given.
fn common(name: &str, args: &VerdictsArgs) -> Vec<String> {
    let mut arguments: Vec<String> =
        ["--json", &format!("{name}.json"), "--out", name].map(str::to_owned).to_vec();
    if args.waivers.is_some() {
        arguments.extend(["--waivers".to_owned(), WAIVERS.to_owned()]);
    }
    if let Some(filter) = &args.filter {
        arguments.extend(["--filter".to_owned(), filter.clone()]);
    }
    arguments
}

fn over_qtest(
    program: &Path,
    machine: &MachineArgs,
    args: &VerdictsArgs,
    folder: &Path,
) -> Result<i32> {
    let mut command = Command::new(program);
    command.args(["run", "--dut", "qemu", "--controllers", "1", "--qemu"]).arg(&machine.qemu);
    for property in &machine.device {
        command.args(["--device", property]);
    }
    for namespace in &machine.namespace {
        command.args(["--namespace", &namespace.to_string()]);
    }
    let done =
        command.args(common("qtest", args)).current_dir(folder).stdin(Stdio::null()).output();
    let done = done.with_context(|| program.display().to_string())?;
    let said = String::from_utf8_lossy(&done.stderr);
    let code = done.status.code().context("lockstep over qtest was killed")?;
    ensure!(JUDGED.contains(&code), "lockstep over qtest ended with {code}: {said}");
    Ok(code)
}

fn over_vfio(
    root: &Path,
    machine: &MachineArgs,
    args: &VerdictsArgs,
    folder: &Path,
) -> Result<i32> {
    let dut = format!("vfio:{}", machine.first_bdf());
    let mut arguments: Vec<String> =
        ["run", "--dut", &dut, "--erase", SERIAL, "--disrupt"].map(str::to_owned).to_vec();
    arguments.extend(common("vfio", args));
    let job = Job {
        script: root.join("ci/vm/lockstep.sh"),
        settings: vec![("here", folder.display().to_string())],
        arguments,
        limit: Duration::from_secs(machine.limit),
    };
    let shares = vec![folder.to_path_buf()];
    let ended = lockstep::in_machine(root, machine, shares, &job, &mut Relay)?;
    let code = i32::from(ended.code);
    ensure!(JUDGED.contains(&code), "lockstep over vfio ended with {code}");
    Ok(code)
}
