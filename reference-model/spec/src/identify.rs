//! What Identify returns. Base-2.3 §5.2.13.

mod controller;
mod independent_namespace;
mod namespace;
mod namespace_identification;
mod namespace_list;
mod nvm_controller;
mod nvm_namespace;
mod power_state;

pub use controller::IdentifyController;
pub use independent_namespace::IndependentIdentifyNamespace;
pub use namespace::{IdentifyNamespace, LbaFormat};
pub use namespace_identification::{NamespaceIdentification, NamespaceIdentificationList, Nidt};
pub use namespace_list::NamespaceList;
pub use nvm_controller::NvmIdentifyController;
pub use nvm_namespace::{ExtendedLbaFormat, NvmIdentifyNamespace};
pub use power_state::PowerState;

/// Command Set Identifiers (CSI). Base-2.3 figure 327.
pub mod csi {
    /// NVM command set.
    pub const NVM: u8 = 0x00;
    /// Key Value command set.
    pub const KEY_VALUE: u8 = 0x01;
    /// Zoned Namespace command set.
    pub const ZONED_NAMESPACE: u8 = 0x02;
}
