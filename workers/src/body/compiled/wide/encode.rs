//! Code with registers, as bytes.
//!
//! A part that stands in the frame, or in the pool of constants, is a memory operand where the instruction has room for
//! one; else it goes through a register that is left free for that.

use iced_x86::{BlockEncoder, BlockEncoderOptions, Code, IcedError, Instruction, InstructionBlock, OpKind, Register};

use super::super::machine::{Block, Part};
use super::code::{Arg, Base, Class, Inst, Memory, Role, Text};
use super::registers::{Home, Homes};

/// The first arguments of a call.
const ARGUMENTS: [Register; 6] =
    [Register::RDI, Register::RSI, Register::RDX, Register::RCX, Register::R8, Register::R9];
/// Bytes at the stack's end for calls: arguments that have no register, then a copy of each.
const CALL_AREA: u32 = 192;
const CALL_COPIES: u32 = 64;

/// An upper bound for the bytes of code.
pub(super) fn bound(text: &Text) -> usize {
    // A longest instruction has 15 bytes, and each of ours becomes three at most; calls have a move for each argument.
    let of = |inst: &Inst| if let Inst::Call { arguments, .. } = inst { 4 + 3 * arguments.len() } else { 4 };
    (text.insts.iter().map(of).sum::<usize>() + 32) * 15
}

/// The bytes, to be put at `address`, with the pool at another.
pub(super) fn encode(text: &Text, homes: &Homes, pool: u64, address: u64) -> Result<Vec<u8>, IcedError> {
    let calls = text.insts.iter().any(|inst| matches!(inst, Inst::Call { .. }));
    let area = if calls { CALL_AREA } else { 0 };
    let mut encoder = Encoder {
        text,
        homes,
        pool,
        area,
        out: Vec::new(),
        firsts: vec![0; text.blocks as usize],
        jumps: Vec::new(),
        used: [0; 3],
    };
    encoder.enter();
    for (place, (block, first)) in text.begun.iter().enumerate() {
        encoder.firsts[block.0 as usize] = encoder.out.len();
        let next = text.begun.get(place + 1);
        let end = next.map_or(text.insts.len(), |(_, first)| *first);
        for inst in &text.insts[*first..end] {
            encoder.inst(inst, next.map(|(block, _)| *block));
        }
    }
    let Encoder { mut out, firsts, jumps, .. } = encoder;
    for (at, to) in jumps {
        out[at].set_near_branch64(number(firsts[to.0 as usize]));
    }
    for (at, instruction) in out.iter_mut().enumerate() {
        instruction.set_ip(number(at));
    }
    let block = InstructionBlock::new(&out, address);
    Ok(BlockEncoder::encode(64, block, BlockEncoderOptions::NONE)?.code_buffer)
}

/// What an instruction is called before it has an address.
fn number(at: usize) -> u64 {
    at as u64 + 1
}

struct Encoder<'a> {
    text: &'a Text,
    homes: &'a Homes,
    pool: u64,
    area: u32,
    out: Vec<Instruction>,
    firsts: Vec<usize>,
    jumps: Vec<(usize, Block)>,
    /// How many of the free registers of each class this instruction has used.
    used: [usize; 3],
}

/// A finished operand.
#[derive(Clone, Copy)]
enum Operand {
    Register(Register),
    Memory {
        base: Register,
        index: Register,
        scale: u8,
        offset: i64,
    },
    Immediate8(u8),
    Immediate32(i32),
    Immediate64(i64),
    /// Which lanes are made, and whether others become 0.
    Mask(Register, bool),
}

