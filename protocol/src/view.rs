//! What a batch may touch: `prev`, complete `fresh` columns, and its own rows of the `next` columns it owns, by
//! construction. One of the few modules with `unsafe`.

#![expect(unsafe_code, reason = "typed slices of shared columns, exclusive by claim")]

use std::cell::Cell;
use std::ops::Range;

use bytemuck::Pod;

use crate::access::{Element, Fresh, FreshOwn, IndexHandle, Own, Prev};
use crate::board::Board;
use crate::id::{
    BatchId, ColumnId, EditId, Entity, GroupId, IndexId, InverseId, RowRange, StageId, StepId, SystemId, Tick,
};
use crate::layout::{IndexPlaces, Place};
use crate::limits::{LANES_MAX, OWNS_MAX, ROW_ALIGN};
use crate::program::{Code, Program, Reach, When, Work};
use crate::space::Space;
use crate::track::Track;
use crate::types::Scalar;
use crate::values::{Values, ValuesMut};

/// A batch that is being run: its place in the program, and its slices.
///
/// Why the slices are sound:
/// - `prev` panels are written by nobody while the tick runs (the swap made them `prev`; their next writer is a
///   batch of the next tick, which begins when all of this tick's batches are done).
/// - A `fresh` column that is read at any row was completed in an earlier stage (the verifier's duty).
/// - Own rows of `next` are written by the batch that holds their range in the step that owns the column: one owner
///   a column, one range a batch, one holder a ticket. Where a pass goes by slots, rows lie anywhere: then all its
///   batches see what the pass writes as atomics ([`crate::values::Cells`]), unless its group is kept in that order,
///   where a batch's slots are its rows of `next`. Within the batch each column is handed out for writing once a
///   system ([`Self::enter`]).
pub struct Batch<'t, 'm> {
    track: &'t Track<'m>,
    /// The tick it belongs to.
    pub tick: Tick,
    /// The step.
    pub step: StepId,
    /// Its number within the step.
    pub number: BatchId,
    /// Its rows; slots, where [`Self::slots`] says so; for a chunk, the chunk's number.
    pub rows: RowRange,
    system: Option<SystemId>,
    /// Whether all systems of the pass have run.
    passed: bool,
    /// Which of the system's owned columns are handed out, a bit each, in the order of its `owns`.
    taken: Cell<u128>,
    handed_out: Cell<bool>,
    /// The last edit of the system that is handed out; of a native system which are, a bit each, by their numbers.
    edit: Cell<Option<EditId>>,
    edits: Cell<u128>,
}

impl<'t, 'm> Batch<'t, 'm> {
    /// The batch that a stage's number stands for; nothing if the stage has no such batch.
    ///
    /// # Safety
    /// - The caller holds the batch's ticket in this tick, or is otherwise sure that nobody else runs it and that
    ///   every earlier stage is complete; and it makes one `Batch` of it at a time.
    /// - The program was verified.
    pub unsafe fn claimed(track: &'t Track<'m>, tick: Tick, stage: StageId, batch: u32) -> Option<Self> {
        let (step, number, rows) = track.locate(tick, stage, batch)?;
        Some(Self {
            track,
            tick,
            step,
            number,
            rows,
            system: None,
            passed: false,
            taken: Cell::new(0),
            handed_out: Cell::new(false),
            edit: Cell::new(None),
            edits: Cell::new(0),
        })
    }

