//! Profiles: what the user expects of a DUT, as TOML. The format, with every key: docs/files.md.

use std::collections::BTreeMap;
use std::path::Path;

use model::Profile;
use serde::Deserialize;
use toml::Spanned;

use crate::filter::unknown;
use crate::source::{self, FileError, SourceError};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    deadline_margin_ms: Option<Spanned<u64>>,
    quiet_window_ms: Option<Spanned<u64>>,
    anomaly_budget: Option<u32>,
    inconclusive_ceiling: Option<Spanned<f64>>,
    tainted_ceiling: Option<Spanned<f64>>,
    revision: Option<Spanned<String>>,
    #[serde(default)]
    choices: BTreeMap<Spanned<String>, Spanned<String>>,
}

/// Reads a profile file.
pub fn load(path: &Path) -> Result<Profile, FileError> {
    Ok(parse(path, &source::read("profile", path)?)?)
}

/// From its text; `path` is for errors.
pub fn parse(path: &Path, text: &str) -> Result<Profile, SourceError> {
    let file: File = toml::from_str(text).map_err(|error| SourceError::toml(path, text, &error))?;
    let at =
        |span, message: String| SourceError::new(path.display().to_string(), text, span, message);
    let milliseconds = |value: &Spanned<u64>| {
        value
            .get_ref()
            .checked_mul(1_000_000)
            .ok_or_else(|| at(value.span(), "too long; the limit is about 584 years".into()))
    };
    let mut profile = Profile::default();
    if let Some(margin) = &file.deadline_margin_ms {
        profile.deadline_margin = milliseconds(margin)?;
    }
    if let Some(window) = &file.quiet_window_ms {
        profile.quiet_window = milliseconds(window)?;
    }
    if let Some(budget) = file.anomaly_budget {
        profile.anomaly_budget = budget;
    }
    for (value, ceiling) in [
        (file.inconclusive_ceiling, &mut profile.inconclusive_ceiling),
        (file.tainted_ceiling, &mut profile.tainted_ceiling),
    ] {
        let Some(value) = value else { continue };
        if !(0.0..=100.0).contains(value.get_ref()) {
            return Err(at(value.span(), "expected a percentage from 0 to 100".into()));
        }
        *ceiling = value.into_inner();
    }
    if let Some(revision) = &file.revision {
        let version = spec::Version::parse(revision.get_ref()).ok_or_else(|| {
            at(revision.span(), "expected a revision such as \"2.3\" or \"1.2.1\"".into())
        })?;
        profile.revision = Some(version);
    }
    for (name, reading) in file.choices {
        let Some(choice) = model::CHOICES.iter().find(|c| c.name == name.get_ref()) else {
            let names = model::CHOICES.iter().map(|c| c.name);
            return Err(at(name.span(), unknown("choice", name.get_ref(), names)));
        };
        if !choice.readings.contains(&reading.get_ref().as_str()) {
            let readings = choice.readings.join("`, `");
            return Err(at(reading.span(), format!("expected one of `{readings}`")));
        }
        profile.choices.push((name.into_inner(), reading.into_inner()));
    }
    Ok(profile)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Profile, SourceError> {
        parse(Path::new("p.toml"), text)
    }

    #[test]
    fn an_empty_profile_is_the_default_and_each_key_is_heard() {
        assert_eq!(parsed("").unwrap(), Profile::default());
        let text = "deadline-margin-ms = 5\nquiet-window-ms = 7\nanomaly-budget = 2\n\
            inconclusive-ceiling = 0.5\ntainted-ceiling = 0.25\nrevision = '1.2.1'\n";
        let profile = parsed(text).unwrap();
        assert_eq!((profile.deadline_margin, profile.quiet_window), (5_000_000, 7_000_000));
        assert_eq!((profile.anomaly_budget, profile.inconclusive_ceiling), (2, 0.5));
        assert_eq!(profile.tainted_ceiling, 0.25);
        assert_eq!(profile.revision, spec::Version::parse("1.2.1"));
    }

    #[test]
    fn errors_name_the_line_and_what_to_use() {
        for (text, line, message) in [
            ("quiet-window = 3", 1, "unknown field `quiet-window`"),
            ("\nrevision = 'two'", 2, "expected a revision such as"),
            ("inconclusive-ceiling = 101.0", 1, "percentage"),
            ("quiet-window-ms = 99999999999999999", 1, "too long"),
            ("anomaly-budget = -1", 1, "invalid value"),
            ("[choices]\n'no.such' = 'x'", 2, "no choice is called `no.such`"),
        ] {
            let error = parsed(text).unwrap_err();
            assert_eq!(error.line, line, "{error}");
            assert!(error.message.contains(message), "{error}");
        }
    }

    #[test]
    fn each_choice_can_be_pinned_to_each_reading_and_to_no_other() {
        for choice in model::CHOICES {
            for reading in choice.readings {
                let profile = parsed(&format!("[choices]\n\"{}\" = \"{reading}\"", choice.name));
                let pinned = (choice.name.to_string(), (*reading).to_string());
                assert_eq!(profile.unwrap().choices, [pinned]);
            }
            assert!(parsed(&format!("[choices]\n\"{}\" = \"neither\"", choice.name)).is_err());
        }
    }
}
