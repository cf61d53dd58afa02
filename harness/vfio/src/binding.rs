//! Taking a function from its driver, and giving it back.
//!
//! What is needed to give it back is written to a journal before anything is changed, so that it can
//! be done after any end of this process: by a guardian ([`crate::guardian`]), or by hand
//! (`lockstep unbind --restore`).

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::tree::{Tree, link_name, names, text, write};
use crate::{Bdf, Controller, OpenError, in_use};

/// The driver that gives functions to users.
pub const DRIVER: &str = "vfio-pci";
/// How long a driver may take to let go or to take over. It may have to reset the controller.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is known of a function that was taken from its driver.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its address.
    pub bdf: String,
    /// The driver that it had.
    pub driver: Option<String>,
    /// What stood in `driver_override`.
    pub driver_override: Option<String>,
    /// Bound by `lockstep bind`: it stays bound until `lockstep unbind`.
    pub kept: bool,
}

/// The folder of the journal, one file for each function that was taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Journal {
    folder: PathBuf,
}

impl Journal {
    /// The journal of this tree: `/run/lockstep`, which only root may write.
    pub fn of(tree: &Tree) -> Self {
        Self { folder: tree.path("run/lockstep") }
    }

    fn file(&self, bdf: Bdf) -> PathBuf {
        self.folder.join(format!("{bdf}.json"))
    }

    /// What it says of a function.
    pub fn entry(&self, bdf: Bdf) -> Result<Option<Entry>, OpenError> {
        let path = self.file(bdf);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                let hint = "the journal must be readable to give the function back";
                return Err(OpenError::file(&path.display().to_string(), &error, hint));
            }
        };
        let entry = serde_json::from_slice::<Entry>(&bytes).map_err(|error| {
            OpenError::machine(format!("{}: not a journal of lockstep: {error}", path.display()))
        })?;
        Ok(Some(entry))
    }

    /// The functions that it names.
    pub fn bdfs(&self) -> Vec<Bdf> {
        let names = names(&self.folder).into_iter();
        names.filter_map(|name| name.strip_suffix(".json")?.parse().ok()).collect()
    }

    /// Writes an entry so that it is whole or not there at all.
    fn put(&self, bdf: Bdf, entry: &Entry) -> Result<(), OpenError> {
        let path = self.file(bdf);
        let put = || -> io::Result<()> {
            fs::create_dir_all(&self.folder)?;
            let draft = path.with_extension("new");
            let mut file = fs::File::create(&draft)?;
            serde_json::to_writer(&mut file, entry)?;
            file.flush()?;
            file.sync_all()?;
            fs::rename(&draft, &path)
        };
        put().map_err(|error| {
            let hint = "without a journal nothing is taken from a driver; run as root";
            OpenError::file(&path.display().to_string(), &error, hint)
        })
    }

    fn remove(&self, bdf: Bdf) -> Result<(), OpenError> {
        let path = self.file(bdf);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(OpenError::file(&path.display().to_string(), &error, "remove it by hand"))
            }
            _ => Ok(()),
        }
    }
}

/// Whether a function may be taken: it is an NVMe controller in an IOMMU group that would be viable,
/// and nothing uses its namespaces. Changes nothing.
pub fn examine(tree: &Tree, bdf: Bdf) -> Result<(Controller, u32), OpenError> {
    let controller = tree.controller(bdf)?;
    in_use::refuse(tree, &controller, controller.serial.as_deref())?;
    let Some(group) = controller.group else {
        return Err(OpenError::machine(format!(
            "{bdf} is in no IOMMU group: the machine has no IOMMU, or it is off; turn it on in the \
             firmware (VT-d, AMD-Vi) and boot with intel_iommu=on where the kernel wants it"
        )));
    };
    let strangers = tree.strangers(group, bdf);
    if !strangers.is_empty() {
        let list: Vec<String> = strangers.iter().map(|(b, d)| format!("{b} ({d})")).collect();
        return Err(OpenError::machine(format!(
            "IOMMU group {group} of {bdf} holds others with drivers of their own: {}; bind them to \
             {DRIVER} too, or move the controller to a slot with a group of its own",
            list.join(", ")
        )));
    }
    Ok((controller, group))
}

/// How a function came to be bound to vfio-pci, and so who has to give it back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bound {
    /// It was taken from its driver just now.
    Now,
    /// A run has taken it before. If it can be opened, that run was killed together with its guardian,
    /// and whoever opens it gives it back; if not, that run is alive.
    Before,
    /// By hand: it stays.
    ByHand,
}

