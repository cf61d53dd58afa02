//! What the kernel tells in files: NVMe controllers, their drivers, IOMMU groups and namespaces.
//!
//! Everything is looked for below a root, so that a tree of plain files can stand in for the kernel.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::{Bdf, OpenError};

/// The kernel's files (`sys`, `proc`, `dev`, `run`) below a root.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tree {
    root: PathBuf,
}

impl Default for Tree {
    /// The machine's own.
    fn default() -> Self {
        Self { root: "/".into() }
    }
}

impl Tree {
    /// Below `root`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether this is the machine's own: then what its files name can be opened.
    pub fn is_real(&self) -> bool {
        self.root == Path::new("/")
    }

    /// A path below the root.
    pub fn path(&self, below: impl AsRef<Path>) -> PathBuf {
        self.root.join(below)
    }

    pub(crate) fn device(&self, bdf: Bdf) -> PathBuf {
        self.path("sys/bus/pci/devices").join(bdf.to_string())
    }

    pub(crate) fn driver(&self, name: &str) -> PathBuf {
        self.path("sys/bus/pci/drivers").join(name)
    }

    /// All NVMe controllers on PCI, ascending by address.
    pub fn controllers(&self) -> Vec<Controller> {
        let bdfs = names(&self.path("sys/bus/pci/devices")).into_iter();
        let bdfs = bdfs.filter_map(|name| name.parse().ok());
        bdfs.filter_map(|bdf| self.controller(bdf).ok()).collect()
    }

    /// The NVMe controller at an address.
    pub fn controller(&self, bdf: Bdf) -> Result<Controller, OpenError> {
        let folder = self.device(bdf);
        let Some(class) = text(&folder.join("class")) else {
            let others = self.path("sys/bus/pci/devices");
            let others = names(&others).into_iter().filter_map(|name| name.parse::<Bdf>().ok());
            let others = others.filter(|other| self.is_nvme(*other)).map(|bdf| bdf.to_string());
            let others: Vec<String> = others.collect();
            let instead = match &others[..] {
                [] => "there is no NVMe controller on PCI here".into(),
                _ => format!("NVMe controllers are {}", others.join(", ")),
            };
            return Err(OpenError::Refused(format!("{bdf}: no such PCI function; {instead}")));
        };
        if !is_nvme_class(&class) {
            let what = "no NVMe controller, whose class begins with 0x0108";
            return Err(OpenError::Refused(format!("{bdf} is of class {class}: {what}")));
        }
        let id = |name| text(&folder.join(name)).unwrap_or_default().replace("0x", "");
        let mut controller = Controller {
            bdf,
            ids: format!("{}:{}", id("vendor"), id("device")),
            driver: link_name(&folder.join("driver")),
            group: link_name(&folder.join("iommu_group")).and_then(|name| name.parse().ok()),
            name: None,
            serial: None,
            model: None,
            namespaces: Vec::new(),
        };
        if let Some(name) = names(&folder.join("nvme")).into_iter().next() {
            let inner = folder.join("nvme").join(&name);
            controller.serial = text(&inner.join("serial"));
            controller.model = text(&inner.join("model"));
            let blocks = names(&inner).into_iter().filter_map(|name| namespace(&name));
            controller.namespaces = blocks.collect();
            controller.name = Some(name);
        }
        Ok(controller)
    }

    fn is_nvme(&self, bdf: Bdf) -> bool {
        text(&self.device(bdf).join("class")).is_some_and(|class| is_nvme_class(&class))
    }

    /// The devices of an IOMMU group that keep it from being given to a user: those with a driver
    /// that is neither vfio's nor a bridge's. With their drivers.
    pub fn strangers(&self, group: u32, but: Bdf) -> Vec<(String, String)> {
        let folder = self.path(format!("sys/kernel/iommu_groups/{group}/devices"));
        let mut strangers = Vec::new();
        for name in names(&folder) {
            let device = folder.join(&name);
            let Some(driver) = link_name(&device.join("driver")) else { continue };
            let harmless = driver.starts_with("vfio") || driver == "pci-stub";
            let bridge = text(&device.join("class")).is_some_and(|c| c.starts_with("0x0604"));
            if name != but.to_string() && !harmless && !bridge {
                strangers.push((name, driver));
            }
        }
        strangers
    }
}

/// An NVMe controller on PCI.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Controller {
    /// Its address.
    pub bdf: Bdf,
    /// Vendor and device, `1b36:0010`.
    pub ids: String,
    /// Its driver.
    pub driver: Option<String>,
    /// Its IOMMU group; none without an IOMMU.
    pub group: Option<u32>,
    /// The kernel's name, `nvme0`, if the kernel drives it.
    pub name: Option<String>,
    /// Its serial number, if the kernel drives it.
    pub serial: Option<String>,
    /// Its model, if the kernel drives it.
    pub model: Option<String>,
    /// The block devices of its namespaces, `nvme0n1`, if the kernel drives it.
    pub namespaces: Vec<String>,
}

fn is_nvme_class(class: &str) -> bool {
    class.starts_with("0x0108")
}

/// The block device that a folder below a controller stands for: `nvme0n1` for itself, and for one of
/// several paths (`nvme0c1n2`) the one that they lead to (`nvme0n2`).
fn namespace(name: &str) -> Option<String> {
    let rest = name.strip_prefix("nvme")?;
    let (before, nsid) = rest.split_once('n')?;
    let subsystem = before.split_once('c').map_or(before, |(subsystem, _)| subsystem);
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (number(subsystem) && number(nsid)).then(|| format!("nvme{subsystem}n{nsid}"))
}

/// The names in a folder, ascending; none if it cannot be read.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

/// A file's text without the space around it.
pub(crate) fn text(path: &Path) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_string())
}

/// The last part of what a link points to.
pub(crate) fn link_name(path: &Path) -> Option<String> {
    fs::read_link(path).ok()?.file_name()?.to_str().map(str::to_string)
}

/// Writes a word to one of the kernel's files.
pub(crate) fn write(path: &Path, word: &str) -> io::Result<()> {
    use std::io::Write;
    let mut file = fs::OpenOptions::new().write(true).truncate(true).open(path)?;
    file.write_all(format!("{word}\n").as_bytes())
}
