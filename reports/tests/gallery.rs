//! The gallery: every verdict line, every story and every line of a summary, in one snapshot.

mod sample;

use anstream::adapter::strip_str;
use lockstep_reports::{DefectRow, Event, Exit, Kill, KillMatrix, Seed, Terminal};

/// What a terminal shows of a run, with its styles.
fn shown(events: &[Event]) -> String {
    let mut terminal = Terminal::new(Vec::new(), ());
    events.iter().for_each(|event| terminal.event(event).unwrap());
    String::from_utf8(terminal.into_inner()).unwrap()
}

#[test]
fn every_message_and_verdict_line() {
    let mut text = strip_str(&shown(&sample::run(false))).to_string();
    text.push_str("\n-- every exit\n");
    for exit in Exit::ALL {
        text.push_str(&format!("{exit}\n"));
    }
    text.push_str("\n-- the kill matrix\n");
    text.push_str(&strip_str(&String::from_utf8(matrix()).unwrap()).to_string());
    insta::assert_snapshot!("gallery", text);
}

fn matrix() -> Vec<u8> {
    let kill = |req: &str| Kill { test: "base/a".into(), requirement: req.into() };
    let killed = DefectRow {
        name: "accept-any-cqid".into(),
        story: "the CQ is looked up when the first completion is posted".into(),
        breaks: vec!["create-io-sq.x".into(), "create-io-sq.y".into(), "create-io-sq.z".into()],
        tests: 60,
        unfit: vec![],
        kills: vec![kill("create-io-sq.y"), kill("create-io-sq.x")],
        also: vec![],
    };
    let row = |name: &str| DefectRow { name: name.into(), kills: vec![], ..killed.clone() };
    let survived = DefectRow { unfit: vec!["base/c".into()], ..row("silent") };
    let misnamed = DefectRow { also: vec!["csts.rdy".into()], ..row("misnamed") };
    let mut matrix = KillMatrix::new("1a2b3c4", Seed(7));
    matrix.defects = vec![killed, survived, misnamed];
    let mut text = Vec::new();
    matrix.defects.iter().for_each(|row| row.write_line(&mut text).unwrap());
    matrix.write_summary(&mut text).unwrap();
    text
}

#[test]
fn no_line_of_a_story_wraps_on_a_wide_terminal() {
    for line in strip_str(&shown(&sample::run(false))).to_string().lines() {
        assert!(line.chars().count() <= 160, "{line}");
    }
}

#[test]
fn styles_change_nothing_but_colour() {
    let styled = shown(&sample::run(false));
    assert!(styled.contains("\u{1b}["));
    assert!(!strip_str(&styled).to_string().contains('\u{1b}'));
}
