//! From what the judge said of a test to its verdict: waivers applied, the rest put into words.

use log::{Body, Log};
use model::{DivergenceKind, Finding, FindingKind};
use reports::{Counted, Verdict};
use spec::Version;
use spec::requirement::Req;

use crate::told;
use crate::waiver::Waivers;

/// What the judge said of one test, and the log that it said it of.
pub struct Judged<'a> {
    /// The test.
    pub id: &'a str,
    /// The requirements that it claims to test.
    pub requirements: &'a [Req],
    /// The judge's verdict.
    pub verdict: &'a model::Verdict,
    /// The judge's findings.
    pub findings: &'a [Finding],
    /// The log.
    pub log: &'a Log,
    /// The revision that the DUT was judged by, if it is known.
    pub revision: Option<Version>,
    /// What is left without its divergences, given which findings (by index) waivers cover. Asked only
    /// where they cover all divergences.
    pub rest: &'a dyn Fn(&[bool]) -> Rest,
}

/// What is left of a test without its divergences.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rest {
    /// The verdict.
    pub verdict: model::Verdict,
    /// What an unproved test lacks.
    pub lacks: Lack,
}

/// What an unproved test lacks, as far as a divergence could have taken it from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lack {
    /// Nothing of the kind.
    Nothing,
    /// A claim on the answer to the command that this record of the log submitted, perhaps that it
    /// was judged by a requirement.
    Answer(u32, Option<Req>),
    /// The requirement was never judged.
    Judged(Req),
    /// What was to come after this step: there the test stopped.
    After(u16),
}

impl Lack {
    /// Whether it is missing because of `finding`: the finding is about the very observation that the
    /// claim needs. That the same test met something else that is known excuses nothing.
    fn depends_on(self, finding: &Finding, log: &Log) -> bool {
        match self {
            Lack::Nothing => false,
            Lack::Judged(req) => finding.req == Some(req),
            Lack::After(step) => {
                finding.step == step
                    || finding.kind == FindingKind::Divergence(DivergenceKind::Death)
            }
            Lack::Answer(submit, req) => {
                let submitted = log.records().get(submit as usize).filter(|record| {
                    matches!(record.body(), Body::Submit { sqe, .. } if finding.command == Some(sqe))
                });
                let same_command = submitted
                    .is_some_and(|record| record.ctrl == finding.ctrl && finding.record > submit);
                same_command || req.is_some() && finding.req == req
            }
        }
    }
}

/// The verdict after waivers.
pub struct Settled {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, in words.
    pub reason: String,
    /// The findings, in words.
    pub findings: Vec<reports::Finding>,
    /// The waivers (indices) that covered something.
    pub used: Vec<usize>,
}

