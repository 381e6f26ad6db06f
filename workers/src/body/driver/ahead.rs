//! What is found ahead of a body for the rows of a batch: by the questions and conditions of its loops, and of theirs. Each
//! is run once, whoever needs it.

use diptych_protocol::access::AccessError;
use diptych_protocol::body::{Over, with_asked};
use diptych_protocol::id::{BodyId, GroupId};
use diptych_protocol::program::Program;
use diptych_protocol::view::Batch;

use super::condition::Condition;
use super::question::Question;
use crate::body::Backend;

/// Those of one body.
pub(super) struct Ahead {
    /// Each behind what it needs itself.
    all: Vec<Asked>,
}

/// A body that is run ahead.
enum Asked {
    Question(BodyId, Question),
    Condition(BodyId, u16, Condition),
}

impl Ahead {
    /// For a verified body over a group.
    pub fn new(program: &Program, group: GroupId, body: BodyId, backend: Backend) -> Result<Self, AccessError> {
        let bodies = with_asked(&program.bodies, body);
        let loops = || bodies.iter().flat_map(|body| program.bodies[*body].loops.values());
        let mut all = Vec::new();
        for &id in &bodies {
            if loops().any(|it| it.question == Some(id)) {
                all.push(Asked::Question(id, Question::new(program, group, id, backend)?));
            }
            let mut counts: Vec<u16> = loops()
                .filter_map(|it| match it.over {
                    Over::Nearest { count, among, .. } if among == Some(id) => Some(count),
                    _ => None,
                })
                .collect();
            counts.sort_unstable();
            counts.dedup();
            for count in counts {
                all.push(Asked::Condition(id, count, Condition::new(program, group, id, count, backend)?));
            }
        }
        Ok(Self { all })
    }

    /// Asks all for the rows of a batch.
    pub fn ask(&mut self, batch: &Batch<'_, '_>) -> Answers<'_> {
        for at in 0..self.all.len() {
            let (before, rest) = self.all.split_at_mut(at);
            match &mut rest[0] {
                Asked::Question(_, question) => question.ask(batch, Answers(before)),
                Asked::Condition(_, _, condition) => condition.find(batch, Answers(before)),
            }
        }
        Answers(&self.all)
    }
}

/// What has been found so far.
#[derive(Clone, Copy)]
pub(super) struct Answers<'a>(&'a [Asked]);

impl<'a> Answers<'a> {
    /// What a question gave.
    pub fn question(self, body: BodyId) -> &'a Question {
        let found = self.0.iter().find_map(|asked| match asked {
            Asked::Question(id, question) if *id == body => Some(question),
            _ => None,
        });
        found.unwrap_or_else(|| unreachable!("a verified body's questions have lower numbers, and are asked before it"))
    }

    /// What a condition found, for a loop over so many rows.
    pub fn condition(self, body: BodyId, count: u16) -> &'a Condition {
        let found = self.0.iter().find_map(|asked| match asked {
            Asked::Condition(id, most, condition) if *id == body && *most == count => Some(condition),
            _ => None,
        });
        found
            .unwrap_or_else(|| unreachable!("a verified body's conditions have lower numbers, and are asked before it"))
    }
}
