//! A kernel that does nothing: what is left of a batch is what claiming, beginning and finishing it costs. In the scenario it
//! owns one column a stage, and waits for that of the stage before.

use diptych_protocol::access::{Access, AccessError, Fresh, Own};
use diptych_protocol::blame::Fault;
use diptych_protocol::view::Batch;
use diptych_workers::kernel::Kernel;

/// `owns Ck fresh others Cj with { stage = k }`, j = k - 1.
struct Nothing {
    _before: Option<Fresh<u32, 1>>,
    _own: Own<u32, 1>,
}

/// Binds it.
///
/// # Errors
/// If the system does not declare what it needs.
pub fn bind(access: &mut Access<'_>) -> Result<Box<dyn Kernel>, AccessError> {
    let stage = access.constant_f32("stage")? as u32;
    let before = stage.checked_sub(1).map(|before| access.fresh(&format!("C{before}"))).transpose()?;
    Ok(Box::new(Nothing { _before: before, _own: access.own(&format!("C{stage}"))? }))
}

impl Kernel for Nothing {
    fn run(&mut self, _: &Batch<'_, '_>) -> Result<(), Fault> {
        Ok(())
    }
}

/// A scenario of so many stages, in which there is nothing to do but to claim, and to arrive.
pub fn scenario(stages: usize) -> String {
    let mut text = String::from("scenario nothing\nparam n: u32 = 64\nspace open 2\ncomponent Position = vec2\n");
    let each = |text: &mut String, of: &dyn Fn(usize) -> String| (0..stages).for_each(|k| *text += &of(k));
    each(&mut text, &|k| format!("component C{k} = u32\n"));
    text += "group points[n] {\n    position Position = vec2(0, 0)\n";
    each(&mut text, &|k| format!("    C{k} = 0\n"));
    text += "}\n";
    each(&mut text, &|k| {
        let fresh = if k == 0 { String::new() } else { format!(" fresh others C{}", k - 1) };
        format!("system s{k} native \"bench.nothing\" for points owns C{k}{fresh} with {{ stage = {k} }} batch 64\n")
    });
    text
}
