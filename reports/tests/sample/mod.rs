//! A made-up run that shows every verdict, every kind of finding and every problem once.

use lockstep_reports::*;

fn finding(kind: FindingKind, requirement: Option<&str>) -> Finding {
    Finding {
        kind,
        divergence: None,
        requirement: requirement.map(Into::into),
        clause: requirement.map(|_| "Base-2.3 §5.3.2 fig. 508".into()),
        level: requirement.map(|_| "shall".into()),
        place: Place { step: 7, steps: 7, ctrl: 0, record: 40, at: "admin CQE, CID 0041h".into() },
        observed: "Successful Completion (SCT 0h SC 00h), DNR 0, SQHD 7".into(),
        allowed: vec![Allowed {
            answer: "Completion Queue Invalid (SCT 1h SC 00h)".into(),
            because: "I/O CQs = {1}, granted 4".into(),
        }],
        command: Some(Command {
            decoded: "create-io-sq prp1=0x12000 qid=1 entries=64 pc=1 cqid=2".into(),
            sqe: "00410001 00000000 00000000 00000000 00000000 00000000 00012000 00000000 \
                  00000000 00000000 003f0001 00020001 00000000 00000000 00000000 00000000"
                .into(),
        }),
        agreed: Observations { completions: 6, register_reads: 14, ..Default::default() },
        consequence_of: None,
        waived_by: None,
        dut_lines: vec![],
    }
}

fn divergence(kind: DivergenceKind, requirement: Option<&str>) -> Finding {
    Finding { divergence: Some(kind), ..finding(FindingKind::Divergence, requirement) }
}

fn test(id: &str, verdict: Verdict, reason: &str, findings: Vec<Finding>) -> TestFinished {
    TestFinished {
        id: format!("base/{id}"),
        number: 0,
        requirements: vec!["create-io-sq.cqid-not-created".into()],
        verdict,
        reason: reason.into(),
        lacks: None,
        findings,
        observations: Observations {
            completions: 100,
            register_reads: 40,
            data_bytes: 8192,
            interrupts: 3,
            inconclusive: 1,
            tainted: 0,
        },
        coverage: vec![RequirementCounts {
            id: "QUE-CSQ-06".into(),
            name: "create-io-sq.cqid-not-created".into(),
            exercised: 2,
            judged: 1,
            diverged: u64::from(verdict == Verdict::Diverged),
        }],
        choices: vec![Shown { choice: "prp.low-bits".into(), reading: "refused".into(), times: 1 }],
        trace: None,
        duration_us: None,
    }
}

fn divergences() -> Vec<TestFinished> {
    use DivergenceKind::*;
    let rule = divergence(Rule, Some("create-io-sq.cqid-not-created"));
    let consequence = Finding {
        consequence_of: Some(0),
        place: Place { ctrl: 1, step: 1, at: "I/O CQ 1".into(), ..rule.place.clone() },
        ..rule.clone()
    };
    let silence = Finding {
        observed: "no completion within the quiet window of 10 s".into(),
        allowed: vec![
            Allowed { answer: "any completion".into(), because: "the command was fetched".into() },
            Allowed { answer: "a controller reset".into(), because: String::new() },
        ],
        ..divergence(Silence, Some("common.every-command-completes"))
    };
    let death = Finding {
        observed: "the process ended with signal 11".into(),
        allowed: vec![],
        command: None,
        dut_lines: vec!["pci_nvme_admin_cmd cid 65 sqid 0".into(), "Assertion failed".into()],
        ..divergence(Death, None)
    };
    let profile = Finding {
        observed: "CAP.MQES 63".into(),
        allowed: vec![Allowed { answer: "1023 or more".into(), because: "the profile".into() }],
        command: None,
        ..divergence(Profile, Some("profile.cap-mqes"))
    };
    let bring_up = Finding {
        observed: "TNVMCAP 0, UNVMCAP 0".into(),
        place: Place { step: 0, ..rule.place.clone() },
        ..rule.clone()
    };
    let traced = TestFinished {
        trace: Some("reports/out/5eed0041/base.refuses_an_absent_cqid.trace".into()),
        ..test(
            "refuses_an_absent_cqid",
            Verdict::Diverged,
            "1 divergence: create-io-sq.cqid-not-created",
            vec![rule.clone(), consequence],
        )
    };
    vec![
        traced,
        test("completes_every_command", Verdict::Diverged, "silence", vec![silence]),
        test("stays_alive", Verdict::Diverged, "the DUT died", vec![death]),
        test("meets_its_datasheet", Verdict::Diverged, "profile", vec![profile]),
        test("begins_with_bring_up", Verdict::Diverged, "1 divergence", vec![bring_up.clone()]),
        test("begins_so_too", Verdict::Diverged, "1 divergence", vec![bring_up]),
        test("diverges_often", Verdict::Diverged, "5 divergences", vec![rule; 5]),
    ]
}

