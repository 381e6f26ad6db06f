//! The portable machine: vectors of 128 bits, by Cranelift.

mod control;
mod convert;
mod memory;
mod vectors;

use std::collections::HashMap;

use cranelift_codegen::ir::types::{F32X4, F64X2, I32X4, I64, I64X2};
use cranelift_codegen::ir::{
    self, AbiParam, Endianness, InstBuilder, MemFlagsData, StackSlot, StackSlotData, StackSlotKind, Type, UserFuncName,
};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::Module;
use diptych_protocol::body::{Binary, Body, Compare, Unary};
use diptych_protocol::program::Program;
use diptych_protocol::types::Scalar;

use super::code::Code;
use super::function;
use super::machine::{self, Address, If, Kind, Machine, Part, Variable};
use super::plan::Plan;
use super::{CompileError, Generator, Processor};

/// Columns begin anywhere.
const ANYWHERE: MemFlagsData = MemFlagsData::new().with_notrap();
/// Words and the frame are aligned.
const OURS: MemFlagsData = MemFlagsData::trusted();
/// Vector registers.
const REGISTERS: usize = if cfg!(target_arch = "aarch64") { 32 } else { 16 };

/// Code by Cranelift.
pub(super) struct Portable {
    /// For which processor.
    pub processor: Processor,
}

impl Generator for Portable {
    fn generate(&self, program: &Program, body: &Body, plan: &Plan) -> Result<Code, CompileError> {
        let fails = |error: &dyn std::fmt::Display| CompileError::Generator(error.to_string());
        let mut flags = settings::builder();
        // Anything above `none` moves loads away from their uses, and spills.
        for (name, value) in [("opt_level", "none"), ("is_pic", "false"), ("use_colocated_libcalls", "false")] {
            flags.set(name, value).map_err(|error| fails(&error))?;
        }
        let verify = if cfg!(debug_assertions) { "true" } else { "false" };
        flags.set("enable_verifier", verify).map_err(|error| fails(&error))?;
        let host = self.processor != Processor::Plain;
        let isa =
            cranelift_native::builder_with_options(host).map_err(|error| CompileError::Processor(error.into()))?;
        let isa = isa.finish(settings::Flags::new(flags)).map_err(|error| fails(&error))?;
        let rounds = !cfg!(target_arch = "x86_64")
            || isa.isa_flags().iter().any(|flag| flag.name == "has_sse41" && flag.as_bool() == Some(true));
        let mut module = JITModule::new(JITBuilder::with_isa(isa, cranelift_module::default_libcall_names()));
        let mut context = module.make_context();
        let mut signature = module.make_signature();
        signature.params.push(AbiParam::new(I64));
        context.func = ir::Function::with_name_signature(UserFuncName::default(), signature.clone());
        let mut own = FunctionBuilderContext::new();
        let mut cranelift = Cranelift::new(FunctionBuilder::new(&mut context.func, &mut own), rounds);
        function::emit(program, body, plan, &mut cranelift)?;
        cranelift.b.finalize(module.target_config());
        let id = module.declare_anonymous_function(&signature).map_err(|error| fails(&error))?;
        module.define_function(id, &mut context).map_err(|error| CompileError::Generator(format!("{error:?}")))?;
        let compiled = context.compiled_code().ok_or_else(|| CompileError::Generator("no code".into()))?;
        // Whatever it calls, it calls by an address of ours. A name would be looked up in the whole process, and be
        // the platform's `sinf`.
        if let Some(foreign) = compiled.buffer.relocs().first() {
            return Err(CompileError::Foreign(format!("{:?}", foreign.target)));
        }
        let len = compiled.code_buffer().len();
        module.clear_context(&mut context);
        module.finalize_definitions().map_err(|error| fails(&error))?;
        Ok(Code::of_module(module, id, len))
    }
}

/// The function in the making.
struct Cranelift<'a> {
    b: FunctionBuilder<'a>,
    rounds: bool,
    words: ir::Value,
    frame: ir::Value,
    frame_slot: StackSlot,
    frame_len: u32,
    /// The types of the variables.
    kinds: Vec<Type>,
    /// The places that an integer vector holds, as far as this block has taken them out.
    places: HashMap<Part, [ir::Value; 4]>,
}

