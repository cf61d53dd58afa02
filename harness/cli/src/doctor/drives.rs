//! Which controllers of this machine can be tested, and what keeps the others from it. No lane that
//! needs nothing is hindered by any of it, so nothing here is *missing*: it is told, with what to do.

use std::fs;
use std::io::{self, Write};

use vfio::{Controller, DRIVER, Interface, Journal, Tree};

/// The arena is pinned: so much must be lockable for a user who is not root.
const LOCKED_KIB: u64 = 64 << 10;

/// Tells about IOMMU, vfio, limits and every NVMe controller on PCI.
pub fn tell(tree: &Tree, out: &mut dyn Write) -> io::Result<()> {
    let mut say = |what: &str, found: Result<String, String>| {
        let (mark, text) = match found {
            Ok(text) => ("ok", text),
            Err(text) => ("note", text),
        };
        writeln!(out, "{mark:<8} {what:<10} {text}")
    };
    let controllers = tree.controllers();
    if controllers.is_empty() {
        return say("vfio", Ok("no NVMe controller on PCI: nothing to drive with it".into()));
    }
    say("iommu", iommu(tree))?;
    say("vfio", vfio_pci(tree))?;
    say("memlock", memlock(tree))?;
    say("dmesg", kernel_log(tree))?;
    for controller in &controllers {
        say("nvme", usable(tree, controller))?;
    }
    let left = Journal::of(tree).bdfs().into_iter().filter(|bdf| {
        Journal::of(tree).entry(*bdf).is_ok_and(|entry| entry.is_some_and(|entry| !entry.kept))
    });
    for bdf in left {
        let what = "is in use by a run, or was left by one that was killed";
        say("journal", Err(format!("{bdf} {what}: lockstep unbind {bdf} --restore")))?;
    }
    Ok(())
}

fn iommu(tree: &Tree) -> Result<String, String> {
    let groups = fs::read_dir(tree.path("sys/kernel/iommu_groups")).map_or(0, Iterator::count);
    let line = fs::read_to_string(tree.path("proc/cmdline")).unwrap_or_default();
    let words = line.split_whitespace().filter(|word| word.contains("iommu"));
    let said = words.collect::<Vec<_>>().join(" ");
    let said = if said.is_empty() { "nothing of it".into() } else { said };
    match groups {
        0 => Err(format!(
            "off or absent; the kernel's command line says {said}; turn VT-d or AMD-Vi on in the \
             firmware, and boot with intel_iommu=on where the kernel wants it"
        )),
        n => Ok(format!("{n} groups; the kernel's command line says {said}")),
    }
}

fn vfio_pci(tree: &Tree) -> Result<String, String> {
    if !tree.path("sys/bus/pci/drivers").join(DRIVER).exists() {
        return Err(format!("the kernel's {DRIVER} driver is not there: modprobe {DRIVER}"));
    }
    let iommufd = tree.path("dev/iommu");
    let (node, way) = match iommufd.exists() {
        true => (iommufd, "iommufd, where a controller has a device file"),
        false => (tree.path("dev/vfio/vfio"), "IOMMU groups"),
    };
    match fs::OpenOptions::new().read(true).write(true).open(&node) {
        Ok(_) => Ok(format!("{DRIVER} is there, {} can be opened: by {way}", node.display())),
        Err(error) => Err(format!("{}: {error}; it is needed for {way}", node.display())),
    }
}

fn memlock(tree: &Tree) -> Result<String, String> {
    let text = fs::read_to_string(tree.path("proc/self/limits")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Max locked memory"));
    let soft = line.and_then(|line| line.split_whitespace().next()).unwrap_or("unknown");
    let root = rustix::process::geteuid().is_root();
    match soft.parse::<u64>() {
        Ok(bytes) if bytes >> 10 < LOCKED_KIB && root => {
            Ok(format!("{} KiB, which does not bind root", bytes >> 10))
        }
        Ok(bytes) if bytes >> 10 < LOCKED_KIB => {
            Err(format!("{} KiB; vfio wants more: ulimit -l {}", bytes >> 10, LOCKED_KIB + 1024))
        }
        _ => Ok(soft.to_string()),
    }
}

fn kernel_log(tree: &Tree) -> Result<String, String> {
    match fs::File::open(tree.path("dev/kmsg")) {
        Ok(_) => Ok("the kernel's log can be read: IOMMU faults are seen".into()),
        Err(error) => Err(format!("/dev/kmsg: {error}; IOMMU faults are not seen")),
    }
}

/// A controller, and why it cannot be tested as it is.
fn usable(tree: &Tree, controller: &Controller) -> Result<String, String> {
    let Controller { bdf, ids, driver, group, name, serial, model, namespaces } = controller;
    let mut text = format!("{bdf} ({ids}), driver {}", driver.as_deref().unwrap_or("none"));
    if let Some(group) = group {
        text += &format!(", IOMMU group {group}");
    }
    for word in [name, model].into_iter().flatten() {
        text += &format!(", {word}");
    }
    if let Some(serial) = serial {
        text += &format!(", serial {serial:?}");
    }
    if !namespaces.is_empty() {
        text += &format!(", namespaces {}", namespaces.join(" "));
    }
    match vfio::examine(tree, *bdf) {
        Err(error) => Err(format!("{text}\n{:20}{error}", "")),
        Ok((_, group)) if driver.as_deref() == Some(DRIVER) => {
            let interface = Interface::choose(tree, *bdf, group);
            text += &format!("\n{:20}opened by {interface}", "");
            match opens(tree, &interface) {
                None => Ok(text),
                Some(why) => Err(format!("{text}\n{:20}{why}", "")),
            }
        }
        Ok(_) if !rustix::process::geteuid().is_root() => Err(format!(
            "{text}\n{:20}only root can bind it: sudo lockstep bind {bdf}; then chown $USER \
             what it names",
            ""
        )),
        Ok(_) => Ok(text),
    }
}

/// Why a file of the interface cannot be opened. A device file that another program uses opens all the
/// same: the run that takes it is told.
fn opens(tree: &Tree, interface: &Interface) -> Option<String> {
    let refused = |path: &String| {
        let node = tree.path(path.trim_start_matches('/'));
        let error = fs::OpenOptions::new().read(true).write(true).open(&node).err()?;
        let path = node.display();
        Some(match error.kind() {
            io::ErrorKind::PermissionDenied => format!("{path}: {error}; chown $USER {path}"),
            io::ErrorKind::ResourceBusy => format!("{path}: in use by another program"),
            _ => format!("{path}: {error}"),
        })
    };
    interface.files().iter().find_map(refused)
}
