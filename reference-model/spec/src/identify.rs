//! What Identify returns. Base-2.3 §5.2.13.

mod controller;
mod namespace;
mod namespace_list;
mod power_state;

pub use controller::IdentifyController;
pub use namespace::{IdentifyNamespace, LbaFormat};
pub use namespace_list::NamespaceList;
pub use power_state::PowerState;
