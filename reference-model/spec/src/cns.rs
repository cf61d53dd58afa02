//! Identify: what the Controller or Namespace Structure field (CNS) asks for. Base-2.3 figure 326.

use crate::num::code;

code! {
    /// Controller or Namespace Structure (CNS).
    Cns
}
