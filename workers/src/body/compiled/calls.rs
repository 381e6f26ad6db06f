//! Functions that generated code calls: what no vector instruction does. One of the few modules with `unsafe`.
//!
//! Each works on all lanes, from memory to memory, on the very functions that the reference is made of.

#![expect(unsafe_code, reason = "the values come as pointers into the caller's frame")]

use diptych_protocol::body::{Binary, Unary};
use diptych_protocol::eval::Integer;
use diptych_protocol::math::{self, Real};
use diptych_protocol::random::{Address, uniform_f32, uniform_f64};
use diptych_protocol::types::Scalar;

use crate::body::column::Column;
use crate::body::requests::Requests;

/// `n` values at `a`.
///
/// # Safety
///
/// They are there, initialised and aligned, and nobody writes them meanwhile.
unsafe fn values<'a, T>(a: *const T, n: usize) -> &'a [T] {
    // SAFETY: handed on to the caller.
    unsafe { std::slice::from_raw_parts(a, n) }
}

/// Room for `n` values at `out`.
///
/// # Safety
///
/// It is there, initialised and aligned, and nobody else reads or writes it meanwhile.
unsafe fn room<'a, T>(out: *mut T, n: usize) -> &'a mut [T] {
    // SAFETY: handed on to the caller.
    unsafe { std::slice::from_raw_parts_mut(out, n) }
}

/// Of one operand: from `a` to `out`, `n` values each.
type One<T> = extern "C" fn(*const T, *mut T, usize);
/// Of two operands.
type Two<T> = extern "C" fn(*const T, *const T, *mut T, usize);

macro_rules! one {
    ($($name:ident)*) => {$(
        extern "C" fn $name<R: Real>(a: *const R, out: *mut R, n: usize) {
            // SAFETY: generated code gives addresses of parts of its frame, apart from each other, with room for `n`.
            let (a, out) = unsafe { (values(a, n), room(out, n)) };
            out.iter_mut().zip(a).for_each(|(out, a)| *out = math::$name(*a));
        }
    )*};
}
one!(cbrt sin cos tan asin acos atan sinh cosh tanh exp ln log2 log10 floor ceil round trunc);

macro_rules! two {
    ($($name:ident<$t:ident: $bound:path>($x:ident, $y:ident) = $value:expr;)*) => {$(
        extern "C" fn $name<$t: $bound>(a: *const $t, b: *const $t, out: *mut $t, n: usize) {
            // SAFETY: as above.
            let (a, b, out) = unsafe { (values(a, n), values(b, n), room(out, n)) };
            out.iter_mut().zip(a).zip(b).for_each(|((out, $x), $y)| { let ($x, $y) = (*$x, *$y); *out = $value });
        }
    )*};
}
two! {
    atan2<R: Real>(y, x) = math::atan2(y, x);
    pow<R: Real>(x, y) = math::pow(x, y);
    rem<R: Real>(x, y) = math::rem(x, y);
}

/// Lanes hold integers of all types in 32 bits, extended by their sign or zeros.
macro_rules! integers {
    ($($t:ident: $div:ident $rem:ident $shl:ident $shr:ident;)*) => {$(
        extern "C" fn $div(a: *const i32, b: *const i32, out: *mut i32, n: usize) {
            each::<$t>(a, b, out, n, |x, y| if y == 0 { 0 } else { x.wrapping_div(y) });
        }
        extern "C" fn $rem(a: *const i32, b: *const i32, out: *mut i32, n: usize) {
            each::<$t>(a, b, out, n, |x, y| if y == 0 { 0 } else { x.wrapping_rem(y) });
        }
        extern "C" fn $shl(a: *const i32, b: *const i32, out: *mut i32, n: usize) {
            each::<$t>(a, b, out, n, |x, y| x.shifted_left(y));
        }
        extern "C" fn $shr(a: *const i32, b: *const i32, out: *mut i32, n: usize) {
            each::<$t>(a, b, out, n, |x, y| x.shifted_right(y));
        }
        impl Lane for $t {
            fn from_lane(lane: i32) -> Self { lane as Self }
            fn lane(self) -> i32 { self as i32 }
        }
    )*};
}

/// An integer as a lane holds it.
trait Lane {
    fn from_lane(lane: i32) -> Self;
    fn lane(self) -> i32;
}

fn each<T: Lane>(a: *const i32, b: *const i32, out: *mut i32, n: usize, f: impl Fn(T, T) -> T) {
    // SAFETY: as above.
    let (a, b, out) = unsafe { (values(a, n), values(b, n), room(out, n)) };
    out.iter_mut().zip(a).zip(b).for_each(|((out, a), b)| *out = f(T::from_lane(*a), T::from_lane(*b)).lane());
}

integers! {
    i8: div_i8 rem_i8 shl_i8 shr_i8;
    i16: div_i16 rem_i16 shl_i16 shr_i16;
    i32: div_i32 rem_i32 shl_i32 shr_i32;
    u8: div_u8 rem_u8 shl_u8 shr_u8;
    u16: div_u16 rem_u16 shl_u16 shr_u16;
    u32: div_u32 rem_u32 shl_u32 shr_u32;
}

extern "C" fn saturate(a: *const f64, out: *mut u32, n: usize) {
    // SAFETY: as above.
    let (a, out) = unsafe { (values(a, n), room(out, n)) };
    out.iter_mut().zip(a).for_each(|(out, a)| *out = *a as u32);
}

/// The address of the conversion that needs vectors that round.
pub(super) fn double_to_u32() -> usize {
    saturate as extern "C" fn(*const f64, *mut u32, usize) as usize
}

