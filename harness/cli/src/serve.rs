//! `lockstep serve`: the emulator as a PCI function behind a vfio-user socket.

mod export;
mod files;
mod judge;

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use emulator::config::NamespaceConfig;
use emulator::msi::MESSAGES_MAX;
use emulator::{Config, Policy};
use reports::Exit;
use vfio_user::server::{Options, Server};

use crate::args::{InterruptsArg, ServeArgs};
use crate::failure::Failure;
use crate::{lane, select};
use export::Export;
use judge::LiveJudge;

/// Serves until Ctrl-C.
pub fn serve(args: &ServeArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let config = configured(args).map_err(Failure::usage)?;
    let defect = args.defect.as_deref().map(lane::defect).transpose().map_err(Failure::usage)?;
    let export = Export::new(config, defect, args.interrupts, args.expendable);
    let mut export = export.map_err(Failure::usage)?;
    if args.judge {
        if args.interrupts == InterruptsArg::Msi {
            let error = anyhow::anyhow!("--judge knows MSI-X and INTx: leave out --interrupts msi");
            return Err(Failure::usage(error));
        }
        if args.socket.len() > 1 {
            let error = anyhow::anyhow!("--judge follows one client: give one --socket");
            return Err(Failure::usage(error));
        }
        let (profile, _) = select::profile(args.profile.as_deref())?;
        let (identity, capabilities) = export.facts();
        export.set_judge(LiveJudge::new(&identity, &capabilities, profile, args.trace.clone()));
    }
    let began = Instant::now();
    let (doorbells, spin) = (args.doorbells.into(), Duration::from_micros(args.spin));
    let options = Options { sockets: args.socket.clone(), doorbells, spin };
    let tell = Box::new(|text: &str| eprintln!("{text}"));
    let server = Server::bind(export, &options, tell).map_err(Failure::harness)?;
    let stopper = server.stopper();
    ctrlc::set_handler(move || stopper.stop())
        .context("cannot listen for Ctrl-C")
        .map_err(Failure::harness)?;
    for socket in &args.socket {
        writeln!(out, "serving on {}", socket.display())?;
    }
    out.flush()?;
    let mut export = server.run().map_err(Failure::harness)?;
    let judge = export.take_judge();
    let stored = export.power_off().context("the cache could not be written to the files");
    stored.map_err(Failure::harness)?;
    match judge {
        Some(judge) => judge.finish(began.elapsed().as_nanos() as u64, out),
        None => Ok(Exit::Passed),
    }
}

/// The emulator's configuration: from the file, with a controller for each socket and the namespaces
/// that the arguments name.
fn configured(args: &ServeArgs) -> anyhow::Result<Config> {
    let mut config = match &args.config {
        Some(_) => lane::emulator_config(args.config.as_deref())?,
        None => Config::default(),
    };
    let sockets = args.socket.len();
    if config.controllers > 1 && usize::from(config.controllers) != sockets {
        bail!(
            "the configuration has {} controllers: give `--socket` for each of them",
            config.controllers
        );
    }
    config.controllers = u8::try_from(sockets).context("too many sockets")?;
    if let Some(seed) = args.perturb {
        config.policy = Policy::random(seed.0);
    }
    if !args.namespace.is_empty() || !args.namespace_file.is_empty() {
        config.namespaces.clear();
    }
    for text in &args.namespace_file {
        config.namespaces.push(files::namespace(text)?);
    }
    for text in &args.namespace {
        let qemu::Namespace { bytes, block_bytes, .. } = lane::namespace(text)?;
        let blocks = bytes / u64::from(block_bytes);
        config.namespaces.push(NamespaceConfig { blocks, block_bytes, ..Default::default() });
    }
    if args.interrupts == InterruptsArg::Msi {
        // A function that wants a number in between asks for the next power of two (PCIe Transport §3.5.1.1).
        config.vectors = config.vectors.min(MESSAGES_MAX).next_power_of_two();
    }
    config.check()?;
    Ok(config)
}
