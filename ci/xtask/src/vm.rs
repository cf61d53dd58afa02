//! Virtual machines: Debian's kernel under QEMU, made from packages that are unpacked and never
//! installed.
//!
//! A machine boots into `ci/vm/init`, which mounts a folder of the host (the *control folder*,
//! [`machine`]) and runs the job that lies in it. Jobs are shell files below `ci/vm`; what drives
//! them from outside is here.

pub mod accelerator;
pub mod apt;
pub mod cache;
pub mod differences;
pub mod expected;
pub mod image;
pub mod kernel;
pub mod kill;
pub mod linux_guest;
pub mod lockstep;
pub mod machine;
pub mod newer_qemu;
pub mod rates;
pub mod refusals;
pub mod server;
pub mod share;
pub mod smoke;
pub mod text;
pub mod transport;
pub mod verdicts;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};

/// The modules that every machine loads: 9p over virtio, for the folders of its host.
pub const BOOT_MODULES: [&str; 3] = ["virtio_pci", "9pnet_virtio", "9p"];

/// What a virtual machine's command returns to the shell when the machine itself failed: the code
/// of docs/exit-codes.md for an error of the harness.
pub const HARNESS_FAILED: u8 = 4;

/// The same for what the user has to mend: arguments that make no sense.
pub const BAD_USAGE: u8 = 2;

/// The same for what was interrupted by Ctrl-C.
pub const INTERRUPTED: u8 = 130;

/// Set by the first Ctrl-C.
static INTERRUPT: AtomicBool = AtomicBool::new(false);

/// Makes Ctrl-C end what runs in order: the machine goes, and its folders with it.
pub fn catch_interrupts() -> Result<()> {
    ctrlc::set_handler(|| INTERRUPT.store(true, Ordering::Relaxed)).context("Ctrl-C")
}

/// Whether there was a Ctrl-C.
pub fn interrupted() -> bool {
    INTERRUPT.load(Ordering::Relaxed)
}

/// An error that is the user's to mend.
#[derive(Debug)]
pub struct BadUsage(pub anyhow::Error);

impl std::fmt::Display for BadUsage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

impl std::error::Error for BadUsage {}

/// Fails unless `program` can be started; `package` is what brings it on Debian.
pub fn need(program: &str, package: &str) -> Result<()> {
    let found = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
    });
    if !found {
        bail!("`{program}` is not installed; `apt-get install {package}` brings it");
    }
    Ok(())
}

/// Runs `command` to its end with its output caught; an error tells the end of what it said.
pub fn finish(command: &mut Command, what: &str) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let done = command.stdin(Stdio::null()).output().with_context(|| format!("{what}: {name}"))?;
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    if !done.status.success() {
        let errors = String::from_utf8_lossy(&done.stderr);
        let last = text::last_lines(if errors.trim().is_empty() { &said } else { &errors }, 8);
        bail!("{what}: {name} failed ({})\n{last}", done.status);
    }
    Ok(said)
}

/// A file's name without its folder, for messages.
pub fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
