//! What code is made of: the few instructions that a generator has for some processor. The meaning of a body, its loops
//! and masks, is written once, above this.
//!
//! A [`Part`] is a vector or a *number* (an address, a count: 64 bits). Vectors have so many lanes of 32 bits, or half as
//! many of 64. Integers of all types stand in 32 bits, extended by their sign or zeros. A `bool` is a *mask*: what that is
//! made of the machine knows. What compares `f64` is a mask of lanes of 64 bits (see [`Machine::narrow`]). Mostly masks
//! are vectors, all ones or all zeros: what is said of them here by default.

use diptych_protocol::body::{Binary, Compare, Unary};
use diptych_protocol::types::Scalar;

/// A vector or a number, made once.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Part(pub u32);

/// A stretch of code that is entered at its beginning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Block(pub u32);

/// What is set again and again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Variable(pub u32);

/// What a variable holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Number,
    Vector(Scalar),
}

/// Where something stands in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address {
    pub base: Part,
    /// A number, and what it is multiplied with: 1, 2, 4 or 8.
    pub index: Option<(Part, u8)>,
    /// Bytes.
    pub offset: i32,
}

impl Address {
    /// Just there.
    pub(super) fn at(base: Part, offset: i32) -> Self {
        Self { base, index: None, offset }
    }

    /// So many bytes behind it.
    pub(super) fn behind(self, bytes: i32) -> Self {
        Self { offset: self.offset + bytes, ..self }
    }
}

/// What decides a branch.
#[derive(Clone, Copy, Debug)]
pub(super) enum If {
    /// The first number is below the second.
    Below(Part, Part),
    /// They are equal.
    Equal(Part, Part),
    /// The number is not 0.
    NotZero(Part),
    /// The mask is true for any lane.
    Any(Part),
}

/// Emits instructions, one after another.
pub(super) trait Machine {
    /// Lanes of 32 bits of a vector: 4, 8 or 16.
    fn width(&self) -> usize;
    /// How many registers the body's values should be fitted into, what does not fit being parked; nothing where the
    /// machine sees to that itself.
    fn registers(&self) -> Option<usize>;
    /// Whether [`Machine::unary`] can floor, ceil and truncate, and [`Machine::double_to_integer`] make a `u32`.
    fn rounds(&self) -> bool;

    /// A new block.
    fn block(&mut self) -> Block;
    /// What follows stands in this block. The one before must have ended.
    fn switch(&mut self, to: Block);
    /// All jumps to it are made.
    fn seal(&mut self, block: Block);
    /// Ends a block.
    fn jump(&mut self, to: Block);
    /// Ends a block.
    fn branch(&mut self, condition: If, yes: Block, no: Block);
    /// Ends the function.
    fn done(&mut self);

    /// A new variable.
    fn variable(&mut self, kind: Kind) -> Variable;
    /// Sets it.
    fn set(&mut self, variable: Variable, to: Part);
    /// As it is now.
    fn read(&mut self, variable: Variable) -> Part;
    /// The same vector, for use in a loop that needs it all the time.
    fn copy(&mut self, part: Part) -> Part;

    /// The same vector, made once, however often it is used. For what is made of a load: see the machine that needs it.
    fn settle(&mut self, part: Part) -> Part {
        part
    }

    /// Where the words stand that the function is given.
    fn words(&self) -> Part;
    /// A number.
    fn number(&mut self, value: i64) -> Part;
    /// A number plus another.
    fn plus(&mut self, a: Part, by: i64) -> Part;
    /// One number minus another.
    fn minus(&mut self, a: Part, b: Part) -> Part;
    /// A number from memory: 1, 4 or 8 bytes, extended by zeros.
    fn load_number(&mut self, bytes: u8, at: Address) -> Part;
    /// Where a value of a column stands.
    fn address(&mut self, base: Part, index: Part, scalar: Scalar) -> Address;

