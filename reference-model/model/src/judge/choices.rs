//! Which readings of the named choices the DUT shows.

use spec::command::{Command, GetLogPage};
use spec::log_page::ErrorInformation;
use spec::{Lid, Sqe};

use super::Judge;
use super::report::Place;
use crate::choices::ChoiceId;
use crate::rules::choices::TABLE;
use crate::ruling::{Rule, Ruling, View, bits};
use crate::{Allowed, DivergenceKind, FindingKind};

impl Judge {
    /// The DUT showed this reading. If the profile pins the other, that is a divergence.
    pub(super) fn shown(
        &mut self,
        choice: ChoiceId,
        reading: usize,
        place: impl FnOnce(&Self) -> Place,
    ) {
        self.coverage.choices[choice as usize][reading] += 1;
        let Some(pinned) = self.pins[choice as usize].filter(|pinned| *pinned != reading) else {
            return;
        };
        let info = choice.info();
        let because = format!("the profile pins the choice {}", info.name);
        let allowed = vec![Allowed { answer: info.readings[pinned].into(), because }];
        let observed = format!("{} (choice {})", info.readings[reading], info.name);
        let place = place(self);
        let kind = FindingKind::Divergence(DivergenceKind::Profile);
        self.find(kind, None, place, observed, allowed);
    }

    /// Command `n` was answered, and what its checks say is `ruling`: the choice that its status shows.
    pub(super) fn show_choice(&mut self, n: u32, rule: &Rule, ruling: Ruling) {
        let command = &self.commands[n];
        let (sqe, status) = (command.sqe, command.cqe.status());
        let view: View = self.view(n, &self.worlds[0]);
        let shown = TABLE.iter().find_map(|chosen| {
            let mut open = bits(ruling.failing | ruling.undecided).map(|check| rule.check(check).0);
            let alone = open.all(|req| chosen.checks.contains(&req));
            let reading = (chosen.reading)(status)?;
            (alone && (chosen.applies)(&sqe, &view)).then_some((chosen.choice, reading))
        });
        if let Some((choice, reading)) = shown {
            self.shown(choice, reading, |judge| judge.place_of(n));
        }
    }

    /// A log page was read by command `n`: whether the Error Information log has room left, and yet no
    /// entry of a command that completed with More.
    pub(super) fn show_entries(&mut self, n: u32, sqe: &Sqe, bytes: &[u8]) {
        let page = GetLogPage::project(sqe);
        if page.lid != Lid::ERROR_INFORMATION || page.lpo != 0 || page.ot {
            return;
        }
        let entries = bytes.as_chunks::<64>().0.iter().map(|bytes| ErrorInformation(*bytes));
        let valid: Vec<_> = entries.clone().filter(|entry| entry.ecnt() != 0).collect();
        let room = valid.len() < entries.count();
        for (sqid, cid) in std::mem::take(&mut self.unit().more) {
            let there = valid.iter().any(|e| (e.sqid(), e.cid()) == (sqid, cid));
            if there || room {
                self.shown(ChoiceId::EntryOfMore, usize::from(there), |judge| judge.place_of(n));
            }
        }
    }
}
