//! The machine's flow, numbers and frame; vectors and memory have modules of their own.

use std::collections::HashMap;

use diptych_protocol::body::{Binary, Compare, Unary};
use diptych_protocol::types::Scalar;
use iced_x86::Code;

use super::super::machine::{Address, Block, If, Kind, Machine, Part, Variable};
use super::code::{Arg, Base, Class, Inst, Memory, Role, Text};

/// Emits code for 256-bit vectors.
pub(super) struct Wide {
    pub text: Text,
    words: Part,
    variables: Vec<Part>,
    /// What this block has already: constants by their bytes, places taken out of vectors.
    pub constants: HashMap<[u8; 32], Part>,
    pub places: HashMap<Part, Vec<Part>>,
}

impl Wide {
    pub fn new() -> Self {
        let mut text = Text::default();
        let words = text.part(Class::Number);
        let mut wide = Self { text, words, variables: Vec::new(), constants: HashMap::new(), places: HashMap::new() };
        let first = wide.block();
        wide.switch(first);
        wide.text.insts.push(Inst::Enter(words));
        wide
    }

    /// The code.
    pub fn finish(self) -> Text {
        self.text
    }

    pub fn vector(&mut self) -> Part {
        self.text.part(Class::Vector)
    }

    pub fn a_number(&mut self) -> Part {
        self.text.part(Class::Number)
    }

    pub fn push(&mut self, code: Code, role: Role, args: &[Arg], memory: Option<usize>) {
        self.text.insts.push(Inst::Plain { code, role, args: args.to_vec(), memory });
    }

    /// Makes a vector of all 256 bits.
    pub fn make(&mut self, code: Code, args: &[Arg], memory: Option<usize>) -> Part {
        let to = self.vector();
        self.push(code, Role::Makes, &[&[Arg::Y(to)], args].concat(), memory);
        to
    }

    /// Makes a vector of 128 bits.
    pub fn make_half(&mut self, code: Code, args: &[Arg], memory: Option<usize>) -> Part {
        let to = self.vector();
        self.push(code, Role::Makes, &[&[Arg::X(to)], args].concat(), memory);
        to
    }

    /// 32 bytes.
    pub fn constant(&mut self, bytes: [u8; 32]) -> Part {
        if let Some(part) = self.constants.get(&bytes) {
            return *part;
        }
        let (to, at) = (self.vector(), self.text.pooled(bytes));
        self.text.constants[to.0 as usize] = Some(at);
        self.text.insts.push(Inst::Constant { to, at });
        self.constants.insert(bytes, to);
        to
    }

    /// Where it stands, as an operand.
    pub fn memory(at: Address) -> Arg {
        Arg::Memory(Memory { base: Base::Part(at.base), index: at.index, offset: at.offset })
    }
}

fn kept(offset: u32) -> Arg {
    Arg::Memory(Memory { base: Base::Frame, index: None, offset: offset as i32 })
}

impl Machine for Wide {
    fn width(&self) -> usize {
        8
    }
    fn registers(&self) -> Option<usize> {
        None
    }
    fn rounds(&self) -> bool {
        true
    }
    fn block(&mut self) -> Block {
        self.text.blocks += 1;
        Block(self.text.blocks - 1)
    }
    fn switch(&mut self, to: Block) {
        self.constants.clear();
        self.places.clear();
        let at = self.text.insts.len();
        self.text.begun.push((to, at));
    }
    fn seal(&mut self, _: Block) {}
    fn jump(&mut self, to: Block) {
        self.text.insts.push(Inst::Jump(to));
    }
    fn branch(&mut self, condition: If, yes: Block, no: Block) {
        let codes = match condition {
            If::Below(a, b) => {
                self.push(Code::Cmp_r64_rm64, Role::Reads, &[Arg::Q(a), Arg::Q(b)], Some(1));
                [Code::Jb_rel32_64, Code::Jae_rel32_64]
            }
            If::Equal(a, b) => {
                self.push(Code::Cmp_r64_rm64, Role::Reads, &[Arg::Q(a), Arg::Q(b)], Some(1));
                [Code::Je_rel32_64, Code::Jne_rel32_64]
            }
            If::NotZero(a) => {
                self.push(Code::Test_rm64_r64, Role::Reads, &[Arg::Q(a), Arg::Q(a)], None);
                [Code::Jne_rel32_64, Code::Je_rel32_64]
            }
            If::Any(mask) => {
                self.push(Code::VEX_Vptest_ymm_ymmm256, Role::Reads, &[Arg::Y(mask), Arg::Y(mask)], None);
                [Code::Jne_rel32_64, Code::Je_rel32_64]
            }
        };
        self.text.insts.push(Inst::Branch { codes, yes, no });
    }
    fn done(&mut self) {
        self.text.insts.push(Inst::Return);
    }

