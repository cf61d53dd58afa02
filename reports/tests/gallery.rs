//! The gallery: every verdict line, every story and every line of a summary, in one snapshot.

mod sample;

use anstream::adapter::strip_str;
use lockstep_reports::{Event, Exit, Terminal};

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
    insta::assert_snapshot!("gallery", text);
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