    /// The program.
    pub fn program(&self) -> &'m Program {
        self.track.program
    }

    /// The space of the positions.
    pub fn space(&self) -> &'m Space {
        &self.program().space
    }

    /// The time step.
    pub fn dt(&self) -> f32 {
        self.program().dt as f32
    }

    /// The track it runs on.
    pub fn track(&self) -> &'t Track<'m> {
        self.track
    }

    /// The system that runs now.
    pub fn system(&self) -> Option<SystemId> {
        self.system
    }

    /// The stable name of a row of `prev` of the batch's group: its number, unless the group's rows move.
    pub fn entity(&self, row: u32) -> Entity {
        let group = self.group().map(|group| &self.program().groups[group]);
        let named = |column: Option<ColumnId>| match column {
            // SAFETY: nobody writes `prev` while the tick runs.
            Some(column) if self.tick != Tick::SETUP => unsafe {
                Some(self.rows_of::<u32>(column, When::Prev, self.all_rows(column))[row as usize])
            },
            _ => None,
        };
        let living = group.and_then(|group| group.living);
        Entity {
            index: named(group.and_then(|group| group.entities())).unwrap_or(row),
            generation: named(living.map(|living| living.generations)).unwrap_or(0),
        }
    }

    /// Begins the next system of the pass. All slices handed out before are gone: this takes the batch exclusively.
    #[inline]
    pub fn enter(&mut self, system: SystemId) {
        self.system = Some(system);
        self.passed = false;
        self.taken.set(0);
        self.edit.set(None);
        self.edits.set(0);
    }

    /// Ends the pass: what its systems have made of the batch's rows is finished. As [`Self::enter`], it takes all slices
    /// back, and none is handed out again.
    pub fn leave(&mut self) {
        self.system = None;
        self.passed = true;
    }

    /// Whether the batch aggregates the rows of a group, and now is the time.
    pub(crate) fn aggregates(&self, group: GroupId) -> bool {
        match self.program().steps[self.step].work {
            Work::Reduce(of) | Work::Tally(of, _) => of == group,
            Work::Pass { reduces, .. } => reduces && self.passed && self.group() == Some(group),
            _ => false,
        }
    }

    /// A group's rows in this tick (0 for a derived group that is not made yet).
    #[inline]
    pub fn group_rows(&self, group: GroupId) -> u32 {
        self.track.rows(group, self.tick).unwrap_or(0)
    }

    #[inline]
    pub(crate) fn panel(&self, column: ColumnId, when: When) -> usize {
        let record = self.track.record();
        let panel = match when {
            When::Prev => record.prev_panel(column),
            When::Fresh => record.next_panel(self.program(), column),
        };
        self.track.layout.columns[column].panels[panel]
    }

    /// # Safety
    /// The rows of this panel are not written while the slice lives.
    #[inline]
    pub(crate) unsafe fn rows_of<T: Pod>(&self, column: ColumnId, when: When, rows: Range<usize>) -> &[T] {
        let place = &self.track.layout.columns[column];
        assert!(place.scalar.size() == size_of::<T>() && rows.end <= place.capacity as usize, "a column's view");
        // SAFETY: the caller's duty.
        unsafe { self.track.memory.read_at(self.panel(column, when) + rows.start * size_of::<T>(), rows.len()) }
    }

    /// # Safety
    /// The rows of this column's `next` belong to this batch, and no other slice of them lives.
    #[inline]
    #[expect(clippy::mut_from_ref, reason = "exclusive by the claim and by `take`")]
    unsafe fn rows_of_next<T: Pod>(&self, column: ColumnId, rows: Range<usize>) -> &mut [T] {
        assert!(self.slots().is_none() || self.in_order(), "a batch by slots has no stretch of rows");
        let place = &self.track.layout.columns[column];
        assert!(place.scalar.size() == size_of::<T>() && rows.end <= place.capacity as usize, "a column's view");
        let offset = self.panel(column, When::Fresh) + rows.start * size_of::<T>();
        // SAFETY: the caller's duty.
        unsafe { self.track.memory.write_at(offset, rows.len()) }
    }

    #[inline]
    fn owned_bit(&self, system: SystemId, column: ColumnId) -> u128 {
        let owns = &self.program().systems[system].owns;
        let at = owns.iter().position(|&c| c == column).filter(|&at| at < OWNS_MAX);
        assert!(at.is_some(), "a column that the system does not own");
        1 << at.unwrap_or(0)
    }

    /// Marks an owned column as handed out.
    #[inline]
    pub(crate) fn take(&self, system: SystemId, column: ColumnId) {
        let bit = self.owned_bit(system, column);
        assert!(self.taken.get() & bit == 0, "a kernel takes the same owned component twice");
        self.taken.set(self.taken.get() | bit);
    }

    /// Marks an edit as handed out: those of a body come in their order.
    pub(crate) fn take_edit(&self, edit: EditId) {
        let system = self.system.map(|system| &self.program().systems[system].code);
        if let (Some(Code::Native(_)), Some(turns)) = (system, self.program().edits[edit].turns) {
            let bit = 1u128.checked_shl(u32::from(turns.ask)).unwrap_or(0);
            assert!(bit != 0 && self.edits.get() & bit == 0, "a kernel takes an edit twice, or has too many");
            self.edits.set(self.edits.get() | bit);
            return;
        }
        assert!(self.edit.replace(Some(edit)) < Some(edit), "a kernel takes an edit twice, or not in order");
    }

    #[inline]
    fn check(&self, system: SystemId) {
        assert_eq!(self.system, Some(system), "a kernel used another system's handle");
    }

    /// `prev` of a component, every row of its group.
    pub fn prev<T: Element, const LANES: usize>(&self, handle: Prev<T, LANES>) -> [&[T]; LANES] {
        self.check(handle.system);
        // SAFETY: nobody writes `prev` while the tick runs.
        handle.columns.map(|c| unsafe { self.rows_of(c, When::Prev, self.all_rows(c)) })
    }

    /// This frame's complete `next` of a component, every row of its group.
    pub fn fresh<T: Element, const LANES: usize>(&self, handle: Fresh<T, LANES>) -> [&[T]; LANES] {
        self.check(handle.system);
        // SAFETY: its owner ran in an earlier stage (verified), which is complete.
        handle.columns.map(|c| unsafe { self.rows_of(c, When::Fresh, self.all_rows(c)) })
    }

    /// This frame's `next` of the batch's own rows, made earlier in the frame.
    pub fn fresh_own<T: Element, const LANES: usize>(&self, handle: FreshOwn<T, LANES>) -> [&[T]; LANES] {
        self.check(handle.system);
        // SAFETY: its owner ran in an earlier stage, or earlier in this very batch; slices for writing do not
        // outlive the system they were handed to (`enter`), and this system does not own the column.
        handle.columns.map(|c| unsafe { self.rows_of(c, When::Fresh, self.rows.indices()) })
    }

    /// `next` of the batch's own rows, to write. Every row must be written: what stands there is two frames old.
    /// Where some rows stay as they are, [`Self::own_carried`] starts from `prev`.
    ///
    /// # Panics
    /// If the system takes the same component twice.
    #[expect(clippy::mut_from_ref, reason = "each column is handed out once a system")]
    pub fn own<T: Element, const LANES: usize>(&self, handle: Own<T, LANES>) -> [&mut [T]; LANES] {
        self.check(handle.system);
        handle.columns.map(|column| {
            self.take(handle.system, column);
            // SAFETY: the system owns the column, the batch holds these rows, and no other slice lives: each is
            // handed out once a system, and reading views of own `next` rows are of other systems' columns.
            let rows = unsafe { self.rows_of_next::<T>(column, self.rows.indices()) };
            poison(rows);
            rows
        })
    }

    /// As [`Self::own`], with `prev` copied in.
    #[expect(clippy::mut_from_ref, reason = "each column is handed out once a system")]
    pub fn own_carried<T: Element, const LANES: usize>(&self, handle: Own<T, LANES>) -> [&mut [T]; LANES] {
        let columns = handle.columns;
        let mut next = self.own(handle);
        for (next, column) in next.iter_mut().zip(columns) {
            // SAFETY: nobody writes `prev` while the tick runs.
            next.copy_from_slice(unsafe { self.rows_of(column, When::Prev, self.rows.indices()) });
        }
        next
    }

    /// The batch's own rows of these columns, while their group's blueprint is evaluated, with room for a last block
    /// of lanes. Handed out once.
    ///
    /// # Panics
    /// If the batch is no blueprint's of that group, or a column comes twice.
    pub fn blueprint_values(&self, columns: &[ColumnId]) -> Vec<ValuesMut<'_>> {
        self.hand_out_once();
        let cut = |(at, &column): (usize, &ColumnId)| {
            let group = self.program().columns[column].group;
            assert!(matches!(self.program().steps[self.step].work, Work::Blueprint(g) if g == group), "no blueprint");
            assert!(!columns[..at].contains(&column), "a blueprint stores a column twice");
            // SAFETY: a group's blueprint is evaluated by one step, the batch holds these rows, and no other slice of
            // the column lives: columns differ, and they are handed out once.
            unsafe { self.typed_mut(column, self.own_lanes()) }
        };
        columns.iter().enumerate().map(cut).collect()
    }

    /// Writes the next frame record.
    ///
    /// # Panics
    /// If the batch is not the commit's.
    pub fn commit(&self) {
        assert_eq!(self.program().steps[self.step].work, Work::Commit, "another step's batch commits");
        self.track.commit(self.tick);
    }

    /// The batch's rows, and those behind them up to a multiple of the lanes. Capacities and batches are multiples of
    /// [`ROW_ALIGN`], which is one of the lanes: only a group's last batch gets more than its rows, and nobody else
    /// touches those.
    #[inline]
    pub(crate) fn own_lanes(&self) -> Range<usize> {
        assert!(self.slots().is_none() || self.in_order(), "a batch by slots has no stretch of rows");
        const { assert!((ROW_ALIGN as usize).is_multiple_of(LANES_MAX)) };
        self.rows.start as usize..(self.rows.end as usize).next_multiple_of(LANES_MAX)
    }

    /// A column as a body reads it: with [`Reach::Own`] the batch's own rows (and some more, as many as a last block
    /// of lanes has), else every row of its group.
    ///
    /// # Panics
    /// If the running system did not declare it: a read, a position of an index that it asks, or `prev` of its own row.
    pub fn read_values(&self, column: ColumnId, when: When, reach: Reach) -> Values<'_> {
        assert!(self.may_read(column, when, reach), "a body reads what its system does not declare");
        let rows = match reach {
            Reach::Own => {
                assert!(when == When::Fresh || !self.in_order(), "rows of `prev` lie anywhere");
                self.own_lanes()
            }
            Reach::Any => self.all_rows(column),
        };
        // SAFETY: declared. `prev` is written by nobody. `next` was completed in an earlier stage (verified), or, of the
        // own rows, earlier in this batch by a system that has returned; this system does not own the column.
        unsafe { self.typed(column, when, rows) }
    }

    pub(crate) fn may_read(&self, column: ColumnId, when: When, reach: Reach) -> bool {
        let Some(id) = self.system else { return false };
        let system = &self.program().systems[id];
        let own = self.program().columns[column].group == system.group;
        let declared = system
            .reads
            .iter()
            .any(|r| r.column == column && r.when == when && (r.reach == reach || (r.reach == Reach::Any && own)));
        let position = system.indexes.iter().map(|&index| &self.program().indexes[index]);
        let position = reach == Reach::Any
            && position.into_iter().any(|index| index.when == when && index.positions.contains(&column));
        declared || position || (own && reach == Reach::Own && when == When::Prev)
    }

    /// `next` of the batch's own rows of a column that the system owns, to write, with room for a last block of lanes.
    /// As [`Self::own`].
    ///
    /// # Panics
    /// If no system runs, it does not own the column, or it takes it twice.
    pub fn write_values(&self, column: ColumnId) -> ValuesMut<'_> {
        assert!(self.system.is_some(), "a body writes outside of its system");
        self.system.into_iter().for_each(|system| self.take(system, column));
        // SAFETY: the system owns the column, the batch holds these rows, and no other slice of them lives: each is
        // handed out once a system, and reading views of own `next` rows are of other systems' columns.
        let mut values = unsafe { self.typed_mut(column, self.own_lanes()) };
        match &mut values {
            ValuesMut::F32(rows) => poison(rows),
            ValuesMut::I32(rows) => poison(rows),
            ValuesMut::U32(rows) => poison(rows),
            _ => {}
        }
        values
    }

    /// # Safety
    /// As [`Self::rows_of`].
    pub(crate) unsafe fn typed(&self, column: ColumnId, when: When, rows: Range<usize>) -> Values<'_> {
        // SAFETY: the caller's duty.
        unsafe {
            match self.track.layout.columns[column].scalar {
                Scalar::F32 => Values::F32(self.rows_of(column, when, rows)),
                Scalar::F64 => Values::F64(self.rows_of(column, when, rows)),
                Scalar::I8 => Values::I8(self.rows_of(column, when, rows)),
                Scalar::I16 => Values::I16(self.rows_of(column, when, rows)),
                Scalar::I32 => Values::I32(self.rows_of(column, when, rows)),
                Scalar::U8 => Values::U8(self.rows_of(column, when, rows)),
                Scalar::U16 => Values::U16(self.rows_of(column, when, rows)),
                Scalar::U32 => Values::U32(self.rows_of(column, when, rows)),
                Scalar::Bool => Values::Bool(self.rows_of(column, when, rows)),
            }
        }
    }

    /// # Safety
    /// As [`Self::rows_of_next`].
    pub(crate) unsafe fn typed_mut(&self, column: ColumnId, rows: Range<usize>) -> ValuesMut<'_> {
        // SAFETY: the caller's duty.
        unsafe {
            match self.track.layout.columns[column].scalar {
                Scalar::F32 => ValuesMut::F32(self.rows_of_next(column, rows)),
                Scalar::F64 => ValuesMut::F64(self.rows_of_next(column, rows)),
                Scalar::I8 => ValuesMut::I8(self.rows_of_next(column, rows)),
                Scalar::I16 => ValuesMut::I16(self.rows_of_next(column, rows)),
                Scalar::I32 => ValuesMut::I32(self.rows_of_next(column, rows)),
                Scalar::U8 => ValuesMut::U8(self.rows_of_next(column, rows)),
                Scalar::U16 => ValuesMut::U16(self.rows_of_next(column, rows)),
                Scalar::U32 => ValuesMut::U32(self.rows_of_next(column, rows)),
                Scalar::Bool => ValuesMut::Bool(self.rows_of_next(column, rows)),
            }
        }
    }

    /// The column of an inverse, `prev` or complete `next` as it is declared: every row of the group that refers.
    pub(crate) fn reference_column(&self, inverse: InverseId) -> &[u32] {
        let inverse = &self.program().inverses[inverse];
        // SAFETY: `prev` is written by nobody; `next` references were completed in an earlier stage (verified).
        unsafe { self.rows_of(inverse.column, inverse.when, self.all_rows(inverse.column)) }
    }

    #[inline]
    pub(crate) fn all_rows(&self, column: ColumnId) -> Range<usize> {
        0..self.group_rows(self.program().columns[column].group) as usize
    }

    /// The index behind a handle.
    pub fn index_of(&self, handle: IndexHandle) -> IndexId {
        handle.index
    }

    /// The position columns of an index, `prev` or complete `next` as the index is declared, an axis a slice. Positions
    /// of `f64` as the index's first phase has rounded them (in that phase: none).
    pub fn positions(&self, index: IndexId) -> Positions<'_> {
        let rounded = match &self.track.layout.indexes[index] {
            IndexPlaces::Tree(places) => places.rounded.as_slice(),
            IndexPlaces::Grid(places) => places.rounded.as_slice(),
        };
        let rounding = self.rounds(index);
        let index = &self.program().indexes[index];
        let mut axes: [&[f32]; 3] = [&[]; 3];
        if !rounded.is_empty() {
            let rows = self.group_rows(index.group) as usize;
            for (axis, &place) in axes.iter_mut().zip(rounded).filter(|_| !rounding) {
                // SAFETY: the index's first phase is complete: this is a later one, or a system that asks the sealed
                // index (verified).
                *axis = unsafe { self.array(place, 0..rows) };
            }
            return Positions { axes, count: index.positions.len() };
        }
        for (axis, &column) in axes.iter_mut().zip(&index.positions) {
            // SAFETY: `prev` is written by nobody; `next` positions were completed in an earlier stage (verified).
            *axis = unsafe { self.rows_of(column, index.when, self.all_rows(column)) };
        }
        Positions { axes, count: index.positions.len() }
    }

    /// Whether the batch is of the phase of an index that rounds positions of `f64`: its first.
    pub(crate) fn rounds(&self, index: IndexId) -> bool {
        let first = self.program().indexes[index].phases(self.space())[0];
        self.program().steps[self.step].work == Work::Index(index, first)
    }

    /// A position column of `f64` of an index, whole, as the index is declared.
    pub fn wide_position(&self, index: IndexId, axis: usize) -> &[f64] {
        let index = &self.program().indexes[index];
        let column = index.positions[axis];
        // SAFETY: as in `positions`.
        unsafe { self.rows_of(column, index.when, self.all_rows(column)) }
    }

    /// Checks that the batch's index arrays are handed out once.
    pub(crate) fn hand_out_once(&self) {
        assert!(!self.handed_out.replace(true), "an index phase takes its arrays twice");
    }

    /// A complete array of an index.
    ///
    /// # Safety
    /// The phase that writes it is complete in this tick.
    pub(crate) unsafe fn array<T: Pod>(&self, place: Place<T>, range: Range<usize>) -> &[T] {
        // SAFETY: the caller's duty.
        unsafe { self.track.memory.read(place, range) }
    }

    /// A part of an array of an index, to write.
    ///
    /// # Safety
    /// The part is this batch's alone in this phase, and no other slice of it lives.
    #[expect(clippy::mut_from_ref, reason = "exclusive by the claim")]
    pub(crate) unsafe fn array_mut<T: Pod>(&self, place: Place<T>, range: Range<usize>) -> &mut [T] {
        // SAFETY: the caller's duty.
        unsafe { self.track.memory.write(place, range) }
    }

    /// In debug builds: the first own row (as [`Self::entity`] takes it), of all the columns that the system owns, that
    /// its kernel did not write.
    #[inline]
    pub fn unwritten(&self) -> Option<(ColumnId, u32)> {
        if !cfg!(debug_assertions) {
            return None;
        }
        let id = self.system?;
        let system = &self.program().systems[id];
        let untaken = |c: &&ColumnId| self.taken.get() & self.owned_bit(id, **c) == 0;
        let name = |at: usize| if self.slots().is_some() { self.slot_rows()[at] } else { self.rows.start + at as u32 };
        if let Some(&column) = system.owns.iter().find(untaken) {
            return Some((column, name(0)));
        }
        system.owns.iter().find_map(|&column| {
            if self.program().columns[column].scalar != Scalar::F32 {
                return None;
            }
            if self.slots().is_some() && !self.in_order() {
                let mut bits = Vec::new();
                self.cells(column).get_four(self.slot_rows().iter().map(|row| *row as usize), |value| bits.push(value));
                let row = bits.iter().position(|&bits| bits == POISON)?;
                return Some((column, self.slot_rows()[row]));
            }
            // SAFETY: the kernel is done with its slices: it has returned.
            let rows: &[u32] = unsafe { self.rows_of(column, When::Fresh, self.rows.indices()) };
            let row = rows.iter().position(|&bits| bits == POISON)?;
            Some((column, name(row)))
        })
    }

    /// The domain's group, if the batch has rows.
    pub fn group(&self) -> Option<GroupId> {
        self.program().steps[self.step].domain.rows(self.program()).map(|(group, _)| group)
    }
}