    fn variable(&mut self, kind: Kind) -> Variable {
        let class = if kind == Kind::Number { Class::Number } else { Class::Vector };
        let part = self.text.part(class);
        self.variables.push(part);
        Variable(self.variables.len() as u32 - 1)
    }
    fn set(&mut self, variable: Variable, from: Part) {
        let to = self.variables[variable.0 as usize];
        self.text.insts.push(Inst::Move { to, from });
    }
    fn read(&mut self, variable: Variable) -> Part {
        let from = self.variables[variable.0 as usize];
        let to = self.text.part(self.text.classes[from.0 as usize]);
        self.text.insts.push(Inst::Move { to, from });
        to
    }
    fn copy(&mut self, from: Part) -> Part {
        let to = self.vector();
        if let Some(at) = self.text.constants[from.0 as usize] {
            self.text.constants[to.0 as usize] = Some(at);
            self.text.insts.push(Inst::Constant { to, at });
        } else {
            self.text.insts.push(Inst::Move { to, from });
        }
        to
    }

    fn words(&self) -> Part {
        self.words
    }
    fn number(&mut self, value: i64) -> Part {
        let to = self.a_number();
        self.push(Code::Mov_r64_imm64, Role::Makes, &[Arg::Q(to), Arg::Number(value)], None);
        to
    }
    fn plus(&mut self, a: Part, by: i64) -> Part {
        let to = self.a_number();
        let sum = Arg::Memory(Memory { base: Base::Part(a), index: None, offset: by as i32 });
        self.push(Code::Lea_r64_m, Role::Makes, &[Arg::Q(to), sum], None);
        to
    }
    fn minus(&mut self, a: Part, b: Part) -> Part {
        let to = self.a_number();
        self.text.insts.push(Inst::Move { to, from: a });
        self.push(Code::Sub_r64_rm64, Role::Changes, &[Arg::Q(to), Arg::Q(b)], Some(1));
        to
    }
    fn load_number(&mut self, bytes: u8, at: Address) -> Part {
        let to = self.a_number();
        let (code, view) = match bytes {
            8 => (Code::Mov_r64_rm64, Arg::Q(to)),
            1 => (Code::Movzx_r32_rm8, Arg::D(to)),
            _ => (Code::Mov_r32_rm32, Arg::D(to)),
        };
        self.push(code, Role::Makes, &[view, Self::memory(at)], None);
        to
    }
    fn address(&mut self, base: Part, index: Part, scalar: Scalar) -> Address {
        Address { base, index: Some((index, scalar.size() as u8)), offset: 0 }
    }

    fn load(&mut self, scalar: Scalar, at: Address) -> Part {
        self.lanes_at(scalar, at)
    }
    fn store(&mut self, scalar: Scalar, at: Address, part: Part) {
        self.lanes_to(scalar, at, part);
    }
    fn broadcast(&mut self, scalar: Scalar, at: Address) -> Part {
        self.one_for_all(scalar, at)
    }
    fn splat(&mut self, number: Part) -> Part {
        let low = self.make_half(Code::VEX_Vmovd_xmm_rm32, &[Arg::D(number)], None);
        self.make(Code::VEX_Vpbroadcastd_ymm_xmmm32, &[Arg::X(low)], None)
    }
    fn gather(&mut self, scalar: Scalar, base: Part, places: Part) -> Vec<Part> {
        self.values_at(scalar, base, places)
    }
    fn all(&mut self, lane: u32) -> Part {
        self.constant(std::array::from_fn(|byte| lane.to_le_bytes()[byte % 4]))
    }
    fn all_wide(&mut self, lane: u64) -> Part {
        self.constant(std::array::from_fn(|byte| lane.to_le_bytes()[byte % 8]))
    }
    fn numbers_from(&mut self, first: u32) -> Part {
        self.constant(std::array::from_fn(|byte| (first + byte as u32 / 4).to_le_bytes()[byte % 4]))
    }

    fn unary(&mut self, op: Unary, scalar: Scalar, a: Part) -> Part {
        self.one_operand(op, scalar, a)
    }
    fn binary(&mut self, op: Binary, scalar: Scalar, a: Part, b: Part) -> Part {
        self.two_operands(op, scalar, a, b)
    }
    fn compare(&mut self, op: Compare, scalar: Scalar, a: Part, b: Part) -> Part {
        self.compared(op, scalar, a, b)
    }
    fn unordered(&mut self, scalar: Scalar, a: Part, b: Part) -> Part {
        self.float_mask(scalar, a, b, 3)
    }
    fn select(&mut self, scalar: Scalar, mask: Part, a: Part, b: Part) -> Part {
        let code = match scalar {
            Scalar::F64 => Code::VEX_Vblendvpd_ymm_ymm_ymmm256_ymm,
            _ => Code::VEX_Vblendvps_ymm_ymm_ymmm256_ymm,
        };
        self.make(code, &[Arg::Y(b), Arg::Y(a), Arg::Y(mask)], Some(2))
    }
    fn left(&mut self, a: Part, by: u32) -> Part {
        self.make(Code::VEX_Vpslld_ymm_ymm_imm8, &[Arg::Y(a), Arg::Number(i64::from(by))], None)
    }
    fn right(&mut self, a: Part, by: u32, signed: bool) -> Part {
        let code = if signed { Code::VEX_Vpsrad_ymm_ymm_imm8 } else { Code::VEX_Vpsrld_ymm_ymm_imm8 };
        self.make(code, &[Arg::Y(a), Arg::Number(i64::from(by))], None)
    }

