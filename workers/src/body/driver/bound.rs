//! What a body sees of one batch: its columns as slices. The lists of slices are made anew for each batch and block, in
//! room that stays.

use std::borrow::Cow;
use std::ops::Range;

use diptych_protocol::grid_view::GridView;
use diptych_protocol::id::{ColumnId, IndexId};
use diptych_protocol::kd_view::SummaryView;
use diptych_protocol::program::{Reach, When};
use diptych_protocol::values::{Values, ValuesMut};
use diptych_protocol::view::{Batch, Positions};

use super::ahead::Answers;
use super::core::Core;
use super::slotted::Own;
use crate::body::slots::Slots;
use crate::index::{self, Asked, Exact, KdTree};

/// An empty list in the room of another, whose items have borrowed from what is gone.
pub(in crate::body) fn recycle<A, B>(mut list: Vec<A>) -> Vec<B> {
    list.clear();
    // The standard library collects in place where items have one size: nothing is allocated.
    list.into_iter().map(|_| unreachable!("the list is empty")).collect()
}

/// Room for lists of slices: empty between uses.
#[derive(Default)]
pub(super) struct Rooms {
    pub own: Vec<Values<'static>>,
    pub out: Vec<ValuesMut<'static>>,
    pub(super) sources: Vec<Own<'static>>,
    bound_own: Vec<Values<'static>>,
    bound_far: Vec<Values<'static>>,
    bound_others: Vec<Values<'static>>,
    bound_spaces: Vec<Surroundings<'static>>,
    ranges: Vec<Range<usize>>,
    /// Room for rounded positions.
    rounded: Vec<Vec<f32>>,
}

