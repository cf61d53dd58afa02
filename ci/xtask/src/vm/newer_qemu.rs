//! A newer QEMU beside the system's, unpacked with its own loader and libraries.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::apt::{self, Apt};
use super::cache::Cache;
use super::finish;

/// A QEMU that Debian has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Version {
    /// 10.0, from Debian 13.
    V10,
    /// 11 or newer, from the backports for Debian 13: the first with `vfio-user-pci`.
    V11,
}

impl Version {
    fn name(self) -> &'static str {
        match self {
            Self::V10 => "qemu10",
            Self::V11 => "qemu11",
        }
    }

    fn suites(self) -> (&'static [&'static str], Option<&'static str>) {
        match self {
            Self::V10 => (&["trixie"], None),
            Self::V11 => (&["trixie", "trixie-backports"], Some("trixie-backports")),
        }
    }
}

/// The path of a program that behaves as that QEMU; it is fetched unless it is there.
pub fn fetch(cache: &Cache, version: Version) -> Result<PathBuf> {
    let folder = cache.folder(version.name(), |folder| {
        let (suites, target) = version.suites();
        eprintln!("fetching QEMU from {} (once)", suites.join(", "));
        let root = folder.join("apt");
        let apt = Apt::new(&root, suites, target)?;
        let debs = apt.with_dependencies(&["qemu-system-x86", "qemu-utils"])?;
        apt::unpack(&debs, &folder.join("tree"))?;
        fs::remove_dir_all(&root).context("what apt needed")?;
        let wrapper = folder.join("qemu-system-x86_64");
        fs::write(&wrapper, WRAPPER).context("the wrapper")?;
        fs::set_permissions(&wrapper, Permissions::from_mode(0o755)).context("the wrapper")?;
        try_it(&wrapper, version)
    })?;
    Ok(folder.join("qemu-system-x86_64"))
}

/// The modules' folder has to be named, or the system's modules would be loaded.
const WRAPPER: &str = r#"#!/bin/sh
# QEMU with its own loader, libraries, modules and firmware, beside the system's.
tree=$(dirname "$(readlink -f "$0")")/tree
export QEMU_MODULE_DIR="$tree/usr/lib/x86_64-linux-gnu/qemu"
exec "$tree/usr/lib64/ld-linux-x86-64.so.2" --library-path "$tree/usr/lib/x86_64-linux-gnu" \
  --argv0 qemu-system-x86_64 "$tree/usr/bin/qemu-system-x86_64" \
  -L "$tree/usr/share/qemu" -L "$tree/usr/share/seabios" -L "$tree/usr/lib/ipxe/qemu" "$@"
"#;

fn try_it(wrapper: &Path, version: Version) -> Result<()> {
    let said = version_of(wrapper)?;
    let device = if version == Version::V11 { "vfio-user-pci,help" } else { "nvme,help" };
    finish(Command::new(wrapper).args(["-device", device]), &format!("{said} has no {device}"))?;
    Ok(())
}

/// What a QEMU says of its version.
pub fn version_of(program: &Path) -> Result<String> {
    let name = program.display();
    let what = format!("{name} is no QEMU that runs; `apt-get install qemu-system-x86` brings one");
    let said = finish(Command::new(program).arg("--version"), &what)?;
    let first = said.lines().next().unwrap_or_default();
    ensure!(first.contains("QEMU emulator version"), "{what}: it says `{first}`");
    Ok(first.to_owned())
}
