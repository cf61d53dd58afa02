//! Namespaces kept in files: the arguments that name them.

use std::path::Path;

use anyhow::{Context, bail};
use emulator::config::NamespaceConfig;

/// The namespace that `PATH` or `PATH:BLOCK` names: as large as the file.
pub fn namespace(text: &str) -> anyhow::Result<NamespaceConfig> {
    let (path, block_bytes) = match text.rsplit_once(':') {
        Some((path, "512")) => (path, 512),
        Some((path, "4096")) => (path, 4096),
        _ => (text, 512),
    };
    let metadata = std::fs::metadata(path).with_context(|| {
        format!("cannot open the namespace file {path}; `truncate -s 64M {path}` makes one")
    })?;
    let bytes = metadata.len();
    if bytes == 0 || !bytes.is_multiple_of(block_bytes.into()) {
        bail!("{path} has {bytes} bytes; a namespace is a whole number of {block_bytes} bytes");
    }
    let blocks = bytes / u64::from(block_bytes);
    let path = Some(Path::new(path).to_path_buf());
    Ok(NamespaceConfig { blocks, block_bytes, path, ..NamespaceConfig::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_the_file_is_that_of_the_namespace() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        file.as_file().set_len(8192).unwrap();
        assert_eq!(namespace(path).unwrap().blocks, 16);
        assert_eq!(namespace(&format!("{path}:4096")).unwrap().blocks, 2);
        file.as_file().set_len(1000).unwrap();
        assert!(namespace(path).unwrap_err().to_string().contains("1000 bytes"));
        assert!(namespace("/nowhere/x").unwrap_err().to_string().contains("truncate -s 64M"));
    }
}
