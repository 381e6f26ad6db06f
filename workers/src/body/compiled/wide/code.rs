//! Code before it has registers: blocks of instructions over parts.

use iced_x86::Code;

use super::super::machine::{Block, Part};

/// What stands in a register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Class {
    Number,
    Vector,
}

/// An operand, and how wide a view of its register the instruction takes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Arg {
    /// 256 bits.
    Y(Part),
    /// The low 128 bits.
    X(Part),
    /// 64 bits.
    Q(Part),
    /// The low 32 bits.
    D(Part),
    Memory(Memory),
    Number(i64),
}

/// Where something stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    pub base: Base,
    pub index: Option<(Part, u8)>,
    pub offset: i32,
}

/// What an address begins with.
#[derive(Clone, Copy, Debug)]
pub(super) enum Base {
    Part(Part),
    /// Room in the frame.
    Frame,
}

/// What an instruction does to its first operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    Makes,
    Reads,
    Changes,
}

/// An instruction.
#[derive(Clone, Debug)]
pub(super) enum Inst {
    Plain {
        code: Code,
        role: Role,
        args: Vec<Arg>,
        /// Which operand may as well be in memory.
        memory: Option<usize>,
    },
    /// Makes the words' address, which the function is given.
    Enter(Part),
    Move {
        to: Part,
        from: Part,
    },
    /// 32 bytes of the pool.
    Constant {
        to: Part,
        at: usize,
    },
    Jump(Block),
    /// Jumps by the flags that the instruction before it has set: the code for yes, and for no.
    Branch {
        codes: [Code; 2],
        yes: Block,
        no: Block,
    },
    Call {
        address: usize,
        arguments: Vec<Part>,
    },
    Return,
}

impl Inst {
    /// The parts it reads.
    pub fn reads(&self, mut f: impl FnMut(Part)) {
        match self {
            Inst::Plain { role, args, .. } => {
                for (place, arg) in args.iter().enumerate() {
                    match *arg {
                        Arg::Y(part) | Arg::X(part) | Arg::Q(part) | Arg::D(part) => {
                            if place > 0 || *role != Role::Makes {
                                f(part);
                            }
                        }
                        Arg::Memory(Memory { base, index, .. }) => {
                            if let Base::Part(part) = base {
                                f(part);
                            }
                            index.into_iter().for_each(|(part, _)| f(part));
                        }
                        Arg::Number(_) => {}
                    }
                }
            }
            Inst::Move { from, .. } => f(*from),
            Inst::Call { arguments, .. } => arguments.iter().for_each(|part| f(*part)),
            Inst::Enter(_) | Inst::Constant { .. } | Inst::Jump(_) | Inst::Branch { .. } | Inst::Return => {}
        }
    }

    /// The part it makes or changes.
    pub fn makes(&self) -> Option<Part> {
        match self {
            Inst::Plain { role: Role::Makes | Role::Changes, args, .. } => match args.first() {
                Some(Arg::Y(part) | Arg::X(part) | Arg::Q(part) | Arg::D(part)) => Some(*part),
                _ => None,
            },
            Inst::Enter(to) | Inst::Move { to, .. } | Inst::Constant { to, .. } => Some(*to),
            _ => None,
        }
    }
}

/// A function in the making.
#[derive(Default)]
pub(super) struct Text {
    pub insts: Vec<Inst>,
    /// The class of each part.
    pub classes: Vec<Class>,
    /// Of parts that are constants: where they stand in the pool.
    pub constants: Vec<Option<usize>>,
    pub pool: Vec<u8>,
    /// The first instruction of each block that has been begun, in their order.
    pub begun: Vec<(Block, usize)>,
    pub blocks: u32,
    /// Bytes of room in the frame.
    pub frame: u32,
}

impl Text {
    /// A new part.
    pub fn part(&mut self, class: Class) -> Part {
        self.classes.push(class);
        self.constants.push(None);
        Part(self.classes.len() as u32 - 1)
    }

    /// The instructions of a block that does nothing but decide where to go on.
    pub fn test_of(&self, block: Block) -> Option<&[Inst]> {
        let place = self.begun.iter().position(|(begun, _)| *begun == block)?;
        let end = self.begun.get(place + 1).map_or(self.insts.len(), |(_, first)| *first);
        let insts = &self.insts[self.begun[place].1..end];
        let decides = insts.len() <= 4 && matches!(insts.last(), Some(Inst::Branch { .. }));
        decides.then_some(insts)
    }

    /// 32 bytes in the pool: where.
    pub fn pooled(&mut self, bytes: [u8; 32]) -> usize {
        match self.pool.chunks_exact(32).position(|known| known == bytes) {
            Some(place) => place * 32,
            None => {
                self.pool.extend(bytes);
                self.pool.len() - 32
            }
        }
    }
}
