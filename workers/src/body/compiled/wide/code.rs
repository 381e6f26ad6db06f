//! Code before it has registers: blocks of instructions over parts.

use iced_x86::Code;

use super::super::machine::{Block, Part};
use super::level::Level;

/// What stands in a register.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Class {
    Number,
    Vector,
    /// A bit a lane; those past the lanes are 0.
    Mask,
}

/// An operand, and how wide a view of its register the instruction takes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Arg {
    /// A whole vector.
    V(Part),
    /// Its low half.
    H(Part),
    /// Its low 128 bits.
    X(Part),
    /// A mask.
    K(Part),
    /// 64 bits.
    Q(Part),
    /// The low 32 bits.
    D(Part),
    Memory(Memory),
    Number(i64),
    /// Behind all others: the lanes that are made. Those that are not stay as they are
    Where(Part),
    /// or become 0.
    Only(Part),
}

impl Arg {
    /// The part it is.
    pub fn part(&self) -> Option<Part> {
        match *self {
            Arg::V(part) | Arg::H(part) | Arg::X(part) | Arg::K(part) | Arg::Q(part) | Arg::D(part) => Some(part),
            Arg::Where(part) | Arg::Only(part) => Some(part),
            Arg::Memory(_) | Arg::Number(_) => None,
        }
    }
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
    /// A vector or a mask of the pool.
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
                    if let Arg::Memory(Memory { base, index, .. }) = *arg {
                        if let Base::Part(part) = base {
                            f(part);
                        }
                        index.into_iter().for_each(|(part, _)| f(part));
                    } else if place > 0 || *role != Role::Makes {
                        arg.part().into_iter().for_each(&mut f);
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
            Inst::Plain { role: Role::Makes | Role::Changes, args, .. } => args.first().and_then(Arg::part),
            Inst::Enter(to) | Inst::Move { to, .. } | Inst::Constant { to, .. } => Some(*to),
            _ => None,
        }
    }
}

/// A function in the making.
pub(super) struct Text {
    pub level: Level,
    pub insts: Vec<Inst>,
    /// The class of each part.
    pub classes: Vec<Class>,
    /// Of parts that are constants: where they stand in the pool.
    pub constants: Vec<Option<usize>>,
    /// Vectors, one behind another.
    pub pool: Vec<u8>,
    /// The first instruction of each block that has been begun, in their order.
    pub begun: Vec<(Block, usize)>,
    pub blocks: u32,
    /// Bytes of room in the frame.
    pub frame: u32,
}

impl Text {
    /// Nothing yet.
    pub fn new(level: Level) -> Self {
        let (insts, classes, constants, pool, begun) = Default::default();
        Self { level, insts, classes, constants, pool, begun, blocks: 0, frame: 0 }
    }

    /// A new part.
    pub fn part(&mut self, class: Class) -> Part {
        self.classes.push(class);
        self.constants.push(None);
        Part(self.classes.len() as u32 - 1)
    }

    /// The class of a part.
    pub fn class(&self, part: Part) -> Class {
        self.classes[part.0 as usize]
    }

    /// The instructions of a block that does nothing but decide where to go on.
    pub fn test_of(&self, block: Block) -> Option<&[Inst]> {
        let place = self.begun.iter().position(|(begun, _)| *begun == block)?;
        let end = self.begun.get(place + 1).map_or(self.insts.len(), |(_, first)| *first);
        let insts = &self.insts[self.begun[place].1..end];
        let decides = insts.len() <= 4 && matches!(insts.last(), Some(Inst::Branch { .. }));
        decides.then_some(insts)
    }

    /// A vector in the pool: where.
    pub fn pooled(&mut self, bytes: &[u8]) -> usize {
        let size = self.level.bytes();
        match self.pool.chunks_exact(size).position(|known| known == bytes) {
            Some(place) => place * size,
            None => {
                self.pool.extend(bytes);
                self.pool.len() - size
            }
        }
    }
}