impl<'a> Cranelift<'a> {
    fn new(mut b: FunctionBuilder<'a>, rounds: bool) -> Self {
        let entry = b.create_block();
        b.append_block_params_for_function_params(entry);
        b.switch_to_block(entry);
        b.seal_block(entry);
        let words = b.block_params(entry)[0];
        let frame_slot = b.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, 16, 4));
        let frame = b.ins().stack_addr(I64, frame_slot, 0);
        Self { b, rounds, words, frame, frame_slot, frame_len: 0, kinds: Vec::new(), places: HashMap::new() }
    }

    /// The same bits as another type.
    fn cast(&mut self, ty: Type, value: ir::Value) -> ir::Value {
        if self.b.func.dfg.value_type(value) == ty {
            return value;
        }
        self.b.ins().bitcast(ty, MemFlagsData::new().with_endianness(Endianness::Little), value)
    }

    /// A part as a vector of a type.
    fn typed(&mut self, scalar: Scalar, part: Part) -> ir::Value {
        self.cast(vector(scalar), value(part))
    }
}

fn value(part: Part) -> ir::Value {
    ir::Value::from_u32(part.0)
}

fn part(value: ir::Value) -> Part {
    Part(value.as_u32())
}

/// The vector of a type.
fn vector(scalar: Scalar) -> Type {
    match scalar {
        Scalar::F32 => F32X4,
        Scalar::F64 => F64X2,
        _ => I32X4,
    }
}

/// The mask of a type.
fn mask(scalar: Scalar) -> Type {
    if scalar == Scalar::F64 { I64X2 } else { I32X4 }
}

