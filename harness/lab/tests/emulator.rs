//! The lab against the emulator: every kind of call, and what becomes of it in the log.

extern crate lockstep_lab as lab;

use std::sync::Arc;

use emulator::{Config, EmulatorDut};
use lab::{
    Action, Bench, Hazard, Outcome, Patience, Seen, Settings, Shape, Shutdown, Stop, TestRun,
};
use log::{Body, LookReason, ResetKind};
use model::Profile;
use spec::command::{CreateIoSq, Flush, GetLogPage};
use spec::register::{self, DoorbellKind};
use spec::{Entries, Lba, Lid, Nsid, Qid};

fn run(body: impl FnOnce(&mut lab::Lab<'_>) -> Outcome) -> TestRun {
    run_on(Config::default(), body)
}

fn run_on(config: Config, body: impl FnOnce(&mut lab::Lab<'_>) -> Outcome) -> TestRun {
    let mut dut = EmulatorDut::new(config).unwrap();
    let mut bench = Bench::new(&mut dut, Arc::new(Profile::default()), Settings::default());
    let run = bench.run_as("test", 7, body);
    assert_eq!(run.stop, None, "the test stopped");
    assert_eq!(run.findings, [], "the emulator is innocent");
    run
}

fn count(run: &TestRun, wanted: impl Fn(&Body) -> bool) -> usize {
    run.log.records().iter().filter(|record| wanted(&record.body())).count()
}

/// Equality of whole logs, told by the first record that differs.
fn assert_same_log(one: &TestRun, other: &TestRun) {
    let both = one.log.records().iter().zip(other.log.records());
    for (n, (a, b)) in both.enumerate() {
        assert_eq!(a, b, "record {n}");
    }
    assert_eq!(one.log.len(), other.log.len());
    assert!(one.log == other.log, "the payloads differ");
}

#[test]
fn brings_a_controller_up_and_learns_what_it_says() {
    run(|lab| {
        let ctrl = lab.enabled_controller()?;
        assert!(ctrl.granted_io_sqs() >= 2 && ctrl.granted_io_cqs() >= 2);
        let facts = ctrl.facts().expect("Identify Controller was asked");
        assert!(facts.nn >= 1 && facts.event_limit >= 1 && facts.abort_limit >= 1);
        let namespace = ctrl.namespace(Nsid(1)).expect("namespace 1 was asked");
        assert_eq!((namespace.block_bytes, namespace.blocks), (512, 16384));
        Ok(())
    });
}

#[test]
fn what_was_written_is_read_back_in_every_shape() {
    let run = run(|lab| {
        let mut ctrl = lab.enabled_controller()?;
        let shapes = [
            Shape::default(),
            Shape { offset: 512, ..Shape::default() },
            Shape { scattered: true, ..Shape::default() },
            Shape { scattered: true, offset: 1024, list_slots: Some(2) },
            Shape { list_slots: Some(1), ..Shape::default() },
        ];
        for (n, shape) in shapes.into_iter().enumerate() {
            let lba = Lba(64 * n as u64);
            let written = ctrl.write_shaped(Nsid(1), lba, 48, shape)?;
            assert!(written.status().is_success(), "{shape:?}: {:?}", written.status());
            let read = ctrl.read_shaped(Nsid(1), lba, 48, shape)?;
            assert!(read.status().is_success(), "{shape:?}: {:?}", read.status());
        }
        Ok(())
    });
    // Each block that was read is one that was written: the identities of fills and looks agree.
    let mut written = Vec::new();
    let mut seen = Vec::new();
    for record in run.log.records() {
        match record.body() {
            Body::Fill { blocks, tag, .. } => {
                written.extend((0..u64::from(blocks)).map(|n| tag.plus(n).ident()));
            }
            Body::BlocksSeen { payload, .. } => {
                let bytes = run.log.payload(payload).as_chunks::<8>().0;
                seen.extend(bytes.iter().map(|b| log::Ident(u64::from_le_bytes(*b))));
            }
            Body::FewBlocksSeen { count, idents, .. } => {
                seen.extend(&idents[..usize::from(count)]);
            }
            _ => {}
        }
    }
    assert_eq!(written.len(), 5 * 48);
    assert_eq!(seen[..5 * 48], written[..]);
    // The audit read all of it once more, and the neighbours.
    assert!(seen.len() > 2 * 5 * 48);
}

#[test]
fn commands_are_batched_held_aborted_and_deleted() {
    let run = run(|lab| {
        let mut ctrl = lab.enabled_controller()?;
        ctrl.io_pair(Qid(1), Entries(16))?;
        ctrl.io_pair(Qid(2), Entries(16))?;
        let mut pending = Vec::new();
        for n in 0..10 {
            pending.push(ctrl.submit(Qid(1 + n % 2), Flush { nsid: Nsid(1) })?);
        }
        ctrl.ring_all()?;
        assert!(ctrl.is_in_flight(pending[0]));
        ctrl.claim_in_flight(pending[0])?;
        assert!(ctrl.wait_all()?);
        for one in &pending {
            assert!(ctrl.seen_answer(one.id).unwrap().status().is_success());
        }
        ctrl.release(Qid(1))?;
        ctrl.release(Qid(2))?;

        let victim = ctrl.submit(Qid(1), Flush { nsid: Nsid(1) })?;
        let abort = ctrl.abort(victim);
        assert!(ctrl.admin(abort)?.status().is_success());
        ctrl.ring(Qid(1))?;
        ctrl.answer(victim)?.ruled()?;

        ctrl.delete_io_sq(Qid(1))?.ruled()?;
        ctrl.delete_io_cq(Qid(1))?.ruled()?;
        Ok(())
    });
    let swept = |body: &Body| matches!(body, Body::EmptyLook(l) if l.reason == LookReason::Sweep);
    assert!(count(&run, swept) >= 2, "the audit and the deletion sweep");
}

#[test]
fn an_event_is_requested_and_comes_with_an_invalid_doorbell() {
    run(|lab| {
        let mut ctrl = lab.enabled_controller()?;
        ctrl.io_pair(Qid(1), Entries(8))?;
        let event = ctrl.request_event()?;
        ctrl.doorbell(DoorbellKind::SqTail, Qid(1), 99)?;
        let answer = ctrl.answer(event)?;
        assert_eq!(answer.dw0() & 7, 0, "an error event");
        let page = GetLogPage { lid: Lid::ERROR_INFORMATION, numdl_z: 15, ..Default::default() };
        assert_eq!(ctrl.admin_in(page, 64)?.bytes()?.len(), 64);
        Ok(())
    });
}

#[test]
fn interrupts_are_seen_masked_and_pending() {
    let run = run(|lab| {
        let mut ctrl = lab.enabled_controller()?;
        ctrl.msix_enable(2)?;
        let mut cq = ctrl.io_cq(Qid(1), Entries(8))?;
        (cq.ien, cq.iv) = (true, 1);
        ctrl.admin(cq)?.ruled()?;
        ctrl.create_io_sq(Qid(1), Qid(1), Entries(8))?;
        let first = ctrl.submit(Qid(1), Flush { nsid: Nsid(1) })?;
        ctrl.ring(Qid(1))?;
        assert!(ctrl.wait_interrupt(1, Patience::Default)?);
        ctrl.answer(first)?.ruled()?;
        ctrl.msix_mask(1, true)?;
        ctrl.io(Qid(1), Flush { nsid: Nsid(1) })?.ruled()?;
        ctrl.wait_idle(Patience::Default)?;
        assert!(ctrl.msix_pending(1)?);
        ctrl.msix_mask(1, false)?;
        assert!(ctrl.wait_interrupt(1, Patience::Default)?);
        Ok(())
    });
    assert!(count(&run, |body| matches!(body, Body::Interrupt { vector: 1, .. })) >= 2);
}

#[test]
fn every_reset_and_shutdown_leads_back_to_a_working_controller() {
    run(|lab| {
        let mut ctrl = lab.controller(0)?;
        let kinds = [
            ResetKind::Controller,
            ResetKind::FunctionLevel,
            ResetKind::Conventional,
            ResetKind::PowerCycle,
        ];
        for kind in kinds {
            ctrl.enable()?;
            ctrl.identify()?;
            ctrl.write_blocks(Nsid(1), Lba(0), 8)?.ruled()?;
            ctrl.reset(kind)?;
            assert!(!ctrl.csts()?.rdy(), "{kind:?}");
        }
        for kind in [Shutdown::Normal, Shutdown::Abrupt] {
            ctrl.enable()?;
            ctrl.shutdown(kind)?;
            assert_eq!(ctrl.csts()?.shst(), 2);
            ctrl.disable()?;
        }
        ctrl.enable()
    });
}

#[test]
fn two_controllers_share_a_namespace() {
    let config = Config { controllers: 2, ..Config::default() };
    run_on(config, |lab| {
        let mut first = lab.enabled_controller()?;
        let mut second = lab.controller(1)?;
        second.enable()?;
        second.identify()?;
        first.write_blocks(Nsid(1), Lba(5), 3)?.ruled()?;
        assert!(second.read_blocks(Nsid(1), Lba(5), 3)?.status().is_success());
        Ok(())
    });
}

#[test]
fn the_log_of_dma_stands_before_the_completion_that_it_led_to() {
    let run = run(|lab| {
        let mut ctrl = lab.enabled_controller()?;
        ctrl.write_blocks(Nsid(1), Lba(0), 8).map(|_| ())
    });
    let bodies: Vec<Body> = run.log.records().iter().map(log::Record::body).collect();
    for (at, body) in bodies.iter().enumerate() {
        if matches!(body, Body::Completion { .. }) {
            let before = bodies[..at].iter().rev().take_while(|b| !matches!(b, Body::Doorbell(_)));
            let writes = before.filter(|b| matches!(b, Body::Dma { write: true, .. })).count();
            assert!(writes >= 1, "the CQE itself is a write, before record {at}");
        }
    }
}

#[test]
fn a_test_that_needs_more_is_not_applicable() {
    let mut dut = EmulatorDut::new(Config::default()).unwrap();
    let mut bench = Bench::new(&mut dut, Arc::new(Profile::default()), Settings::default());
    let run = bench.run_as("needs", 0, |lab| {
        lab.enabled_controller()?;
        lab.needs(false, "a pony")
    });
    assert_eq!(run.stop, Some(Stop::NotApplicable("a pony".into())));
    assert_eq!(run.verdict, model::Verdict::NotApplicable("a pony".into()));
    let run = bench.run_as("controllers", 0, |lab| lab.controller(5).map(|_| ()));
    assert_eq!(
        run.stop,
        Some(Stop::NotApplicable("6 controllers [transport: controllers]".into()))
    );
}

#[test]
fn an_action_beyond_the_consent_is_not_done() {
    let mut dut = EmulatorDut::new(Config::default()).unwrap();
    let settings = Settings { consent: Hazard::Harmless, ..Settings::default() };
    let mut bench = Bench::new(&mut dut, Arc::new(Profile::default()), settings);
    let run = bench.run_as("consent", 0, |lab| {
        let mut ctrl = lab.enabled_controller()?;
        ctrl.write_blocks(Nsid(1), Lba(0), 1).map(|_| ())
    });
    assert_eq!(run.stop, Some(Stop::NotApplicable("consent to erasing actions".into())));
    let sent = |body: &Body| matches!(body, Body::Submit { sqid: Qid(1), .. });
    assert_eq!(run.log.records().iter().filter(|r| sent(&r.body())).count(), 0);
}

#[test]
fn tests_start_from_the_same_state_whatever_ran_before() {
    let mut dut = EmulatorDut::new(Config::default()).unwrap();
    let mut bench = Bench::new(&mut dut, Arc::new(Profile::default()), Settings::default());
    let mut write = |name: &str| {
        bench.run_as(name, 1, |lab| {
            let mut ctrl = lab.enabled_controller()?;
            ctrl.read_blocks(Nsid(1), Lba(3), 2)?.ruled()?;
            ctrl.write_blocks(Nsid(1), Lba(3), 2)?.ruled()?;
            let lba = lab.random().below(100);
            ctrl.write_blocks(Nsid(1), Lba(lba), 1).map(|_| ())
        })
    };
    let first = write("one");
    let other = write("other");
    let again = write("one");
    assert!(first.log != other.log, "another name has other random numbers");
    assert_same_log(&first, &again);
    assert_eq!(first.sequence, again.sequence);
    assert_eq!((first.verdict, first.findings), (again.verdict, again.findings));
}

#[test]
fn a_replayed_sequence_does_the_same() {
    let mut dut = EmulatorDut::new(Config::default()).unwrap();
    let mut bench = Bench::new(&mut dut, Arc::new(Profile::default()), Settings::default());
    let run = bench.run_as("replay", 9, |lab| {
        let mut ctrl = lab.enabled_controller()?;
        let last = ctrl.namespace(Nsid(1)).unwrap().last();
        ctrl.write_shaped(
            Nsid(1),
            Lba(last - 40),
            41,
            Shape { scattered: true, ..Shape::default() },
        )?
        .ruled()?;
        ctrl.read_blocks(Nsid(1), Lba(last), 1)?.accepted()?;
        ctrl.create_io_cq(Qid(2), Entries(4))?;
        let good = ctrl.io_sq(Qid(2), Qid(2))?;
        ctrl.admin(CreateIoSq { cqid: Qid(3), ..good })?.ruled()?;
        let victim = ctrl.submit(Qid(1), Flush { nsid: Nsid(1) })?;
        ctrl.admin(ctrl.abort(victim))?.ruled()?;
        ctrl.ring(Qid(1))?;
        ctrl.answer(victim)?.ruled()?;
        ctrl.sweep()?;
        lab.note("Then: done")
    });
    assert_eq!(run.stop, None);
    let text = run.sequence.to_text();
    assert!(text.contains("slba=last-40") && text.contains("target=c"), "{text}");
    let read = lab::Sequence::from_text(&text).unwrap();
    assert_eq!(read, run.sequence);
    let again = bench.replay(&read);
    assert_eq!(again.stop, None);
    assert_same_log(&again, &run);
    assert_eq!(again.sequence, run.sequence);
}

#[test]
fn a_trace_gives_the_findings_and_the_verdict_of_the_run() {
    let run = run(|lab| {
        let mut ctrl = lab.enabled_controller()?;
        ctrl.write_blocks(Nsid(1), Lba(0), 8)?.accepted()?;
        ctrl.read_blocks(Nsid(1), Lba(0), 8)?.accepted()
    });
    let header = lab::TraceHeader { test: "x".into(), seed: 7, ..Default::default() };
    let bytes = run.trace(&header).to_bytes();
    let trace = log::trace::Trace::from_bytes(&bytes).unwrap();
    assert_eq!(lab::TraceHeader::from_json(&trace.header), Ok(header));
    assert_eq!(lab::sequence_of(&trace), Ok(run.sequence));
    let (verdict, findings, coverage) = lab::judge(&trace.log, Arc::new(Profile::default()));
    assert_eq!((verdict, findings, coverage), (run.verdict, run.findings, run.coverage));
}

#[test]
fn misuse_is_a_harness_error_and_not_a_panic() {
    let mut dut = EmulatorDut::new(Config::default()).unwrap();
    let mut bench = Bench::new(&mut dut, Arc::new(Profile::default()), Settings::default());
    for (line, words) in [
        ("ring sq=9", "ring SQ 9, which does not exist"),
        ("look cq=9", "look at CQ 9, which does not exist"),
        ("free b9", "there is no buffer b9"),
        ("wait c9", "no command c9 was submitted"),
        ("c0 = submit sq=5 flush", "submit to SQ 5, which does not exist"),
        ("see-bytes 0x10 bytes=4", "outside the arena"),
        ("b0 = buffer bytes=99999999999 perm=both", "no room for buffer b0"),
        ("read-reg csts width=3", "odd width"),
        ("fill 0x200000 blocks=1 size=7 nsid=1 lba=0", "cannot carry a tag"),
    ] {
        let text = format!("{}\n{line}\n", lab::HEADER);
        let run = bench.replay(&lab::Sequence::from_text(&text).unwrap());
        let stop = run.stop.expect(line).to_string();
        assert!(stop.contains(words), "{line}: {stop}");
        assert!(matches!(run.verdict, model::Verdict::Error(_)), "{line}: {:?}", run.verdict);
    }
}

#[test]
fn registers_are_read_and_polled() {
    let run = run(|lab| {
        let mut ctrl = lab.enabled_controller()?;
        assert!(ctrl.cc()?.en());
        assert!(ctrl.vs()?.major >= 1);
        let seen = ctrl.perform(&Action::ReadReg { ctrl: 0, offset: register::AQA, width: 4 })?;
        assert_eq!(seen, Seen::Value(0x001f_001f));
        // RDY never falls by itself: the wait ends after the deadline, with one look begun after it.
        assert!(!ctrl.wait_for(register::CSTS, 4, 1, 0)?);
        Ok(())
    });
    let polls = |body: &Body| matches!(body, Body::RegisterRead(r) if r.offset == register::CSTS);
    assert!(count(&run, polls) < 20, "empty polls make no records");
}

#[test]
fn batches_are_judged_as_single_commands_are() {
    let run = run(|lab| {
        let mut ctrl = lab.enabled_controller()?;
        ctrl.io_pair(Qid(1), Entries(64))?;
        let flushes = [Flush { nsid: Nsid(1) }.into(); 32];
        let lbas: Vec<Lba> = (0..32).map(|n| Lba(8 * n)).collect();
        let buffers = ctrl.block_buffers(Nsid(1), 8, 32)?;
        for _ in 0..3 {
            ctrl.batch(Qid(1), &flushes)?;
            ctrl.write_batch(Qid(1), &buffers, &lbas)?;
            ctrl.read_batch(Qid(1), &buffers, &lbas)?;
        }
        Ok(())
    });
    assert!(run.coverage.completions >= 3 * 3 * 32);
    assert!(run.coverage.data_bytes >= 3 * 32 * 4096);
    let tails = |body: &Body| matches!(body, Body::Doorbell(d) if d.qid == Qid(1) && d.kind == DoorbellKind::SqTail);
    // Nine batches, and what the audit reads back.
    assert!(count(&run, tails) >= 9);
}

#[test]
fn waiting_for_all_makes_room_in_a_queue_that_was_seen_full() {
    let text = "lockstep sequence 1\n\
        b0 = buffer bytes=32 perm=from-controller\n\
        c0 = send sq=0 create-io-cq qid=1 entries=2 pc=1 prp1=b0\n\
        b1 = buffer bytes=512 perm=to-controller\n\
        c1 = send sq=0 create-io-sq qid=1 entries=8 pc=1 cqid=1 prp1=b1\n\
        c2 = submit sq=1 flush nsid=1\n\
        c3 = submit sq=1 flush nsid=1\n\
        c4 = submit sq=1 flush nsid=1\n\
        ring sq=1\n\
        wait c2\n\
        wait all-completed\n";
    let sequence = lab::Sequence::from_text(text).unwrap();
    let mut dut = EmulatorDut::new(Config::default()).unwrap();
    let mut bench = Bench::new(&mut dut, Arc::new(Profile::default()), Settings::default());
    let run = bench.replay(&sequence);
    assert_eq!((run.stop.as_ref(), run.findings.len()), (None, 0));
    let waited = sequence.actions.len() as u16;
    let seen = run.log.records().iter().filter(|record| record.step == waited);
    let completions = seen.filter(|r| matches!(r.body(), Body::Completion { .. })).count();
    assert_eq!(completions, 2, "those that had to wait for room");
}
