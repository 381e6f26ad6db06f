//! The maths of rows: the only functions that kernels may call, the same bits on every machine.
//!
//! Transcendental functions come from one pure-Rust `libm`; `std`'s own go to the platform's library, whose last
//! bit differs from one machine to the next. Square root and rounding are exact by IEEE 754 wherever they are
//! computed. Nothing here fuses a multiplication with an addition, and nobody may: that changes bits too.

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

macro_rules! reals {
    (
        one { $($(#[$one_doc:meta])* $one:ident = $one32:path, $one64:path;)* }
        two { $($(#[$two_doc:meta])* $two:ident = $two32:path, $two64:path;)* }
    ) => {
        /// `f32` or `f64`. Its functions are called by their free names: `math::sin(x)`.
        pub trait Real: sealed::Sealed + Copy + PartialOrd {
            /// The one NaN that may be stored, hashed or written out.
            const NAN: Self;
            #[doc(hidden)]
            fn is_negative(self) -> bool;
            $(#[doc(hidden)] fn $one(self) -> Self;)*
            #[doc(hidden)]
            fn copy_magnitude(self) -> Self;
            #[doc(hidden)]
            fn one_nan(self) -> Self;
            $(#[doc(hidden)] fn $two(self, other: Self) -> Self;)*
        }

        impl Real for f32 {
            const NAN: Self = f32::from_bits(0x7fc0_0000);
            #[inline(always)]
            fn is_negative(self) -> bool { self.is_sign_negative() }
            #[inline(always)]
            fn copy_magnitude(self) -> Self { self.abs() }
            #[inline(always)]
            fn one_nan(self) -> Self {
                let bits = self.to_bits();
                Self::from_bits(if bits & 0x7fff_ffff > 0x7f80_0000 { Self::NAN.to_bits() } else { bits })
            }
            $(#[inline(always)] fn $one(self) -> Self { $one32(self) })*
            $(#[inline(always)] fn $two(self, other: Self) -> Self { $two32(self, other) })*
        }

        impl Real for f64 {
            const NAN: Self = f64::from_bits(0x7ff8_0000_0000_0000);
            #[inline(always)]
            fn is_negative(self) -> bool { self.is_sign_negative() }
            #[inline(always)]
            fn copy_magnitude(self) -> Self { self.abs() }
            #[inline(always)]
            fn one_nan(self) -> Self {
                let bits = self.to_bits();
                Self::from_bits(if bits & 0x7fff_ffff_ffff_ffff > 0x7ff0_0000_0000_0000 { Self::NAN.to_bits() } else { bits })
            }
            $(#[inline(always)] fn $one(self) -> Self { $one64(self) })*
            $(#[inline(always)] fn $two(self, other: Self) -> Self { $two64(self, other) })*
        }

        $($(#[$one_doc])* #[inline(always)] pub fn $one<R: Real>(x: R) -> R { Real::$one(x) })*
        $($(#[$two_doc])* #[inline(always)] pub fn $two<R: Real>(x: R, y: R) -> R { Real::$two(x, y) })*
    };
}

reals! {
    one {
        /// The sine of an angle in radians.
        sin = libm::sinf, libm::sin;
        /// The cosine of an angle in radians.
        cos = libm::cosf, libm::cos;
        /// The tangent of an angle in radians.
        tan = libm::tanf, libm::tan;
        /// The angle in `-PI/2 ..= PI/2` with this sine.
        asin = libm::asinf, libm::asin;
        /// The angle in `0 ..= PI` with this cosine.
        acos = libm::acosf, libm::acos;
        /// The angle in `-PI/2 ..= PI/2` with this tangent.
        atan = libm::atanf, libm::atan;
        /// The hyperbolic sine.
        sinh = libm::sinhf, libm::sinh;
        /// The hyperbolic cosine.
        cosh = libm::coshf, libm::cosh;
        /// The hyperbolic tangent.
        tanh = libm::tanhf, libm::tanh;
        /// The cube root.
        cbrt = libm::cbrtf, libm::cbrt;
        /// e to the power of `x`.
        exp = libm::expf, libm::exp;
        /// The natural logarithm.
        ln = libm::logf, libm::log;
        /// The logarithm to base 2.
        log2 = libm::log2f, libm::log2;
        /// The logarithm to base 10.
        log10 = libm::log10f, libm::log10;
        /// The square root, exactly rounded.
        sqrt = f32::sqrt, f64::sqrt;
        /// The largest integer that is not above `x`.
        floor = libm::floorf, libm::floor;
        /// The smallest integer that is not below `x`.
        ceil = libm::ceilf, libm::ceil;
        /// The nearest integer, ties away from zero.
        round = libm::roundf, libm::round;
        /// The integer part: towards zero.
        trunc = libm::truncf, libm::trunc;
    }
    two {
        /// The angle of the point (`y`, `x`) in `-PI ..= PI`; the first argument is `y`.
        atan2 = libm::atan2f, libm::atan2;
        /// `x` to the power of `y`.
        pow = libm::powf, libm::pow;
        /// The remainder of `x / y` with the sign of `x`, exact; NaN where `y` is 0.
        rem = libm::fmodf, libm::fmod;
    }
}

/// The magnitude: clears the sign, also of zero and NaN.
#[inline(always)]
pub fn abs<R: Real>(x: R) -> R {
    x.copy_magnitude()
}

/// The smaller. If either is NaN, the other; -0.0 is below +0.0.
#[inline(always)]
#[allow(clippy::eq_op, reason = "only NaN differs from itself")]
pub fn min<R: Real>(x: R, y: R) -> R {
    if x != x || y < x || (x == y && y.is_negative()) { y } else { x }
}

/// The larger. If either is NaN, the other; +0.0 is above -0.0.
#[inline(always)]
#[allow(clippy::eq_op, reason = "only NaN differs from itself")]
pub fn max<R: Real>(x: R, y: R) -> R {
    if x != x || y > x || (x == y && x.is_negative()) { y } else { x }
}

/// `x` itself, or the one stored NaN: machines disagree about the sign and the payload of a NaN they make. On bits,
/// since a compiler may take `if x != x { NAN } else { x }` for `x`: to it one NaN is as good as another.
#[inline(always)]
pub fn canonical<R: Real>(x: R) -> R {
    x.one_nan()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_know_their_landmarks() {
        assert_eq!(sin(0.0f32), 0.0);
        assert_eq!(cos(0.0f64), 1.0);
        assert_eq!(atan2(0.0f32, -1.0), std::f32::consts::PI);
        assert_eq!(exp(0.0f64), 1.0);
        assert_eq!(ln(1.0f32), 0.0);
        assert_eq!(log2(8.0f64), 3.0);
        assert_eq!(log10(1000.0f64), 3.0);
        assert_eq!(pow(2.0f32, 10.0), 1024.0);
        assert_eq!(round(-2.5f32), -3.0);
        assert_eq!(trunc(-2.5f64), -2.0);
        assert_eq!(rem(-7.5f32, 2.0), -1.5);
        assert!(rem(1.0f64, 0.0).is_nan());
    }

    #[test]
    fn bits_of_the_transcendentals_are_pinned() {
        // Correct to the last place but one at most; what matters is that they never move.
        assert_eq!(sin(1.0f32).to_bits(), 0x3f57_6aa4);
        assert_eq!(cos(1.0f64).to_bits(), 0x3fe1_4a28_0fb5_068c);
        assert_eq!(exp(1.0f32).to_bits(), 0x402d_f854);
    }

    #[test]
    fn minimum_and_maximum_order_zeros_and_skip_nan() {
        for (a, b) in [(-0.0f32, 0.0f32), (0.0, -0.0)] {
            assert_eq!(min(a, b).to_bits(), (-0.0f32).to_bits());
            assert_eq!(max(a, b).to_bits(), 0.0f32.to_bits());
        }
        assert_eq!(min(f64::NAN, 1.0), 1.0);
        assert_eq!(min(1.0, f64::NAN), 1.0);
        assert_eq!(max(f64::NAN, 1.0), 1.0);
        assert_eq!(max(1.0, f64::NAN), 1.0);
        assert!(min(f64::NAN, f64::NAN).is_nan());
    }

    #[test]
    fn there_is_one_stored_nan() {
        assert_eq!(canonical(f32::from_bits(0xffc0_1234)).to_bits(), 0x7fc0_0000);
        assert_eq!(canonical(-f64::NAN).to_bits(), 0x7ff8_0000_0000_0000);
        assert_eq!(canonical(-0.0f32).to_bits(), 0x8000_0000);
    }
}