impl Judged<'_> {
    /// Applies `waivers` and puts everything into words.
    pub fn settle(&self, waivers: &Waivers) -> Settled {
        let mut covered = self.covered(waivers);
        let (mut verdict, mut reason) = self.words(self.verdict);
        let open = |kind: fn(&FindingKind) -> bool| {
            self.findings.iter().zip(&covered).any(|(f, by)| kind(&f.kind) && by.is_none())
        };
        let mut by = None;
        match verdict {
            Verdict::Diverged if !open(is_divergence) => {
                let known: Vec<bool> = covered.iter().map(Option::is_some).collect();
                let rest = (self.rest)(&known);
                (verdict, reason) = self.words(&rest.verdict);
                by = match verdict {
                    Verdict::Passed | Verdict::Warned => self.first_by(&covered, |finding| {
                        finding.req.is_none_or(|req| self.requirements.contains(&req))
                    }),
                    Verdict::Unproved => {
                        self.first_by(&covered, |finding| rest.lacks.depends_on(finding, self.log))
                    }
                    _ => None,
                };
            }
            Verdict::Warned if !open(|kind| *kind == FindingKind::Warning) => {
                by = covered.iter().flatten().next().copied();
            }
            _ => {}
        }
        if verdict == Verdict::Unproved && by.is_none() {
            by = self.unproved_by(waivers, &reason, &mut covered);
        }
        if let Some(waiver) = by.and_then(|by| waivers.entries.get(by)) {
            verdict = Verdict::Waived;
            reason = waiver.words();
        }
        let mut used: Vec<usize> = covered.iter().flatten().copied().chain(by).collect();
        used.sort_unstable();
        used.dedup();
        let name = |by: &Option<usize>| by.map(|by| waivers.entries[by].id.clone());
        let findings = self
            .findings
            .iter()
            .zip(&covered)
            .map(|(f, by)| told::finding(f, self.log, self.revision, name(by)))
            .collect();
        Settled { verdict, reason, findings, used }
    }

    /// The waiver of the first divergence that `wanted` picks.
    fn first_by(
        &self,
        covered: &[Option<usize>],
        wanted: impl Fn(&Finding) -> bool,
    ) -> Option<usize> {
        let mut all = self.findings.iter().zip(covered);
        let first = all.find(|(finding, _)| is_divergence(&finding.kind) && wanted(finding));
        first.and_then(|(_, by)| *by)
    }

    /// The waiver of each finding. What is only a consequence of a covered finding is covered too.
    fn covered(&self, waivers: &Waivers) -> Vec<Option<usize>> {
        let mut covered: Vec<Option<usize>> = Vec::with_capacity(self.findings.len());
        for finding in self.findings {
            let cause = finding.consequence_of.and_then(|cause| covered.get(cause as usize));
            let by = cause.copied().flatten().or_else(|| {
                waivers.covering(self.id, finding, || told::command(finding, self.log))
            });
            covered.push(by);
        }
        covered
    }

    /// The waiver of an unproved test: of its reason, or of its anomalies, where nothing is wrong but
    /// them. A claim that does not hold is excused by an anomaly only if it is that of its own command.
    fn unproved_by(
        &self,
        waivers: &Waivers,
        reason: &str,
        covered: &mut [Option<usize>],
    ) -> Option<usize> {
        let by_reason = waivers.covering_unproved(self.id, self.requirements, reason);
        if by_reason.is_some() {
            return by_reason;
        }
        let undecided = |kind| matches!(kind, FindingKind::Inconclusive | FindingKind::Gap);
        let anomaly = |f: &Finding| f.kind == FindingKind::Anomaly;
        let open = self
            .findings
            .iter()
            .zip(covered.iter())
            .any(|(f, by)| undecided(f.kind) || anomaly(f) && by.is_none());
        if open || !self.findings.iter().any(anomaly) {
            return None;
        }
        let known: Vec<bool> = covered.iter().map(Option::is_some).collect();
        let rest = (self.rest)(&known);
        if !matches!(rest.verdict, model::Verdict::Unproved(_)) {
            return None;
        }
        let explains =
            |f: &Finding| rest.lacks == Lack::Nothing || rest.lacks.depends_on(f, self.log);
        let mut all = self.findings.iter().zip(covered.iter());
        all.find(|(f, _)| anomaly(f) && explains(f)).and_then(|(_, by)| *by)
    }

    fn words(&self, verdict: &model::Verdict) -> (Verdict, String) {
        let count = |kind: fn(&FindingKind) -> bool, noun| {
            let count = self.findings.iter().filter(|f| kind(&f.kind)).count();
            Counted(count as u64, noun).to_string()
        };
        match verdict {
            model::Verdict::Passed => (Verdict::Passed, String::new()),
            model::Verdict::Warned => {
                let warning = |kind: &FindingKind| *kind == FindingKind::Warning;
                (Verdict::Warned, count(warning, "warning"))
            }
            model::Verdict::Diverged => (Verdict::Diverged, count(is_divergence, "divergence")),
            model::Verdict::Unproved(why) => (Verdict::Unproved, why.clone()),
            model::Verdict::Error(why) => (Verdict::Error, why.clone()),
            model::Verdict::NotApplicable(why) => (Verdict::NotApplicable, why.clone()),
        }
    }
}

