//! What a system may touch, as handles: a kernel asks for them by name once, and gets only what its system declared.

use std::marker::PhantomData;

use bytemuck::Pod;

use crate::id::{ColumnId, EditId, GroupId, IndexId, SystemId};
use crate::program::{Change, Edit, Program, Reach, System, When};
use crate::types::{Scalar, Value};

/// A Rust type that a column's rows are seen as.
pub trait Element: Pod {
    /// The column type it stands for. (`bool` columns are seen as `u8`.)
    const SCALAR: Scalar;
}

macro_rules! elements {
    ($($rust:ty => $scalar:ident),*) => {$(
        impl Element for $rust { const SCALAR: Scalar = Scalar::$scalar; }
    )*};
}
elements!(f32 => F32, f64 => F64, i8 => I8, i16 => I16, i32 => I32, u8 => U8, u16 => U16, u32 => U32);

macro_rules! handles {
    ($($(#[$doc:meta])* $name:ident),*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name<T, const LANES: usize = 1> {
            pub(crate) columns: [ColumnId; LANES],
            pub(crate) system: SystemId,
            element: PhantomData<fn() -> T>,
        }
        impl<T, const LANES: usize> Clone for $name<T, LANES> {
            fn clone(&self) -> Self { *self }
        }
        impl<T, const LANES: usize> Copy for $name<T, LANES> {}
    )*};
}
handles! {
    /// `prev` of a component, at any row.
    Prev,
    /// This frame's complete `next` of a component, at any row.
    Fresh,
    /// This frame's `next` of a component of the own row, made earlier in the frame.
    FreshOwn,
    /// A component that the system owns: `next` of the batch's rows.
    Own
}

/// An index that the system asks.
#[derive(Clone, Copy, Debug)]
pub struct IndexHandle {
    pub(crate) index: IndexId,
}

/// Why a kernel cannot work for a system.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct AccessError(pub String);

/// Hands a kernel its handles. Every refusal says what to add to the system.
pub struct Access<'p> {
    program: &'p Program,
    id: SystemId,
    bound: Vec<ColumnId>,
}

impl<'p> Access<'p> {
    /// For one system.
    pub fn new(program: &'p Program, system: SystemId) -> Self {
        Self { program, id: system, bound: Vec::new() }
    }

