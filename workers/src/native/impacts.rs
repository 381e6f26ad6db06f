//! `collision.count`: how many particles each one meets in this frame, and has met so far.

use diptych_protocol::access::{Access, AccessError, Own};
use diptych_protocol::blame::Fault;
use diptych_protocol::view::Batch;

use super::contact::Contacts;
use crate::kernel::Kernel;

struct Count {
    contacts: Contacts,
    impacts: Own<u32>,
    met: Own<u32>,
}

/// `owns Impacts, Met reads Mass, Radius, Velocity index … with { reach }`: `Impacts` (`u32`) is this frame's count,
/// `Met` (`u32`) the sum over frames; a pair counts once for each of the two.
pub fn bind(access: &mut Access<'_>) -> Result<Box<dyn Kernel>, AccessError> {
    let contacts = Contacts::bind(access)?;
    Ok(Box::new(Count { contacts, impacts: access.own("Impacts")?, met: access.own("Met")? }))
}

impl Kernel for Count {
    fn run(&mut self, batch: &Batch<'_, '_>) -> Result<(), Fault> {
        let [impacts] = batch.own(self.impacts);
        let [met] = batch.own_carried(self.met);
        impacts.fill(0);
        for pair in self.contacts.pairs(batch)? {
            let at = (pair.own - batch.rows.start) as usize;
            impacts[at] += 1;
            met[at] = met[at].wrapping_add(1);
        }
        Ok(())
    }
}