fn is_divergence(kind: &FindingKind) -> bool {
    matches!(kind, FindingKind::Divergence(_))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use log::{DoorbellWrite, Interval, RegisterWrite};
    use spec::register::DoorbellKind;
    use spec::{Qid, Sqe};

    use super::*;

    const RULE: FindingKind = FindingKind::Divergence(DivergenceKind::Rule);

    fn finding(kind: FindingKind, observed: &str) -> Finding {
        Finding {
            kind,
            req: Req::find("create-io-sq.cqid-not-created"),
            record: 2,
            step: 3,
            ctrl: 0,
            place: "CQE".into(),
            observed: observed.into(),
            allowed: vec![],
            command: Some(Sqe::new(0x01)),
            consequence_of: None,
        }
    }

    fn settled(verdict: model::Verdict, findings: &[Finding], waives: &str) -> Settled {
        let text = format!(
            "[[waiver]]\nid = 'w'\nrequirement = 'create-io-sq.cqid-not-created'\n\
             observed = 'known*'\nreason = 'because'\nlink = 'here'\nwaives = '{waives}'"
        );
        let waivers = Waivers::parse(Path::new("w.toml"), &text).unwrap();
        let requirements = [Req::find("create-io-sq.cqid-not-created").unwrap()];
        let judged = Judged {
            id: "t",
            requirements: &requirements,
            verdict: &verdict,
            findings,
            log: &Log::default(),
            revision: Some(Version::new(2, 3)),
            rest: &|_| Rest {
                verdict: model::Verdict::Unproved("known: a claim".into()),
                lacks: Lack::Judged(requirements[0]),
            },
        };
        judged.settle(&waivers)
    }

    #[test]
    fn a_test_is_waived_only_if_all_of_its_divergences_are() {
        let (known, other) = (finding(RULE, "known bug"), finding(RULE, "other"));
        let diverged = || model::Verdict::Diverged;
        let both = settled(diverged(), &[known.clone(), other.clone()], "divergence");
        assert_eq!((both.verdict, both.reason.as_str()), (Verdict::Diverged, "2 divergences"));
        assert_eq!(both.findings[0].waived_by.as_deref(), Some("w"));
        assert_eq!((both.findings[1].waived_by.as_ref(), both.used), (None, vec![0]));

        let one = settled(diverged(), std::slice::from_ref(&known), "divergence");
        assert_eq!((one.verdict, one.reason.as_str()), (Verdict::Waived, "w: because (here)"));

        let consequence = Finding { consequence_of: Some(0), ..other };
        let two = settled(diverged(), &[known.clone(), consequence], "divergence");
        assert_eq!(two.verdict, Verdict::Waived);

        let wrong_kind = settled(diverged(), &[known], "warning");
        assert_eq!((wrong_kind.verdict, wrong_kind.used), (Verdict::Diverged, vec![]));
    }

    /// The verdict where a waiver covers the only divergence: of a Create I/O SQ, at step 3.
    fn beside(requirements: &[Req], verdict: model::Verdict, lacks: Lack) -> Verdict {
        let known = finding(RULE, "known bug");
        let text =
            "[[waiver]]\nid = 'w'\ntest = '*'\nobserved = 'known b*'\nreason = 'r'\nlink = 'l'";
        let waivers = Waivers::parse(Path::new("w.toml"), text).unwrap();
        let mut log = Log::default();
        for opcode in [0x01, 0x05] {
            let sqe = Sqe::new(opcode);
            log.push(0, 3, Interval::default(), Body::Submit { sqid: Qid(0), slot: 0, sqe });
        }
        let judged = Judged {
            id: "t",
            requirements,
            verdict: &model::Verdict::Diverged,
            findings: std::slice::from_ref(&known),
            log: &log,
            revision: None,
            rest: &|known| {
                assert_eq!(known, [true]);
                Rest { verdict: verdict.clone(), lacks }
            },
        };
        judged.settle(&waivers).verdict
    }

    #[test]
    fn a_known_deviation_beside_the_point_neither_fails_nor_excuses_a_test() {
        let own = finding(RULE, "").req.unwrap();
        let other = Req::all().find(|req| *req != own).unwrap();
        let unproved = || model::Verdict::Unproved("a claim does not hold".into());
        let absent = || model::Verdict::NotApplicable("CAP.CQR = 1".into());
        let passed = || model::Verdict::Passed;
        for (requirement, rest, lacks, verdict) in [
            // The test has proved its point.
            (other, passed(), Lack::Nothing, Verdict::Passed),
            (own, passed(), Lack::Nothing, Verdict::Waived),
            // It has not, for another reason.
            (other, unproved(), Lack::Nothing, Verdict::Unproved),
            (own, unproved(), Lack::Nothing, Verdict::Unproved),
            (other, unproved(), Lack::Judged(other), Verdict::Unproved),
            (other, unproved(), Lack::Answer(1, Some(other)), Verdict::Unproved),
            (other, unproved(), Lack::Answer(7, None), Verdict::Unproved),
            (other, unproved(), Lack::After(4), Verdict::Unproved),
            // It has not, because of what is known: the answer to this very command, or the
            // requirement itself, or the test could not go on.
            (other, unproved(), Lack::Answer(0, Some(other)), Verdict::Waived),
            (other, unproved(), Lack::Answer(1, Some(own)), Verdict::Waived),
            (own, unproved(), Lack::Judged(own), Verdict::Waived),
            (other, unproved(), Lack::After(3), Verdict::Waived),
            // What does not apply, and our own errors, stay what they are.
            (own, absent(), Lack::Nothing, Verdict::NotApplicable),
            (own, model::Verdict::Error("e".into()), Lack::Nothing, Verdict::Error),
        ] {
            assert_eq!(beside(&[requirement], rest.clone(), lacks), verdict, "{lacks:?} {rest:?}");
        }
    }

    #[test]
    fn warnings_anomalies_and_unproved_tests_are_waived_by_their_own_kind() {
        let warning = [finding(FindingKind::Warning, "known habit")];
        assert_eq!(settled(model::Verdict::Warned, &warning, "warning").verdict, Verdict::Waived);
        assert_eq!(
            settled(model::Verdict::Warned, &warning, "divergence").verdict,
            Verdict::Warned
        );

        let over = || model::Verdict::Unproved("1 anomaly over budget".into());
        let anomaly = [finding(FindingKind::Anomaly, "known hiccup")];
        assert_eq!(settled(over(), &anomaly, "anomaly").verdict, Verdict::Waived);
        let with_gap = [anomaly[0].clone(), finding(FindingKind::Gap, "known hiccup")];
        assert_eq!(settled(over(), &with_gap, "anomaly").verdict, Verdict::Unproved);

        // A claim that does not hold is not excused by an anomaly of something else.
        let other = Req::all().find(|req| Some(*req) != anomaly[0].req).unwrap();
        let lacks = |lacks| beside_anomaly(&anomaly, lacks);
        assert_eq!(lacks(Lack::Nothing), Verdict::Waived);
        assert_eq!(lacks(Lack::Answer(7, Some(other))), Verdict::Unproved);
        assert_eq!(lacks(Lack::Judged(other)), Verdict::Unproved);
        assert_eq!(lacks(Lack::After(3)), Verdict::Waived);

        let race = || model::Verdict::Unproved("known: too fast for the race".into());
        let waived = settled(race(), &[], "unproved");
        assert_eq!((waived.verdict, waived.used), (Verdict::Waived, vec![0]));
        assert_eq!(settled(race(), &[], "divergence").verdict, Verdict::Unproved);
    }

    /// The verdict of an unproved test with a known anomaly, at step 3, that lacks this.
    fn beside_anomaly(anomaly: &[Finding], lacks: Lack) -> Verdict {
        let text = "[[waiver]]\nid = 'w'\ntest = '*'\nobserved = 'known*'\nreason = 'r'\n\
                    link = 'l'\nwaives = 'anomaly'";
        let waivers = Waivers::parse(Path::new("w.toml"), text).unwrap();
        let judged = Judged {
            id: "t",
            requirements: &[],
            verdict: &model::Verdict::Unproved("something".into()),
            findings: anomaly,
            log: &Log::default(),
            revision: None,
            rest: &|_| Rest { verdict: model::Verdict::Unproved("something".into()), lacks },
        };
        judged.settle(&waivers).verdict
    }

    #[test]
    fn errors_and_tests_that_do_not_apply_are_never_waived() {
        let known = [finding(RULE, "known bug")];
        let error = settled(model::Verdict::Error("known".into()), &known, "unproved");
        assert_eq!(error.verdict, Verdict::Error);
        let absent = settled(model::Verdict::NotApplicable("known".into()), &known, "unproved");
        assert_eq!(absent.verdict, Verdict::NotApplicable);
    }

    #[test]
    fn a_finding_is_told_with_its_queue_and_what_agreed_before_it() {
        let mut log = Log::default();
        let mut push = |step, body| log.push(0, step, Interval::default(), body);
        let read = Sqe::new(0x02);
        push(1, Body::RegisterRead(RegisterWrite { offset: 0, width: 8, value: 0 }));
        push(2, Body::Submit { sqid: Qid(1), slot: 0, sqe: read });
        let ring = DoorbellWrite { kind: DoorbellKind::SqTail, qid: Qid(1), value: 1 };
        push(9, Body::Doorbell(ring));
        let finding = Finding { command: Some(read), ..finding(RULE, "seen") };
        let judged = Judged {
            id: "t",
            requirements: &[],
            verdict: &model::Verdict::Diverged,
            findings: std::slice::from_ref(&finding),
            log: &log,
            revision: Some(Version::new(2, 3)),
            rest: &|_| Rest { verdict: model::Verdict::Passed, lacks: Lack::Nothing },
        };
        let told = judged.settle(&Waivers::default()).findings.remove(0);
        // Opcode 02h is Read on an I/O queue and Get Log Page on the admin queue.
        assert!(told.command.unwrap().decoded.starts_with("Read"));
        assert_eq!((told.place.step, told.place.steps), (3, 9));
        assert_eq!(told.agreed.register_reads, 1);
        assert_eq!(told.level.as_deref(), Some("shall"));
        assert_eq!(told.requirement.as_deref(), Some("create-io-sq.cqid-not-created"));
    }
}
