//! The checks of the repository, and the generator of the requirement handles.
//!
//! `cargo xtask gen` reads the catalogue (`reference-model/requirements/*.toml`) and writes the
//! generated files of the spec crate; the other checks are functions that the tests of this crate
//! call, so that plain `cargo test -p xtask` holds them. Whatever is found is a [`Problem`], printed
//! as `path:line: error: X, use Y`. [`vm`] is apart from that: the virtual machines that judge
//! controllers over vfio and put the emulator under Linux.

pub mod catalogue;
pub mod check;
pub mod condition;
pub mod edges;
pub mod generate;
pub mod handles;
pub mod levels;
pub mod links;
pub mod names;
pub mod numbers;
mod problem;
pub mod source;
pub mod tidy;
pub mod vm;

pub use problem::{Problem, fail_on};

use std::path::{Path, PathBuf};

/// The root of the repository.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("ci/xtask lies two folders below the root").to_path_buf()
}
