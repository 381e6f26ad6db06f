//! Whether Rust and the scenario say the same: a component's columns, and what the system declares of them.

use diptych_protocol::access::{Access, AccessError};
use diptych_protocol::id::{ColumnId, EditId, GroupId};
use diptych_protocol::program::{Change, Program, Reach, When};
use diptych_protocol::types::{Scalar, Sort, Type};

use super::value::{Component, Leaf, LeafKind};

/// Finds the columns of what a query asks for, in the order of the leaves, and says what is wrong with it.
pub struct Binder<'a, 'p> {
    access: &'a mut Access<'p>,
    taken: Vec<(ColumnId, When, Reach)>,
    edits: Vec<EditId>,
}

impl<'a, 'p> Binder<'a, 'p> {
    /// For one system.
    pub fn new(access: &'a mut Access<'p>) -> Self {
        Self { access, taken: Vec::new(), edits: Vec::new() }
    }

    fn system(&self) -> &'p str {
        &self.access.system().name
    }

    fn program(&self) -> &'p Program {
        self.access.program()
    }

    /// A component of the own group, or of another, that the system reads so.
    pub(super) fn read<C: Component>(
        &mut self,
        group: Option<&str>,
        when: When,
        reach: Reach,
    ) -> Result<Box<[ColumnId]>, AccessError> {
        let id = match group {
            None => self.access.system().group,
            Some(name) => self.program().group(name).ok_or_else(|| {
                AccessError(format!("the kernel reads {} of group {name}, and there is no such group", C::NAME))
            })?,
        };
        let columns = columns::<C>(self.program(), id)?;
        let own = id == self.access.system().group;
        // Who may read any row may read the own one.
        let wide = |column| own && reach == Reach::Own && self.access.reads(column, when, Reach::Any);
        let declared = |&column: &ColumnId| self.access.reads(column, when, reach) || wide(column);
        if !columns.iter().all(declared) {
            let clause = match (when, group) {
                (When::Prev, None) => "reads ".to_string(),
                (When::Prev, Some(name)) => format!("reads {name}."),
                (When::Fresh, Some(name)) => format!("fresh {name}."),
                (When::Fresh, None) if reach == Reach::Own => "fresh ".to_string(),
                (When::Fresh, None) => "fresh others ".to_string(),
            };
            return Err(AccessError(format!(
                "the kernel needs `{clause}{}`, which system {} does not declare",
                C::NAME,
                self.system()
            )));
        }
        self.taken.extend(columns.iter().map(|&column| (column, when, reach)));
        Ok(columns)
    }

    /// Births into the own group, or into another; or ends of its rows. Each is taken once.
    pub(super) fn edit(&mut self, group: Option<&str>, births: bool) -> Result<EditId, AccessError> {
        let program = self.program();
        let own = self.access.system().group;
        let id = group.map_or(Some(own), |name| program.group(name));
        let name = group.unwrap_or(&program.groups[own].name);
        let clause = if births { "spawns" } else { "despawns" };
        let Some(edit) = id.and_then(|id| self.access.edit(id, births)) else {
            return Err(AccessError(format!(
                "the kernel needs `{clause} {name}`, which system {} does not declare",
                self.system()
            )));
        };
        if self.edits.contains(&edit) {
            return Err(AccessError(format!("the kernel's query asks twice for `{clause} {name}`: once is enough")));
        }
        self.edits.push(edit);
        Ok(edit)
    }

    /// Where the leaves of components stand among the values of a birth: of all that the rows of its group have.
    pub(super) fn born(&self, edit: EditId, components: &[Box<[ColumnId]>]) -> Result<Box<[usize]>, AccessError> {
        let edit = &self.program().edits[edit];
        let Change::Birth { values, .. } = &edit.change else { return Ok(Box::default()) };
        let leaves: Vec<ColumnId> = components.iter().flatten().copied().collect();
        let group = &self.program().groups[edit.group].name;
        if let Some((column, _)) = values.iter().find(|(column, _)| !leaves.contains(column)) {
            let component = &self.program().columns[*column].component;
            return Err(AccessError(format!(
                "rows that the kernel lets be born into {group} lack component {component}: name it in `Spawn<(...)>`"
            )));
        }
        if leaves.len() != values.len() {
            return Err(AccessError(format!("rows that the kernel lets be born into {group} have a component twice")));
        }
        let place = |leaf: &ColumnId| values.iter().position(|(column, _)| column == leaf);
        Ok(leaves.iter().filter_map(place).collect())
    }

    /// The columns of a component of the group of an edit.
    pub(super) fn of_edit<C: Component>(&self, edit: EditId) -> Result<Box<[ColumnId]>, AccessError> {
        columns::<C>(self.program(), self.program().edits[edit].group)
    }

    /// A component that the system owns. Each is taken once.
    pub(super) fn own<C: Component>(&mut self) -> Result<Box<[ColumnId]>, AccessError> {
        let system = self.access.system();
        let columns = columns::<C>(self.program(), system.group)?;
        if let Some(column) = columns.iter().find(|column| !system.owns.contains(column)) {
            let owner = match self.program().columns[*column].owner {
                Some(other) => format!("{} owns it", self.program().systems[other].name),
                None => "nobody owns it".into(),
            };
            let needs = format!("the kernel needs `owns {}`, which system {} does not declare", C::NAME, self.system());
            return Err(AccessError(format!("{needs}: {owner}")));
        }
        let group = &self.program().groups[system.group];
        if group.derived() {
            return Err(AccessError(format!(
                "rows of {} are made anew each frame and have no `prev` that `Own<{}>` could begin with: write a \
                 `Kernel`, on handles of `Access`",
                group.name,
                C::NAME
            )));
        }
        if !columns.iter().all(|&column| self.access.take(column)) {
            let message = format!("the kernel's query has `Own<{}>` twice: once is all there is to write", C::NAME);
            return Err(AccessError(message));
        }
        Ok(columns)
    }

    /// Where it says which rows' component it has changed, if the scenario asks.
    pub(super) fn mark<C: Component>(&mut self) -> Option<ColumnId> {
        let system = self.access.system();
        let of = |column: &&ColumnId| {
            let column = &self.access.program().columns[**column];
            let leaf = column.component.strip_prefix("changed ").and_then(|leaf| leaf.strip_prefix(C::NAME));
            column.mark && leaf.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        let mark = system.owns.iter().find(of).copied()?;
        self.access.take(mark).then_some(mark)
    }

    /// Checks that the system declares nothing that the kernel does not read: what is declared is waited for, and shown
    /// to people.
    pub(super) fn finish(self) -> Result<(), AccessError> {
        let (program, system) = (self.program(), self.access.system());
        let idle = system.reads.iter().find(|read| {
            let own = program.columns[read.column].group == system.group;
            let taken = self.taken.iter().any(|&(column, when, reach)| {
                (column, when) == (read.column, read.when) && (reach == read.reach || own && reach == Reach::Own)
            });
            // What it owns begins as `prev`, and positions are found through their index.
            let carried = read.when == When::Prev && system.owns.contains(&read.column);
            let asked = system.indexes.iter().map(|&index| &program.indexes[index]);
            let asked = asked.into_iter().any(|it| it.when == read.when && it.positions.contains(&read.column));
            !(taken || carried || asked)
        });
        if let Some((_, edit)) = self.access.edits().find(|(id, _)| !self.edits.contains(id)) {
            let clause = if matches!(edit.change, Change::Birth { .. }) { "spawns" } else { "despawns" };
            let group = &program.groups[edit.group].name;
            return Err(AccessError(format!(
                "system {} declares `{clause} {group}`, which the kernel does not ask for: take it out",
                system.name
            )));
        }
        match idle {
            None => Ok(()),
            Some(read) => {
                let column = &program.columns[read.column];
                let clause = match read.when {
                    When::Prev => "reads",
                    When::Fresh => "fresh",
                };
                Err(AccessError(format!(
                    "system {} declares `{clause} {}`, which the kernel does not read so: take it out",
                    system.name, column.component
                )))
            }
        }
    }
}