    fn narrow(&mut self, low: Part, high: Part) -> Part {
        // Even 32-bit lanes of both, half by half, then the halves in order.
        let even =
            self.make(Code::VEX_Vshufps_ymm_ymm_ymmm256_imm8, &[Arg::Y(low), Arg::Y(high), Arg::Number(0x88)], Some(2));
        self.make(Code::VEX_Vpermq_ymm_ymmm256_imm8, &[Arg::Y(even), Arg::Number(0xd8)], Some(1))
    }
    fn widen(&mut self, mask: Part) -> [Part; 2] {
        self.halves(mask).map(|half| self.make(Code::VEX_Vpmovsxdq_ymm_xmmm128, &[Arg::X(half)], Some(1)))
    }
    fn promote(&mut self, a: Part) -> [Part; 2] {
        self.halves(a).map(|half| self.make(Code::VEX_Vcvtps2pd_ymm_xmmm128, &[Arg::X(half)], Some(1)))
    }
    fn demote(&mut self, low: Part, high: Part) -> Part {
        let [low, high] = [low, high].map(|a| self.make_half(Code::VEX_Vcvtpd2ps_xmm_ymmm256, &[Arg::Y(a)], Some(1)));
        self.whole(low, high)
    }
    fn integer_to_float(&mut self, unsigned: bool, a: Part) -> Part {
        self.floats_of(unsigned, a)
    }
    fn integer_to_double(&mut self, unsigned: bool, a: Part) -> [Part; 2] {
        self.doubles_of(unsigned, a)
    }
    fn float_to_integer(&mut self, unsigned: bool, a: Part) -> Part {
        self.integers_of_floats(unsigned, a)
    }
    fn double_to_integer(&mut self, unsigned: bool, low: Part, high: Part) -> Part {
        let [low, high] = [low, high].map(|a| self.integers_of_doubles(unsigned, a));
        self.whole(low, high)
    }

    fn load_bytes(&mut self, at: Address) -> Part {
        self.make(Code::VEX_Vmovups_ymm_ymmm256, &[Self::memory(at)], None)
    }
    fn store_bytes(&mut self, at: Address, part: Part) {
        self.push(Code::VEX_Vmovups_ymmm256_ymm, Role::Reads, &[Self::memory(at), Arg::Y(part)], None);
    }
    fn all_bytes(&mut self, lane: u8) -> Part {
        self.constant([lane; 32])
    }
    fn binary_bytes(&mut self, op: Binary, a: Part, b: Part) -> Part {
        self.two_bytes(op, a, b)
    }
    fn compare_bytes(&mut self, op: Compare, a: Part, b: Part) -> Part {
        self.compared_bytes(op, a, b)
    }
    fn select_bytes(&mut self, mask: Part, a: Part, b: Part) -> Part {
        self.make(Code::VEX_Vpblendvb_ymm_ymm_ymmm256_ymm, &[Arg::Y(b), Arg::Y(a), Arg::Y(mask)], Some(2))
    }
    fn spread(&mut self, bytes: Part, mask: bool) -> [Part; 4] {
        self.words_of(bytes, mask)
    }
    fn condense(&mut self, words: [Part; 4], mask: bool) -> Part {
        self.bytes_of(words, mask)
    }

    fn draws(&self) -> bool {
        true
    }
    fn random(&mut self, counter: [Part; 4], key: [Part; 2], last: bool) -> [Part; 2] {
        self.philox(counter, key, last)
    }

    fn room(&mut self, bytes: u32) -> u32 {
        let offset = self.text.frame;
        self.text.frame += bytes.next_multiple_of(32);
        offset
    }
    fn keep(&mut self, part: Part, offset: u32) {
        self.push(Code::VEX_Vmovups_ymmm256_ymm, Role::Reads, &[kept(offset), Arg::Y(part)], None);
    }
    fn unkeep(&mut self, _: Scalar, offset: u32) -> Part {
        self.make(Code::VEX_Vmovups_ymm_ymmm256, &[kept(offset)], None)
    }
    fn frame(&mut self, offset: u32) -> Part {
        let to = self.a_number();
        self.push(Code::Lea_r64_m, Role::Makes, &[Arg::Q(to), kept(offset)], None);
        to
    }
    fn call(&mut self, address: usize, arguments: &[Part]) {
        self.text.insts.push(Inst::Call { address, arguments: arguments.to_vec() });
    }
}
