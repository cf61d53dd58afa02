//! Structures that say what they must not: one family, since all of it happens at the same seam.
//!
//! Each defect changes what is returned for one CNS or log page, and breaks one claim. The tables stand in
//! `misfilled/`, one file for each kind of structure.

pub(super) mod controller;
pub(super) mod log_pages;
pub(super) mod namespace;
pub(super) mod others;

use super::told;
use crate::config::Config;
use crate::seam::{Defect, Scene};

/// A structure that is filled in wrongly.
pub(super) struct Misfilled {
    name: &'static str,
    breaks: &'static [&'static str],
    story: &'static str,
    /// Makes a configuration where it can show.
    configure: fn(&mut Config),
    /// Whether the command at hand asks for the structure.
    asked: fn(&Scene) -> bool,
    /// Makes it wrong.
    change: fn(&mut [u8]),
}

impl Defect for Misfilled {
    told!();

    fn configure(&self, config: &mut Config) {
        (self.configure)(config);
    }

    fn on_data(&self, scene: &mut Scene, data: &mut [u8]) {
        if (self.asked)(scene) {
            (self.change)(data);
        }
    }
}

/// A table of [`Misfilled`]: the structure's type and when it is asked for, then a line for each defect.
macro_rules! misfilled {
    (
        $(#[$doc:meta])*
        $table:ident: $view:ident when $asked:expr, with $configure:expr;
        $( $name:literal breaks $breaks:literal |$fields:ident| $change:expr => $story:literal )*
    ) => {
        $(#[$doc])*
        pub(in crate::defect) const $table: &[&dyn $crate::seam::Defect] = &[ $(
            &$crate::defect::misfilled::Misfilled {
                name: $name,
                breaks: &[$breaks],
                story: $story,
                configure: $configure,
                asked: $asked,
                change: |data| {
                    if let Some(bytes) = data.first_chunk_mut() {
                        let mut $fields: $view = $view(*bytes);
                        $change;
                        *bytes = $fields.0;
                    }
                },
            },
        )* ];
    };
}
use misfilled;
