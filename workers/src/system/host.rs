//! A system in Rust as a kernel, bound to a system of a scenario.

use std::cell::Cell;

use diptych_protocol::access::{Access, AccessError};
use diptych_protocol::blame::Fault;
use diptych_protocol::view::Batch;

use super::System;
use super::frame::Frame;
use super::matching::Binder;
use super::query::Query;
use super::setup::Setup;
use super::view::View;
use crate::kernel::Kernel;

struct Host<S: System> {
    system: S,
    bound: <S::Query as Query>::Bound,
    scratch: S::Scratch,
    prepared: bool,
}

/// Binds a system: [`crate::kernel::Bind`].
pub(crate) fn bind<S: System>(access: &mut Access<'_>) -> Result<Box<dyn Kernel>, AccessError> {
    let mut binder = Binder::new(access);
    let bound = S::Query::bind(&mut binder)?;
    binder.finish()?;
    let system = S::new(&mut Setup::new(access))?;
    Ok(Box::new(Host { system, bound, scratch: S::Scratch::default(), prepared: false }))
}

impl<S: System> Kernel for Host<S> {
    fn run(&mut self, batch: &Batch<'_, '_>) -> Result<(), Fault> {
        if !self.prepared {
            self.prepared = true;
            self.system.prepare(&mut self.scratch, batch.rows.len());
        }
        let opened = Cell::new(false);
        self.system.run(View::new(batch, &self.bound, &opened), &Frame::new(batch), &mut self.scratch)?;
        if !opened.get() {
            // Nobody looked at a row: all of them are carried.
            drop(View::<S::Query>::new(batch, &self.bound, &opened).iter());
        }
        Ok(())
    }
}

impl<S: System> Drop for Host<S> {
    fn drop(&mut self) {
        if self.prepared {
            self.system.finish(&mut self.scratch);
        }
    }
}
