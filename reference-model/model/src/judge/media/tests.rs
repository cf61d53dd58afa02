use super::*;
use crate::truth::{No, Yes};

const A: Value = Value::Known(Ident(11));
const B: Value = Value::Known(Ident(12));

fn at(command: u32) -> Access {
    Access { nsid: Nsid(1), lba: 5, command }
}

fn write(media: &mut Media, command: u32, value: Value, cached: Truth) {
    media.invoke(at(command), Some(value));
    let how = Written { ctrl: 0, rung: command * 10, completed: command * 10 + 5, cached };
    media.finish_write(at(command), value, Effect::Certain, how);
}

fn read(media: &mut Media, command: u32, seen: u64) -> Sight {
    media.invoke(at(command), None);
    let expected = media.finish_read(at(command), true);
    media.look(at(command), expected, Ident(seen)).unwrap().sight
}

#[test]
fn unwritten_blocks_bind_on_first_sight() {
    let mut media = Media::default();
    assert!(matches!(read(&mut media, 1, 77), Sight::Binds(_)));
    assert_eq!(read(&mut media, 2, 77), Sight::Agrees);
    assert!(matches!(read(&mut media, 3, 78), Sight::Differs(_)));
}

#[test]
fn power_loss_keeps_what_was_flushed_and_may_lose_the_rest() {
    let mut media = Media::default();
    write(&mut media, 1, A, Yes);
    media.flush(Nsid(1), 0, 20);
    write(&mut media, 3, B, Yes);
    media.power_loss();
    assert_eq!(read(&mut media, 5, 11), Sight::Agrees);
    assert!(matches!(read(&mut media, 6, 12), Sight::Differs(_)));
}

/// A read beside a write in flight saw what it writes, but power went before anything was flushed.
#[test]
fn what_was_read_while_its_write_was_in_flight_may_be_lost() {
    for (cached, lost) in [(Yes, Sight::Agrees), (No, Sight::Differs(vec![B]))] {
        let mut media = Media::default();
        write(&mut media, 1, A, No);
        media.invoke(at(2), Some(B));
        assert_eq!(read(&mut media, 3, 12), Sight::Agrees);
        let how = Written { ctrl: 0, rung: 20, completed: 40, cached };
        media.finish_write(at(2), B, Effect::Possible, how);
        media.power_loss();
        assert_eq!(read(&mut media, 5, 11), lost);
    }
}

#[test]
fn without_a_cache_or_after_a_flush_nothing_is_lost() {
    for cached in [No, Yes] {
        let mut media = Media::default();
        write(&mut media, 1, A, cached);
        write(&mut media, 2, B, cached);
        media.flush(Nsid(1), 0, 30);
        media.power_loss();
        assert_eq!(read(&mut media, 5, 12), Sight::Agrees);
        assert!(matches!(read(&mut media, 6, 11), Sight::Differs(_)));
    }
}

#[test]
fn a_flush_by_another_controller_does_not_cover() {
    let mut media = Media::default();
    write(&mut media, 1, A, No);
    write(&mut media, 2, B, Yes);
    media.flush(Nsid(1), 1, 30);
    media.power_loss();
    assert_eq!(read(&mut media, 5, 11), Sight::Agrees);
}
