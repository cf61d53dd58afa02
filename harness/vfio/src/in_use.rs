//! Whether anything on this machine uses the namespaces of a controller.

use std::fs;
use std::os::unix::fs::OpenOptionsExt;

use crate::tree::{Tree, names, text};
use crate::{Controller, OpenError};

/// Everything that uses a namespace of this controller, or of another controller with the same serial
/// number (then they are of one subsystem and may share namespaces). One sentence each.
pub fn users(tree: &Tree, controller: &Controller, serial: Option<&str>) -> Vec<String> {
    let mut blocks = controller.namespaces.clone();
    let siblings = tree.controllers().into_iter().filter(|other| {
        other.bdf != controller.bdf && serial.is_some() && other.serial.as_deref() == serial
    });
    blocks.extend(siblings.flat_map(|other| other.namespaces));
    blocks.sort();
    blocks.dedup();
    let mounts = Mounts::read(tree);
    blocks.iter().flat_map(|block| of_block(tree, &mounts, block)).collect()
}

/// Refuses a controller whose namespaces are in use.
pub(crate) fn refuse(
    tree: &Tree,
    controller: &Controller,
    serial: Option<&str>,
) -> Result<(), OpenError> {
    let users = users(tree, controller, serial);
    if users.is_empty() {
        return Ok(());
    }
    let bdf = controller.bdf;
    Err(OpenError::Machine(format!("{bdf} is in use: {}; nothing was touched", users.join("; "))))
}

/// What is mounted or swapped to.
struct Mounts {
    /// Device number, source, mount point.
    mounts: Vec<(String, String, String)>,
    swaps: Vec<String>,
}

impl Mounts {
    fn read(tree: &Tree) -> Self {
        // Those of the first process too: this one may live in a mount namespace of its own.
        let texts = ["proc/self/mountinfo", "proc/1/mountinfo"].map(|path| text(&tree.path(path)));
        let lines = texts.iter().flatten().flat_map(|text| text.lines());
        let mut mounts: Vec<_> = lines.filter_map(mount).collect();
        mounts.sort();
        mounts.dedup();
        let swaps = text(&tree.path("proc/swaps")).unwrap_or_default();
        let swaps = swaps.lines().skip(1).filter_map(|line| line.split_whitespace().next());
        Self { mounts, swaps: swaps.map(str::to_string).collect() }
    }
}

/// `36 35 98:0 /root /point options - type source options`.
fn mount(line: &str) -> Option<(String, String, String)> {
    let (before, after) = line.split_once(" - ")?;
    let mut fields = before.split(' ').skip(2);
    let (number, _, point) = (fields.next()?, fields.next()?, fields.next()?);
    let source = after.split(' ').nth(1)?;
    Some((number.into(), source.into(), point.replace("\\040", " ")))
}

fn of_block(tree: &Tree, mounts: &Mounts, block: &str) -> Vec<String> {
    let folder = tree.path("sys/class/block").join(block);
    let partitions = names(&folder).into_iter();
    let partitions = partitions.filter(|name| folder.join(name).join("partition").exists());
    let mut users = Vec::new();
    for name in std::iter::once(block.to_string()).chain(partitions) {
        let folder = tree.path("sys/class/block").join(&name);
        let number = text(&folder.join("dev")).unwrap_or_default();
        let node = format!("/dev/{name}");
        for (mounted, source, point) in &mounts.mounts {
            if *mounted == number || *source == node {
                users.push(format!("{name} is mounted at {point}"));
            }
        }
        if mounts.swaps.contains(&node) {
            users.push(format!("{name} is swap"));
        }
        for holder in names(&folder.join("holders")) {
            users.push(format!("{name} is part of {holder}"));
        }
        let before = users.len();
        users.extend(opened(tree, &name).filter(|_| before == users.len() && users.is_empty()));
    }
    users
}

/// What an attempt to open the block device for ourselves alone says: the kernel and careful programs
/// open it so while they use it.
fn opened(tree: &Tree, name: &str) -> Option<String> {
    let exclusive = rustix::fs::OFlags::EXCL.bits() as i32;
    let node = tree.path("dev").join(name);
    match fs::OpenOptions::new().read(true).custom_flags(exclusive).open(&node) {
        Ok(_) => None,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy => {
            Some(format!("{name} is held open by another program, for itself alone"))
        }
        Err(error) => {
            let denied = error.kind() == std::io::ErrorKind::PermissionDenied;
            let advice = if denied { " (run as root, or bind it as root first)" } else { "" };
            Some(format!("whether {name} is in use cannot be told: {error}{advice}"))
        }
    }
}
