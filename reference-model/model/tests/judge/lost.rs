//! A controller that is not judged until its next reset.

use model::FindingKind;
use spec::register;
use spec::requirement as req;

use super::script::*;

/// SPDK's target goes on after CSTS.CFS = 1. Commands rung then are not followed, so what they did to memory
/// and media is held against nobody, there and after the next reset.
#[test]
fn what_a_lost_controller_does_is_not_held_against_it() {
    // Writes a block, becomes fatal and, if it `works` on, gets a command.
    // The block, and a buffer that is the host's.
    let fatal = |works: bool| {
        let mut s = Script::new();
        s.queue_pair(1);
        let before = s.writes(1, 3);
        let (_, sequence) = s.write_sqe(4, 1);
        s.csts(3);
        if works {
            let (write, _) = s.write_sqe(3, 1);
            s.send(1, write);
        }
        (s, before, buffer(sequence))
    };
    let (mut still, _, host) = fatal(false);
    still.look(host, &[ident(9, 9)]);
    still.diverges(req::dma::WRITE_WITHIN_PRPS);
    let (mut works, _, host) = fatal(true);
    works.look(host, &[ident(9, 9)]);
    assert!(no_divergence(&works));

    let after_a_reset = |works: bool, same: bool| {
        let (mut s, before, _) = fatal(works);
        s.write(register::CC, 4, CC_ON & !1);
        s.enable();
        s.identify();
        s.queue_pair(1);
        s.reads(1, 3, if same { before } else { ident(9, 9) });
        s
    };
    assert!(no_divergence(&after_a_reset(false, true)));
    after_a_reset(false, false).diverges(req::data::LAST_WRITTEN);
    assert!(no_divergence(&after_a_reset(true, true)));
    assert!(no_divergence(&after_a_reset(true, false)));
}

fn no_divergence(script: &Script) -> bool {
    let judge = script.judge();
    judge.findings().iter().all(|finding| !matches!(finding.kind, FindingKind::Divergence(_)))
}
