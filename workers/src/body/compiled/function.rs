//! The generator on Cranelift: one function for a body.
//!
//! A value of the body is a list of 128-bit vectors, its *parts*: four lanes each, two of `f64`. Integers of all types
//! stand in 32 bits, extended by their sign or zeros; a `bool` is all ones or all zeros. Operations are emitted in
//! order, if they are needed; *leaves* (constants, reads, ...) where they are first used, which keeps registers free.

use cranelift_codegen::ir::types::{F32X4, F64X2, I32X4, I64};
use cranelift_codegen::ir::{
    self, AbiParam, InstBuilder, MemFlagsData, Signature, StackSlot, StackSlotData, StackSlotKind, UserFuncName,
};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::Module;
use diptych_protocol::body::{At, Body, Op};
use diptych_protocol::id::{Id, ValueId};
use diptych_protocol::program::Program;
use diptych_protocol::types::Scalar;

use super::carried::Remembered;
use super::code::Code;
use super::plan::Plan;
use super::turn::Place;
use super::{CompileError, Generator, Processor, words};

/// A vector, or a scalar of the machine.
pub(super) type Part = ir::Value;
/// A value of the body: its vectors.
pub(super) type Parts = Vec<Part>;

/// Code by Cranelift.
pub(super) struct Cranelift {
    /// For which processor.
    pub processor: Processor,
}

impl Generator for Cranelift {
    fn generate(&self, program: &Program, body: &Body, plan: &Plan) -> Result<Option<Code>, CompileError> {
        let fails = |error: &dyn std::fmt::Display| CompileError::Generator(error.to_string());
        let mut flags = settings::builder();
        // Anything above `none` moves loads away from their uses, and spills.
        for (name, value) in [("opt_level", "none"), ("is_pic", "false"), ("use_colocated_libcalls", "false")] {
            flags.set(name, value).map_err(|error| fails(&error))?;
        }
        let verify = if cfg!(debug_assertions) { "true" } else { "false" };
        flags.set("enable_verifier", verify).map_err(|error| fails(&error))?;
        let host = self.processor == Processor::Host;
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
        let mut function =
            Function::new(program, body, plan, FunctionBuilder::new(&mut context.func, &mut own), rounds);
        function.whole();
        if let Some(what) = function.malformed {
            return Err(CompileError::Malformed(what));
        }
        function.b.finalize(module.target_config());
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
        Ok(Some(Code::new(module, id, len)))
    }
}

/// A function in the making.
pub(super) struct Function<'a> {
    pub program: &'a Program,
    pub body: &'a Body,
    pub plan: &'a Plan,
    pub b: FunctionBuilder<'a>,
    /// Whether vectors round without a call.
    pub rounds: bool,
    /// Where the words are.
    pub words: Part,
    /// The first lane that is computed.
    pub lane: Part,
    /// Where values are parked in the frame; how many bytes so far.
    pub frame: Part,
    pub frame_slot: StackSlot,
    pub frame_len: u32,
    /// Room for the arguments and the result of a call, made with the first one.
    pub call_room: Option<[u32; 3]>,
    /// What stands in registers, as far as its makers care.
    pub values: Vec<Option<Parts>>,
    /// What stands in the frame instead: offsets.
    pub parked: Vec<Option<Vec<u32>>>,
    /// The turns that are being emitted.
    pub places: Vec<Option<Place>>,
    /// What loops remember.
    pub remembered: Vec<Vec<Option<Remembered>>>,
    /// What they ended with.
    pub results: Vec<Vec<Option<Parts>>>,
    /// The lanes that matter here, if not all do.
    pub guard: Option<Parts>,
    /// What is wrong with the body.
    pub malformed: Option<&'static str>,
}

