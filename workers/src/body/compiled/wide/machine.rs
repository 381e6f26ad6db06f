//! The machine's flow, numbers and frame; vectors and memory have modules of their own.

use std::collections::HashMap;

use diptych_protocol::body::{Binary, Compare, Unary};
use diptych_protocol::types::Scalar;
use iced_x86::Code;

use super::super::machine::{Address, Block, If, Kind, Machine, Part, Variable};
use super::code::{Arg, Base, Class, Inst, Memory, Role, Text};
use super::level::{Codes, Level};

/// Emits code for wide vectors.
pub(super) struct Wide {
    pub text: Text,
    words: Part,
    variables: Vec<Part>,
    /// What this block has already: constants by their bytes, places taken out of vectors.
    pub constants: HashMap<(Class, Vec<u8>), Part>,
    pub places: HashMap<Part, Vec<Part>>,
}

impl Wide {
    pub fn new(level: Level) -> Self {
        let mut text = Text::new(level);
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

    pub fn push(&mut self, codes: Codes, role: Role, args: &[Arg], memory: Option<usize>) {
        let code = self.text.level.code(codes);
        self.text.insts.push(Inst::Plain { code, role, args: args.to_vec(), memory });
    }

    /// Does something with numbers.
    fn number_code(&mut self, code: Code, role: Role, args: &[Arg], memory: Option<usize>) {
        self.push([code; 2], role, args, memory);
    }

    /// Makes a whole vector.
    pub fn make(&mut self, codes: Codes, args: &[Arg], memory: Option<usize>) -> Part {
        self.make_as(Arg::V, codes, args, memory)
    }

    /// Makes as much of a vector as the view shows.
    pub fn make_as(&mut self, view: fn(Part) -> Arg, codes: Codes, args: &[Arg], memory: Option<usize>) -> Part {
        let to = self.vector();
        self.push(codes, Role::Makes, &[&[view(to)], args].concat(), memory);
        to
    }

    /// A constant, by the bytes of a vector.
    pub fn constant(&mut self, class: Class, bytes: Vec<u8>) -> Part {
        let key = (class, bytes);
        if let Some(part) = self.constants.get(&key) {
            return *part;
        }
        let (to, at) = (self.text.part(class), self.text.pooled(&key.1));
        self.text.constants[to.0 as usize] = Some(at);
        self.text.insts.push(Inst::Constant { to, at });
        self.constants.insert(key, to);
        to
    }

    /// Bytes of a vector, by their places.
    pub fn bytes(&mut self, byte: impl FnMut(usize) -> u8) -> Part {
        let bytes = (0..self.text.level.bytes()).map(byte).collect();
        self.constant(Class::Vector, bytes)
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
        self.text.level.bytes() / 4
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
                self.number_code(Code::Cmp_r64_rm64, Role::Reads, &[Arg::Q(a), Arg::Q(b)], Some(1));
                [Code::Jb_rel32_64, Code::Jae_rel32_64]
            }
            If::Equal(a, b) => {
                self.number_code(Code::Cmp_r64_rm64, Role::Reads, &[Arg::Q(a), Arg::Q(b)], Some(1));
                [Code::Je_rel32_64, Code::Jne_rel32_64]
            }
            If::NotZero(a) => {
                self.number_code(Code::Test_rm64_r64, Role::Reads, &[Arg::Q(a), Arg::Q(a)], None);
                [Code::Jne_rel32_64, Code::Je_rel32_64]
            }
            If::Any(mask) if self.is_mask(mask) => {
                self.push([Code::VEX_Kortestq_kr_kr; 2], Role::Reads, &[Arg::K(mask), Arg::K(mask)], None);
                [Code::Jne_rel32_64, Code::Je_rel32_64]
            }
            If::Any(mask) => {
                self.push([Code::VEX_Vptest_ymm_ymmm256; 2], Role::Reads, &[Arg::V(mask), Arg::V(mask)], None);
                [Code::Jne_rel32_64, Code::Je_rel32_64]
            }
        };
        self.text.insts.push(Inst::Branch { codes, yes, no });
    }
    fn done(&mut self) {
        self.text.insts.push(Inst::Return);
    }

    fn variable(&mut self, kind: Kind) -> Variable {
        let class = match kind {
            Kind::Number => Class::Number,
            Kind::Vector(Scalar::Bool) if self.text.level.masks() => Class::Mask,
            Kind::Vector(_) => Class::Vector,
        };
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
        let to = self.text.part(self.text.class(from));
        self.text.insts.push(Inst::Move { to, from });
        to
    }
    fn copy(&mut self, from: Part) -> Part {
        let to = self.text.part(self.text.class(from));
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
        self.number_code(Code::Mov_r64_imm64, Role::Makes, &[Arg::Q(to), Arg::Number(value)], None);
        to
    }
    fn plus(&mut self, a: Part, by: i64) -> Part {
        let to = self.a_number();
        let sum = Arg::Memory(Memory { base: Base::Part(a), index: None, offset: by as i32 });
        self.number_code(Code::Lea_r64_m, Role::Makes, &[Arg::Q(to), sum], None);
        to
    }
    fn minus(&mut self, a: Part, b: Part) -> Part {
        let to = self.a_number();
        self.text.insts.push(Inst::Move { to, from: a });
        self.number_code(Code::Sub_r64_rm64, Role::Changes, &[Arg::Q(to), Arg::Q(b)], Some(1));
        to
    }
    fn load_number(&mut self, bytes: u8, at: Address) -> Part {
        let to = self.a_number();
        let (code, view) = match bytes {
            8 => (Code::Mov_r64_rm64, Arg::Q(to)),
            1 => (Code::Movzx_r32_rm8, Arg::D(to)),
            _ => (Code::Mov_r32_rm32, Arg::D(to)),
        };
        self.number_code(code, Role::Makes, &[view, Self::memory(at)], None);
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
        if self.text.level == Level::Avx512 {
            return self.make([Code::EVEX_Vpbroadcastd_zmm_k1z_r32; 2], &[Arg::D(number)], None);
        }
        let low = self.make_as(Arg::X, [Code::VEX_Vmovd_xmm_rm32; 2], &[Arg::D(number)], None);
        self.make([Code::VEX_Vpbroadcastd_ymm_xmmm32; 2], &[Arg::X(low)], None)
    }
    fn gather(&mut self, scalar: Scalar, base: Part, places: Part) -> Vec<Part> {
        self.values_at(scalar, base, places)
    }
    fn all(&mut self, lane: u32) -> Part {
        self.bytes(|byte| lane.to_le_bytes()[byte % 4])
    }
    fn all_wide(&mut self, lane: u64) -> Part {
        self.bytes(|byte| lane.to_le_bytes()[byte % 8])
    }
    fn all_masks(&mut self, is: bool) -> Part {
        if self.text.level.masks() {
            return self.mask_everywhere(self.width(), is);
        }
        self.all(if is { u32::MAX } else { 0 })
    }
    fn numbers_from(&mut self, first: u32) -> Part {
        self.bytes(|byte| (first + byte as u32 / 4).to_le_bytes()[byte % 4])
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
        self.selected(scalar, mask, a, b)
    }
    fn masked(&mut self, scalar: Scalar, mask: Part, a: Part) -> Part {
        self.only_where(scalar, mask, a)
    }
    fn step(&mut self, a: Part, mask: Part, op: Binary) -> Part {
        self.stepped(a, mask, op)
    }
    fn merges(&self) -> bool {
        self.text.level.masks()
    }
    fn merge(&mut self, op: Binary, scalar: Scalar, mask: Part, a: Part, b: Part) -> Part {
        self.merged(op, scalar, mask, a, b)
    }
    fn left(&mut self, a: Part, by: u32) -> Part {
        let codes = [Code::VEX_Vpslld_ymm_ymm_imm8, Code::EVEX_Vpslld_zmm_k1z_zmmm512b32_imm8];
        self.make(codes, &[Arg::V(a), Arg::Number(i64::from(by))], None)
    }
    fn right(&mut self, a: Part, by: u32, signed: bool) -> Part {
        let codes = match signed {
            true => [Code::VEX_Vpsrad_ymm_ymm_imm8, Code::EVEX_Vpsrad_zmm_k1z_zmmm512b32_imm8],
            false => [Code::VEX_Vpsrld_ymm_ymm_imm8, Code::EVEX_Vpsrld_zmm_k1z_zmmm512b32_imm8],
        };
        self.make(codes, &[Arg::V(a), Arg::Number(i64::from(by))], None)
    }

    fn narrow(&mut self, low: Part, high: Part) -> Part {
        self.one_mask(low, high)
    }
    fn widen(&mut self, mask: Part) -> [Part; 2] {
        self.wide_masks(mask)
    }
    fn promote(&mut self, a: Part) -> [Part; 2] {
        let codes = [Code::VEX_Vcvtps2pd_ymm_xmmm128, Code::EVEX_Vcvtps2pd_zmm_k1z_ymmm256b32_sae];
        self.halves(a).map(|half| self.make(codes, &[Arg::H(half)], Some(1)))
    }
    fn demote(&mut self, low: Part, high: Part) -> Part {
        let codes = [Code::VEX_Vcvtpd2ps_xmm_ymmm256, Code::EVEX_Vcvtpd2ps_ymm_k1z_zmmm512b64_er];
        let [low, high] = [low, high].map(|a| self.make_as(Arg::H, codes, &[Arg::V(a)], Some(1)));
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
        self.make([self.text.level.load(Class::Vector); 2], &[Self::memory(at)], None)
    }
    fn store_bytes(&mut self, at: Address, part: Part) {
        self.push([self.text.level.save(Class::Vector); 2], Role::Reads, &[Self::memory(at), Arg::V(part)], None);
    }
    fn all_bytes(&mut self, lane: u8) -> Part {
        self.bytes(|_| lane)
    }
    fn all_byte_masks(&mut self, is: bool) -> Part {
        if self.text.level.masks() {
            return self.mask_everywhere(self.text.level.bytes(), is);
        }
        self.all_bytes(if is { u8::MAX } else { 0 })
    }
    fn masks_of_bytes(&mut self, bits: Part) -> Part {
        self.mask_of_bits(bits, true)
    }
    fn binary_bytes(&mut self, op: Binary, a: Part, b: Part) -> Part {
        self.two_bytes(op, a, b)
    }
    fn compare_bytes(&mut self, op: Compare, a: Part, b: Part) -> Part {
        self.compared_bytes(op, a, b)
    }
    fn select_bytes(&mut self, mask: Part, a: Part, b: Part) -> Part {
        self.selected_bytes(mask, a, b)
    }
    fn masked_bytes(&mut self, mask: Part, a: Part) -> Part {
        self.bytes_where(mask, a)
    }
    fn step_bytes(&mut self, a: Part, mask: Part) -> Part {
        self.stepped_bytes(a, mask)
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
        self.text.frame += bytes.next_multiple_of(self.text.level.bytes() as u32);
        offset
    }
    fn keep(&mut self, part: Part, offset: u32) {
        self.push([self.text.level.save(Class::Vector); 2], Role::Reads, &[kept(offset), Arg::V(part)], None);
    }
    fn unkeep(&mut self, _: Scalar, offset: u32) -> Part {
        self.make([self.text.level.load(Class::Vector); 2], &[kept(offset)], None)
    }
    fn frame(&mut self, offset: u32) -> Part {
        let to = self.a_number();
        self.number_code(Code::Lea_r64_m, Role::Makes, &[Arg::Q(to), kept(offset)], None);
        to
    }
    fn call(&mut self, address: usize, arguments: &[Part]) {
        self.text.insts.push(Inst::Call { address, arguments: arguments.to_vec() });
    }
}
