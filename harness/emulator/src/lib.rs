//! The bundled NVMe controller: a correct one, in virtual time, that can be made to go wrong.
//!
//! - [`Subsystem`] is the device: controllers, namespaces, registers. It works in bounded units
//!   ([`Subsystem::step`]) against a [`Bus`], never panics, whatever the host does, and is wholly
//!   deterministic.
//! - [`EmulatorDut`] puts it behind `dut::Dut`, with an arena, a virtual clock and an exact log of
//!   its accesses to host memory.
//! - [`Tapped`] tells an observer all that passes between a subsystem and its host.
//! - [`Config`] says what kind of controller it is, [`Policy`] what it does where the specification
//!   leaves it free.
//! - [`seam::Defect`] is the way in for planted defects; [`defect::TABLE`] lists them.
//!
//! One command is one file, as in `spec::command`; the same holds for features, log pages, Identify
//! structures and defects. Everything here is read out of the specification texts alone: this crate
//! never sees the model's code, nor the model this one's.
//!
//! Not there: SGLs, metadata, fused operations, weighted arbitration, CMB, PMR, NVM Subsystem
//! Reset, INTx messages, per-vector masking of MSI, and every command outside [`admin`] and [`nvm`].

pub mod admin;
pub mod bus;
pub mod config;
pub mod controller;
pub mod defect;
pub mod device;
pub mod event;
pub mod feature;
pub mod health;
pub mod identify;
pub mod log_page;
pub mod media;
pub mod msi;
pub mod msix;
pub mod nvm;
pub mod policy;
pub mod prp;
pub mod queue;
pub mod register;
pub mod run;
pub mod seam;
pub mod subsystem;
pub mod tapped;
pub mod work;

pub use bus::{Bus, BusFault};
pub use config::{Config, ConfigError};
pub use device::EmulatorDut;
pub use policy::Policy;
pub use seam::Defect;
pub use subsystem::Subsystem;
pub use tapped::Tapped;
pub use work::Work;
