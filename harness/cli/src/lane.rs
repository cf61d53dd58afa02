//! From the arguments to a lane.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use emulator::{Config, Defect, Policy};
use lab::Hazard;
use qemu::{Backend, Namespace, Options};
use reports::shell_word;
use runner::consent::{Consent, covers};
use runner::lane::{
    EmulatorLane, Lane, LaneError, QemuLane, VfioLane, VfioUserLane, default_emulator, default_qemu,
};
use runner::source;
use vfio::Bdf;

use crate::args::{DmaArg, DutArgs, RingArg};
use crate::dut_arg::DutArg;
use crate::failure::Failure;
use crate::output;

/// Does something with the lane that the arguments ask for, and gives back what the lane holds.
pub fn with<R>(
    args: &DutArgs,
    body: impl FnOnce(&dyn Lane) -> Result<R, Failure>,
) -> Result<R, Failure> {
    with_backend(args, None, body)
}

/// The same, with QEMU's namespaces kept in `backend`.
pub fn with_backend<R>(
    args: &DutArgs,
    backend: Option<Backend>,
    body: impl FnOnce(&dyn Lane) -> Result<R, Failure>,
) -> Result<R, Failure> {
    let lane = open(args, backend)?;
    let done = body(&*lane);
    match lane.close() {
        Ok(()) => done,
        Err(error) => {
            if let Err(failure) = done {
                output::error(&failure.to_string());
            }
            Err(Failure::harness(error))
        }
    }
}

/// Refuses work that goes beyond what the owner of the DUT has consented to.
pub fn consents(
    lane: &dyn Lane,
    what: &str,
    hazards: impl IntoIterator<Item = Hazard>,
) -> Result<(), Failure> {
    let given = lane.consent().map_err(failed)?;
    covers(given, what, hazards).map_err(Failure::usage)
}

fn consent(args: &DutArgs) -> Consent {
    Consent { erase: args.erase.clone(), disrupt: args.disrupt }
}

/// A DUT that did not open.
pub fn failed(error: LaneError) -> Failure {
    if error.usage { Failure::usage(error) } else { Failure::harness(error) }
}

fn open(args: &DutArgs, backend: Option<Backend>) -> Result<Box<dyn Lane>, Failure> {
    let of_qemu = [("--backend", backend.is_some() && args.dut != DutArg::Qemu)];
    refuse(&of_qemu, "qemu", "no other DUT has one").map_err(Failure::usage)?;
    match &args.dut {
        DutArg::Emulator => emulator_lane(args),
        DutArg::Qemu => qemu_lane(args, backend),
        DutArg::Vfio(bdf) => vfio_lane(args, *bdf),
        DutArg::VfioUser(sockets) => vfio_user_lane(args, sockets),
    }
    .map_err(Failure::usage)
}

fn emulator_lane(args: &DutArgs) -> anyhow::Result<Box<dyn Lane>> {
    refuse(&qemu_only(args), "qemu", "the emulator takes its configuration from `--config`")?;
    refuse(&foreign_only(args), "vfio:BDF", "the emulator is ours: it needs no consent")?;
    let mut more = String::new();
    if let Some(path) = &args.config {
        more += &argument("--config", &path.display().to_string());
    }
    let mut config = emulator_config(args.config.as_deref())?;
    if let Some(seed) = args.perturb {
        more += &format!(" --perturb {seed}");
        config.policy = Policy::random(seed.0);
    }
    let defect = args.defect.as_deref().map(defect).transpose()?;
    if let Some(defect) = defect {
        defect.configure(&mut config);
    }
    Ok(Box::new(EmulatorLane::new(config, defect).with_arguments(&more)))
}

/// The emulator's configuration, from a file or the default.
pub fn emulator_config(path: Option<&Path>) -> anyhow::Result<Config> {
    let Some(path) = path else { return Ok(default_emulator()) };
    let text = source::read("emulator configuration", path)?;
    if let Err(error) = toml::from_str::<Config>(&text) {
        return Err(source::SourceError::toml(path, &text, &error).into());
    }
    Config::from_toml(&text).map_err(|error| anyhow!("{}: {error}", path.display()))
}

/// The planted defect of this name.
pub fn defect(name: &str) -> anyhow::Result<&'static dyn Defect> {
    let known = || emulator::defect::TABLE.iter().map(|defect| defect.name());
    let found = emulator::defect::TABLE.iter().find(|defect| defect.name() == name).copied();
    found.ok_or_else(|| match source::nearest(name, known()) {
        Some(near) => anyhow!("no defect is called `{name}`; did you mean `{near}`?"),
        None => anyhow!("no defect is called `{name}`; `lockstep sabotage --list` names them"),
    })
}