/// The columns of a component in a group, one a leaf, in the order of the leaves.
fn columns<C: Component>(program: &Program, group: GroupId) -> Result<Box<[ColumnId]>, AccessError> {
    let parts = parts(program, group, C::NAME);
    let name = &program.groups[group].name;
    if parts.is_empty() {
        return Err(AccessError(format!("the kernel needs component {}, which group {name} does not have", C::NAME)));
    }
    let (mut found, mut differs) = (Vec::new(), false);
    C::leaves("", &mut |leaf| match parts.iter().find(|part| part.is(leaf.path)) {
        Some(part) if fits(program, part.ty, leaf) => found.push(part.column),
        _ => differs = true,
    });
    if differs || found.len() != parts.len() {
        return Err(AccessError(format!(
            "component {}: the kernel's is {}, that of group {name} is {}: make the two the same",
            C::NAME,
            C::describe(),
            described(program, &parts),
        )));
    }
    Ok(found.into())
}

/// A column of a component.
struct Part {
    column: ColumnId,
    /// What stands behind the component's name: nothing, `.at`, `[2]`.
    suffix: String,
    /// The type that the column is a lane of.
    ty: Type,
    lane: u8,
}

impl Part {
    /// Whether a leaf's path leads here: lanes of a vector are called both `.x` and `[0]`.
    fn is(&self, path: &str) -> bool {
        let Some(rest) = path.strip_prefix(self.suffix.as_str()) else { return false };
        match self.ty.lanes {
            1 => rest.is_empty(),
            _ => {
                let lane = self.ty.lane_names()[usize::from(self.lane)];
                rest.strip_prefix('.') == Some(lane) || rest == format!("[{}]", self.lane)
            }
        }
    }
}

