//! Folders of the host that a machine sees at the same paths, so that a command line means in the
//! machine what it means outside.

use std::path::{Component, Path, PathBuf};

use anyhow::{Result, bail};

/// Paths that a machine has of its own. A program's arguments may name them.
const OWN: [&str; 4] = ["/dev", "/proc", "/sys", "/vm"];

/// The folders that `arguments`, given in folder `here`, need: `here` itself, and for each other
/// path that is named (`PATH` or `--option=PATH`) the nearest folder above it that is there.
pub fn folders(here: &Path, arguments: &[String]) -> Result<Vec<PathBuf>> {
    let mut found = vec![here.to_path_buf()];
    for argument in arguments {
        let value = match argument.split_once('=') {
            Some((option, value)) if option.starts_with('-') => value,
            _ => argument.as_str(),
        };
        if !(value.starts_with('/') || value == ".." || value.starts_with("../")) {
            continue;
        }
        let path = plain(&here.join(value));
        if OWN.iter().any(|own| path.starts_with(own)) {
            continue;
        }
        match path.ancestors().skip(1).find(|above| above.is_dir()) {
            Some(above) => found.push(above.to_path_buf()),
            None => bail!("{} lies in no folder that is there", path.display()),
        }
    }
    found.sort();
    found.dedup();
    for folder in &found {
        let own = OWN.iter().any(|own| folder.starts_with(own));
        if own || folder.parent().is_none() {
            bail!(
                "a virtual machine cannot share {}; give files in a folder of their own",
                folder.display()
            );
        }
    }
    // A folder inside another comes after it, and needs no share of its own.
    let mut kept: Vec<PathBuf> = Vec::new();
    for folder in found {
        if !kept.iter().any(|above| folder.starts_with(above)) {
            kept.push(folder);
        }
    }
    Ok(kept)
}

/// `path` without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(here: &Path, arguments: &[&str]) -> Vec<PathBuf> {
        let arguments: Vec<String> = arguments.iter().map(|&a| a.to_owned()).collect();
        folders(here, &arguments).unwrap()
    }

    #[test]
    fn what_the_arguments_name_is_shared() {
        let root = tempfile::tempdir().unwrap();
        let (here, other) = (root.path().join("here"), root.path().join("other"));
        std::fs::create_dir_all(here.join("in")).unwrap();
        std::fs::create_dir_all(&other).unwrap();
        let json = format!("--json={}", other.join("new/a.json").display());
        let seen = shared(&here, &["run", "--seed", "0x1", "a/b.toml"]);
        assert_eq!(seen, std::slice::from_ref(&here));
        assert_eq!(shared(&here, &["run", &json]), [here.clone(), other.clone()]);
        assert_eq!(shared(&here, &["--waivers", "../other/w.toml"]), [here.clone(), other]);
        assert_eq!(shared(&here, &["../x.toml"]), [root.path().to_path_buf()]);
        let inside = here.join("in/x").display().to_string();
        assert_eq!(shared(&here, &[&inside, "/sys/bus/pci", "/dev/null"]), [here]);
    }

    #[test]
    fn the_whole_file_system_is_not_shared() {
        let refused = folders(Path::new("/"), &[]).unwrap_err().to_string();
        assert!(refused.contains("cannot share /;"), "{refused}");
        let refused = folders(Path::new("/tmp"), &["/x.json".to_owned()]).unwrap_err();
        assert!(refused.to_string().contains("cannot share /;"), "{refused}");
    }
}