/// A finished index.
#[expect(clippy::large_enum_variant, reason = "few a batch: in a box each would be allocated")]
pub(super) enum Found<'b> {
    Tree(KdTree<'b>),
    Grid(GridView<'b>),
}

/// An index that is asked, and where the asking rows stand.
pub(super) struct Surroundings<'b> {
    pub index: Found<'b>,
    pub theirs: Positions<'b>,
    own: [Cow<'b, [f32]>; 3],
    /// Those of its rows and the own ones before they were rounded, if positions are of `f64` and a tree is asked.
    exact: Option<[&'b [f64]; 3]>,
    /// The entities of its rows, if they are kept in its order and a tree is asked.
    entities: Option<&'b [u32]>,
    own_exact: [&'b [f64]; 3],
    /// Whether own positions stand in the order of the batch's slots, instead of by row.
    pub by_slot: bool,
    /// Whether these slots are those of the index.
    pub own_slots: bool,
    /// The radii of the batch's own rows, where they have radii of their own, as the positions stand.
    pub radii: Option<&'b [f32]>,
    /// What the nodes of a tree keep of their rows, if anything.
    pub summary: Option<SummaryView<'b>>,
}

impl Surroundings<'_> {
    /// The positions of the batch's own rows, or the points that they ask with, an axis each.
    pub fn own(&self) -> [&[f32]; 3] {
        self.own.each_ref().map(|axis| &**axis)
    }

    /// The point that the own row at a place measures from.
    pub fn point(&self, place: usize) -> [f64; 3] {
        let mut point = [0.0; 3];
        for (axis, to) in point.iter_mut().enumerate().take(self.axes()) {
            *to = match self.own_exact[axis].get(place) {
                Some(exact) => *exact,
                None => f64::from(self.own[axis][place]),
            };
        }
        point
    }

    /// How many axes.
    pub fn axes(&self) -> usize {
        self.theirs.axes().len()
    }
}

impl<'b> Surroundings<'b> {
    /// The tree. Only within a reach a verified body asks a grid.
    pub fn tree(&self) -> &KdTree<'b> {
        match &self.index {
            Found::Tree(tree) => tree,
            Found::Grid(_) => unreachable!("a verified body asks a grid for no more than what is within a reach"),
        }
    }

    /// What a point asks the tree; `own` is left out.
    pub fn asked(&self, batch: &'b Batch<'_, '_>, from: [f64; 3], own: Option<u32>, count: usize) -> Asked<'b> {
        let positions = match self.exact {
            Some(exact) => Exact::F64(exact),
            None => {
                let mut axes: [&'b [f32]; 3] = [&[]; 3];
                axes.iter_mut().zip(self.theirs.axes()).for_each(|(to, axis)| *to = axis);
                Exact::F32(axes)
            }
        };
        let (tree, entities) = (*self.tree(), self.entities);
        Asked { tree, space: batch.space(), positions, entities, from, own, count }
    }

    /// The row in each slot of a grid.
    pub fn slot_rows(&self) -> Option<&'b [u32]> {
        match &self.index {
            Found::Tree(_) => None,
            Found::Grid(grid) => Some(grid.slot_rows),
        }
    }
}

/// The columns of one batch.
pub(super) struct Bound<'b> {
    /// Of the batch's own rows; those that are read at an offset whole.
    pub own: Vec<Values<'b>>,
    /// Whole.
    pub far: Vec<Values<'b>>,
    /// Those of each loop's others, whole, one loop after another (in the order of slots where a grid has copies of all
    /// that is read);
    pub others: Vec<Values<'b>>,
    /// and which are whose.
    pub ranges: Vec<Range<usize>>,
    /// What is around, by the order of the indexes.
    pub spaces: Vec<Surroundings<'b>>,
    /// What was found ahead: what loops ask with, which rows others go over.
    pub ahead: Answers<'b>,
}

impl<'b> Bound<'b> {
    pub fn new(batch: &'b Batch<'_, '_>, slots: &Slots, core: &Core, rooms: &mut Rooms, ahead: Answers<'b>) -> Self {
        let mut bound = Bound {
            own: recycle(std::mem::take(&mut rooms.bound_own)),
            far: recycle(std::mem::take(&mut rooms.bound_far)),
            others: recycle(std::mem::take(&mut rooms.bound_others)),
            ranges: std::mem::take(&mut rooms.ranges),
            spaces: recycle(std::mem::take(&mut rooms.bound_spaces)),
            ahead,
        };
        if batch.slots().is_none() {
            bound.own.extend(slots.own.iter().map(|slot| {
                let reach = if slot.offset == [0; 3] { Reach::Own } else { Reach::Any };
                batch.read_values(slot.column, slot.when, reach)
            }));
        }
        bound.far.extend(slots.far.iter().map(|slot| batch.read_values(slot.column, slot.when, Reach::Any)));
        bound.ranges.clear();
        for (number, it) in slots.loops.iter().enumerate() {
            let start = bound.others.len();
            let copies = core.copies(number);
            bound.others.extend(it.columns.iter().map(|slot| {
                let copy = copies.and_then(|index| batch.grid_copy(index, slot.column, slot.when));
                copy.unwrap_or_else(|| batch.read_values(slot.column, slot.when, Reach::Any))
            }));
            bound.ranges.push(start..bound.others.len());
        }
        bound.spaces.extend(core.all_around().iter().map(|around| {
            let mut own = [const { Cow::Borrowed(&[] as &[f32]) }; 3];
            let tree = batch.program().indexes[around.index].bucket_rows().is_some();
            let (index, summary) = if tree {
                (Found::Tree(KdTree(batch.kd(around.index))), batch.kd_summary(around.index))
            } else {
                (Found::Grid(batch.grid(around.index)), None)
            };
            let theirs = batch.positions(around.index);
            let exact = if tree { exact_positions(batch, around.index) } else { None };
            let entities = if around.nearest { entities(batch, around.index) } else { None };
            if let Some(question) = around.question {
                let question = ahead.question(question);
                let own = question.points().map(Cow::Borrowed);
                let (by_slot, radii) = (batch.slots().is_some(), question.radii());
                let own_exact = question.exact();
                return Surroundings {
                    index,
                    theirs,
                    own,
                    exact,
                    entities,
                    own_exact,
                    by_slot,
                    own_slots: false,
                    radii,
                    summary,
                };
            }
            let own_slots = !tree && batch.slots() == Some(around.index);
            let by_slot = own_slots || (batch.in_order() && around.when == When::Fresh);
            // The tree has the own positions, rounded already.
            let known = tree && around.own && batch.slots().is_some();
            let mut own_exact: [&[f64]; 3] = [&[]; 3];
            if known {
                own_exact = exact.unwrap_or(own_exact);
                own.iter_mut().zip(theirs.axes()).for_each(|(axis, values)| *axis = Cow::Borrowed(*values));
            }
            let unknown = own.iter_mut().zip(&around.from).enumerate().filter(|_| !known);
            for (number, (axis, &column)) in unknown {
                match own_positions(batch, around.index, column, around.when) {
                    Values::F32(values) => *axis = Cow::Borrowed(values),
                    Values::F64(values) => {
                        own_exact[number] = values;
                        let mut rounded = rooms.rounded.pop().unwrap_or_default();
                        rounded.resize(values.len(), 0.0);
                        index::round(batch.space(), number, values, &mut rounded);
                        *axis = Cow::Owned(rounded);
                    }
                    _ => {}
                }
            }
            Surroundings { index, theirs, own, exact, entities, own_exact, by_slot, own_slots, radii: None, summary }
        }));
        bound
    }

    /// Leaves the room for the next batch.
    pub fn give_back(self, rooms: &mut Rooms) {
        rooms.bound_own = recycle(self.own);
        rooms.bound_far = recycle(self.far);
        rooms.bound_others = recycle(self.others);
        rooms.ranges = self.ranges;
        let mut spaces = self.spaces;
        for space in &mut spaces {
            let owned = space.own.iter_mut().filter(|axis| matches!(axis, Cow::Owned(_)));
            rooms.rounded.extend(owned.map(|axis| std::mem::take(axis).into_owned()));
        }
        rooms.bound_spaces = recycle(spaces);
    }
}

/// The positions of an index's rows, if they are of `f64`.
fn exact_positions<'b>(batch: &'b Batch<'_, '_>, index: IndexId) -> Option<[&'b [f64]; 3]> {
    let index = &batch.program().indexes[index];
    let mut axes: [&[f64]; 3] = [&[]; 3];
    for (axis, column) in axes.iter_mut().zip(&index.positions) {
        let Values::F64(values) = batch.read_values(*column, index.when, Reach::Any) else { return None };
        *axis = values;
    }
    Some(axes)
}

