//! `lockstep doctor`: is this machine ready?

mod drives;

use std::io::Write;
use std::path::Path;
use std::process::Command;

use reports::Exit;
use spec::Addr;

use crate::args::DoctorArgs;
use crate::failure::Failure;

/// Tells what is there and what is missing; 4 if something is missing that a lane needs.
pub fn doctor(args: &DoctorArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let mut ready = true;
    let mut say = |what: &str, found: Result<String, String>| {
        ready &= found.is_ok();
        match found {
            Ok(text) => writeln!(out, "ok       {what:<10} {text}"),
            Err(text) => writeln!(out, "missing  {what:<10} {text}"),
        }
    };
    let program = args.qemu.as_deref().unwrap_or(Path::new("qemu-system-x86_64"));
    say("tests", tests())?;
    say("cores", Ok(crate::select::jobs(None).to_string()))?;
    say("memory", memory())?;
    say("arena", arena())?;
    say("files", limit("Max open files", 256))?;
    say("qemu", qemu(program))?;
    say("xmllint", Ok(xmllint()))?;
    drives::tell(&vfio::Tree::at(&args.root), out)?;
    Ok(if ready { Exit::Passed } else { Exit::Harness })
}

fn tests() -> Result<String, String> {
    match lab::tests().len() {
        0 => Err("no test is linked into this program".into()),
        n => Ok(format!("{n} registered")),
    }
}

/// A QEMU lane takes 256 MiB, an emulator far less.
fn memory() -> Result<String, String> {
    let text = std::fs::read_to_string("/proc/meminfo").map_err(|e| e.to_string())?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    match kib.map(|kib| kib >> 10) {
        Some(mib) if mib < 512 => Err(format!("{mib} MiB available; a QEMU lane wants 512")),
        Some(mib) => Ok(format!("{mib} MiB available")),
        None => Err("/proc/meminfo does not tell".into()),
    }
}

/// Host memory for a DUT is a memfd that is mapped.
fn arena() -> Result<String, String> {
    match dut::Arena::new(64 << 20, Addr(0)) {
        Ok(_) => Ok("64 MiB of shared memory can be mapped".into()),
        Err(error) => Err(format!("no shared memory (memfd): {error}")),
    }
}

fn limit(name: &str, least: u64) -> Result<String, String> {
    let text = std::fs::read_to_string("/proc/self/limits").map_err(|e| e.to_string())?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    let soft = line.split_whitespace().next().unwrap_or("unknown");
    match soft.parse::<u64>() {
        Ok(limit) if limit < least => Err(format!("{limit} may be open; {least} are wanted")),
        _ => Ok(format!("{soft} may be open")),
    }
}

/// Opens the lane for real: a version alone says little.
fn qemu(program: &Path) -> Result<String, String> {
    let options = qemu::Options { program: program.into(), ..qemu::Options::default() };
    match qemu::Qemu::open(options) {
        Ok(qemu) => Ok(format!("{} {}, opens", program.display(), qemu.version())),
        Err(error) => Err(error.to_string()),
    }
}

/// Only the project's own tests use it.
fn xmllint() -> String {
    match Command::new("xmllint").arg("--version").output() {
        Ok(_) => "found".into(),
        Err(_) => "not found; JUnit XML is then not validated by the tests".into(),
    }
}