/// All columns of a component, in their order.
fn parts(program: &Program, group: GroupId, component: &str) -> Vec<Part> {
    let columns = program.columns.iter().filter(|(_, column)| column.group == group);
    let part = |(id, column): (ColumnId, &diptych_protocol::program::Column)| {
        let suffix = column.component.strip_prefix(component)?;
        let whole = suffix.is_empty() || suffix.starts_with(['.', '[']);
        whole.then(|| Part { column: id, suffix: suffix.into(), ty: column.component_type, lane: column.lane })
    };
    columns.filter_map(part).collect()
}

fn fits(program: &Program, ty: Type, leaf: Leaf<'_>) -> bool {
    match (leaf.kind, ty.sort) {
        (LeafKind::Plain(scalar), Sort::Plain) => scalar == ty.scalar,
        (LeafKind::Enum(variants), Sort::Enum(of)) => program.enums[of].variants == variants,
        (LeafKind::Reference, Sort::Entity(_)) => ty.scalar == Scalar::U32,
        _ => false,
    }
}

/// The group's side, for people: `vec2`, `{ mass: f32, at: vec2 }`.
fn described(program: &Program, parts: &[Part]) -> String {
    let name = |ty: Type| match ty.sort {
        Sort::Enum(of) => {
            let of = &program.enums[of];
            format!("enum {} {{ {} }}", of.name, of.variants.join(", "))
        }
        Sort::Entity(of) => format!("a reference to {}", program.groups[of].name),
        Sort::Plain => ty.to_string(),
    };
    let firsts: Vec<&Part> = parts.iter().filter(|part| part.lane == 0).collect();
    match firsts[..] {
        [one] if one.suffix.is_empty() => name(one.ty),
        _ => {
            let each = firsts.iter().map(|part| format!("{}: {}", part.suffix.trim_start_matches('.'), name(part.ty)));
            format!("{{ {} }}", each.collect::<Vec<_>>().join(", "))
        }
    }
}