impl Encoder<'_> {
    fn put(&mut self, code: Code, operands: &[Operand]) {
        let mut instruction = Instruction::default();
        instruction.set_code(code);
        for (place, operand) in operands.iter().enumerate() {
            let place = place as u32;
            match *operand {
                Operand::Register(register) => {
                    instruction.set_op_kind(place, OpKind::Register);
                    instruction.set_op_register(place, register);
                }
                Operand::Memory { base, index, scale, offset } => {
                    instruction.set_op_kind(place, OpKind::Memory);
                    instruction.set_memory_base(base);
                    instruction.set_memory_index(index);
                    instruction.set_memory_index_scale(u32::from(scale));
                    instruction.set_memory_displacement64(offset as u64);
                    // The encoder finds the shortest.
                    instruction.set_memory_displ_size(match base {
                        Register::RIP => 8,
                        _ if offset == 0 => 0,
                        _ => 1,
                    });
                }
                Operand::Immediate8(value) => {
                    instruction.set_op_kind(place, OpKind::Immediate8);
                    instruction.set_immediate8(value);
                }
                Operand::Immediate32(value) => {
                    instruction.set_op_kind(place, OpKind::Immediate32to64);
                    instruction.set_immediate32to64(i64::from(value));
                }
                Operand::Immediate64(value) => {
                    instruction.set_op_kind(place, OpKind::Immediate64);
                    instruction.set_immediate64(value as u64);
                }
                Operand::Mask(register, zeros) => {
                    instruction.set_op_mask(register);
                    instruction.set_zeroing_masking(zeros);
                }
            }
        }
        self.out.push(instruction);
    }

    fn stack(&self, offset: u32) -> Operand {
        Operand::Memory { base: Register::RSP, index: Register::None, scale: 1, offset: i64::from(offset) }
    }

    /// Where a part stands that has no register.
    fn slot(&self, home: Home) -> Operand {
        match home {
            Home::Pool(at) => Operand::Memory {
                base: Register::RIP,
                index: Register::None,
                scale: 1,
                offset: (self.pool + at as u64) as i64,
            },
            Home::Frame(offset) => self.stack(self.area + offset),
            // Nobody reads it.
            _ => self.stack(0),
        }
    }

    fn home(&self, part: Part) -> Home {
        self.homes.of[part.0 as usize]
    }

    /// A register for what has none.
    fn free(&mut self, class: Class) -> Register {
        let used = &mut self.used[class as usize];
        *used += 1;
        self.text.level.scratch(class)[(*used - 1) % 2]
    }

    fn load(&mut self, class: Class, to: Register, from: Operand) {
        self.put(self.text.level.load(class), &[Operand::Register(to), from]);
    }

    fn save(&mut self, class: Class, to: Operand, from: Register) {
        self.put(self.text.level.save(class), &[to, Operand::Register(from)]);
    }

    /// A part in a register, to be read.
    fn register(&mut self, part: Part) -> Register {
        match self.home(part) {
            Home::Register(register) => register,
            home => {
                let (class, slot) = (self.text.class(part), self.slot(home));
                let register = self.free(class);
                self.load(class, register, slot);
                register
            }
        }
    }

    fn memory(&mut self, memory: Memory) -> Operand {
        let index = memory.index.map(|(index, scale)| (self.register(index), scale));
        let (index, scale) = index.unwrap_or((Register::None, 1));
        match memory.base {
            Base::Part(part) => {
                let base = self.register(part);
                Operand::Memory { base, index, scale, offset: i64::from(memory.offset) }
            }
            Base::Frame => Operand::Memory {
                base: Register::RSP,
                index,
                scale,
                offset: i64::from(self.area) + i64::from(memory.offset),
            },
        }
    }

    /// A register as an operand takes it.
    fn viewed(&self, arg: Arg, register: Register) -> Operand {
        let level = self.text.level;
        match arg {
            Arg::H(_) => Operand::Register(level.half(register)),
            Arg::X(_) => Operand::Register(level.quarter(register)),
            Arg::D(_) => Operand::Register(r32_of(register)),
            Arg::Where(_) => Operand::Mask(register, false),
            Arg::Only(_) => Operand::Mask(register, true),
            _ => Operand::Register(register),
        }
    }

    fn plain(&mut self, code: Code, role: Role, args: &[Arg], memory: Option<usize>) {
        let mut operands: Vec<Operand> = Vec::with_capacity(args.len());
        let mut made = None;
        for (place, arg) in args.iter().enumerate() {
            let operand = match (*arg, arg.part()) {
                (Arg::Memory(memory), _) => self.memory(memory),
                (Arg::Number(value), _) if code == Code::Mov_r64_imm64 => Operand::Immediate64(value),
                (Arg::Number(value), _) => Operand::Immediate8(value as u8),
                (_, None) => continue,
                (arg, Some(part)) => match self.home(part) {
                    Home::Register(register) => self.viewed(arg, register),
                    home if place == 0 && role != Role::Reads => {
                        // All is read before it is made, so the first free one will do.
                        let class = self.text.class(part);
                        let (register, slot) = (self.text.level.scratch(class)[0], self.slot(home));
                        if role == Role::Changes {
                            let register = self.free(class);
                            self.load(class, register, slot);
                        }
                        made = Some((class, slot, register));
                        self.viewed(arg, register)
                    }
                    home if memory == Some(place) => self.slot(home),
                    _ => {
                        let register = self.register(part);
                        self.viewed(arg, register)
                    }
                },
            };
            operands.push(operand);
        }
        self.put(code, &operands);
        if let Some((class, slot, register)) = made {
            self.save(class, slot, register);
        }
    }

    fn inst(&mut self, inst: &Inst, next: Option<Block>) {
        self.used = [0; 3];
        match inst {
            Inst::Plain { code, role, args, memory } => self.plain(*code, *role, args, *memory),
            Inst::Enter(to) => match self.home(*to) {
                Home::Register(Register::RDI) => {}
                Home::Register(register) => self.load(Class::Number, register, Operand::Register(Register::RDI)),
                home => {
                    let slot = self.slot(home);
                    self.save(Class::Number, slot, Register::RDI);
                }
            },
            Inst::Move { to, from } => self.change(*to, *from),
            Inst::Constant { to, at } => {
                if let Home::Register(register) = self.home(*to) {
                    let (class, level) = (self.text.class(*to), self.text.level);
                    if self.text.pool[*at..*at + level.bytes()].iter().all(|byte| *byte == 0) {
                        self.put(level.clear(class), &[Operand::Register(register); 3]);
                    } else {
                        let slot = self.slot(Home::Pool(*at));
                        self.load(class, register, slot);
                    }
                }
            }
            Inst::Jump(to) if Some(*to) == next => {}
            Inst::Jump(to) => match self.text.test_of(*to) {
                // A loop's test once more at its end: one jump a turn instead of two.
                Some(test) => test.iter().for_each(|inst| self.inst(inst, next)),
                None => self.jump(Code::Jmp_rel32_64, *to),
            },
            Inst::Branch { codes: [_, otherwise], yes, no } if Some(*yes) == next => self.jump(*otherwise, *no),
            Inst::Branch { codes: [code, _], yes, no } => {
                self.jump(*code, *yes);
                if Some(*no) != next {
                    self.jump(Code::Jmp_rel32_64, *no);
                }
            }
            Inst::Call { address, arguments } => self.call(*address, arguments),
            Inst::Return => self.leave(),
        }
    }

    fn jump(&mut self, code: Code, to: Block) {
        self.jumps.push((self.out.len(), to));
        let mut instruction = Instruction::default();
        instruction.set_code(code);
        instruction.set_op_kind(0, OpKind::NearBranch64);
        self.out.push(instruction);
    }

    fn change(&mut self, to: Part, from: Part) {
        let class = self.text.class(to);
        let (home, source) = (self.home(to), self.home(from));
        if home == source || home == Home::None {
            return;
        }
        if let Home::Register(register) = home {
            let from = match source {
                Home::Register(register) => Operand::Register(register),
                home => self.slot(home),
            };
            self.load(class, register, from);
        } else {
            let (register, slot) = (self.register(from), self.slot(home));
            self.save(class, slot, register);
        }
    }

    fn call(&mut self, address: usize, arguments: &[Part]) {
        for (place, part) in arguments.iter().enumerate() {
            self.used = [0; 3];
            let (register, slot) = (self.register(*part), self.stack(CALL_COPIES + 8 * place as u32));
            self.save(Class::Number, slot, register);
        }
        for place in (0..arguments.len()).rev() {
            let slot = self.stack(CALL_COPIES + 8 * place as u32);
            match ARGUMENTS.get(place) {
                Some(register) => self.load(Class::Number, *register, slot),
                None => {
                    self.load(Class::Number, Register::RAX, slot);
                    let slot = self.stack(8 * (place - ARGUMENTS.len()) as u32);
                    self.save(Class::Number, slot, Register::RAX);
                }
            }
        }
        self.put(Code::VEX_Vzeroupper, &[]);
        self.put(Code::Mov_r64_imm64, &[Operand::Register(Register::RAX), Operand::Immediate64(address as i64)]);
        self.put(Code::Call_rm64, &[Operand::Register(Register::RAX)]);
    }

    fn enter(&mut self) {
        self.put(Code::Push_r64, &[Operand::Register(Register::RBP)]);
        self.load(Class::Number, Register::RBP, Operand::Register(Register::RSP));
        for register in &self.homes.saved {
            self.put(Code::Push_r64, &[Operand::Register(*register)]);
        }
        let align = self.text.level.bytes() as u32;
        let size = (self.area + self.homes.frame).next_multiple_of(align) + align;
        self.put(Code::Sub_rm64_imm32, &[Operand::Register(Register::RSP), Operand::Immediate32(size as i32)]);
        self.put(Code::And_rm64_imm32, &[Operand::Register(Register::RSP), Operand::Immediate32(-(align as i32))]);
    }

    fn leave(&mut self) {
        self.put(Code::VEX_Vzeroupper, &[]);
        let offset = -8 * self.homes.saved.len() as i64;
        let end = Operand::Memory { base: Register::RBP, index: Register::None, scale: 1, offset };
        self.put(Code::Lea_r64_m, &[Operand::Register(Register::RSP), end]);
        for register in self.homes.saved.iter().rev() {
            self.put(Code::Pop_r64, &[Operand::Register(*register)]);
        }
        self.put(Code::Pop_r64, &[Operand::Register(Register::RBP)]);
        self.put(Code::Retnq, &[]);
    }
}

fn r32_of(register: Register) -> Register {
    Register::EAX + (register as u32 - Register::RAX as u32)
}
