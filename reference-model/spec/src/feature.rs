//! Features. Base-2.3 §5.2.26.1, figure 403.

use crate::num::code;

code! {
    /// Feature Identifier (FID).
    Fid
}
