//! The first file system of a machine: an archive in the kernel's own format (cpio, "newc").

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::kernel::Kernel;

const FOLDER: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;

/// An archive under construction.
#[derive(Default)]
pub struct Image {
    bytes: Vec<u8>,
    entries: u32,
    folders: Vec<String>,
}

impl Image {
    /// The image that every machine boots: `ci/vm/init` as the first process, busybox, and for
    /// each of `modules` the files that `load` of `ci/vm/guest.sh` loads.
    pub fn new(root: &Path, kernel: &Kernel, modules: &[&str]) -> Result<Self> {
        let mut image = Self::default();
        for folder in ["proc", "sys", "dev", "tmp", "vm/bin", "vm/home", "vm/control"] {
            image.folder(folder);
        }
        for (name, path) in [("init", "ci/vm/init"), ("vm/guest.sh", "ci/vm/guest.sh")] {
            let path = root.join(path);
            image.file(name, &fs::read(&path).with_context(|| path.display().to_string())?);
        }
        image.file("vm/bin/busybox", &fs::read(kernel.busybox()).context("busybox")?);
        let mut there: Vec<String> = Vec::new();
        for module in modules {
            let mut order = String::new();
            for (file, bytes) in kernel.module(module)? {
                order += &format!("{file}\n");
                if !there.contains(&file) {
                    image.file(&format!("vm/modules/{file}"), &bytes);
                    there.push(file);
                }
            }
            image.file(&format!("vm/modules/{module}.order"), order.as_bytes());
        }
        Ok(image)
    }

    /// Adds a file that may be executed, and the folders above it. `path` is relative to the root.
    pub fn file(&mut self, path: &str, bytes: &[u8]) {
        if let Some((folder, _)) = path.rsplit_once('/') {
            self.folder(folder);
        }
        self.entry(path, PROGRAM, bytes);
    }

    /// Adds a folder and those above it, unless they are there.
    pub fn folder(&mut self, path: &str) {
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        for end in ends {
            let folder = &path[..end];
            if !self.folders.iter().any(|there| there == folder) {
                self.folders.push(folder.to_owned());
                self.entry(folder, FOLDER, &[]);
            }
        }
    }

    /// The archive with its end.
    pub fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[]);
        self.bytes
    }

    fn entry(&mut self, name: &str, mode: u32, bytes: &[u8]) {
        self.entries += 1;
        let size = u32::try_from(bytes.len()).expect("a file of an image is below 4 GiB");
        let name_size = u32::try_from(name.len() + 1).expect("a name is short");
        // ino, mode, uid, gid, nlink, mtime, filesize, dev, rdev, namesize, check.
        let links = if mode == FOLDER { 2 } else { 1 };
        let fields = [self.entries, mode, 0, 0, links, 0, size, 0, 0, 0, 0, name_size, 0];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(bytes);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads an archive back: names, modes and contents.
    fn entries(mut bytes: &[u8]) -> Vec<(String, u32, Vec<u8>)> {
        let mut found = Vec::new();
        loop {
            assert_eq!(&bytes[..6], b"070701");
            let field = |n: usize| {
                let text = std::str::from_utf8(&bytes[6 + n * 8..14 + n * 8]).unwrap();
                u32::from_str_radix(text, 16).unwrap() as usize
            };
            let (mode, size, name_size) = (field(1), field(6), field(11));
            let name = String::from_utf8(bytes[110..110 + name_size - 1].to_vec()).unwrap();
            if name == "TRAILER!!!" {
                return found;
            }
            let at = (110 + name_size).next_multiple_of(4);
            let content = bytes[at..at + size].to_vec();
            found.push((name, u32::try_from(mode).unwrap(), content));
            bytes = &bytes[(at + size).next_multiple_of(4)..];
        }
    }

    #[test]
    fn an_archive_can_be_read_back() {
        let mut image = Image::default();
        image.file("a/b/c", b"12345");
        image.file("a/d", b"");
        let found = entries(&image.finish());
        let names: Vec<&str> = found.iter().map(|(name, _, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "a/b", "a/b/c", "a/d"]);
        assert_eq!(found[0].1, FOLDER);
        assert_eq!((found[2].1, found[2].2.as_slice()), (PROGRAM, &b"12345"[..]));
    }
}
