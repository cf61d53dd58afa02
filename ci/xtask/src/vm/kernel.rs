//! Debian's kernel: taken out of its package, uncompressed, with the modules that a job wants.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::apt::{self, Apt};
use super::cache::Cache;
use super::{BadUsage, name_of, need};

/// The release whose kernel is booted: its 6.1 has never failed to boot under TCG.
pub const SUITE: &str = "bookworm";

/// An unpacked kernel.
pub struct Kernel {
    /// The uncompressed kernel: QEMU starts it by PVH, seconds faster than a compressed one.
    pub vmlinux: PathBuf,
    /// Every module: its name with `_` for `-`, and its file.
    modules: BTreeMap<String, PathBuf>,
    /// What other kernels have as modules, and this one built in.
    built_in: BTreeSet<String>,
    busybox: PathBuf,
}

impl Kernel {
    /// The newest kernel of [`SUITE`], or that of a Debian package file; fetched and unpacked
    /// unless it is in the cache.
    pub fn fetch(cache: &Cache, package: Option<&Path>) -> Result<Self> {
        need("xz", "xz-utils")?;
        let base = cache.folder("kernel", |folder| {
            eprintln!("fetching Debian's kernel and busybox (once)");
            let root = folder.join("apt");
            let apt = Apt::new(&root, &[SUITE], None)?;
            let kernel = apt.alone(&apt.first_dependency("linux-image-amd64")?)?;
            let busybox = apt.alone("busybox-static")?;
            apt::unpack(&[busybox, kernel], folder)?;
            fs::remove_dir_all(&root).context("what apt needed")?;
            uncompress(folder)
        })?;
        let busybox = base.join("usr/bin/busybox");
        ensure!(busybox.is_file(), "{} is missing", busybox.display());
        let folder = match package {
            None => base,
            Some(package) => {
                if !package.is_file() {
                    let what = anyhow!("there is no kernel package {}", package.display());
                    return Err(BadUsage(what).into());
                }
                cache.folder(&format!("kernel-{}", name_of(package)), |folder| {
                    apt::unpack(&[package.to_path_buf()], folder)?;
                    uncompress(folder)
                })?
            }
        };
        let (mut modules, mut built_in) = (BTreeMap::new(), BTreeSet::new());
        index(&folder.join("lib/modules"), &mut modules, &mut built_in)?;
        Ok(Self { vmlinux: folder.join("vmlinux"), modules, built_in, busybox })
    }

    /// A busybox without shared libraries.
    pub fn busybox(&self) -> &Path {
        &self.busybox
    }

    /// Module `name` after everything that it depends on, in the order of loading: file name and
    /// content. Nothing of what is built in.
    pub fn module(&self, name: &str) -> Result<Vec<(String, Vec<u8>)>> {
        let mut found = Vec::new();
        self.add(name, &mut found)?;
        Ok(found)
    }

    fn add(&self, name: &str, found: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
        let name = name.replace('-', "_");
        let file = format!("{name}.ko");
        if self.built_in.contains(&name) || found.iter().any(|(there, _)| *there == file) {
            return Ok(());
        }
        let path = self.modules.get(&name);
        let path = path.with_context(|| format!("the kernel has no module {name}"))?;
        let module = read_module(path)?;
        for dependency in dependencies(&module) {
            self.add(&dependency, found)?;
        }
        found.push((file, module));
        Ok(())
    }

    /// Whether there is such a module; a kernel may have it built in.
    pub fn has_module(&self, name: &str) -> bool {
        self.modules.contains_key(&name.replace('-', "_"))
    }
}

/// Writes `vmlinux` into an unpacked kernel package.
fn uncompress(folder: &Path) -> Result<()> {
    let boot = folder.join("boot");
    let image = fs::read_dir(&boot)
        .with_context(|| format!("{} holds no kernel", folder.display()))?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| name_of(path).starts_with("vmlinuz"))
        .with_context(|| format!("{} holds no vmlinuz", boot.display()))?;
    let image = fs::read(&image).with_context(|| image.display().to_string())?;
    let (program, packed) = payload(&image)?;
    let vmlinux = unpacked(program, packed)?;
    ensure!(vmlinux.starts_with(b"\x7fELF"), "the kernel is no ELF file");
    fs::write(folder.join("vmlinux"), vmlinux).context("vmlinux")
}

/// The compressed kernel inside a bzImage, and the program that unpacks it. Offsets: the x86 boot
/// protocol's setup_sects, payload_offset and payload_length.
fn payload(image: &[u8]) -> Result<(&'static str, &[u8])> {
    let dword = |at: usize| {
        let bytes = image.get(at..at + 4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
    };
    let sectors = *image.get(0x1f1).context("the kernel image is too short")? as usize;
    let setup = (if sectors == 0 { 4 } else { sectors } + 1) * 512;
    let place = (|| Some((setup.checked_add(dword(0x248)?)?, dword(0x24c)?)))();
    let (at, length) = place.context("the kernel image is too short")?;
    let end = at.checked_add(length).context("the kernel image has a bad header")?;
    let packed = image.get(at..end).context("the kernel image has a bad header")?;
    if packed.starts_with(b"\xfd7zXZ\0") {
        return Ok(("xz", packed));
    }
    if packed.starts_with(b"\x28\xb5\x2f\xfd") {
        // Its size in four bytes follows, which zstd does not know.
        return Ok(("zstd", &packed[..packed.len() - 4]));
    }
    bail!("the kernel is compressed in a way that is not known here")
}

fn read_module(path: &Path) -> Result<Vec<u8>> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    if path.extension().is_some_and(|end| end == "xz") { unpacked("xz", &bytes) } else { Ok(bytes) }
}