impl Track<'_> {
    /// The bytes of a column's rows in the state whose record the track holds: once nobody runs any more.
    ///
    /// # Panics
    /// If workers have not been told to leave: a panel that is being rewritten would be seen half old, half new.
    pub fn prev_bytes(&self, column: ColumnId, rows: RowRange) -> &[u8] {
        let place = &self.layout.columns[column];
        assert!(rows.end <= place.capacity, "rows beyond a column's end");
        assert!(Board::new(self.memory, self.layout).halted().is_some(), "a state is read while workers run");
        let offset = place.panels[self.record().prev_panel(column)] + rows.start as usize * place.scalar.size();
        // SAFETY: workers have been told to leave, and the coordinator comes here when they have left and been reaped;
        // without workers nobody writes.
        unsafe { self.memory.read_at(offset, rows.len() * place.scalar.size()) }
    }
}

/// The axes of an index's positions.
pub struct Positions<'b> {
    axes: [&'b [f32]; 3],
    count: usize,
}

impl<'b> Positions<'b> {
    /// One slice an axis.
    pub fn axes(&self) -> &[&'b [f32]] {
        &self.axes[..self.count]
    }
}

/// A NaN that no arithmetic makes.
pub(crate) const POISON: u32 = 0x7fa5_a5a5;

/// In debug builds, marks rows as unwritten.
fn poison<T: Pod>(rows: &mut [T]) {
    if cfg!(debug_assertions)
        && size_of::<T>() == 4
        && let Ok(bits) = bytemuck::try_cast_slice_mut::<T, u32>(rows)
    {
        bits.fill(POISON);
    }
}