/// Every instruction is in one of the modules below, by the name that it has in [`Machine`].
impl Machine for Cranelift<'_> {
    fn width(&self) -> usize {
        4
    }
    fn registers(&self) -> Option<usize> {
        Some(REGISTERS)
    }
    fn rounds(&self) -> bool {
        self.rounds
    }
    fn block(&mut self) -> machine::Block {
        self.new_block()
    }
    fn switch(&mut self, to: machine::Block) {
        self.switch_to(to);
    }
    fn seal(&mut self, block: machine::Block) {
        self.b.seal_block(ir::Block::from_u32(block.0));
    }
    fn jump(&mut self, to: machine::Block) {
        self.b.ins().jump(ir::Block::from_u32(to.0), &[]);
    }
    fn branch(&mut self, condition: If, yes: machine::Block, no: machine::Block) {
        self.branch_if(condition, yes, no);
    }
    fn done(&mut self) {
        self.b.ins().return_(&[]);
        self.b.func.sized_stack_slots[self.frame_slot].size = self.frame_len.max(16);
    }
    fn variable(&mut self, kind: Kind) -> Variable {
        self.new_variable(kind)
    }
    fn set(&mut self, variable: Variable, to: Part) {
        self.set_variable(variable, to);
    }
    fn read(&mut self, variable: Variable) -> Part {
        part(self.b.use_var(cranelift_frontend::Variable::from_u32(variable.0)))
    }
    fn copy(&mut self, part: Part) -> Part {
        part
    }
    fn settle(&mut self, part: Part) -> Part {
        self.settled(part)
    }
    fn words(&self) -> Part {
        part(self.words)
    }
    fn number(&mut self, value: i64) -> Part {
        part(self.b.ins().iconst(I64, value))
    }
    fn plus(&mut self, a: Part, by: i64) -> Part {
        part(self.b.ins().iadd_imm_s(value(a), by))
    }
    fn minus(&mut self, a: Part, b: Part) -> Part {
        part(self.b.ins().isub(value(a), value(b)))
    }
    fn load_number(&mut self, bytes: u8, at: Address) -> Part {
        self.number_at(bytes, at)
    }
    fn address(&mut self, base: Part, index: Part, scalar: Scalar) -> Address {
        Address::at(part(self.place_in(scalar, value(base), value(index))), 0)
    }
    fn load(&mut self, scalar: Scalar, at: Address) -> Part {
        part(self.lanes_at(scalar, at))
    }
    fn store(&mut self, scalar: Scalar, at: Address, part: Part) {
        self.lanes_to(scalar, at, value(part));
    }
    fn broadcast(&mut self, scalar: Scalar, at: Address) -> Part {
        let one = self.one(scalar, value(at.base), at.offset);
        part(self.b.ins().splat(vector(scalar), one))
    }
    fn splat(&mut self, number: Part) -> Part {
        let low = self.b.ins().ireduce(ir::types::I32, value(number));
        part(self.b.ins().splat(I32X4, low))
    }
    fn gather(&mut self, scalar: Scalar, base: Part, places: Part) -> Vec<Part> {
        self.values_at(scalar, value(base), places)
    }
    fn all(&mut self, lane: u32) -> Part {
        part(self.bytes(I32X4, lane.to_le_bytes().repeat(4)))
    }
    fn all_wide(&mut self, lane: u64) -> Part {
        part(self.bytes(I64X2, lane.to_le_bytes().repeat(2)))
    }
    fn numbers_from(&mut self, first: u32) -> Part {
        part(self.bytes(I32X4, (first..first + 4).flat_map(u32::to_le_bytes).collect()))
    }
    fn unary(&mut self, op: Unary, scalar: Scalar, a: Part) -> Part {
        part(self.one_operand(op, scalar, a))
    }
    fn binary(&mut self, op: Binary, scalar: Scalar, a: Part, b: Part) -> Part {
        part(self.two_operands(op, scalar, a, b))
    }
    fn compare(&mut self, op: Compare, scalar: Scalar, a: Part, b: Part) -> Part {
        part(self.compared(op, scalar, a, b))
    }
    fn unordered(&mut self, scalar: Scalar, a: Part, b: Part) -> Part {
        let (a, b) = (self.typed(scalar, a), self.typed(scalar, b));
        part(self.b.ins().fcmp(ir::condcodes::FloatCC::Unordered, a, b))
    }
    fn select(&mut self, scalar: Scalar, mask: Part, a: Part, b: Part) -> Part {
        let (mask, a, b) = (self.typed(scalar, mask), self.typed(scalar, a), self.typed(scalar, b));
        part(self.b.ins().bitselect(mask, a, b))
    }
    fn left(&mut self, a: Part, by: u32) -> Part {
        let (a, by) = (self.typed(Scalar::I32, a), self.b.ins().iconst(ir::types::I32, i64::from(by)));
        part(self.b.ins().ishl(a, by))
    }
    fn right(&mut self, a: Part, by: u32, signed: bool) -> Part {
        let (a, by) = (self.typed(Scalar::I32, a), self.b.ins().iconst(ir::types::I32, i64::from(by)));
        part(if signed { self.b.ins().sshr(a, by) } else { self.b.ins().ushr(a, by) })
    }
    fn narrow(&mut self, low: Part, high: Part) -> Part {
        part(self.one_mask(low, high))
    }
    fn widen(&mut self, mask: Part) -> [Part; 2] {
        let mask = self.typed(Scalar::I32, mask);
        [part(self.b.ins().swiden_low(mask)), part(self.b.ins().swiden_high(mask))]
    }
    fn promote(&mut self, a: Part) -> [Part; 2] {
        let a = self.typed(Scalar::F32, a);
        let high = self.high_half(a);
        [part(self.b.ins().fvpromote_low(a)), part(self.b.ins().fvpromote_low(high))]
    }
    fn demote(&mut self, low: Part, high: Part) -> Part {
        let (low, high) = (self.typed(Scalar::F64, low), self.typed(Scalar::F64, high));
        let (low, high) = (self.b.ins().fvdemote(low), self.b.ins().fvdemote(high));
        part(self.low_halves(low, high))
    }
    fn integer_to_float(&mut self, unsigned: bool, a: Part) -> Part {
        let a = self.typed(Scalar::I32, a);
        part(if unsigned { self.b.ins().fcvt_from_uint(F32X4, a) } else { self.b.ins().fcvt_from_sint(F32X4, a) })
    }
    fn integer_to_double(&mut self, unsigned: bool, a: Part) -> [Part; 2] {
        self.doubles_of(unsigned, a).map(part)
    }
    fn float_to_integer(&mut self, unsigned: bool, a: Part) -> Part {
        let a = self.typed(Scalar::F32, a);
        part(if unsigned { self.b.ins().fcvt_to_uint_sat(I32X4, a) } else { self.b.ins().fcvt_to_sint_sat(I32X4, a) })
    }
    fn double_to_integer(&mut self, unsigned: bool, low: Part, high: Part) -> Part {
        let (low, high) = (self.half_of_integers(unsigned, low), self.half_of_integers(unsigned, high));
        part(self.low_halves(low, high))
    }
    fn room(&mut self, bytes: u32) -> u32 {
        let offset = self.frame_len;
        self.frame_len += bytes.next_multiple_of(16);
        offset
    }
    fn keep(&mut self, part: Part, offset: u32) {
        self.b.ins().store(OURS, value(part), self.frame, offset as i32);
    }
    fn unkeep(&mut self, scalar: Scalar, offset: u32) -> Part {
        part(self.b.ins().load(vector(scalar), OURS, self.frame, offset as i32))
    }
    fn frame(&mut self, offset: u32) -> Part {
        part(self.b.ins().iadd_imm_s(self.frame, i64::from(offset)))
    }
    fn call(&mut self, address: usize, arguments: &[Part]) {
        self.call_to(address, arguments);
    }
}