fn others() -> Vec<TestFinished> {
    let waived = Finding {
        waived_by: Some("qemu-accepts-any-cqid".into()),
        ..divergence(DivergenceKind::Rule, Some("create-io-sq.cqid-not-created"))
    };
    let plain = |kind, observed: &str| Finding {
        observed: observed.into(),
        allowed: vec![],
        command: None,
        ..finding(kind, None)
    };
    vec![
        test("reports_its_version", Verdict::Passed, "", vec![]),
        test(
            "follows_a_recommendation",
            Verdict::Warned,
            "1 recommendation was not followed",
            vec![Finding {
                level: Some("should".into()),
                ..finding(FindingKind::Warning, Some("create-io-sq.cqid-not-created"))
            }],
        ),
        test(
            "answers_without_internal_errors",
            Verdict::Unproved,
            "1 anomaly, the budget is 0",
            vec![plain(FindingKind::Anomaly, "Internal Error (SCT 0h SC 06h)")],
        ),
        test(
            "orders_five_conflicting_commands",
            Verdict::Unproved,
            "beyond the judge's bounds",
            vec![plain(FindingKind::Inconclusive, "5 commands in one cluster; the bound is 4")],
        ),
        test(
            "sends_what_is_not_modelled",
            Verdict::Unproved,
            "a gap",
            vec![plain(FindingKind::Gap, "feature 0Eh is not modelled")],
        ),
        test(
            "reaches_its_race",
            Verdict::Unproved,
            "the claim `in flight` was not held: the command had completed",
            vec![],
        ),
        test(
            "proves_nothing_beside_a_known_deviation",
            Verdict::Unproved,
            "a claim of the test does not hold (get-log-page.numd)",
            vec![waived.clone()],
        ),
        test("breaks_the_harness", Verdict::Error, "harness: the arena is full", vec![]),
        test(
            "tolerates_qemu",
            Verdict::Waived,
            "qemu-accepts-any-cqid: QEMU looks up the CQ too late (docs/findings/qemu-7.2.md)",
            vec![waived],
        ),
        TestFinished {
            lacks: Some("msix-table".into()),
            ..test(
                "masks_a_vector",
                Verdict::NotApplicable,
                "a vector mask and its pending bit [transport: msix-table]",
                vec![],
            )
        },
    ]
}

/// The run. `hostile` puts illegal bytes into every text that a DUT can choose.
pub fn run(hostile: bool) -> Vec<Event> {
    let mut events = vec![Event::RunStarted(Box::new(started()))];
    for (number, mut test) in divergences().into_iter().chain(others()).enumerate() {
        let number = number as u32;
        test.number = number;
        if hostile {
            test.reason.push_str(" \0\u{1b}[31m ]]> <&\"'> \u{ffff}");
            for finding in &mut test.findings {
                finding.observed.push_str("]]>\u{8}\r\n<![CDATA[");
                finding.dut_lines.push("\u{b}\u{c}]]".into());
            }
        }
        events.push(Event::TestStarted(TestStarted { id: test.id.clone(), number }));
        events.push(Event::TestFinished(Box::new(test)));
    }
    let problems = [
        (ProblemKind::WaiverMatchedNothing, "waiver `old-bug` (line 12) matched nothing"),
        (ProblemKind::CeilingPassed, "2.50 % of the observations were inconclusive; ceiling 1 %"),
        (ProblemKind::Harness, "cannot write the trace t.trace: No space left on device"),
    ];
    let problems = problems.map(|(kind, text)| Problem { kind, text: text.into() }).into();
    events.push(Event::RunFinished(RunFinished { interrupted: true, problems, exit: 130 }));
    events
}

fn started() -> RunStarted {
    RunStarted {
        format: FORMAT,
        version: "0.1.0".into(),
        commit: "1a2b3c4".into(),
        dut: DutFacts {
            kind: "emulator".into(),
            arguments: "--dut emulator --defect accept-any-cqid".into(),
            description: "emulator 0.1.0 with defect accept-any-cqid".into(),
            clock: Clock::Virtual,
            revision: "2.3".into(),
            controllers: 2,
            capabilities: [("controllers", "2"), ("dma", "exact"), ("msix-table", "no")]
                .map(|(name, value)| CapabilityFact { name: name.into(), value: value.into() })
                .to_vec(),
        },
        seed: Seed(0x5eed_0041),
        profile: ProfileFacts {
            name: "default".into(),
            choices: vec![
                ChoiceTaken {
                    name: "silence.quiet-window".into(),
                    question: "How long may a command stay without an answer?".into(),
                    readings: vec!["10 s".into(), "for ever".into()],
                    taken: "10 s".into(),
                    pinned: false,
                    shown: vec![],
                },
                ChoiceTaken {
                    name: "prp.low-bits".into(),
                    question: "Bits 1:0 of a PRP entry: checked, or taken as 0?".into(),
                    readings: vec!["refused".into(), "ignored".into()],
                    taken: "either".into(),
                    pinned: false,
                    shown: vec![],
                },
            ],
        },
        filter: Some("base and not slow".into()),
        waivers: Some("ci/waivers/none.toml".into()),
        strict: false,
        selected: 20,
        out: "reports/out/5eed0041".into(),
        started: None,
        host: None,
    }
}