/// The entities of an index's rows, if those move: else they are their numbers.
fn entities<'b>(batch: &'b Batch<'_, '_>, index: IndexId) -> Option<&'b [u32]> {
    let entities = batch.program().groups[batch.program().indexes[index].group].entities()?;
    match batch.read_values(entities, When::Prev, Reach::Any) {
        Values::U32(entities) => Some(entities),
        _ => None,
    }
}

/// A column of the own positions: of the batch's rows as they stand; of a batch that is given by slots, in that order
/// where the index is that grid, which has copies of what distances are measured between, else whole.
fn own_positions<'b>(batch: &'b Batch<'_, '_>, index: IndexId, column: ColumnId, when: When) -> Values<'b> {
    if batch.slots().is_none() || (batch.in_order() && when == When::Fresh) {
        return batch.read_values(column, when, Reach::Own);
    }
    let copy = batch.grid_copy_here(index, column, when);
    copy.or_else(|| batch.read_by_row(column, when)).unwrap_or(Values::F32(&[]))
}

#[cfg(test)]
mod tests {
    use super::recycle;
    use crate::body::block::{Turns, Values, ValuesMut};

    #[test]
    fn lists_keep_their_room() {
        fn keeps<T>(items: impl Iterator<Item = T>) {
            let mut list: Vec<T> = items.collect();
            for _ in 0..3 {
                let (room, capacity) = (list.as_ptr(), list.capacity());
                list = recycle(list);
                assert!(list.is_empty() && list.as_ptr() == room && list.capacity() == capacity);
            }
        }
        keeps((0..9).map(|_| Values::F32(&[])));
        keeps((0..9).map(|_| ValuesMut::F64(&mut [])));
        keeps((0..9).map(|_| Turns::Count));
    }
}
