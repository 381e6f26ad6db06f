//! One block at a time: finds what its loops go over, and runs the body.

use std::ops::Range;

use diptych_protocol::body::{Body, Loop, Over};
use diptych_protocol::id::{BodyId, GroupId, IndexId, InverseId};
use diptych_protocol::limits::BLOCK_ROWS_MAX;
use diptych_protocol::program::Program;
use diptych_protocol::values::{Values, ValuesMut};
use diptych_protocol::view::Batch;

use super::around::{Around, LoopRoom, Members, Tie};
use super::blocks::Near;
use super::bound::{Bound, recycle};
use super::condition::Search;
use super::far::Far;
use super::{fill_rows, runs, uniforms};
use crate::body::block::{Block, Executor, Lists, Shared, Turns};
use crate::body::requests::Requests;
use crate::body::slots::Slots;
use crate::index::{self, KdTree};

/// Where a loop's others come from.
enum Source {
    /// What is around, by the place of its index; and where in the gathered columns the loop's own stand.
    Within(usize, Vec<usize>),
    /// What is far and near; and where in its columns the loop's own stand.
    Far(Vec<usize>),
    Nearest {
        around: usize,
        count: usize,
    },
    /// What a condition found for so many.
    Found(BodyId, u16),
    Group(GroupId),
    Inverse(InverseId),
    /// Of a bucket: the own row's, or the one that the own row stands for.
    Members(IndexId, Tie),
    Holder(IndexId),
    Count,
}

/// A body, its back end and its loops.
pub(super) struct Core {
    executor: Box<dyn Executor>,
    group: GroupId,
    sources: Vec<Source>,
    /// The indexes that its spatial loops ask.
    around: Vec<Around>,
    /// What loops over far and near share, and which index they ask.
    far: Far,
    far_at: Option<usize>,
    loops: Vec<LoopRoom>,
    /// Of a condition: what it looks for.
    pub search: Option<Search>,
    /// Whether the body asks for the rows of its lanes.
    asks_rows: bool,
    /// The row of each lane.
    rows: Vec<u32>,
    /// Whether anything asks for rows by their numbers, and room for them.
    sorts: bool,
    sorted: Vec<u32>,
    columns: Vec<Values<'static>>,
    turns: Vec<Turns<'static>>,
}

impl Core {
    pub fn new(program: &Program, group: GroupId, body: &Body, slots: &Slots, executor: Box<dyn Executor>) -> Self {
        let mut around: Vec<Around> = Vec::new();
        let mut place = |it: &Loop| {
            let index = it.over.index()?;
            let question = it.question;
            let known = |a: &Around| a.index == index && question.is_none() && a.question.is_none();
            Some(around.iter().position(known).unwrap_or_else(|| {
                around.push(Around::new(program, group, index, question, executor.lanes()));
                around.len() - 1
            }))
        };
        let asked: Vec<Option<usize>> = body.loops.values().map(&mut place).collect();
        let (mut sources, mut far, mut far_at) = (Vec::new(), Far::default(), None);
        let mut first = 0;
        for ((it, at), slots) in body.loops.values().zip(asked).zip(&slots.loops) {
            sources.push(match (&it.over, at) {
                (Over::Within { reach, .. }, Some(at)) => {
                    Source::Within(at, around[at].reaches(*reach, &slots.columns, first))
                }
                (Over::Far { index, .. }, Some(at)) => {
                    far_at = Some(at);
                    Source::Far(far.takes(program, *index, &slots.columns, first))
                }
                (Over::Nearest { count, among: Some(among), .. }, _) => Source::Found(*among, *count),
                (Over::Nearest { count, .. }, Some(at)) => {
                    around[at].nearest = true;
                    Source::Nearest { around: at, count: usize::from(*count) }
                }
                (Over::Group(group), _) => Source::Group(*group),
                (Over::Inverse(inverse), _) => Source::Inverse(*inverse),
                (Over::Members(index), _) => {
                    let shared = program.indexes[*index].group == group;
                    Source::Members(*index, if shared { Tie::Shared } else { Tie::Own })
                }
                (Over::Holder(index), _) => Source::Holder(*index),
                _ => Source::Count,
            });
            first += slots.columns.len();
        }
        let loops = sources.iter().map(|_| LoopRoom::default()).collect();
        let over_own = |source: &Source| matches!(source, Source::Group(of) if *of == group);
        let sorts = sources.iter().any(over_own);
        let (rows, sorted, columns, turns) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (search, asks_rows) = (None, body.asks_rows());
        Self {
            executor,
            group,
            sources,
            around,
            far,
            far_at,
            loops,
            search,
            asks_rows,
            rows,
            sorts,
            sorted,
            columns,
            turns,
        }
    }

