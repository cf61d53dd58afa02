//! Debian's packages, downloaded by apt from a root of its own and unpacked into a folder: nothing
//! is installed, and the machine's own package lists are not touched.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::{finish, name_of, need};

/// Overrides the mirror.
const MIRROR: &str = "DEBIAN_MIRROR";
/// Debian's keys, as the package `debian-archive-keyring` brings them.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// An apt of its own below a folder.
pub struct Apt {
    root: PathBuf,
    target: Option<&'static str>,
}

impl Apt {
    /// An apt that knows `suites` of the machine's own Debian mirror; the lists are fetched.
    /// `target` is the suite that wins where several have a package.
    pub fn new(root: &Path, suites: &[&'static str], target: Option<&'static str>) -> Result<Self> {
        need("apt-get", "apt")?;
        need("dpkg-deb", "dpkg")?;
        ensure!(
            Path::new(KEYRING).is_file(),
            "{KEYRING} is missing; `apt-get install debian-archive-keyring` brings it"
        );
        for folder in [
            "etc/apt/apt.conf.d",
            "etc/apt/preferences.d",
            "var/lib/apt/lists/partial",
            "var/cache/apt/archives/partial",
            "var/lib/dpkg",
        ] {
            fs::create_dir_all(root.join(folder)).context("a root for apt")?;
        }
        // With nothing installed apt fetches everything that the packages need.
        fs::write(root.join("var/lib/dpkg/status"), "").context("a root for apt")?;
        let mirror = mirror()?;
        let sources: String = suites
            .iter()
            .map(|suite| format!("deb [arch=amd64 signed-by={KEYRING}] {mirror} {suite} main\n"))
            .collect();
        fs::write(root.join("etc/apt/sources.list"), sources).context("a root for apt")?;
        let apt = Self { root: root.to_path_buf(), target };
        let what = format!("the package lists of {} from {mirror}", suites.join(", "));
        let said = finish(apt.command("apt-get").arg("update"), &what)?;
        // Without a network `apt-get update` warns and succeeds.
        ensure!(
            apt.has_lists(),
            "{what} could not be fetched; is there a network? {MIRROR}=URL names another mirror\n{}",
            super::text::last_lines(&said, 4)
        );
        Ok(apt)
    }

    fn has_lists(&self) -> bool {
        let lists = fs::read_dir(self.root.join("var/lib/apt/lists"));
        lists.is_ok_and(|mut lists| {
            lists.any(|list| list.is_ok_and(|list| name_of(&list.path()).contains("_Packages")))
        })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let root = self.root.display();
        command.env("LC_ALL", "C").args([
            "-q",
            "-o",
            &format!("Dir={root}"),
            "-o",
            &format!("Dir::State::status={root}/var/lib/dpkg/status"),
            "-o",
            "APT::Sandbox::User=root",
            "-o",
            "APT::Architecture=amd64",
            "-o",
            "APT::Install-Recommends=false",
            "-o",
            "Acquire::Languages=none",
            "-o",
            "Acquire::Retries=3",
            // apt-file's lists are large, and of no use here.
            "-o",
            "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false",
        ]);
        if let Some(target) = self.target {
            command.args(["-t", target]);
        }
        command
    }

    /// Downloads `names` with everything that they depend on; all package files of this root.
    pub fn with_dependencies(&self, names: &[&str]) -> Result<Vec<PathBuf>> {
        let mut command = self.command("apt-get");
        command.args(["-y", "--download-only", "install"]).args(names);
        finish(&mut command, &format!("the packages {}", names.join(", ")))?;
        debs(&self.root.join("var/cache/apt/archives"))
    }

    /// Downloads `name` alone.
    pub fn alone(&self, name: &str) -> Result<PathBuf> {
        let folder = self.root.join(format!("alone-{name}"));
        fs::create_dir_all(&folder).context("a folder for a package")?;
        let mut command = self.command("apt-get");
        command.args(["download", name]).current_dir(&folder);
        finish(&mut command, &format!("the package {name}"))?;
        debs(&folder)?.pop().with_context(|| format!("apt-get download {name} left no file"))
    }

    /// The first package that `name` depends on: how a meta package names its newest.
    pub fn first_dependency(&self, name: &str) -> Result<String> {
        let mut command = self.command("apt-cache");
        let said = finish(command.args(["depends", name]), &format!("the package {name}"))?;
        first_dependency(&said).with_context(|| format!("{name} depends on nothing:\n{said}"))
    }
}

fn first_dependency(said: &str) -> Option<String> {
    let name = said.lines().find_map(|line| line.trim().strip_prefix("Depends: "))?;
    Some(name.trim().to_owned())
}

/// The package files in `folder`, in order of name.
fn debs(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "deb") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Unpacks package files into one tree whose `bin`, `sbin`, `lib` and `lib64` lie in `usr`, as on
/// an installed Debian.
pub fn unpack(debs: &[PathBuf], tree: &Path) -> Result<()> {
    need("tar", "tar")?;
    for folder in ["bin", "sbin", "lib", "lib64"] {
        fs::create_dir_all(tree.join("usr").join(folder)).context("a tree for packages")?;
        let link = tree.join(folder);
        if link.symlink_metadata().is_err() {
            std::os::unix::fs::symlink(format!("usr/{folder}"), link).context("a tree")?;
        }
    }
    for deb in debs {
        let what = || format!("{} cannot be unpacked", name_of(deb));
        let mut package = Command::new("dpkg-deb")
            .arg("--fsys-tarfile")
            .arg(deb)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(what)?;
        let tar = package.stdout.take().with_context(what)?;
        let unpacked = Command::new("tar")
            .args(["-x", "--keep-directory-symlink", "--no-same-owner", "-C"])
            .arg(tree)
            .stdin(tar)
            .status()
            .with_context(what)?;
        let read = package.wait().with_context(what)?;
        ensure!(read.success() && unpacked.success(), "{}: {read}, {unpacked}", what());
    }
    Ok(())
}

/// The Debian mirror that this machine uses.
fn mirror() -> Result<String> {
    if let Some(mirror) = std::env::var(MIRROR).ok().filter(|mirror| !mirror.is_empty()) {
        return Ok(mirror);
    }
    let mut text = fs::read_to_string("/etc/apt/sources.list").unwrap_or_default();
    if let Ok(folder) = fs::read_dir("/etc/apt/sources.list.d") {
        let mut paths: Vec<PathBuf> = folder.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            text += "\n\n";
            text += &fs::read_to_string(path).unwrap_or_default();
        }
    }
    match mirror_in(&text) {
        Some(mirror) => Ok(mirror),
        None => bail!("no Debian mirror stands in /etc/apt; {MIRROR}=URL names one"),
    }
}

