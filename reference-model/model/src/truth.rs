//! Three-valued truth: what is known of a controller is often not enough to decide.

use std::ops::{BitAnd, BitOr, Not};

/// Whether something holds, as far as the log tells.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Truth {
    /// It does not hold.
    No,
    /// Not known: nobody is accused, whichever way the controller takes it.
    #[default]
    Maybe,
    /// It holds.
    Yes,
}

pub use Truth::{Maybe, No, Yes};

impl Truth {
    /// Whether it surely holds.
    pub const fn is_yes(self) -> bool {
        matches!(self, Yes)
    }

    /// Whether it surely does not hold.
    pub const fn is_no(self) -> bool {
        matches!(self, No)
    }

    /// Whether it may hold.
    pub const fn possible(self) -> bool {
        !matches!(self, No)
    }
}

impl From<bool> for Truth {
    #[inline]
    fn from(known: bool) -> Self {
        if known { Yes } else { No }
    }
}

impl From<Option<bool>> for Truth {
    #[inline]
    fn from(known: Option<bool>) -> Self {
        known.map_or(Maybe, Truth::from)
    }
}

impl<T: Into<Truth>> BitAnd<T> for Truth {
    type Output = Truth;
    #[inline]
    fn bitand(self, other: T) -> Truth {
        self.min(other.into())
    }
}

impl<T: Into<Truth>> BitOr<T> for Truth {
    type Output = Truth;
    #[inline]
    fn bitor(self, other: T) -> Truth {
        self.max(other.into())
    }
}

impl BitAnd<Truth> for bool {
    type Output = Truth;
    #[inline]
    fn bitand(self, other: Truth) -> Truth {
        Truth::from(self) & other
    }
}

impl BitOr<Truth> for bool {
    type Output = Truth;
    #[inline]
    fn bitor(self, other: Truth) -> Truth {
        Truth::from(self) | other
    }
}

impl Not for Truth {
    type Output = Truth;
    #[inline]
    fn not(self) -> Truth {
        match self {
            No => Yes,
            Maybe => Maybe,
            Yes => No,
        }
    }
}
