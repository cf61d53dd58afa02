//! Work on several threads, delivered in order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

/// Asked between pieces of work: whether no other may begin.
pub type Stop<'a> = &'a (dyn Fn() -> bool + Sync);

/// What is delivered.
#[derive(Debug)]
pub enum Step<T> {
    /// Piece `n` is the oldest that has not finished.
    Started(usize),
    /// Piece `n` finished. In order, but for the pieces that an interruption left out.
    Finished(usize, T),
}

/// Does `work(0)` to `work(count - 1)` on `jobs` threads and delivers the results in order, so that
/// what is written does not depend on the number of threads. Once `stop` says so no piece is begun;
/// those under way finish and are delivered. An error of `deliver` ends it likewise.
pub fn in_order<T: Send, E>(
    count: usize,
    jobs: usize,
    stop: Stop<'_>,
    work: &(dyn Fn(usize) -> T + Sync),
    deliver: &mut dyn FnMut(Step<T>) -> Result<(), E>,
) -> Result<(), E> {
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let stopped = || stop() || failed.load(Ordering::Relaxed);
    let (send, receive) = mpsc::channel();
    let worker = |send: mpsc::Sender<(usize, T)>| {
        while !stopped() {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= count || send.send((n, work(n))).is_err() {
                break;
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, count.max(1)) {
            let send = send.clone();
            scope.spawn(|| worker(send));
        }
        drop(send);
        let result = collect(count, receive, &stopped, deliver);
        failed.fetch_or(result.is_err(), Ordering::Relaxed);
        result
    })
}

fn collect<T, E>(
    count: usize,
    receive: mpsc::Receiver<(usize, T)>,
    stopped: &dyn Fn() -> bool,
    deliver: &mut dyn FnMut(Step<T>) -> Result<(), E>,
) -> Result<(), E> {
    let mut early = BTreeMap::new();
    let mut due = 0;
    if count > 0 && !stopped() {
        deliver(Step::Started(0))?;
    }
    for (n, result) in receive {
        early.insert(n, result);
        while let Some(result) = early.remove(&due) {
            deliver(Step::Finished(due, result))?;
            due += 1;
            if due < count && !stopped() {
                deliver(Step::Started(due))?;
            }
        }
    }
    for (n, result) in early {
        deliver(Step::Started(n))?;
        deliver(Step::Finished(n, result))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered(jobs: usize) -> Vec<(usize, usize)> {
        let mut seen = Vec::new();
        let work = |n: usize| {
            // Later pieces are quicker.
            std::thread::sleep(std::time::Duration::from_micros(200 / (n as u64 + 1)));
            n * n
        };
        in_order::<_, ()>(50, jobs, &|| false, &work, &mut |step| {
            if let Step::Finished(n, square) = step {
                seen.push((n, square));
            }
            Ok(())
        })
        .unwrap();
        seen
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let expected: Vec<_> = (0..50).map(|n| (n, n * n)).collect();
        assert_eq!(delivered(1), expected);
        assert_eq!(delivered(7), expected);
    }

    #[test]
    fn after_a_stop_nothing_begins_and_what_was_begun_is_delivered() {
        let stop = AtomicBool::new(false);
        let mut seen = Vec::new();
        let work = |n: usize| {
            stop.fetch_or(n == 3, Ordering::Relaxed);
            n
        };
        let stopped = || stop.load(Ordering::Relaxed);
        in_order::<_, ()>(50, 1, &stopped, &work, &mut |step| {
            if let Step::Finished(n, _) = step {
                seen.push(n);
            }
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, [0, 1, 2, 3]);
    }

    #[test]
    fn an_error_of_the_receiver_ends_the_work() {
        let ended = in_order(1_000_000, 2, &|| false, &|n| n, &mut |step| match step {
            Step::Finished(9, _) => Err("full"),
            _ => Ok(()),
        });
        assert_eq!(ended, Err("full"));
    }
}
