//! Namespaces kept in files: a file holds what is durable, so what it holds after a crash is what a
//! drive holds after a loss of power.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use emulator::config::NamespaceConfig;
use rustix::fs::FlockOperation;

/// A file with the logical blocks of a namespace, one after the other.
pub struct NamespaceFile {
    path: PathBuf,
    file: File,
    bytes: u64,
    block_bytes: u32,
    /// Written since the last sync.
    dirty: bool,
}

impl NamespaceFile {
    /// Opens `PATH` or `PATH:BLOCK`. Nobody else may have it open this way.
    pub fn open(text: &str) -> anyhow::Result<Self> {
        let (path, block_bytes) = match text.rsplit_once(':') {
            Some((path, "512")) => (path, 512),
            Some((path, "4096")) => (path, 4096),
            _ => (text, 512),
        };
        let path = Path::new(path);
        let name = path.display();
        let file = File::options().read(true).write(true).open(path).with_context(|| {
            format!("cannot open the namespace file {name}; `truncate -s 64M {name}` makes one")
        })?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            bail!("{name} is no regular file");
        }
        let bytes = metadata.len();
        if bytes == 0 || !bytes.is_multiple_of(block_bytes.into()) {
            bail!("{name} has {bytes} bytes: a namespace is a whole number of {block_bytes} bytes");
        }
        if rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            bail!("{name} is in use by another process");
        }
        Ok(Self { path: path.into(), file, bytes, block_bytes, dirty: false })
    }

    /// The namespace that it is.
    pub fn config(&self) -> NamespaceConfig {
        let blocks = self.bytes / u64::from(self.block_bytes);
        NamespaceConfig { blocks, block_bytes: self.block_bytes, ..NamespaceConfig::default() }
    }

    /// Reads all of it.
    pub fn load(&mut self, to: &mut [u8]) -> anyhow::Result<()> {
        let read = self.file.read_exact_at(to, 0);
        read.with_context(|| format!("cannot read {}", self.path.display()))
    }

    /// Writes durable bytes; [`Self::sync`] makes them so.
    pub fn write(&mut self, offset: u64, bytes: &[u8]) -> anyhow::Result<()> {
        self.dirty = true;
        let written = self.file.write_all_at(bytes, offset);
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }

    /// What was written survives the machine.
    pub fn sync(&mut self) -> anyhow::Result<()> {
        if std::mem::take(&mut self.dirty) {
            let synced = self.file.sync_data();
            return synced.with_context(|| format!("cannot write {}", self.path.display()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bytes: u64) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(bytes).unwrap();
        file
    }

    fn opened(text: &str) -> Result<NamespaceFile, String> {
        NamespaceFile::open(text).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn the_size_of_the_file_is_that_of_the_namespace() {
        let file = file(8192);
        let path = file.path().display().to_string();
        assert_eq!(opened(&path).unwrap().config().blocks, 16);
        assert_eq!(opened(&format!("{path}:4096")).unwrap().config().blocks, 2);
        assert!(opened("/nonexistent/x").err().unwrap().contains("truncate -s 64M"));
    }

    #[test]
    fn odd_sizes_and_files_in_use_are_refused() {
        let odd = file(1000);
        assert!(opened(odd.path().to_str().unwrap()).err().unwrap().contains("1000 bytes"));
        let file = file(512);
        let path = file.path().to_str().unwrap();
        let first = opened(path).unwrap();
        assert!(opened(path).err().unwrap().contains("in use"));
        drop(first);
        assert!(opened(path).is_ok());
    }
}