    /// The index that forms blocks: one whose summaries are asked for, else one with a reach, of the own group if there is
    /// such a one; rather one that is asked from where rows are.
    pub fn forming(&self) -> Option<usize> {
        let first = |fits: fn(&Around) -> bool| self.around.iter().position(|a| a.reach.is_some() && fits(a));
        (self.far_at.or_else(|| first(|a| a.own && a.question.is_none())))
            .or_else(|| first(|a| a.question.is_none()))
            .or_else(|| first(|_| true))
    }

    /// Rows of a block that is a stretch.
    pub fn stretch(&self) -> usize {
        self.executor.stretch(!self.sources.is_empty())
    }

    /// The same of a batch by slots: few, where rows that are further apart would see more in vain.
    pub fn stretch_of_slots(&self) -> usize {
        if self.forming().is_some() { BLOCK_ROWS_MAX } else { self.stretch() }
    }

    /// Rows that are computed at once.
    pub fn lanes(&self) -> usize {
        self.executor.lanes()
    }

    /// Lanes that a block of so many rows has to have room for.
    pub fn room(&self, count: usize) -> usize {
        self.executor.room(count)
    }

    /// Whether the blocks that an index forms must not lie across its parties.
    pub fn by_parties(&self) -> bool {
        self.far_at.is_some()
    }

    /// The index with a reach, or with summaries that are asked for, that is this one; rather as it is asked from where rows
    /// are.
    pub fn reaching(&self, index: IndexId) -> Option<usize> {
        let forms = |at: &usize| self.around[*at].reach.is_some() || self.far_at == Some(*at);
        let asked = |question: bool| {
            let is = |it: &Around| it.index == index && it.question.is_some() == question;
            self.around.iter().position(is).filter(forms)
        };
        asked(false).or_else(|| asked(true))
    }

    /// What turns have asked for.
    pub fn requests(&mut self, number: usize) -> Option<&mut Requests> {
        self.executor.requests(number)
    }

    pub fn around(&self, at: usize) -> &Around {
        &self.around[at]
    }

    pub fn all_around(&self) -> &[Around] {
        &self.around
    }

    /// The grid whose copies a loop reads: it has all that the loops that ask it read.
    pub fn copies(&self, number: usize) -> Option<IndexId> {
        match &self.sources[number] {
            Source::Within(at, _) if self.around[*at].copied => Some(self.around[*at].index),
            _ => None,
        }
    }

    /// Another batch: indexes may be others.
    pub fn forget(&mut self) {
        self.around.iter_mut().for_each(Around::forget);
        self.far.forget();
    }

    /// Finds what each loop goes over for a block's rows, which are perhaps known to be near somewhere. Returns the row of each lane, if the body asks for it.
    pub fn ask(
        &mut self,
        batch: &Batch<'_, '_>,
        bound: &Bound<'_>,
        rows: impl ExactSizeIterator<Item = u32>,
        near: Option<Near>,
    ) -> &[u32] {
        if !self.asks_rows {
            return &[];
        }
        self.ask_in(batch, bound, rows, None, near)
    }

