//! Every code a diagnostic of the compiler can have, with what it means in general.

macro_rules! codes {
    ($($name:ident $meaning:literal)*) => {
        $(#[doc = $meaning] pub const $name: &str = stringify!($name);)*
        /// Each code with its general meaning. Tests walk it: each has a wrong scenario that shows it.
        pub const CODES: &[(&str, &str)] = &[$((stringify!($name), $meaning)),*];
    };
}

codes! {
    E0101 "a character that the language does not know"
    E0102 "a text without its closing quote"
    E0103 "a malformed number"
    E0104 "a number too large to be written"
    E0105 "something else was expected here"
    E0106 "nested too deeply"
    E0107 "comparisons do not chain"
    E0108 "a native system with a body"
    E0109 "a reserved word used as a name"
    E0110 "a value where something that can be given one is needed"

    E0201 "an unknown name"
    E0202 "defined twice"
    E0203 "constants that need each other"
    E0204 "a name of another kind than is needed here"
    E0205 "a name that belongs to the language"
    E0206 "an unknown type"
    E0207 "an unknown setting"
    E0208 "said twice"
    E0209 "an unknown function"

    E0301 "types that do not mix"
    E0302 "an operand of a type that the operation does not take"
    E0303 "a wrong number of arguments"
    E0304 "a value of another type than is needed here"
    E0305 "a number that its type cannot hold"
    E0306 "an integer divided by zero"
    E0307 "only known of a row"
    E0308 "no such lane"
    E0309 "bounds of a draw that make no sense"
    E0310 "a condition that is no bool"
    E0311 "an index into an array that it does not have"
    E0312 "a function that calls itself, or too many calls"
    E0313 "only known in a system"
    E0314 "a member that the value does not have"
    E0315 "a pair draw without a row of the own group as its other end"

    E0401 "a setting out of its limits"
    E0402 "a space that is none"
    E0403 "no such parameter"
    E0404 "a malformed value for a parameter"
    E0405 "a parameter out of its range"
    E0406 "a number of rows out of its limits"
    E0407 "a component that cannot be the position"
    E0408 "a space that cannot be drawn from"
    E0409 "a component used before it has a value"
    E0410 "a value missing, or one too many"
    E0411 "an index that cannot be built"
    E0412 "nothing to simulate"
    E0413 "a type that no component can have"
    E0414 "a file that cannot be read"
    E0415 "an output that makes no sense"
    E0416 "a grid that cannot be made"
    E0417 "a match that cannot be made"

    E0501 "an incomplete system"
    E0502 "an unknown kernel"
    E0503 "a kernel that refuses its system"
    E0504 "two owners of one component"
    E0505 "a component of another group cannot be owned"
    E0506 "a group lacks the component"
    E0507 "nobody makes the fresh value"
    E0508 "a system cannot read its own result"
    E0509 "rows of a derived group have no previous state"
    E0510 "a component of a derived group without an owner"
    E0511 "fresh values that need each other"
    E0512 "a number of batch rows out of its limits"
    E0513 "a read said the wrong way"
    E0514 "a variable that cannot be assigned"
    E0515 "assigned twice on one path"
    E0516 "read after it was assigned, without `fresh`"
    E0517 "a component assigned in a loop"
    E0518 "a neighbour query that makes no sense"
    E0519 "a clause that a system of text does not take"
    E0520 "cells that cannot be had here"
    E0521 "rows that cannot come or go so"
    E0522 "groups that cannot be taken together"
    E0523 "a component that cannot be asked about, added or removed so"
    E0601 "a scenario out of its limits"

    W0101 "a component that no group has"
    W0102 "a constant that nothing uses"
    W0103 "a column that nothing reads"
    W0104 "an index or a match that nothing asks"
    W0105 "a declaration that adds nothing"
    W0106 "a derived value read one frame late"
    W0107 "a name that nothing uses"
    W0108 "a membership that never holds"
}

/// A fault of the compiler itself: what it made was refused by the verifier. No scenario should show it.
pub const INTERNAL: &str = "E9999";
