//! Work on many items, as many at a time as the machine has processors.

use std::sync::Mutex;
use std::thread;

use anyhow::Result;

/// Works on all items; the results are in the same order. After a failure no worker that failed takes another item.
pub(crate) fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let next = Mutex::new(items.iter().enumerate());
    let take = || next.lock().expect("BUG: nothing panics while it is held").next();
    let worker = || {
        let mut done = Vec::new();
        while let Some((at, item)) = take() {
            done.push((at, work(item)?));
        }
        anyhow::Ok(done)
    };
    let workers = thread::available_parallelism().map_or(2, usize::from);
    let mut results = Vec::new();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(worker)).collect();
        for worker in workers {
            results.extend(worker.join().expect("BUG: a worker panicked")?);
        }
        anyhow::Ok(())
    })?;
    results.sort_by_key(|(at, _)| *at);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}
