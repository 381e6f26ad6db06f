//! Checking systems: their clauses, and who owns what.

use diptych_protocol::limits::{OWNS_MAX, ROW_ALIGN, ROWS_MAX};
use diptych_protocol::program::{Reach, When};

use crate::codes;
use crate::diagnostic::{Diagnostic, Readings, did_you_mean};
use crate::syntax::ast::{self, ClauseKind, Path};
use crate::types::changes::chooses;
use crate::types::expressions::Checker;
use crate::types::world::said_twice;
use crate::types::{IndexKind, Model, Origin, Place, Read, System};

impl<'a> Checker<'a, '_> {
    /// All systems: first who owns what, then who reads it.
    pub(super) fn systems(&mut self, model: &mut Model<'a>) {
        let names = self.names;
        let (mut groups, mut readings) = (Vec::new(), Readings::default());
        for (at, system) in names.systems.iter().enumerate() {
            let before = self.begin_system(at);
            let header = self.header(at, system);
            let owns = match header.group {
                Some(group) => self.owns(system, at, group, model),
                None => Vec::new(),
            };
            groups.push(header.group);
            model.systems.push(System {
                name: &names.instances[at].name,
                span: system.name.span,
                group: header.group.unwrap_or(0),
                kernel: header.kernel,
                body: None,
                owns,
                reads: Vec::new(),
                indexes: Vec::new(),
                inverses: Vec::new(),
                matchings: Vec::new(),
                constants: Vec::new(),
                edits: Vec::new(),
                batch_rows: header.batch_rows,
            });
            self.end_system(at, before, &mut readings);
        }
        self.publications(&groups, model);
        self.all_fields(model);
        for (at, system) in names.systems.iter().enumerate() {
            let before = self.begin_system(at);
            let mut constants: Vec<&ast::Setting> = Vec::new();
            // Of a system of text these clauses are wrong, and told.
            for clause in system.clauses.iter().filter(|_| system.body.is_none()) {
                match &clause.kind {
                    ClauseKind::Index(indexes) => self.asks(at, indexes, model),
                    ClauseKind::With(settings) => constants.extend(settings),
                    ClauseKind::Spawns(groups) => {
                        for (group, most) in groups {
                            let declared = self.spawns(group, most.as_ref(), model);
                            self.declare(at, declared, model);
                        }
                    }
                    ClauseKind::Despawns(groups) => {
                        for group in groups {
                            let declared = self.despawns(group, model);
                            self.declare(at, declared, model);
                        }
                    }
                    ClauseKind::Reads(paths) => {
                        for path in paths {
                            self.reads(at, groups[at], path, When::Prev, false, model);
                        }
                    }
                    ClauseKind::Fresh { others, paths } => {
                        for path in paths {
                            self.reads(at, groups[at], path, When::Fresh, *others, model);
                        }
                    }
                    _ => {}
                }
            }
            let constants: Vec<ast::Setting> = constants.into_iter().cloned().collect();
            self.known_settings(&constants, &[], "the kernel");
            model.systems[at].constants = self.kernel_constants(&constants);
            if let (Some(body), Some(group)) = (&system.body, groups[at]) {
                self.rule_body(at, group, body, model);
            }
            self.end_system(at, before, &mut readings);
        }
        self.unowned(model);
    }

    fn header(&mut self, at: usize, system: &'a ast::System) -> Header<'a> {
        let mut header = Header::default();
        self.clauses_of_text(system);
        let (mut places, mut batch, mut owns) = (None, None, false);
        for clause in &system.clauses {
            match &clause.kind {
                ClauseKind::Native(kernel) => {
                    if let Some(first) = header.kernel.replace(kernel) {
                        self.diagnostics.push(said_twice("native", first.span, kernel.span));
                    }
                }
                ClauseKind::For(group) => {
                    if let Some(first) = places.replace(clause.span) {
                        self.diagnostics.push(said_twice("for", first, clause.span));
                    }
                    header.group = self.group_of_system(at, group);
                }
                ClauseKind::Batch(rows) => {
                    if let Some(first) = batch.replace(clause.span) {
                        self.diagnostics.push(said_twice("batch", first, clause.span));
                    }
                    header.batch_rows = self.batch(rows);
                }
                ClauseKind::Owns(_) => owns = true,
                _ => {}
            }
        }
        let name = &system.name;
        let declares = |clause: &ast::Clause| matches!(clause.kind, ClauseKind::Spawns(_) | ClauseKind::Despawns(_));
        let edits = match &system.body {
            Some(body) => edits(body),
            None => system.clauses.iter().any(declares),
        };
        let missing = [
            (places.is_none(), "does not say whose rows it runs over", "add `for GROUP`"),
            (
                header.kernel.is_none() && system.body.is_none(),
                "does not say what it does",
                "add a body, `{ ... }`, or `native \"kernel.name\"`",
            ),
            (!owns && !edits, "owns nothing, so it can change nothing", "add `owns Component`"),
        ];
        for (_, what, help) in missing.into_iter().filter(|(missing, _, _)| *missing) {
            let message = format!("system `{}` {what}", name.text);
            self.diagnostics.push(Diagnostic::error(codes::E0501, name.span, message).help(help));
        }
        header
    }

    /// A body says itself what it reads and asks.
    fn clauses_of_text(&mut self, system: &'a ast::System) {
        if system.body.is_none() {
            if chooses(system) {
                let message = format!("system `{}` is native: its kernel goes over all rows", system.name.text);
                let error = Diagnostic::error(codes::E0519, system.name.span, message);
                self.diagnostics
                    .push(error.help("`with`, `without`, `changed` and `where` are clauses of systems in text"));
            }
            return;
        }
        for clause in &system.clauses {
            let (what, help) = match &clause.kind {
                ClauseKind::Reads(_) | ClauseKind::Fresh { .. } => {
                    ("has a body, which says itself what it reads", "leave the clause out")
                }
                ClauseKind::Index(_) => ("has a body, which finds its indexes itself", "leave the clause out"),
                ClauseKind::Spawns(_) | ClauseKind::Despawns(_) => {
                    ("has a body, which asks for births and ends itself", "leave the clause out")
                }
                ClauseKind::With(_) => ("has a body, which uses constants by their names", "leave the clause out"),
                _ => continue,
            };
            let message = format!("system `{}` {what}", system.name.text);
            self.diagnostics.push(Diagnostic::error(codes::E0519, clause.span, message).help(help));
        }
    }

    fn batch(&mut self, rows: &ast::Expr) -> Option<u32> {
        let given = self.integer(rows, "the number of rows a batch", 1..=u64::from(ROWS_MAX), codes::E0512)? as u32;
        if given.is_multiple_of(ROW_ALIGN) {
            return Some(given);
        }
        let message = format!("a batch of {given} rows: it must be a multiple of {ROW_ALIGN}");
        let error = Diagnostic::error(codes::E0512, rows.span, message);
        self.diagnostics.push(error.help(format!("the next one is {}", given.next_multiple_of(ROW_ALIGN))));
        None
    }

    fn owns(&mut self, system: &'a ast::System, at: usize, group: usize, model: &mut Model<'a>) -> Vec<Place> {
        let mut owned: Vec<Place> = Vec::new();
        let paths = system.clauses.iter().filter_map(|clause| match &clause.kind {
            ClauseKind::Owns(paths) => Some(paths),
            _ => None,
        });
        for path in paths.flatten() {
            if let Some(other) = &path.group
                && self.names.group(other, self.diagnostics).is_none_or(|other| other != group)
            {
                let own = model.groups[group].name;
                let message =
                    format!("system `{}` runs over `{own}` and cannot own `{}`", system.name.text, other.text);
                let error = Diagnostic::error(codes::E0505, path.span(), message);
                self.diagnostics.push(error.help("a system owns components of the group it runs over"));
                continue;
            }
            let members = self.members_of(group, &path.component, model);
            for member in members {
                self.own(at, Place { group, member }, path, &mut owned, model);
            }
        }
        let columns: usize =
            owned.iter().map(|place| usize::from(model.groups[group].members[place.member].ty.lanes)).sum();
        if columns > OWNS_MAX {
            let message =
                format!("system `{}` owns {columns} values a row: at most {OWNS_MAX} are possible", system.name.text);
            let error = Diagnostic::error(codes::E0601, system.name.span, message);
            self.diagnostics.push(error.help("let a second system own some of them"));
        }
        owned
    }

    fn own(&mut self, at: usize, place: Place, path: &Path, owned: &mut Vec<Place>, model: &mut Model<'a>) {
        let span = path.span();
        let member = &mut model.groups[place.group].members[place.member];
        if member.presence.is_some() && self.names.systems[at].body.is_none() {
            let message = format!("`{}` is optional, and a kernel writes all rows", path.component.text);
            let error = Diagnostic::error(codes::E0523, span, message).label(member.span, "declared here");
            self.diagnostics.push(error.help("let a system in text own it"));
            return;
        }
        match member.owner {
            None => {
                member.owner = Some((at, span));
                owned.push(place);
            }
            // Told for its first part.
            Some((_, first)) if first == span => {}
            Some((first, first_span)) if first == at => {
                self.diagnostics.push(said_twice(&path.component.text, first_span, span));
            }
            Some((first, first_span)) => {
                let component = &path.component.text;
                let (other, name) = (&self.names.instances[first].name, &self.names.instances[at].name);
                let message = format!("`{component}` has two owners, `{other}` and `{name}`");
                let error = Diagnostic::error(codes::E0504, span, message)
                    .here(format!("owned by `{name}`"))
                    .label(first_span, format!("owned by `{other}`"));
                let group = model.groups[place.group].name;
                self.diagnostics.push(error.help(format!(
                    "merge the two systems, or let one own a component of its own that the other reads: `fresh ...`, and then owns `{component}` alone; or let both publish on a bus, `bus {component}Change for {group}: ... = sum`, that one system reads"
                )));
            }
        }
    }

    /// The places of a component's leaves in a group, or an error.
    fn members_of(&mut self, group: usize, component: &ast::Name, model: &Model<'a>) -> Vec<usize> {
        let members = &model.groups[group].members;
        let all: Vec<usize> = (0..members.len()).filter(|at| members[*at].component == component.text).collect();
        if all.is_empty() { self.member_of(group, component, model).into_iter().collect() } else { all }
    }

    /// The place of a component in a group, or an error.
    fn member_of(&mut self, group: usize, component: &ast::Name, model: &Model<'a>) -> Option<usize> {
        let group = &model.groups[group];
        if let Some(member) = group.member(&component.text) {
            return Some(member);
        }
        let written = self.names.groups.iter().find(|written| written.name.text == group.name);
        if written.is_some_and(|written| written.members.iter().any(|m| m.component.text == component.text)) {
            return None; // It is there, but wrong, and told.
        }
        self.names.component(component, self.diagnostics)?;
        let message = format!("group `{}` has no component `{}`", group.name, component.text);
        let hint = did_you_mean(&component.text, group.members.iter().map(|member| member.component.as_str()));
        self.diagnostics.push(Diagnostic::error(codes::E0506, component.span, message).maybe_help(hint));
        None
    }

    fn asks(&mut self, at: usize, indexes: &'a [ast::Name], model: &mut Model<'a>) {
        for name in indexes {
            let Some(index) = self.names.index(name, self.diagnostics) else { continue };
            if let Some(grid) = model.indexes.get(index).filter(|index| matches!(index.kind, IndexKind::Grid { .. })) {
                let message = format!("`{}` is a grid: kernels ask k-d trees", grid.name);
                let error = Diagnostic::error(codes::E0204, name.span, message).label(grid.span, "declared here");
                self.diagnostics.push(error.help(format!("make it a tree: `index {} = kdtree of ...`", grid.name)));
                continue;
            }
            if model.systems[at].indexes.contains(&index) {
                let message = format!("index `{}` is asked already", name.text);
                self.diagnostics.push(Diagnostic::warning(codes::W0105, name.span, message));
                continue;
            }
            model.systems[at].indexes.push(index);
        }
    }

    fn reads(&mut self, at: usize, own: Option<usize>, path: &Path, when: When, others: bool, model: &mut Model<'a>) {
        let Some(own) = own else { return };
        let group = match &path.group {
            Some(group) => match self.names.group(group, self.diagnostics) {
                Some(group) => group,
                None => return,
            },
            None => own,
        };
        for member in self.members_of(group, &path.component, model) {
            self.reads_one(at, own, group, member, path, when, others, model);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one clause")]
    fn reads_one(
        &mut self,
        at: usize,
        own: usize,
        group: usize,
        member: usize,
        path: &Path,
        when: When,
        others: bool,
        model: &mut Model<'a>,
    ) {
        let reach = if when == When::Prev || others || group != own { Reach::Any } else { Reach::Own };
        let read = Read { place: Place { group, member }, when, reach, span: path.span() };
        let problem = match when {
            When::Prev => self.prev_problem(path, group, model),
            When::Fresh => self.fresh_problem(at, own, path, others, read, model),
        };
        if let Some(problem) = problem {
            self.diagnostics.push(problem);
            return;
        }
        let reads = &mut model.systems[at].reads;
        if reads.iter().any(|r| r.place == read.place && r.when == when && r.reach == reach) {
            let message = format!("`{}` is read already", path.component.text);
            self.diagnostics.push(Diagnostic::warning(codes::W0105, read.span, message));
            return;
        }
        reads.push(read);
    }

    fn prev_problem(&self, path: &Path, group: usize, model: &Model<'a>) -> Option<Diagnostic> {
        if model.groups[group].origin == Origin::Blueprint {
            return None;
        }
        let name = model.groups[group].name;
        let message = format!("rows of `{name}` are made anew each frame: they have no previous state");
        let help = format!("read what this frame made of it: `fresh {name}.{}`", path.component.text);
        Some(Diagnostic::error(codes::E0509, path.span(), message).help(help))
    }

    fn fresh_problem(
        &self,
        at: usize,
        own: usize,
        path: &Path,
        others: bool,
        read: Read,
        model: &Model<'a>,
    ) -> Option<Diagnostic> {
        let (span, component) = (path.span(), &path.component.text);
        if path.group.is_some() && (others || read.place.group == own) {
            let message = if others { "`others` are rows of the own group" } else { "this is the system's own group" };
            let help = format!("say `fresh {component}` for the own row, `fresh others {component}` for any row");
            return Some(Diagnostic::error(codes::E0513, span, message).help(help));
        }
        match model.groups[read.place.group].members[read.place.member].owner {
            None => {
                let message = format!("no system owns `{component}`: there is no fresh value");
                Some(Diagnostic::error(codes::E0507, span, message).help(format!("say `reads {component}`")))
            }
            Some((owner, owned)) if owner == at => {
                let message = format!("`{component}` is what the system makes: it cannot read it fresh");
                let error = Diagnostic::error(codes::E0508, span, message).label(owned, "owned here");
                Some(error.help(format!("for the value the frame started from say `reads {component}`")))
            }
            Some(_) => None,
        }
    }

    /// What should have an owner and has none.
    fn unowned(&mut self, model: &Model<'a>) {
        for group in model.groups.iter().filter(|group| group.origin != Origin::Blueprint) {
            for member in group.members.iter().filter(|member| member.owner.is_none()) {
                let message = format!("no system owns `{}` of derived group `{}`", member.name, group.name);
                let error = Diagnostic::error(codes::E0510, member.span, message);
                self.diagnostics
                    .push(error.help(format!("a system for `{}` must give it its value each frame", group.name)));
            }
        }
        for index in model.indexes.iter().filter(|index| index.when == When::Fresh) {
            let members = model.groups.get(index.group).map_or(&[][..], |group| &group.members);
            let unowned = members.iter().find(|member| member.position && member.owner.is_none());
            if let Some(position) = unowned {
                let message = format!("no system owns `{}`: there are no fresh positions to index", position.name);
                let error = Diagnostic::error(codes::E0507, index.span, message).label(position.span, "the position");
                self.diagnostics.push(error.help("leave `fresh` out"));
            }
        }
    }
}

/// Whether statements ask for births or ends, give and take components, or publish.
fn edits(body: &[ast::Stmt]) -> bool {
    body.iter().any(|stmt| match &stmt.kind {
        ast::StmtKind::Spawn(_) | ast::StmtKind::Despawn(_) | ast::StmtKind::Add(_) | ast::StmtKind::Remove(_) => true,
        ast::StmtKind::Publish(_) => true,
        ast::StmtKind::If { yes, no, .. } => edits(yes) || edits(no),
        ast::StmtKind::For { body, .. } => edits(body),
        ast::StmtKind::Let(bindings) => bindings.iter().any(|it| matches!(it.value.kind, ast::ExprKind::Spawn(_))),
        ast::StmtKind::Assign { value, .. } => matches!(value.kind, ast::ExprKind::Spawn(_)),
    })
}

/// What a system says once.
#[derive(Default)]
struct Header<'a> {
    kernel: Option<&'a ast::Name>,
    group: Option<usize>,
    batch_rows: Option<u32>,
}
