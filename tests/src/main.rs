//! A binary as a user would build it: the engine, and kernels of its own. Some of these misbehave, so that tests can
//! see what the engine makes of it.

mod allocations;
mod marking;
mod room;
mod spoil;

use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};

use diptych::Registry;
use diptych_protocol::access::{Access, AccessError, Own, Prev};
use diptych_protocol::blame::Fault;
use diptych_protocol::view::Batch;
use diptych_workers::kernel::Kernel;

#[global_allocator]
static ALLOCATOR: allocations::Counting = allocations::Counting;

fn main() -> ExitCode {
    let registry = Registry::builtin()
        .with("test.order", |a| own(a, order))
        .with("test.panic", |a| own(a, panics))
        .with("test.abort", |a| own(a, abort))
        .with("test.kill", |a| own(a, killed))
        .with("test.hang", |a| own(a, hang))
        .with("test.forget", |a| own(a, forget))
        .with("test.allocations", |a| own(a, allocations))
        .with("test.nan", |a| own(a, nan))
        .system::<marking::Marking>()
        .system::<room::Room>()
        .system::<spoil::Spoil>();
    diptych::main(&registry)
}

/// A kernel over one owned `vec2` component, `Position`.
struct Plain {
    prev: Prev<f32, 2>,
    next: Own<f32, 2>,
    rule: Rule,
}

type Rule = fn(&Batch<'_, '_>, [&[f32]; 2], [&mut [f32]; 2]);

fn own(access: &mut Access<'_>, rule: Rule) -> Result<Box<dyn Kernel>, AccessError> {
    Ok(Box::new(Plain { prev: access.prev("Position")?, next: access.own("Position")?, rule }))
}

impl Kernel for Plain {
    fn run(&mut self, batch: &Batch<'_, '_>) -> Result<(), Fault> {
        let rows = batch.rows.indices();
        let prev = batch.prev(self.prev).map(|axis| &axis[rows.clone()]);
        (self.rule)(batch, prev, batch.own(self.next));
        Ok(())
    }
}

fn carry(prev: [&[f32]; 2], next: [&mut [f32]; 2]) {
    for (next, prev) in next.into_iter().zip(prev) {
        next.copy_from_slice(prev);
    }
}

/// The planted defect: what a row becomes depends on how many batches this process has run.
fn order(_: &Batch<'_, '_>, prev: [&[f32]; 2], next: [&mut [f32]; 2]) {
    static RUN: AtomicU32 = AtomicU32::new(0);
    let run = RUN.fetch_add(1, Ordering::Relaxed) as f32;
    let [x, y] = next;
    carry(prev, [&mut *x, y]);
    x.iter_mut().for_each(|x| *x += run);
}

fn panics(batch: &Batch<'_, '_>, prev: [&[f32]; 2], next: [&mut [f32]; 2]) {
    carry(prev, next);
    assert!(batch.tick.frame() != 3, "three is too many");
}

fn abort(batch: &Batch<'_, '_>, prev: [&[f32]; 2], next: [&mut [f32]; 2]) {
    carry(prev, next);
    if batch.tick.frame() == 3 && batch.rows.start == 0 {
        std::process::abort();
    }
}

/// Is killed, as by a kernel short of memory.
fn killed(batch: &Batch<'_, '_>, prev: [&[f32]; 2], next: [&mut [f32]; 2]) {
    carry(prev, next);
    if batch.tick.frame() == 3 && batch.rows.start == 0 {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

/// Never comes to an end.
fn hang(batch: &Batch<'_, '_>, prev: [&[f32]; 2], next: [&mut [f32]; 2]) {
    carry(prev, next);
    while batch.tick.frame() == 3 && batch.rows.start == 0 {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

/// Leaves a row unwritten: debug builds notice.
fn forget(_: &Batch<'_, '_>, prev: [&[f32]; 2], [x, y]: [&mut [f32]; 2]) {
    x.copy_from_slice(prev[0]);
    let last = y.len() - 1;
    y[..last].copy_from_slice(&prev[1][..last]);
}

fn nan(batch: &Batch<'_, '_>, prev: [&[f32]; 2], next: [&mut [f32]; 2]) {
    let [x, y] = next;
    carry(prev, [&mut *x, y]);
    if batch.tick.frame() == 2
        && let Some(at) = (77u32).checked_sub(batch.rows.start)
        && let Some(x) = x.get_mut(at as usize)
    {
        *x = f32::NAN;
    }
}

/// Writes how often this process has allocated, as far as `f32` counts exactly.
fn allocations(_: &Batch<'_, '_>, _: [&[f32]; 2], [x, y]: [&mut [f32]; 2]) {
    x.fill((allocations::count() % (1 << 24)) as f32);
    y.fill(0.0);
}
