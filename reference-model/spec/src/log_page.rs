//! Log pages. Base-2.3 §5.2.12, figure 206.

use crate::num::code;

code! {
    /// Log Page Identifier (LID).
    Lid
}
