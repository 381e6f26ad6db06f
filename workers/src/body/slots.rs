//! What a body touches, as numbered slots: the contract between a back end, which finds everything in a
//! [`Block`](super::block::Block) by its slot, and the driver, which fills the slots.

use diptych_protocol::body::{At, Body, Op};
use diptych_protocol::id::{ColumnId, DataId, Id, LoopId};
use diptych_protocol::program::{Program, When};
use diptych_protocol::raster::Offset;
use diptych_protocol::types::Scalar;

/// A column, of one of its panels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot {
    /// The column.
    pub column: ColumnId,
    /// Which panel.
    pub when: When,
    /// Of an own column: of the cell how far from the own row. Else nowhere.
    pub offset: Offset,
    /// What it holds.
    pub scalar: Scalar,
}

/// The slots of one body. The order within each list is that of first use.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Slots {
    /// Columns read of the own row, or of the cell at an offset from it: a value a lane.
    pub own: Vec<Slot>,
    /// Columns of files read of the own row.
    pub data: Vec<(DataId, Scalar)>,
    /// Whole columns, read by the number of a row.
    pub far: Vec<Slot>,
    /// For each loop what is read of the other. Position columns are among them where deltas are.
    pub loops: Vec<LoopSlots>,
    /// What comes out: first the stores, then the results.
    pub out: Vec<Scalar>,
    /// What turns ask with, by the numbers of what they ask for.
    pub asks: Vec<Vec<Scalar>>,
}

/// The slots of one loop.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct LoopSlots {
    /// Columns of the other.
    pub columns: Vec<Slot>,
    /// Where in `columns` the position stands, an axis each; empty if no delta is asked for.
    pub position: Vec<usize>,
    /// Whether the other's row number is used, by itself or to leave the own row out.
    pub rows: bool,
}

impl Slots {
    /// The slots of a verified body. `group` is the group whose rows it runs over, if it runs over any.
    pub fn of(program: &Program, body: &Body) -> Self {
        let mut slots = Slots { loops: vec![LoopSlots::default(); body.loops.len()], ..Slots::default() };
        for typed in body.ops.values() {
            match typed.op {
                Op::Read { column, when, at } => {
                    let offset = at.offset().unwrap_or_default();
                    let slot = Slot { column, when, offset, scalar: typed.scalar };
                    let list = match at {
                        At::Own | At::Shift(_) => &mut slots.own,
                        At::Row(_) => &mut slots.far,
                        At::Other(it) => &mut slots.loops[it.index()].columns,
                    };
                    place(list, slot);
                }
                Op::Data(data) if !slots.data.iter().any(|(known, _)| *known == data) => {
                    slots.data.push((data, typed.scalar));
                }
                Op::Delta(it, _) => slots.deltas(program, body, it),
                Op::Other(it) => slots.loops[it.index()].rows = true,
                _ => {}
            }
        }
        let values = body.stores.iter().map(|store| store.value).chain(body.results.iter().copied());
        slots.out = values.map(|value| body.ops[value].scalar).collect();
        let asks = body.asks().into_iter();
        slots.asks = asks.map(|ask| ask.values.iter().map(|value| body.ops[*value].scalar).collect()).collect();
        slots
    }

    fn deltas(&mut self, program: &Program, body: &Body, it: LoopId) {
        let loop_slots = &mut self.loops[it.index()];
        let Some(index) = body.loops[it].over.index() else { return };
        if loop_slots.position.is_empty() {
            let index = &program.indexes[index];
            for &column in &index.positions {
                let slot = Slot { column, when: index.when, offset: [0; 3], scalar: program.columns[column].scalar };
                let at = place(&mut loop_slots.columns, slot);
                loop_slots.position.push(at);
            }
        }
    }

    /// Where an own column stands, or that of the cell at an offset.
    pub fn own(&self, column: ColumnId, when: When, offset: Offset) -> Option<usize> {
        self.own.iter().position(|slot| slot.column == column && slot.when == when && slot.offset == offset)
    }

    /// Where a whole column stands.
    pub fn far(&self, column: ColumnId, when: When) -> Option<usize> {
        self.far.iter().position(|slot| slot.column == column && slot.when == when)
    }

    /// Where a column of a loop's other stands.
    pub fn other(&self, it: LoopId, column: ColumnId, when: When) -> Option<usize> {
        self.loops[it.index()].columns.iter().position(|slot| slot.column == column && slot.when == when)
    }
}

fn place(list: &mut Vec<Slot>, slot: Slot) -> usize {
    list.iter().position(|known| *known == slot).unwrap_or_else(|| {
        list.push(slot);
        list.len() - 1
    })
}