/// Takes the function from its driver and binds it to vfio-pci. On an error everything is as it was.
pub fn take(tree: &Tree, bdf: Bdf, kept: bool) -> Result<Bound, OpenError> {
    let (controller, _) = examine(tree, bdf)?;
    let journal = Journal::of(tree);
    let old = journal.entry(bdf)?;
    if controller.driver.as_deref() == Some(DRIVER) {
        return Ok(match old {
            Some(entry) if !entry.kept => Bound::Before,
            _ => Bound::ByHand,
        });
    }
    if !tree.driver(DRIVER).exists() {
        return Err(OpenError::machine(format!(
            "the kernel's {DRIVER} driver is not there: modprobe {DRIVER}"
        )));
    }
    let folder = tree.device(bdf);
    let driver_override = text(&folder.join("driver_override"));
    let driver_override = driver_override.filter(|name| !name.is_empty() && name != "(null)");
    let (name, driver) = (bdf.to_string(), controller.driver.clone());
    journal.put(bdf, &Entry { bdf: name, driver, driver_override, kept })?;
    let bound = bind_to(tree, bdf, DRIVER);
    if let Err(error) = bound {
        // The word of the first failure counts; the journal stays if this one fails too.
        let undone = give_back(tree, bdf);
        return Err(match undone {
            Ok(_) => error,
            Err(worse) => OpenError::machine(format!("{error}; and giving it back: {worse}")),
        });
    }
    Ok(Bound::Now)
}

/// Gives a function back to the driver that the journal names. Its name, or none if it had none. Without
/// an entry the kernel chooses.
pub fn give_back(tree: &Tree, bdf: Bdf) -> Result<Option<String>, OpenError> {
    let journal = Journal::of(tree);
    let entry = journal.entry(bdf)?;
    let folder = tree.device(bdf);
    if !folder.exists() {
        // It was taken out of its slot: there is nothing to give.
        journal.remove(bdf)?;
        return Ok(None);
    }
    let driver = entry.as_ref().and_then(|entry| entry.driver.clone());
    let known = entry.is_some();
    let wanted = entry.and_then(|entry| entry.driver_override).unwrap_or_default();
    let step = |path: PathBuf, word: &str| {
        write(&path, word).map_err(|error| {
            OpenError::file(&path.display().to_string(), &error, "the kernel refuses; run as root")
        })
    };
    step(folder.join("driver_override"), &wanted)?;
    let present = link_name(&folder.join("driver"));
    if present.is_some() && (present.as_deref() == Some(DRIVER) || known && present != driver) {
        unbind(tree, bdf)?;
    }
    if driver.is_some() || !known {
        let now = || link_name(&folder.join("driver"));
        if now().is_none() {
            step(tree.path("sys/bus/pci/drivers_probe"), &bdf.to_string())?;
        }
        let there = || driver.is_none() || now() == driver;
        if !wait_for(there)
            && let Some(name) = &driver
        {
            step(tree.driver(name).join("bind"), &bdf.to_string())?;
            if !wait_for(there) {
                return Err(OpenError::machine(format!("{bdf} was not taken back by {name}")));
            }
        }
    }
    journal.remove(bdf)?;
    Ok(link_name(&folder.join("driver")))
}

/// Binds a function to a driver, from whatever it is bound to.
fn bind_to(tree: &Tree, bdf: Bdf, driver: &str) -> Result<(), OpenError> {
    let folder = tree.device(bdf);
    let step = |path: PathBuf, word: &str| {
        write(&path, word).map_err(|error| {
            OpenError::file(&path.display().to_string(), &error, "the kernel refuses; run as root")
        })
    };
    step(folder.join("driver_override"), driver)?;
    unbind(tree, bdf)?;
    step(tree.path("sys/bus/pci/drivers_probe"), &bdf.to_string())?;
    let there = || link_name(&folder.join("driver")).as_deref() == Some(driver);
    if wait_for(there) {
        return Ok(());
    }
    Err(OpenError::machine(format!(
        "{bdf} was not taken by {driver} within {} s; the kernel's log says why (dmesg)",
        PATIENCE.as_secs()
    )))
}

/// Takes a function from its driver, if it has one.
fn unbind(tree: &Tree, bdf: Bdf) -> Result<(), OpenError> {
    let link = tree.device(bdf).join("driver");
    let Some(driver) = link_name(&link) else { return Ok(()) };
    let path = tree.driver(&driver).join("unbind");
    write(&path, &bdf.to_string()).map_err(|error| {
        OpenError::file(&path.display().to_string(), &error, "the kernel refuses; run as root")
    })?;
    if wait_for(|| link_name(&link).is_none()) {
        return Ok(());
    }
    Err(OpenError::machine(format!("{bdf} was not given up by {driver}")))
}

/// Waits until the kernel has done something.
fn wait_for(done: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    true
}
