//! The graph: quantities of the whole model and of rows, and where they meet.

use super::{Expr, Name, TypeExpr};

/// `signal NAME = VALUE`, `event NAME when CONDITION`, `event NAME every K`
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct Signal {
    pub name: Name,
    pub value: Expr,
    /// Whether it is an event: its value is whether it happens.
    pub event: bool,
}

/// `field NAME for GROUP = VALUE`, `event NAME for GROUP when CONDITION`
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct Field {
    pub name: Name,
    pub group: Name,
    pub value: Expr,
    /// Whether it is an event.
    pub event: bool,
}

/// `bus NAME: TYPE = MODE default VALUE |> ADAPTER { publish ... }`, `bus NAME for GROUP: TYPE = MODE ...`
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct Bus {
    pub name: Name,
    /// Whose rows have a value each; without one it is of the whole model.
    pub group: Option<Name>,
    pub ty: TypeExpr,
    pub mode: Name,
    /// What it is where nobody publishes.
    pub default: Option<Expr>,
    /// What is done with what was put together, in this order.
    pub adapters: Vec<Adapter>,
    pub publishers: Vec<Publisher>,
}

/// `|> NAME(ARGUMENTS)`: the call of a function whose first argument is what comes in.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct Adapter {
    pub name: Name,
    pub arguments: Vec<Expr>,
    /// From the name to the end.
    pub span: diptych_protocol::program::Span,
}

/// `publish VALUE order N when CONDITION`, within a bus
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct Publisher {
    pub value: Expr,
    /// Lower ones come first; of equal ones, those that stand first.
    pub order: Option<Expr>,
    pub when: Option<Expr>,
}

/// `publish BUS = VALUE`, in the body of a system
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct Publication {
    pub bus: Name,
    pub order: Option<Expr>,
    pub value: Expr,
}