    /// The same, and the rows in any case; for a batch that is given by slots, which of its slots the rows are in.
    pub fn ask_in(
        &mut self,
        batch: &Batch<'_, '_>,
        bound: &Bound<'_>,
        rows: impl ExactSizeIterator<Item = u32>,
        slots: Option<Range<usize>>,
        near: Option<Near>,
    ) -> &[u32] {
        let count = rows.len();
        fill_rows(&mut self.rows, rows, self.executor.room(count));
        let rows = &self.rows[..count];
        let ascending = if slots.is_some() && self.sorts {
            self.sorted.clear();
            self.sorted.extend_from_slice(rows);
            index::ascend_few(&mut self.sorted);
            &self.sorted
        } else {
            rows
        };
        let start = batch.rows.start;
        let members = Members {
            rows,
            ascending,
            offset: slots.as_ref().map_or(0, |slots| slots.start),
            first: if slots.is_some() { 0 } else { start },
            slots: slots.map(|slots| start + slots.start as u32..start + slots.end as u32),
            near,
        };
        for (around, space) in self.around.iter_mut().zip(&bound.spaces) {
            around.ask(batch, space, &bound.others, &members);
        }
        if let Some(at) = self.far_at {
            self.far.ask(&bound.spaces[at], &bound.others, rows);
        }
        for (number, (source, room)) in self.sources.iter().zip(&mut self.loops).enumerate() {
            match source {
                Source::Found(among, count) => room.found(bound.ahead.condition(*among, *count), &members),
                Source::Within(..) | Source::Far(_) | Source::Count => {}
                Source::Group(group) => {
                    let own = if *group == self.group { members.ascending } else { &[] };
                    room.runs.clear();
                    runs::cut(0..batch.group_rows(*group), own.iter().copied(), &mut room.runs);
                }
                Source::Nearest { around, .. }
                    if self.search.as_ref().is_some_and(|search| search.offered == number) =>
                {
                    if let Some(search) = &mut self.search {
                        search.begin(&bound.spaces[*around], &members, self.around[*around].own);
                    }
                }
                Source::Nearest { around, count } => {
                    room.nearest(batch, &self.around[*around], &bound.spaces[*around], &members, *count);
                }
                Source::Inverse(inverse) => room.referring(&batch.inverse(*inverse), rows),
                Source::Members(index, tie) => room.members(&KdTree(batch.kd(*index)), *tie, rows),
                Source::Holder(index) => room.holders(&KdTree(batch.kd(*index)), rows),
            }
        }
        &self.rows
    }

    /// Runs the body for the block that was asked for; a condition as often as there is something to offer.
    pub fn run(
        &mut self,
        batch: &Batch<'_, '_>,
        bound: &Bound<'_>,
        count: usize,
        own: &[Values<'_>],
        out: &mut [ValuesMut<'_>],
    ) {
        let Some(mut search) = self.search.take() else { return self.compute(batch, bound, count, own, out) };
        if let Source::Nearest { around, .. } = self.sources[search.offered] {
            while search.offer(&bound.spaces[around], batch, &mut self.loops[search.offered]) {
                self.compute(batch, bound, count, own, out);
                search.hear(out);
            }
        }
        search.finish();
        self.search = Some(search);
    }

    /// Runs the body once.
    fn compute(
        &mut self,
        batch: &Batch<'_, '_>,
        bound: &Bound<'_>,
        count: usize,
        own: &[Values<'_>],
        out: &mut [ValuesMut<'_>],
    ) {
        let Self { executor, sources, around, far, loops, asks_rows, rows, .. } = self;
        let mut columns: Vec<Values<'_>> = recycle(std::mem::take(&mut self.columns));
        for (source, range) in sources.iter().zip(&bound.ranges) {
            match source {
                Source::Within(at, picks) if around[*at].listed() => {
                    columns.extend(picks.iter().map(|&pick| around[*at].gathered(pick)));
                }
                Source::Far(picks) => columns.extend(picks.iter().map(|&pick| far.gathered(pick))),
                _ => columns.extend_from_slice(&bound.others[range.clone()]),
            }
        }
        let mut turns: Vec<Turns<'_>> = recycle(std::mem::take(&mut self.turns));
        turns.extend(sources.iter().zip(&bound.ranges).zip(&*loops).map(|((source, range), room)| {
            let columns = &columns[range.clone()];
            match source {
                Source::Within(at, _) => Turns::Shared(around[*at].shared(&bound.spaces[*at], columns)),
                Source::Far(_) => Turns::Shared(far.shared(columns)),
                Source::Group(_) => {
                    Turns::Shared(Shared { runs: &room.runs, apart: None, rows: None, columns, straight: true })
                }
                Source::Nearest { .. } | Source::Found(..) | Source::Members(..) | Source::Holder(_) => {
                    Turns::Lists(Lists { starts: &room.starts, rows: &room.rows, columns })
                }
                Source::Inverse(inverse) => {
                    let inverse = batch.inverse(*inverse);
                    let rows = if room.in_place { inverse.listed } else { &room.rows };
                    let starts = room.lists.as_ref().map_or(&*room.starts, |lists| &inverse.starts[lists.clone()]);
                    Turns::Lists(Lists { starts, rows, columns })
                }
                Source::Count => Turns::Count,
            }
        }));
        let rows: &[u32] = if *asks_rows { rows } else { &[] };
        let block = Block { count, rows, own, far: &bound.far, loops: &turns, uniforms: uniforms(batch) };
        executor.run(&block, out);
        self.turns = recycle(turns);
        self.columns = recycle(columns);
    }
}