/// `packed` through `program`, xz or zstd. What follows the first stream is not looked at.
fn unpacked(program: &str, packed: &[u8]) -> Result<Vec<u8>> {
    need(program, if program == "xz" { "xz-utils" } else { program })?;
    let mut command = Command::new(program);
    command.arg("-dc").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if program == "xz" {
        command.arg("--single-stream");
    }
    let mut child = command.spawn().with_context(|| program.to_owned())?;
    let mut input = child.stdin.take().context("a pipe")?;
    let output = std::thread::scope(|scope| {
        // A program that stops reading early has all it wants; its status tells the rest.
        scope.spawn(move || drop(input.write_all(packed)));
        child.wait_with_output()
    });
    let output = output.with_context(|| program.to_owned())?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} failed ({}): {errors}", output.status);
    Ok(output.stdout)
}

/// The modules that a module's own notes (`depends=a,b`) name.
fn dependencies(module: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"depends=";
    let name = |c: &u8| c.is_ascii_alphanumeric() || b"_-,".contains(c);
    for at in 0..module.len().saturating_sub(KEY.len()) {
        if !module[at..].starts_with(KEY) || at > 0 && module[at - 1] != 0 {
            continue;
        }
        let value = &module[at + KEY.len()..];
        let Some(end) = value.iter().position(|c| *c == 0) else { continue };
        if value[..end].iter().all(name) {
            let value = String::from_utf8_lossy(&value[..end]);
            return value.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        }
    }
    Vec::new()
}

/// Finds the modules below a folder, and the list of those that are built in.
fn index(
    folder: &Path,
    modules: &mut BTreeMap<String, PathBuf>,
    built_in: &mut BTreeSet<String>,
) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            index(&path, modules, built_in)?;
        } else if name_of(&path) == "modules.builtin" {
            let list = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            built_in.extend(list.lines().filter_map(|line| module_name(Path::new(line))));
        } else if let Some(name) = module_name(&path) {
            modules.insert(name, path);
        }
    }
    Ok(())
}

/// The name of the module that a file holds, with `_` for `-`.
fn module_name(path: &Path) -> Option<String> {
    let file = name_of(path);
    let name = file.strip_suffix(".xz").unwrap_or(&file).strip_suffix(".ko")?;
    Some(name.replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_names_what_it_needs() {
        let notes = b"\x7fELF depends=no\0license=GPL\0depends=vfio,vfio-pci-core\0name=x\0";
        assert_eq!(dependencies(notes), ["vfio", "vfio-pci-core"]);
        assert_eq!(dependencies(b"\0depends=\0"), [""; 0]);
        assert_eq!(dependencies(b"\0depends="), [""; 0]);
    }

    #[test]
    fn what_is_built_in_is_no_module_to_load_and_nothing_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let under = folder.path().join("6.12");
        fs::create_dir(&under).unwrap();
        fs::write(under.join("vfio-pci.ko"), b"\0depends=virtio-pci,vfio\0").unwrap();
        fs::write(under.join("vfio.ko"), b"\0depends=\0").unwrap();
        fs::write(under.join("modules.builtin"), "kernel/drivers/virtio/virtio-pci.ko\n").unwrap();
        let (mut modules, mut built_in) = (BTreeMap::new(), BTreeSet::new());
        index(folder.path(), &mut modules, &mut built_in).unwrap();
        let kernel = Kernel { vmlinux: PathBuf::new(), modules, built_in, busybox: PathBuf::new() };
        let files = |name| kernel.module(name).map(|files| files.into_iter().map(|f| f.0));
        assert_eq!(files("vfio-pci").unwrap().collect::<Vec<_>>(), ["vfio.ko", "vfio_pci.ko"]);
        assert_eq!(files("virtio_pci").unwrap().count(), 0);
        assert!(files("9p").is_err());
    }

    #[test]
    fn the_kernel_is_found_in_its_image() {
        let mut image = vec![0u8; 0x400];
        image[0x1f1] = 1;
        image[0x248] = 8;
        image[0x24c] = 10;
        image.extend_from_slice(b"01234567\xfd7zXZ\0abcd");
        assert_eq!(payload(&image).unwrap(), ("xz", &b"\xfd7zXZ\0abcd"[..]));
        image[0x24f] = 0xff;
        assert!(payload(&image).unwrap_err().to_string().contains("bad header"));
        assert!(payload(b"short").unwrap_err().to_string().contains("too short"));
    }

    #[test]
    fn garbage_is_not_unpacked() {
        assert!(unpacked("xz", b"no xz at all").unwrap_err().to_string().contains("xz failed"));
    }
}