    /// One vector of lanes from memory.
    fn load(&mut self, scalar: Scalar, at: Address) -> Part;
    /// One vector of lanes to memory; integers fit their type.
    fn store(&mut self, scalar: Scalar, at: Address, part: Part);
    /// One value from memory in all lanes.
    fn broadcast(&mut self, scalar: Scalar, at: Address) -> Part;
    /// The low 32 bits of a number in all lanes.
    fn splat(&mut self, number: Part) -> Part;
    /// A value a lane: that at the place of each lane of an integer vector, counted from `base`. Gives as many vectors as
    /// the type needs.
    fn gather(&mut self, scalar: Scalar, base: Part, places: Part) -> Vec<Part>;

    /// A pattern in all lanes of 32 bits.
    fn all(&mut self, lane: u32) -> Part;
    /// A pattern in all lanes of 64 bits.
    fn all_wide(&mut self, lane: u64) -> Part;
    /// True or false in all lanes.
    fn all_masks(&mut self, is: bool) -> Part {
        self.all(if is { u32::MAX } else { 0 })
    }
    /// `first`, `first + 1`, ...
    fn numbers_from(&mut self, first: u32) -> Part;

    /// `Neg`, `Abs`, `Not`, `Sqrt`, and if it rounds `Floor`, `Ceil`, `Trunc`.
    fn unary(&mut self, op: Unary, scalar: Scalar, a: Part) -> Part;
    /// `Add`, `Sub`, `Mul`, `And`, `Or`, `Xor`; of floats `Div`, of integers `Min` and `Max`. Bits of any vectors may be
    /// combined, and masks with each other.
    fn binary(&mut self, op: Binary, scalar: Scalar, a: Part, b: Part) -> Part;
    /// A mask, of 64 bits for `f64`.
    fn compare(&mut self, op: Compare, scalar: Scalar, a: Part, b: Part) -> Part;
    /// True where either is NaN.
    fn unordered(&mut self, scalar: Scalar, a: Part, b: Part) -> Part;
    /// The first where the mask, as wide as the type, says so, else the second.
    fn select(&mut self, scalar: Scalar, mask: Part, a: Part, b: Part) -> Part;
    /// The vector where the mask, as wide as the type, says so, else all bits 0.
    fn masked(&mut self, scalar: Scalar, mask: Part, a: Part) -> Part {
        self.binary(Binary::And, scalar, mask, a)
    }
    /// An integer, and where the mask says so one more (`Add`) or less (`Sub`).
    fn step(&mut self, a: Part, mask: Part, op: Binary) -> Part {
        // A mask is -1.
        self.binary(if op == Binary::Add { Binary::Sub } else { Binary::Add }, Scalar::I32, a, mask)
    }
    /// Whether it has [`Machine::merge`].
    fn merges(&self) -> bool {
        false
    }
    /// Both operands combined where the mask, as wide as the type, says so, else the first.
    fn merge(&mut self, op: Binary, scalar: Scalar, mask: Part, a: Part, b: Part) -> Part {
        unreachable!("{op:?} {scalar:?} {mask:?} {a:?} {b:?}: nothing is merged")
    }
    /// Shifts lanes of 32 bits.
    fn left(&mut self, a: Part, by: u32) -> Part;
    /// Shifts lanes of 32 bits, filled with the sign or with zeros.
    fn right(&mut self, a: Part, by: u32, signed: bool) -> Part;

    /// One mask from two of 64 bits.
    fn narrow(&mut self, low: Part, high: Part) -> Part;
    /// Two masks of 64 bits.
    fn widen(&mut self, mask: Part) -> [Part; 2];
    /// To `f64`.
    fn promote(&mut self, a: Part) -> [Part; 2];
    /// From `f64`, rounded to nearest even.
    fn demote(&mut self, low: Part, high: Part) -> Part;
    /// An integer to `f32`, rounded to nearest even.
    fn integer_to_float(&mut self, unsigned: bool, a: Part) -> Part;
    /// An integer to `f64`.
    fn integer_to_double(&mut self, unsigned: bool, a: Part) -> [Part; 2];
    /// Truncates and saturates to `i32` or `u32`; NaN becomes 0.
    fn float_to_integer(&mut self, unsigned: bool, a: Part) -> Part;
    /// The same from `f64`.
    fn double_to_integer(&mut self, unsigned: bool, low: Part, high: Part) -> Part;