    /// The program.
    pub fn program(&self) -> &'p Program {
        self.program
    }

    /// The system.
    pub fn system(&self) -> &'p System {
        &self.program.systems[self.id]
    }

    fn lanes<T: Element, const LANES: usize>(
        &self,
        name: &str,
        clause: &str,
        allowed: impl Fn(ColumnId) -> bool,
    ) -> Result<[ColumnId; LANES], AccessError> {
        let system = self.system();
        let (group, component) = match name.split_once('.') {
            Some((group, component)) => (self.program.group(group), component),
            None => (Some(system.group), name),
        };
        let columns = group.map(|group| self.program.component(group, component)).unwrap_or_default();
        if columns.is_empty() || !columns.iter().all(|&c| allowed(c)) {
            return Err(AccessError(format!(
                "the kernel needs `{clause} {name}`, which system {} does not declare",
                system.name
            )));
        }
        let found = self.program.columns[columns[0]].component_type;
        let scalar = if found.scalar == Scalar::Bool { Scalar::U8 } else { found.scalar };
        let wanted = crate::types::Type::vector(T::SCALAR, LANES as u8);
        match <[ColumnId; LANES]>::try_from(columns) {
            Ok(columns) if scalar == T::SCALAR => Ok(columns),
            _ => Err(AccessError(format!("the kernel needs {name} to be {wanted}, and it is {found}"))),
        }
    }

    /// Whether the system declares this read.
    pub fn reads(&self, column: ColumnId, when: When, reach: Reach) -> bool {
        self.system().reads.iter().any(|r| r.column == column && r.when == when && r.reach == reach)
    }

    /// Takes a column to write, as [`Self::own`] does: false if the system does not own it, or the kernel has it
    /// already.
    pub fn take(&mut self, column: ColumnId) -> bool {
        let free = self.system().owns.contains(&column) && !self.bound.contains(&column);
        self.bound.extend(free.then_some(column));
        free
    }

    /// `prev` of a component at any row: needs `reads NAME`. Another group's: `GROUP.NAME`.
    pub fn prev<T: Element, const LANES: usize>(&mut self, name: &str) -> Result<Prev<T, LANES>, AccessError> {
        let columns = self.lanes::<T, LANES>(name, "reads", |c| self.reads(c, When::Prev, Reach::Any))?;
        Ok(Prev { columns, system: self.id, element: PhantomData })
    }

    /// A complete `next` at any row: needs `fresh others NAME`, or `fresh GROUP.NAME`.
    pub fn fresh<T: Element, const LANES: usize>(&mut self, name: &str) -> Result<Fresh<T, LANES>, AccessError> {
        let clause = if name.contains('.') { "fresh" } else { "fresh others" };
        let columns = self.lanes::<T, LANES>(name, clause, |c| self.reads(c, When::Fresh, Reach::Any))?;
        Ok(Fresh { columns, system: self.id, element: PhantomData })
    }

    /// The own row's `next`: needs `fresh NAME`.
    pub fn fresh_own<T: Element, const LANES: usize>(&mut self, name: &str) -> Result<FreshOwn<T, LANES>, AccessError> {
        let columns = self.lanes::<T, LANES>(name, "fresh", |c| self.reads(c, When::Fresh, Reach::Own))?;
        Ok(FreshOwn { columns, system: self.id, element: PhantomData })
    }

    /// A component to write: needs `owns NAME`.
    pub fn own<T: Element, const LANES: usize>(&mut self, name: &str) -> Result<Own<T, LANES>, AccessError> {
        let columns = self.lanes::<T, LANES>(name, "owns", |c| self.system().owns.contains(&c))?;
        self.bound.extend(columns);
        Ok(Own { columns, system: self.id, element: PhantomData })
    }

    /// The births into a group, or the ends of its rows, that the system declares; nothing if it does not.
    pub fn edit(&self, group: GroupId, births: bool) -> Option<EditId> {
        let mut edits = self.program.edits_of(self.id);
        let found =
            edits.find(|(_, edit)| edit.group == group && matches!(edit.change, Change::Birth { .. }) == births);
        found.map(|(id, _)| id)
    }

    /// All that it declares of births and ends.
    pub fn edits(&self) -> impl Iterator<Item = (EditId, &'p Edit)> {
        self.program.edits_of(self.id)
    }

    /// The system's index: needs `index NAME`, once.
    pub fn index(&mut self) -> Result<IndexHandle, AccessError> {
        match self.system().indexes[..] {
            [index] if self.program.indexes[index].bucket_rows().is_some() => Ok(IndexHandle { index }),
            [_] => Err(AccessError("the kernel asks a k-d tree, and the system's index is a grid".into())),
            _ => Err(AccessError(format!(
                "the kernel asks one index: system {} needs a clause `index NAME`",
                self.system().name
            ))),
        }
    }

    /// A named constant of the system: needs `with { NAME = … }`.
    pub fn constant(&self, name: &str) -> Result<Value, AccessError> {
        self.system().constants.iter().find(|(n, _)| n == name).map(|&(_, value)| value).ok_or_else(|| {
            AccessError(format!("the kernel needs `with {{ {name} = … }}`, which system {} lacks", self.system().name))
        })
    }

    /// A named constant as `f32`.
    pub fn constant_f32(&self, name: &str) -> Result<f32, AccessError> {
        Ok(self.constant(name)?.as_f64() as f32)
    }

    /// Checks that the kernel took a handle to all that the system owns: nobody else writes it.
    pub fn finish(self) -> Result<(), AccessError> {
        match self.system().owns.iter().find(|c| !self.bound.contains(c)) {
            None => Ok(()),
            Some(&column) => Err(AccessError(format!(
                "the kernel does not write {}, which system {} owns",
                self.program.columns[column].component,
                self.system().name
            ))),
        }
    }
}
