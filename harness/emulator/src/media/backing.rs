//! Where the durable content of a namespace stands: in memory, or in a file that outlives us.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::config::ConfigError;

/// Where durable bytes go.
#[derive(Debug)]
pub enum Backing {
    /// Nowhere else: they live as long as the emulator.
    Memory,
    /// To this file, locked against a second emulator.
    File(File),
}

impl Backing {
    /// A file of `bytes` bytes: the one at `path`, or a new one of zeroes. Returns its content too.
    pub fn open(path: &Path, bytes: u64) -> Result<(Self, Vec<u8>), ConfigError> {
        let failed = |source| ConfigError::File { path: PathBuf::from(path), source };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(path).map_err(failed)?;
        let about = file.metadata().map_err(failed)?;
        if !about.is_file() {
            return Err(failed(io::Error::other("no regular file")));
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(failed(io::Error::other("in use by another emulator")));
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        match about.len() {
            0 => file.set_len(bytes).map_err(failed)?,
            found if found == bytes => {}
            found => {
                let path = PathBuf::from(path);
                return Err(ConfigError::FileSize { path, found, wanted: bytes });
            }
        }
        let mut content = vec![0; bytes as usize];
        file.read_exact_at(&mut content, 0).map_err(failed)?;
        Ok((Self::File(file), content))
    }

    /// Whether nothing but memory holds the content.
    pub const fn is_memory(&self) -> bool {
        matches!(self, Self::Memory)
    }

    /// Puts bytes at an offset. They are safe only after [`Self::sync`].
    pub fn store(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Memory => Ok(()),
            Self::File(file) => file.write_all_at(bytes, offset),
        }
    }

    /// Makes all that was stored survive a crash of this machine.
    pub fn sync(&self) -> io::Result<()> {
        match self {
            Self::Memory => Ok(()),
            Self::File(file) => file.sync_data(),
        }
    }
}