impl<'a> Function<'a> {
    fn new(program: &'a Program, body: &'a Body, plan: &'a Plan, mut b: FunctionBuilder<'a>, rounds: bool) -> Self {
        let entry = b.create_block();
        b.append_block_params_for_function_params(entry);
        b.switch_to_block(entry);
        b.seal_block(entry);
        let words = b.block_params(entry)[0];
        let frame_slot = b.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, 16, 4));
        let frame = b.ins().stack_addr(I64, frame_slot, 0);
        Self {
            program,
            body,
            plan,
            b,
            rounds,
            words,
            lane: words,
            frame,
            frame_slot,
            frame_len: 0,
            call_room: None,
            values: vec![None; body.ops.len()],
            parked: vec![None; body.ops.len()],
            places: body.loops.values().map(|_| None).collect(),
            remembered: body.loops.values().map(|it| vec![None; it.carried.len()]).collect(),
            results: body.loops.values().map(|it| vec![None; it.carried.len()]).collect(),
            guard: None,
            malformed: None,
        }
    }

    /// The loop over the block's rows, and all that is computed for them.
    fn whole(&mut self) {
        let (rows, end) = (self.b.create_block(), self.b.create_block());
        let count = self.word(words::COUNT);
        let lane = self.b.declare_var(I64);
        let zero = self.b.ins().iconst(I64, 0);
        self.b.def_var(lane, zero);
        self.b.ins().jump(rows, &[]);
        self.b.switch_to_block(rows);
        self.lane = self.b.use_var(lane);
        self.guard_of_counters(count);
        self.ops(0..self.body.ops.len());
        let body = self.body;
        let out = body.stores.iter().map(|store| store.value).chain(body.results.iter().copied());
        for (place, value) in out.enumerate() {
            let scalar = self.scalar(value);
            let parts = self.value(value);
            let parts = self.canonical(scalar, parts);
            self.put(scalar, self.plan.words.out + place, &parts);
        }
        let next = self.b.ins().iadd_imm_s(self.lane, self.plan.lanes as i64);
        self.b.def_var(lane, next);
        let more = self.b.ins().icmp(ir::condcodes::IntCC::UnsignedLessThan, next, count);
        self.b.ins().brif(more, rows, &[], end, &[]);
        self.b.seal_block(rows);
        self.b.switch_to_block(end);
        self.b.seal_block(end);
        self.b.ins().return_(&[]);
        self.b.func.sized_stack_slots[self.frame_slot].size = self.frame_len.max(16);
    }

    /// Lanes without a row may hold anything, also the bounds of a counter that ends never.
    fn guard_of_counters(&mut self, count: Part) {
        if self.plan.kinds.contains(&words::Kind::Count) {
            let left = self.b.ins().isub(count, self.lane);
            let left = self.b.ins().ireduce(ir::types::I32, left);
            let left = self.b.ins().splat(I32X4, left);
            let mut guard = Parts::new();
            for part in 0..self.plan.lanes as u32 / 4 {
                let numbers = self.quad([0, 1, 2, 3].map(|lane| part * 4 + lane));
                guard.push(self.b.ins().icmp(ir::condcodes::IntCC::SignedLessThan, numbers, left));
            }
            self.guard = Some(guard);
        }
    }

    /// Emits a stretch of operations.
    pub(super) fn ops(&mut self, range: std::ops::Range<usize>) {
        let mut at = range.start;
        while at < range.end {
            let id = ValueId::new(at as u32);
            at += 1;
            let typed = self.body.ops[id];
            if let Op::Loop(it) = typed.op {
                at = self.body.loops[it].end.index();
                if self.plan.needed[id.index()] {
                    self.walk(it);
                }
            } else if self.plan.needed[id.index()]
                && let Some(parts) = self.operation(typed.scalar, typed.op)
            {
                self.values[id.index()] = Some(parts);
            }
        }
    }

    /// An operation that is no leaf.
    fn operation(&mut self, scalar: Scalar, op: Op) -> Option<Parts> {
        Some(match op {
            Op::Unary(op, a) => {
                let a = self.value(a);
                self.unary(op, scalar, a)
            }
            Op::Binary(op, a, b) => self.binary(op, scalar, a, b),
            Op::Compare(op, a, b) => {
                let scalar = self.scalar(a);
                let (a, b) = (self.value(a), self.value(b));
                self.compare(op, scalar, &a, &b)
            }
            Op::Select(condition, a, b) => {
                let (condition, a, b) = (self.value(condition), self.value(a), self.value(b));
                self.select(scalar, &condition, &a, &b)
            }
            Op::Convert(a) => {
                let from = self.scalar(a);
                let a = self.value(a);
                self.convert(from, scalar, a)
            }
            Op::Draw { site, lane, entity, turn } => {
                let (entity, turn) = (self.value(entity), self.value(turn));
                self.draw(scalar, u64::from(site) | u64::from(lane) << 32, &entity, &turn)
            }
            Op::Read { column, when, at: At::Row(row) } => {
                let row = self.value(row);
                self.far(scalar, column, when, &row)
            }
            _ => return None,
        })
    }

    /// A value's parts, here.
    pub(super) fn value(&mut self, id: ValueId) -> Parts {
        if let Some(offsets) = &self.parked[id.index()] {
            let offsets = offsets.clone();
            return self.unpark(self.body.ops[id].scalar, &offsets);
        }
        if let Some(parts) = &self.values[id.index()] {
            return parts.clone();
        }
        let typed = self.body.ops[id];
        match self.leaf(typed.scalar, typed.op) {
            Some(leaf) => {
                if leaf.keep {
                    self.values[id.index()] = Some(leaf.parts.clone());
                }
                leaf.parts
            }
            None => self.wrong(typed.scalar, "an operation is used before it is there"),
        }
    }

    /// Notes a fault, and goes on with anything.
    pub(super) fn wrong(&mut self, scalar: Scalar, what: &'static str) -> Parts {
        self.malformed = Some(what);
        self.zero(scalar)
    }

    /// A value's type.
    pub(super) fn scalar(&self, id: ValueId) -> Scalar {
        self.body.ops[id].scalar
    }

    /// How many vectors a value of this type has.
    pub(super) fn parts(&self, scalar: Scalar) -> usize {
        if scalar == Scalar::F64 { self.plan.lanes / 2 } else { self.plan.lanes / 4 }
    }

    /// A word.
    pub(super) fn word(&mut self, place: usize) -> Part {
        self.b.ins().load(I64, MemFlagsData::trusted(), self.words, place as i32 * 8)
    }

    /// A call of a registered function, by its address.
    pub(super) fn call(&mut self, address: usize, signature: Signature, arguments: &[Part]) {
        let signature = self.b.import_signature(signature);
        let address = self.b.ins().iconst(I64, address as i64);
        self.b.ins().call_indirect(signature, address, arguments);
    }
}

/// The vector of a type.
pub(super) fn vector(scalar: Scalar) -> ir::Type {
    match scalar {
        Scalar::F32 => F32X4,
        Scalar::F64 => F64X2,
        _ => I32X4,
    }
}