fn qemu_lane(args: &DutArgs, backend: Option<Backend>) -> anyhow::Result<Box<dyn Lane>> {
    refuse(&emulator_only(args), "emulator", "QEMU takes properties by `--device`")?;
    refuse(&foreign_only(args), "vfio:BDF", "this QEMU is ours: it needs no consent")?;
    let mut options = Options { device: args.device.clone(), ..default_qemu() };
    if let Some(backend) = backend {
        options.backend = backend;
    }
    let mut more = String::new();
    if let Some(program) = &args.qemu {
        more += &argument("--qemu", &program.display().to_string());
        options.program = PathBuf::clone(program);
    }
    for property in &args.device {
        more += &argument("--device", property);
    }
    if let Some(controllers) = args.controllers {
        more += &format!(" --controllers {controllers}");
        options.controllers = controllers;
    }
    if !args.namespace.is_empty() {
        options.namespaces.clear();
    }
    for text in &args.namespace {
        more += &argument("--namespace", text);
        options.namespaces.push(namespace(text)?);
    }
    if args.iommu {
        more += " --iommu";
        options.iommu = true;
    }
    if args.qemu_trace {
        more += " --qemu-trace";
        options.trace = true;
    }
    Ok(Box::new(QemuLane::new(options, &more)))
}

fn vfio_lane(args: &DutArgs, bdf: Bdf) -> anyhow::Result<Box<dyn Lane>> {
    refuse(&qemu_only(args), "qemu", "a real controller is as it is")?;
    refuse(&emulator_only(args), "emulator", "a real controller is as it is")?;
    let program = std::env::current_exe().context("this program cannot be found")?;
    Ok(Box::new(VfioLane::new(bdf, program, consent(args))))
}

fn vfio_user_lane(args: &DutArgs, sockets: &Path) -> anyhow::Result<Box<dyn Lane>> {
    refuse(&qemu_only(args), "qemu", "a server's controller is as it is")?;
    refuse(&emulator_only(args), "emulator", "give it to `lockstep serve`")?;
    let text = sockets.to_string_lossy();
    let options = vfio_user::Options {
        sockets: text.split(',').map(PathBuf::from).collect(),
        dma: args.dma.into(),
        ring: args.ring.into(),
        ..vfio_user::Options::default()
    };
    let mut more = argument("--dut", &format!("vfio-user:{text}")).trim_start().to_string();
    if args.dma != DmaArg::Descriptors {
        more += " --dma messages";
    }
    match args.ring {
        RingArg::Safely => {}
        RingArg::Trusting => more += " --ring trusting",
        RingArg::Messages => more += " --ring messages",
    }
    Ok(Box::new(VfioUserLane::new(options, &more, consent(args))))
}

fn qemu_only(args: &DutArgs) -> [(&'static str, bool); 6] {
    [
        ("--qemu", args.qemu.is_some()),
        ("--device", !args.device.is_empty()),
        ("--controllers", args.controllers.is_some()),
        ("--namespace", !args.namespace.is_empty()),
        ("--iommu", args.iommu),
        ("--qemu-trace", args.qemu_trace),
    ]
}

fn emulator_only(args: &DutArgs) -> [(&'static str, bool); 3] {
    [
        ("--config", args.config.is_some()),
        ("--defect", args.defect.is_some()),
        ("--perturb", args.perturb.is_some()),
    ]
}

fn foreign_only(args: &DutArgs) -> [(&'static str, bool); 2] {
    [("--erase", args.erase.is_some()), ("--disrupt", args.disrupt)]
}

/// Refuses options that mean nothing for the DUT that was asked for.
fn refuse(options: &[(&str, bool)], kind: &str, hint: &str) -> anyhow::Result<()> {
    if let Some((name, _)) = options.iter().find(|(_, given)| *given) {
        bail!("{name} is for `--dut {kind}`; {hint}");
    }
    Ok(())
}

/// ` name value`, as a shell reads it.
fn argument(name: &str, value: &str) -> String {
    format!(" {name} {}", shell_word(value))
}

/// A namespace from `64` or `64:4096`: MiB, and bytes per logical block.
pub fn namespace(text: &str) -> anyhow::Result<Namespace> {
    let (mib, block) = text.split_once(':').unwrap_or((text, "512"));
    let (Ok(mib), Ok(block_bytes)) = (mib.parse::<u32>(), block.parse()) else {
        bail!("`{text}` is no namespace; write MIB or MIB:BLOCK, such as 64 or 64:4096");
    };
    Ok(Namespace { bytes: u64::from(mib) << 20, block_bytes, ..Namespace::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_are_read_or_refused() {
        let ns = namespace("2:4096").unwrap();
        assert_eq!((ns.bytes, ns.block_bytes), (2 << 20, 4096));
        assert_eq!(namespace("1").unwrap().block_bytes, 512);
        assert!(namespace("1G").is_err());
        assert!(namespace("1:").is_err());
    }
}
