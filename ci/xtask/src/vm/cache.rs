//! What was downloaded and unpacked, kept between runs and shared by all trees of a user.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Overrides where the cache lies.
const VARIABLE: &str = "LOCKSTEP_CACHE";

/// The folder of everything that can be fetched again.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// The cache of this user: `LOCKSTEP_CACHE`, else `lockstep` in `XDG_CACHE_HOME` or
    /// `~/.cache`.
    pub fn open() -> Result<Self> {
        let variable = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let root = variable(VARIABLE)
            .or_else(|| Some(variable("XDG_CACHE_HOME")?.join("lockstep")))
            .or_else(|| Some(variable("HOME")?.join(".cache/lockstep")))
            .with_context(|| format!("nowhere to keep downloads: set {VARIABLE}=DIR"))?;
        Self::at(&root)
    }

    /// A cache at `root`, which is made if it is not there.
    pub fn at(root: &Path) -> Result<Self> {
        let what = || format!("{} cannot hold downloads; set {VARIABLE}=DIR", root.display());
        fs::create_dir_all(root).with_context(what)?;
        Ok(Self { root: fs::canonicalize(root).with_context(what)? })
    }

    /// The folder `name`. If it is not there, `make` fills an empty folder that becomes it; a
    /// process that wants it at the same time waits. What `make` left unfinished is never seen.
    pub fn folder(&self, name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        let (done, partial) = (self.root.join(name), self.root.join(format!("{name}.partial")));
        if done.is_dir() {
            return Ok(done);
        }
        let lock = self.root.join(format!("{name}.lock"));
        let what = || lock.display().to_string();
        let lock = File::create(&lock).with_context(what)?;
        lock.lock().context("a lock in the cache")?;
        if !done.is_dir() {
            if partial.exists() {
                fs::remove_dir_all(&partial).with_context(|| partial.display().to_string())?;
            }
            fs::create_dir(&partial).with_context(|| partial.display().to_string())?;
            make(&partial)?;
            fs::rename(&partial, &done).with_context(|| done.display().to_string())?;
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn a_folder_is_made_once() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::at(root.path()).unwrap();
        let folder = cache.folder("a", |at| Ok(fs::write(at.join("x"), "1")?)).unwrap();
        assert_eq!(fs::read_to_string(folder.join("x")).unwrap(), "1");
        let again = cache.folder("a", |_| bail!("not made again")).unwrap();
        assert_eq!(again, folder);
    }

    #[test]
    fn what_failed_is_begun_afresh() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::at(root.path()).unwrap();
        let broken = cache.folder("a", |at| {
            fs::write(at.join("half"), "")?;
            bail!("no network")
        });
        assert_eq!(broken.unwrap_err().to_string(), "no network");
        let folder = cache.folder("a", |_| Ok(())).unwrap();
        assert!(!folder.join("half").exists());
    }

    #[test]
    fn two_at_once_make_it_once() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::at(root.path()).unwrap();
        let made = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    cache.folder("a", |_| {
                        made.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                        Ok(())
                    })
                });
            }
        });
        assert_eq!(made.into_inner(), 1);
    }
}
