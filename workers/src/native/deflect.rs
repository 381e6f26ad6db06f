//! `collision.deflect`: the elastic change of velocity, and the shift that parts a pair. Formulas in the module above.

use diptych_protocol::access::{Access, AccessError, Fresh, Own};
use diptych_protocol::blame::Fault;
use diptych_protocol::view::Batch;

use super::contact::Contacts;
use crate::kernel::Kernel;

struct Deflect {
    contacts: Contacts,
    impacts: Fresh<u32>,
    change: Own<f32, 2>,
    shift: Own<f32, 2>,
}

/// `owns Deflection, Shift reads Mass, Radius, Velocity fresh others Impacts index … with { reach }`.
pub fn bind(access: &mut Access<'_>) -> Result<Box<dyn Kernel>, AccessError> {
    let contacts = Contacts::bind(access)?;
    Ok(Box::new(Deflect {
        contacts,
        impacts: access.fresh("Impacts")?,
        change: access.own("Deflection")?,
        shift: access.own("Shift")?,
    }))
}

impl Kernel for Deflect {
    fn run(&mut self, batch: &Batch<'_, '_>) -> Result<(), Fault> {
        let [impacts] = batch.fresh(self.impacts);
        let [change_x, change_y] = batch.own(self.change);
        let [shift_x, shift_y] = batch.own(self.shift);
        for column in [&mut *change_x, change_y, shift_x, shift_y] {
            column.fill(0.0);
        }
        let mass = self.contacts.mass(batch);
        for pair in self.contacts.pairs(batch)? {
            let (i, j) = (pair.own as usize, pair.other as usize);
            let total = mass[i] + mass[j];
            // The impulse is the same number for both, so that what one gains the other loses.
            let shared = impacts[i].max(impacts[j]).max(1) as f32;
            let impulse = 2.0 * (mass[i] * mass[j]) / total * pair.closing / shared;
            let change = impulse / mass[i];
            let shift = -(mass[j] / total) * pair.overlap / shared;
            let at = (pair.own - batch.rows.start) as usize;
            change_x[at] += change * pair.normal[0];
            change_y[at] += change * pair.normal[1];
            shift_x[at] += shift * pair.normal[0];
            shift_y[at] += shift * pair.normal[1];
        }
        Ok(())
    }
}