/// The first mirror in apt sources of either form whose path ends in `/debian`.
fn mirror_in(sources: &str) -> Option<String> {
    let words = sources.lines().filter(|line| !line.trim_start().starts_with('#')).filter(|line| {
        let line = line.trim_start();
        line.starts_with("deb ") || line.starts_with("URIs:")
    });
    let mut urls = words.flat_map(str::split_whitespace).filter(|word| word.contains("://"));
    urls.find(|url| url.trim_end_matches('/').ends_with("/debian"))
        .map(|url| url.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_mirror_in_either_form() {
        let one_line = "# deb http://old/debian x main\n\
                        deb http://keys.example/apt stable main\n\
                        deb [signed-by=/k] http://mirror.example/debian/ bookworm main\n";
        assert_eq!(mirror_in(one_line).unwrap(), "http://mirror.example/debian");
        let stanzas = "Types: deb\n# http://snapshot.example/archive/debian/2025\n\
                       URIs: http://a.example/debian-security\nSuites: x\n\n\
                       Types: deb\nURIs: http://a.example/debian\nSuites: y\n";
        assert_eq!(mirror_in(stanzas).unwrap(), "http://a.example/debian");
        assert_eq!(mirror_in("deb http://archive.example/ubuntu noble main"), None);
    }

    #[test]
    fn a_meta_package_names_its_newest() {
        let said = "linux-image-amd64\n  Depends: linux-image-6.1.0-57-amd64\n  Recommends: x\n";
        assert_eq!(first_dependency(said).unwrap(), "linux-image-6.1.0-57-amd64");
        assert_eq!(first_dependency("x\n"), None);
    }
}
