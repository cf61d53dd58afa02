//! Cutting a sequence down to the few actions that still diverge by the same requirement.

use std::sync::Arc;

use lab::{Action, Sequence, TestRun};
use model::{DivergenceKind, Finding, FindingKind, Profile};

use crate::lane::Lane;
use crate::run::on_fresh;

/// By what a run diverges: the requirement, or the kind where there is none.
type Divergence = (DivergenceKind, Option<spec::Req>);

fn divergence(finding: &Finding) -> Option<Divergence> {
    match finding.kind {
        FindingKind::Divergence(kind) if finding.consequence_of.is_none() => {
            Some((kind, finding.req))
        }
        _ => None,
    }
}

/// The shortest sequence that was found, and by what it diverges in words; `None` if `sequence` does
/// not diverge at all. Actions are left out in ever smaller runs until none can be missed.
pub fn shrink(
    lane: &dyn Lane,
    profile: &Arc<Profile>,
    sequence: Sequence,
) -> Result<Option<(Sequence, String)>, String> {
    let replay = |sequence: &Sequence| -> Result<TestRun, String> {
        Ok(on_fresh(lane, profile, |bench| bench.replay(sequence))?.0)
    };
    let Some(wanted) = replay(&sequence)?.findings.iter().find_map(divergence) else {
        return Ok(None);
    };
    let mut diverges = |actions: &[Action]| -> Result<bool, String> {
        let candidate = Sequence { actions: actions.to_vec(), ..sequence.clone() };
        let run = replay(&candidate)?;
        Ok(run.findings.iter().filter_map(divergence).any(|found| found == wanted))
    };
    let actions = minimal(sequence.actions.clone(), &mut diverges)?;
    let what = match wanted {
        (_, Some(req)) => req.name().to_string(),
        (kind, None) => format!("{kind:?}").to_lowercase(),
    };
    Ok(Some((Sequence { actions, ..sequence }, what)))
}

/// Delta debugging: `items` without any run of them that `holds` can do without.
fn minimal<T: Clone, E>(
    mut items: Vec<T>,
    holds: &mut dyn FnMut(&[T]) -> Result<bool, E>,
) -> Result<Vec<T>, E> {
    let mut run = items.len().div_ceil(2).max(1);
    loop {
        let before = items.len();
        let mut at = 0;
        while at < items.len() {
            let end = (at + run).min(items.len());
            let without = [&items[..at], &items[end..]].concat();
            if holds(&without)? {
                items = without;
            } else {
                at = end;
            }
        }
        if run == 1 && items.len() == before {
            return Ok(items);
        }
        run = run.div_ceil(2).max(1).min(items.len().max(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_needed_stays() {
        let mut tried = 0;
        let left = minimal::<_, ()>((0..100).collect(), &mut |items| {
            tried += 1;
            Ok([3, 41, 97].iter().all(|needed| items.contains(needed)))
        });
        assert_eq!(left, Ok(vec![3, 41, 97]));
        assert!(tried < 120, "{tried}");
    }

    #[test]
    fn what_diverges_by_itself_becomes_empty() {
        assert_eq!(minimal::<_, ()>(vec![1, 2, 3], &mut |_| Ok(true)), Ok(vec![]));
        assert_eq!(minimal::<_, ()>(vec![1], &mut |items| Ok(items == [1])), Ok(vec![1]));
    }
}
