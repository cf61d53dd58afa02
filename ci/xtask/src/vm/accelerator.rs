//! Whether KVM can be used: it may be there and not run an ordinary kernel (nested hosts), so a
//! machine is booted to see.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use super::cache::Cache;
use super::image::Image;
use super::kernel::Kernel;
use super::machine::{Accelerator, Job, Machine, Relay};
use super::newer_qemu::version_of;

/// How long a machine may take to boot under KVM.
const LIMIT: Duration = Duration::from_secs(10);

/// What the user asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Wanted {
    /// KVM if a machine boots with it, else TCG.
    Auto,
    /// QEMU executes the guest itself.
    Tcg,
    /// The host's processor does.
    Kvm,
}

/// What a machine is to use. The result of a trial is kept until the host boots or QEMU changes.
pub fn choose(
    wanted: Wanted,
    cache: &Cache,
    root: &Path,
    qemu: &Path,
    kernel: &Kernel,
) -> Result<Accelerator> {
    let usable = match wanted {
        Wanted::Tcg => false,
        Wanted::Auto if !Path::new("/dev/kvm").exists() => false,
        Wanted::Kvm if !Path::new("/dev/kvm").exists() => bail!("there is no /dev/kvm"),
        Wanted::Auto | Wanted::Kvm => {
            let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
            let key = format!("kvm {} {}", boot.trim(), version_of(qemu)?);
            let key = key.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
            let folder = cache.folder(&key, |folder| {
                let boots = boots(root, qemu, kernel)?;
                fs::write(folder.join("boots"), boots.to_string()).context("what was tried")
            })?;
            fs::read_to_string(folder.join("boots")).is_ok_and(|text| text == "true")
        }
    };
    match (wanted, usable) {
        (_, true) => Ok(Accelerator::Kvm),
        (Wanted::Kvm, false) => bail!(
            "KVM is there, but no machine boots with it within {} s; use --accelerator tcg",
            LIMIT.as_secs()
        ),
        (_, false) => Ok(Accelerator::Tcg),
    }
}

fn boots(root: &Path, qemu: &Path, kernel: &Kernel) -> Result<bool> {
    let machine = Machine {
        qemu: PathBuf::from(qemu),
        accelerator: Accelerator::Kvm,
        vmlinux: kernel.vmlinux.clone(),
        image: Image::new(root, kernel, &super::BOOT_MODULES)?.finish(),
        memory: 256,
        cpus: 1,
        kernel_arguments: String::new(),
        devices: Vec::new(),
        shares: Vec::new(),
        tools: None,
        boot_limit: LIMIT,
        boots: 1,
    };
    let script = root.join("ci/vm/nothing.sh");
    let job = Job { script, settings: vec![], arguments: vec![], limit: LIMIT };
    Ok(machine.run(&job, &mut Relay).is_ok_and(|ended| ended.code == 0))
}