/// A draw: entities, turns, where the values go, how many; then the seed, the tick, and the site with the lane above.
type Draw<T> = extern "C" fn(*const u32, *const u32, *mut T, usize, u64, u64, u64);

macro_rules! draw {
    ($name:ident, $t:ident, $uniform:path) => {
        extern "C" fn $name(
            entity: *const u32,
            turn: *const u32,
            out: *mut $t,
            n: usize,
            seed: u64,
            tick: u64,
            place: u64,
        ) {
            // SAFETY: as above.
            let (entity, turn, out) = unsafe { (values(entity, n), values(turn, n), room(out, n)) };
            let (site, lane) = (place as u32, (place >> 32) as u8);
            for ((out, entity), turn) in out.iter_mut().zip(entity).zip(turn) {
                let address = Address { seed, entity: *entity, tick: tick as u32, site, turn: *turn };
                *out = $uniform(address.block(), lane);
            }
        }
    };
}
draw!(draw_f32, f32, uniform_f32);
draw!(draw_f64, f64, uniform_f64);

/// Who hears what turns ask for with one number: generated code brings a vector of lanes, and says so.
pub(super) struct Listener {
    pub requests: Requests,
    /// The condition of each lane, then the values.
    panels: Vec<Column>,
}

impl Listener {
    /// For requests with values of these types.
    pub fn new(scalars: &[Scalar]) -> Self {
        let panels = std::iter::once(&Scalar::Bool).chain(scalars).map(|scalar| Column::new(*scalar)).collect();
        Self { requests: Requests::new(scalars), panels }
    }

    /// Where code brings the lanes of a block.
    pub fn panels(&mut self) -> &mut [Column] {
        &mut self.panels
    }

    /// Takes the requests of `lanes`, of which those with a row can be such.
    fn hear(&mut self, rows: &[u32], lanes: std::ops::Range<usize>) {
        let Some((Column::Bool(asking), values)) = self.panels.split_first() else { return };
        for lane in lanes.filter(|lane| asking[*lane] != 0) {
            self.requests.push(rows[lane], values.iter(), lane);
        }
    }
}

/// Of a listener: the rows of a block's lanes, how many rows it has; the first of the lanes at hand, how many they are.
type Hear = extern "C" fn(*mut Listener, *const u32, usize, usize, usize);

extern "C" fn hear(listener: *mut Listener, rows: *const u32, count: usize, lane: usize, lanes: usize) {
    // SAFETY: generated code hands on the addresses that it was given with its block: the rows of `count` lanes or more,
    // and a listener that nobody else holds while the code runs.
    let (listener, rows) = unsafe { (&mut *listener, values(rows, count)) };
    listener.hear(rows, lane.min(count)..(lane + lanes).min(count));
}

/// The address of the function that tells a listener.
pub(super) fn ask() -> usize {
    hear as Hear as usize
}

/// The address of a function of one operand, if there is one.
pub(super) fn unary(op: Unary, scalar: Scalar) -> Option<usize> {
    macro_rules! find {
        ($($op:ident $name:ident)*) => {
            match (op, scalar) {
                $(
                    (Unary::$op, Scalar::F32) => Some($name::<f32> as One<f32> as usize),
                    (Unary::$op, Scalar::F64) => Some($name::<f64> as One<f64> as usize),
                )*
                _ => None,
            }
        };
    }
    find! {
        Cbrt cbrt Sin sin Cos cos Tan tan Asin asin Acos acos Atan atan Sinh sinh Cosh cosh Tanh tanh Exp exp Ln ln
        Log2 log2 Log10 log10 Floor floor Ceil ceil Round round Trunc trunc
    }
}

/// The address of a function of two operands, if there is one.
pub(super) fn binary(op: Binary, scalar: Scalar) -> Option<usize> {
    macro_rules! find {
        ($($t:ident: $div:ident $rem:ident $shl:ident $shr:ident;)*) => {
            match (op, scalar) {
                (Binary::Pow, Scalar::F32) => Some(pow::<f32> as Two<f32> as usize),
                (Binary::Pow, Scalar::F64) => Some(pow::<f64> as Two<f64> as usize),
                (Binary::Atan2, Scalar::F32) => Some(atan2::<f32> as Two<f32> as usize),
                (Binary::Atan2, Scalar::F64) => Some(atan2::<f64> as Two<f64> as usize),
                (Binary::Rem, Scalar::F32) => Some(rem::<f32> as Two<f32> as usize),
                (Binary::Rem, Scalar::F64) => Some(rem::<f64> as Two<f64> as usize),
                $(
                    (Binary::Div, Scalar::$t) => Some($div as Two<i32> as usize),
                    (Binary::Rem, Scalar::$t) => Some($rem as Two<i32> as usize),
                    (Binary::Shl, Scalar::$t) => Some($shl as Two<i32> as usize),
                    (Binary::Shr, Scalar::$t) => Some($shr as Two<i32> as usize),
                )*
                _ => None,
            }
        };
    }
    find! {
        I8: div_i8 rem_i8 shl_i8 shr_i8;
        I16: div_i16 rem_i16 shl_i16 shr_i16;
        I32: div_i32 rem_i32 shl_i32 shr_i32;
        U8: div_u8 rem_u8 shl_u8 shr_u8;
        U16: div_u16 rem_u16 shl_u16 shr_u16;
        U32: div_u32 rem_u32 shl_u32 shr_u32;
    }
}

/// The address of the function that draws.
pub(super) fn draw(scalar: Scalar) -> Option<usize> {
    match scalar {
        Scalar::F32 => Some(draw_f32 as Draw<f32> as usize),
        Scalar::F64 => Some(draw_f64 as Draw<f64> as usize),
        _ => None,
    }
}
