//! `lockstep serve`: the emulator as a PCI function behind a vfio-user socket.

mod export;
mod files;

use std::io::Write;

use anyhow::{Context, bail};
use emulator::config::NamespaceConfig;
use emulator::{Config, Policy};
use reports::Exit;
use vfio_user::server::{Options, Server};

use crate::args::ServeArgs;
use crate::failure::Failure;
use crate::lane;
use export::Export;

/// Serves until Ctrl-C.
pub fn serve(args: &ServeArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let config = configured(args).map_err(Failure::usage)?;
    let defect = args.defect.as_deref().map(lane::defect).transpose().map_err(Failure::usage)?;
    let export = Export::new(config, defect, args.expendable).map_err(Failure::usage)?;
    let doorbells = args.doorbells.into();
    let options = Options { sockets: args.socket.clone(), doorbells };
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
    let export = server.run().map_err(Failure::harness)?;
    let stored = export.power_off().context("the cache could not be written to the files");
    stored.map_err(Failure::harness)?;
    Ok(Exit::Passed)
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
    config.check()?;
    Ok(config)
}
