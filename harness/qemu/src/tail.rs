//! What QEMU wrote into an anonymous file: its standard error and its trace.

use std::fs::File;
use std::os::unix::fs::FileExt;

use rustix::fs::{MemfdFlags, memfd_create};

/// An anonymous file that QEMU writes and we read, each with an offset of its own.
pub(crate) struct Tail {
    file: File,
    read: u64,
    /// The beginning of a line whose end has not been written yet.
    partial: Vec<u8>,
}

impl Tail {
    pub fn new() -> std::io::Result<Self> {
        let file = File::from(memfd_create("lockstep-qemu-lines", MemfdFlags::CLOEXEC)?);
        Ok(Self { file, read: 0, partial: Vec::new() })
    }

    pub fn file(&self) -> &File {
        &self.file
    }

    /// The whole lines written since the last call.
    pub fn lines(&mut self, sink: &mut dyn FnMut(String)) {
        let mut block = [0; 16384];
        while let Ok(n @ 1..) = self.file.read_at(&mut block, self.read) {
            self.read += n as u64;
            self.partial.extend_from_slice(&block[..n]);
            while let Some(end) = self.partial.iter().position(|&b| b == b'\n') {
                let line: Vec<u8> = self.partial.drain(..=end).collect();
                sink(String::from_utf8_lossy(line.trim_ascii_end()).into_owned());
            }
        }
    }

    /// The last 2,000 bytes, for a message.
    pub fn end(&self) -> String {
        let len = self.file.metadata().map_or(0, |m| m.len());
        let mut bytes = vec![0; len.min(2000) as usize];
        let from = len - bytes.len() as u64;
        let n = self.file.read_at(&mut bytes, from).unwrap_or(0);
        let text = String::from_utf8_lossy(&bytes[..n]);
        let text = text.trim();
        if text.is_empty() { "(nothing)".into() } else { text.into() }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn gives_whole_lines_once() {
        let mut tail = Tail::new().unwrap();
        let mut writer = tail.file().try_clone().unwrap();
        let mut seen = Vec::new();
        writer.write_all(b"one\ntw").unwrap();
        tail.lines(&mut |line| seen.push(line));
        assert_eq!(seen, ["one"]);
        writer.write_all(b"o\nthree\n").unwrap();
        tail.lines(&mut |line| seen.push(line));
        assert_eq!(seen, ["one", "two", "three"]);
        assert!(tail.end().ends_with("three"));
    }
}
