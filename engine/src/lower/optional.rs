//! Components that rows may be without, and marks: what systems make of them, and the systems that add and remove.
//!
//! Where a component is added or removed, its owner and those who ask write *drafts*, columns of this frame alone. A system
//! of its own puts them together, behind all of them:
//!
//! - who has the component and does not lose it keeps what its owner made of it;
//! - who lacks it and asks for it gets what it asks for, of several what the first system in the text does;
//! - who has it and asks for it, or lacks it and asks to lose it, asks for nothing.
//!
//! So adding and removing never meet in one row, and `fresh` sees what the owner made, before anything is added.

use diptych_protocol::body::{At, Binary, Op, Store, Unary};
use diptych_protocol::id::{ColumnId, GroupId, Id, SystemId, ValueId};
use diptych_protocol::program::{Code, Reach, Read, System, When};
use diptych_protocol::table::Table;
use diptych_protocol::types::{Scalar, Value};

use crate::lower::births::Names;
use crate::lower::drafts::GainDrafts;
use crate::lower::expressions::Flattener;
use crate::lower::{Bodies, World};
use crate::types::typed::{Kind, Typed, Whose};
use crate::types::{self, Model, Place, Role};

/// A component that is added or removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Gained {
    pub group: usize,
    /// The member that says who has it.
    pub presence: usize,
}

impl Gained {
    /// Whether a member is of it: who has it, one of its values, or a mark of one.
    pub fn has(self, group: usize, number: usize, member: &types::Member) -> bool {
        group == self.group && (number == self.presence || member.presence == Some(self.presence))
    }

    /// Its values and their marks, by their places.
    pub fn parts<'m>(self, model: &'m Model<'_>) -> impl Iterator<Item = (Place, &'m types::Member)> {
        let members = model.groups[self.group].members.iter().enumerate();
        let parts = members.filter(move |(_, member)| member.presence == Some(self.presence));
        parts.map(move |(member, it)| (Place { group: self.group, member }, it))
    }
}

/// All components that are added or removed.
pub(super) fn gained(model: &Model<'_>) -> Vec<Gained> {
    let groups = model.groups.iter().enumerate();
    let all = groups.flat_map(|(group, it)| {
        let presences = it.members.iter().enumerate().filter(|(_, it)| it.role == Role::Presence && it.gained);
        presences.map(move |(presence, _)| Gained { group, presence })
    });
    all.collect()
}

/// Appends the systems that put drafts together, one a component.
pub(super) fn systems(world: &World<'_>, bodies: &mut Bodies, systems: &mut Table<SystemId, System>) {
    for gained in &world.places.gained {
        let group = &world.model.groups[gained.group];
        let component = group.members.iter().find(|it| it.presence == Some(gained.presence) && it.role == Role::Value);
        let Some(component) = component.map(|member| &member.component) else { continue };
        let name = format!("{component} of {} comes and goes", group.name);
        let body = bodies.make(world, gained.group, format!("system {name}"), |flattener| {
            flattener.names = Names::Prev;
            flattener.put_together(world, *gained);
        });
        let made = &bodies.bodies[body];
        let fresh = made.ops.values().filter_map(|typed| match typed.op {
            Op::Read { column, when: When::Fresh, .. } => Some(Read { column, when: When::Fresh, reach: Reach::Own }),
            _ => None,
        });
        let _: SystemId = systems.push(System {
            group: GroupId::new(gained.group as u32),
            owns: made.stores.iter().map(|store| store.column).collect(),
            reads: fresh.collect(),
            indexes: Vec::new(),
            inverses: Vec::new(),
            code: Code::Body(body),
            only: None,
            constants: Vec::new(),
            batch_rows: None,
            span: group.members[gained.presence].span,
            name,
        });
    }
}

impl Flattener<'_> {
    fn put_together(&mut self, world: &World<'_>, gained: Gained) {
        let drafts = &world.places.drafts;
        let fresh = |this: &mut Self, column: ColumnId, scalar: Scalar| {
            this.push(scalar, Op::Read { column, when: When::Fresh, at: At::Own })
        };
        let never = self.builder.constant(Value::Bool(false));
        let presence = Place { group: gained.group, member: gained.presence };
        let Some(&has) = self.read(presence, When::Prev, &Whose::Own).first() else { return };
        let lacks = self.unary(Scalar::Bool, Unary::Not, has);
        let mut lost = never;
        let of_group = world.model.systems.iter().enumerate().filter(|(_, system)| system.group == gained.group);
        let numbers: Vec<usize> = of_group.map(|(number, _)| number).collect();
        for column in numbers.iter().filter_map(|number| drafts.losses.get(&(*number, gained.presence))) {
            let asked = fresh(self, *column, Scalar::Bool);
            lost = self.binary(Scalar::Bool, Binary::Or, lost, asked);
        }
        let kept = self.unary(Scalar::Bool, Unary::Not, lost);
        let stays = self.binary(Scalar::Bool, Binary::And, has, kept);
        let gains: Vec<&GainDrafts> =
            numbers.iter().filter_map(|number| drafts.gains.get(&(*number, gained.presence))).collect();
        let mut begins = Vec::new();
        let mut now = stays;
        for gain in &gains {
            let asked = fresh(self, gain.asked, Scalar::Bool);
            let begun = self.binary(Scalar::Bool, Binary::And, lacks, asked);
            now = self.binary(Scalar::Bool, Binary::Or, now, begun);
            begins.push(begun);
        }
        let span = world.model.groups[gained.group].members[gained.presence].span;
        for column in world.places.of(presence) {
            self.builder.store(Store { column, value: now, span });
        }
        let mut leaf = 0;
        for (place, member) in gained.parts(world.model) {
            let scalar = member.ty.scalar;
            let mark = matches!(member.role, Role::Mark(_));
            let zeros = self.lanes(&Typed::zero(member.ty));
            let base: Vec<ValueId> = match (drafts.made.get(&place), mark) {
                (Some(made), _) => made.iter().map(|column| fresh(self, *column, scalar)).collect(),
                (None, true) => vec![never],
                (None, false) => {
                    let kind = Kind::Read { place, when: When::Prev, whose: Whose::Own };
                    self.lanes(&Typed { ty: member.ty, kind })
                }
            };
            for (lane, column) in world.places.of(place).into_iter().enumerate() {
                let mut value = self.push(scalar, Op::Select(stays, base[lane], zeros[lane]));
                // The first in the text goes over those behind it.
                for (gain, begun) in gains.iter().zip(&begins).rev() {
                    let first = match mark {
                        true => self.builder.constant(Value::Bool(true)),
                        false => fresh(self, gain.values[leaf][lane], scalar),
                    };
                    value = self.push(scalar, Op::Select(*begun, first, value));
                }
                self.builder.store(Store { column, value, span });
            }
            leaf += usize::from(!mark);
        }
    }
}
