//! Flow, variables, calls.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{self, AbiParam, InstBuilder, Signature};

use super::super::machine::{Block, If, Kind, Part, Variable};
use super::{Cranelift, value, vector};

impl Cranelift<'_> {
    pub fn new_block(&mut self) -> Block {
        Block(self.b.create_block().as_u32())
    }

    pub fn switch_to(&mut self, to: Block) {
        self.places.clear();
        self.b.switch_to_block(ir::Block::from_u32(to.0));
    }

    /// As the parameter of a block that follows. Cranelift joins a load with its one use only, and takes for several uses also
    /// what is used once by something that is used several times.
    pub fn settled(&mut self, part: Part) -> Part {
        let next = self.b.create_block();
        let settled = self.b.append_block_param(next, self.b.func.dfg.value_type(value(part)));
        self.b.ins().jump(next, &[ir::BlockArg::Value(value(part))]);
        self.b.switch_to_block(next);
        self.b.seal_block(next);
        Part(settled.as_u32())
    }

    pub fn branch_if(&mut self, condition: If, yes: Block, no: Block) {
        let condition = match condition {
            If::Below(a, b) => self.b.ins().icmp(IntCC::UnsignedLessThan, value(a), value(b)),
            If::Equal(a, b) => self.b.ins().icmp(IntCC::Equal, value(a), value(b)),
            If::NotZero(a) => value(a),
            If::Any(mask) => self.b.ins().vany_true(value(mask)),
        };
        let (yes, no) = (ir::Block::from_u32(yes.0), ir::Block::from_u32(no.0));
        self.b.ins().brif(condition, yes, &[], no, &[]);
    }

    pub fn new_variable(&mut self, kind: Kind) -> Variable {
        let ty = match kind {
            Kind::Number => I64,
            Kind::Vector(scalar) => vector(scalar),
        };
        self.kinds.push(ty);
        Variable(self.b.declare_var(ty).as_u32())
    }

    pub fn set_variable(&mut self, variable: Variable, to: Part) {
        let variable = cranelift_frontend::Variable::from_u32(variable.0);
        // Masks and constants may come as vectors of another type.
        let is = self.b.func.dfg.value_type(value(to));
        let wanted = self.kinds[variable.as_u32() as usize];
        let to = if is == wanted { value(to) } else { self.cast(wanted, value(to)) };
        self.b.def_var(variable, to);
    }

    pub fn call_to(&mut self, address: usize, arguments: &[Part]) {
        let mut signature = Signature::new(self.b.func.signature.call_conv);
        signature.params.extend(arguments.iter().map(|_| AbiParam::new(I64)));
        let signature = self.b.import_signature(signature);
        let address = self.b.ins().iconst(I64, address as i64);
        let arguments: Vec<ir::Value> = arguments.iter().map(|part| value(*part)).collect();
        self.b.ins().call_indirect(signature, address, &arguments);
    }
}