    /// One vector of bytes from memory: four times [`Self::width`] lanes. This and those up to
    /// [`Machine::condense`] are asked for only where the plan has values in bytes.
    fn load_bytes(&mut self, at: Address) -> Part {
        unreachable!("{at:?}: no bytes")
    }
    /// One vector of bytes to memory.
    fn store_bytes(&mut self, at: Address, part: Part) {
        unreachable!("{at:?} {part:?}: no bytes")
    }
    /// A pattern in all lanes of 8 bits.
    fn all_bytes(&mut self, lane: u8) -> Part {
        unreachable!("{lane}: no bytes")
    }
    /// A mask of 8 bits, the same in all lanes.
    fn all_byte_masks(&mut self, is: bool) -> Part {
        unreachable!("{is}: no bytes")
    }
    /// That of bytes that are 0 or 1.
    fn masks_of_bytes(&mut self, bits: Part) -> Part {
        unreachable!("{bits:?}: no bytes")
    }
    /// `Add`, `Sub`, `And`, `Or`, `Xor`, and of unsigned bytes `Min` and `Max`.
    fn binary_bytes(&mut self, op: Binary, a: Part, b: Part) -> Part {
        unreachable!("{op:?} {a:?} {b:?}: no bytes")
    }
    /// A mask of 8 bits, of unsigned bytes or of such masks.
    fn compare_bytes(&mut self, op: Compare, a: Part, b: Part) -> Part {
        unreachable!("{op:?} {a:?} {b:?}: no bytes")
    }
    /// The first where the mask of 8 bits says so, else the second.
    fn select_bytes(&mut self, mask: Part, a: Part, b: Part) -> Part {
        unreachable!("{mask:?} {a:?} {b:?}: no bytes")
    }
    /// The bytes where the mask says so, else 0.
    fn masked_bytes(&mut self, mask: Part, a: Part) -> Part {
        unreachable!("{mask:?} {a:?}: no bytes")
    }
    /// One more where the mask says so.
    fn step_bytes(&mut self, a: Part, mask: Part) -> Part {
        unreachable!("{a:?} {mask:?}: no bytes")
    }
    /// Bytes in lanes of 32 bits: masks, or else unsigned integers.
    fn spread(&mut self, bytes: Part, mask: bool) -> [Part; 4] {
        unreachable!("{bytes:?} {mask}: no bytes")
    }
    /// The other way: masks, or else integers that fit.
    fn condense(&mut self, words: [Part; 4], mask: bool) -> Part {
        unreachable!("{words:?} {mask}: no bytes")
    }

    /// Whether it makes random numbers itself.
    fn draws(&self) -> bool {
        false
    }
    /// Two words of a block of [`philox4x32_10`](diptych_protocol::random::philox4x32_10): the first two, or the last.
    /// Counter and key have a word a lane.
    fn random(&mut self, counter: [Part; 4], key: [Part; 2], last: bool) -> [Part; 2] {
        unreachable!("{counter:?} {key:?} {last}: no random numbers")
    }

    /// Room in the frame, a multiple of 16 bytes: its offset.
    fn room(&mut self, bytes: u32) -> u32;
    /// Stores a vector in the frame.
    fn keep(&mut self, part: Part, offset: u32);
    /// Loads it.
    fn unkeep(&mut self, scalar: Scalar, offset: u32) -> Part;
    /// Where something stands in the frame: a number.
    fn frame(&mut self, offset: u32) -> Part;
    /// Calls a function of numbers that gives nothing.
    fn call(&mut self, address: usize, arguments: &[Part]);
}
