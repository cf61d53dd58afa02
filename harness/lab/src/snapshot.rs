//! What outlives a run: where a finished bring-up left the lab, and memory that the next run can use.

use log::Log;
use model::Judge;

use crate::core::Core;
use crate::host::Host;
use crate::sequence::Sequence;

/// What an earlier run leaves to the next one: memory that is warm, and nothing that is in it.
#[derive(Default)]
pub(crate) struct Spare {
    pub log: Log,
    pub sequence: Sequence,
    pub state: Option<(Judge, Host)>,
}

/// What is kept of a finished bring-up, to start the next test from.
#[derive(Clone)]
pub(crate) struct Snapshot {
    pub log: Log,
    pub judge: Judge,
    pub host: Host,
}

impl Core<'_> {
    /// Puts log, judge and host where a finished bring-up left them.
    pub fn go_back_to(&mut self, snapshot: &Snapshot) {
        let Snapshot { log, judge, host } = snapshot;
        self.log.copy_from(log);
        match self.spare.take() {
            Some((mut spare_judge, mut spare_host)) => {
                spare_judge.go_back_to(judge);
                spare_host.go_back_to(host);
                (self.judge, self.host) = (spare_judge, spare_host);
            }
            None => (self.judge, self.host) = (judge.clone(), host.clone()),
        }
    }

    pub fn snapshot(&self) -> Snapshot {
        Snapshot { log: self.log.clone(), judge: self.judge.clone(), host: self.host.clone() }
    }
}
