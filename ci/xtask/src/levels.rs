//! The forces of a named entry: `levels = { '2.0' = 'should recommended', '2.3' = 'shall exact' }`.

use crate::catalogue::Entry;

/// The two forces at one revision.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Force {
    /// A variant of `Level`.
    pub level: &'static str,
    /// A variant of `StatusForce`.
    pub status: &'static str,
}

/// Major, minor, tertiary.
pub type Version = (u16, u8, u8);

/// Reads `1.3` or `1.2.1`.
pub fn version(text: &str) -> Option<Version> {
    let mut parts = text.split('.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next()?.parse().ok()?;
    let tertiary = match parts.next() {
        Some(part) => part.parse().ok()?,
        None => 0,
    };
    parts.next().is_none().then_some((major, minor, tertiary))
}

/// The forces of `entry`, ascending by revision.
///
/// Without `levels` there is one: `level` from `since` on. Without a status force in words it is
/// open where the text leaves it open or the entry names no status, and exact otherwise.
pub fn of(entry: &Entry) -> Result<Vec<(Version, Force)>, String> {
    let status = if entry.status_open || entry.status.is_empty() { "Open" } else { "Exact" };
    let Some(levels) = &entry.levels else {
        let from =
            version(&entry.since).ok_or(format!("no level can come from since {}", entry.since))?;
        let level = match entry.level.as_str() {
            "shall" => "Shall",
            "should" => "Should",
            "may" | "optional-feature" => "May",
            other => return Err(format!("a named entry cannot be {other}")),
        };
        return Ok(vec![(from, Force { level, status })]);
    };
    let mut forces = Vec::new();
    for (revision, words) in levels {
        let from = version(revision).ok_or(format!("levels: {revision:?} is no revision"))?;
        let force = force(words, status).ok_or(format!("levels: {words:?} is no force"))?;
        if force.status != "Open" && entry.status.is_empty() {
            return Err(format!("levels: {words:?} binds a status, and the entry names none"));
        }
        forces.push((from, force));
    }
    if forces.is_empty() {
        return Err("levels is empty".into());
    }
    forces.sort_by_key(|(from, _)| *from);
    Ok(forces)
}

/// Reads `shall`, `shall open` and so on.
fn force(words: &str, default: &'static str) -> Option<Force> {
    let mut words = words.split_whitespace();
    let level = match words.next()? {
        "shall" => "Shall",
        "should" => "Should",
        "may" => "May",
        _ => return None,
    };
    let status = match words.next() {
        None => default,
        Some("exact") => "Exact",
        Some("recommended") => "Recommended",
        Some("open") => "Open",
        Some(_) => return None,
    };
    words.next().is_none().then_some(Force { level, status })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_forces() {
        let exact = Force { level: "Should", status: "Exact" };
        assert_eq!(force("should", "Exact"), Some(exact));
        assert_eq!(force("shall open", "Exact").map(|f| f.status), Some("Open"));
        assert_eq!(force("must", "Exact"), None);
        assert_eq!(force("shall open now", "Exact"), None);
    }

    #[test]
    fn reads_revisions() {
        assert_eq!(version("1.2.1"), Some((1, 2, 1)));
        assert_eq!(version("2.3"), Some((2, 3, 0)));
        assert_eq!(version("ocssd-2.0"), None);
    }
}
