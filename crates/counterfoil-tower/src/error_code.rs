//! An application's catalogue of errors.

use std::error::Error;
use std::fmt;

/// One entry of a catalogue of errors, declared by [`error_codes!`](crate::error_codes).
///
/// A handler tells the layer which error it answers with by putting the code into the extensions of its response. The layer
/// then records it as `error_code` on the span of the request and as `error.type` of its metrics, which is safe because codes
/// are part of the program. With the feature `axum` a code is itself a response, with the feature `tonic` it becomes a
/// `Status`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ErrorCode {
    code: &'static str,
    http_status: u16,
    grpc_status: u8,
    description: &'static str,
}

impl ErrorCode {
    /// Longest code, in bytes.
    pub const MAX_LEN: usize = 64;

    /// An entry; [`error_codes!`](crate::error_codes) is the usual way.
    ///
    /// # Panics
    /// While compiling, in a constant: when `code` is not 1 to 64 characters of `[a-z0-9_.]` that start with a letter, when
    /// `http_status` is not from 400 to 599, or when `grpc_status` is not from 1 to 16.
    #[must_use]
    pub const fn new(
        code: &'static str,
        http_status: u16,
        grpc_status: u8,
        description: &'static str,
    ) -> Self {
        assert!(
            is_code(code.as_bytes()),
            "a code is 1 to 64 characters of [a-z0-9_.] and starts with a letter"
        );
        assert!(
            http_status >= 400 && http_status <= 599,
            "an error answers with an HTTP status from 400 to 599"
        );
        assert!(
            grpc_status >= 1 && grpc_status <= 16,
            "an error answers with a gRPC status from 1 to 16"
        );
        Self {
            code,
            http_status,
            grpc_status,
            description: description.trim_ascii(),
        }
    }

    /// The code: `order.out_of_stock`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        self.code
    }

    /// The HTTP status that it is answered with.
    #[must_use]
    pub const fn http_status(&self) -> u16 {
        self.http_status
    }

    /// The number of the gRPC status that it is answered with.
    #[must_use]
    pub const fn grpc_status(&self) -> u8 {
        self.grpc_status
    }

    /// One sentence for whoever meets it. It is shown to clients.
    #[must_use]
    pub const fn description(&self) -> &'static str {
        self.description
    }
}

const fn is_code(code: &[u8]) -> bool {
    if code.is_empty() || code.len() > ErrorCode::MAX_LEN || !code[0].is_ascii_lowercase() {
        return false;
    }
    let mut at = 0;
    while at < code.len() {
        if !matches!(code[at], b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.') {
            return false;
        }
        at += 1;
    }
    true
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.description)
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ErrorCode({})", self.code)
    }
}

impl Error for ErrorCode {}

/// An error that knows its entry in the catalogue.
///
/// ```
/// use counterfoil_tower::{Coded, ErrorCode};
///
/// counterfoil_tower::error_codes! {
///     /// What can go wrong with an order.
///     pub CATALOGUE;
///     /// More was ordered than there is.
///     OUT_OF_STOCK: "order.out_of_stock", http 409, grpc 9;
///     /// The warehouse does not answer.
///     WAREHOUSE_DOWN: "order.warehouse_down", http 503, grpc 14;
/// }
///
/// enum OrderError { OutOfStock, Warehouse(std::io::Error) }
///
/// impl Coded for OrderError {
///     fn error_code(&self) -> Option<ErrorCode> {
///         Some(match self {
///             Self::OutOfStock => OUT_OF_STOCK,
///             Self::Warehouse(_) => WAREHOUSE_DOWN,
///         })
///     }
/// }
/// assert_eq!(OrderError::OutOfStock.error_code().unwrap().as_str(), "order.out_of_stock");
/// ```
pub trait Coded {
    /// The code; `None` for what no catalogue has.
    fn error_code(&self) -> Option<ErrorCode>;
}

impl Coded for ErrorCode {
    fn error_code(&self) -> Option<ErrorCode> {
        Some(*self)
    }
}

impl Coded for std::convert::Infallible {
    fn error_code(&self) -> Option<ErrorCode> {
        match *self {}
    }
}

impl Coded for Box<dyn Error + Send + Sync> {
    /// That of a code that was boxed.
    fn error_code(&self) -> Option<ErrorCode> {
        self.downcast_ref().copied()
    }
}

/// Declares a catalogue of errors: a constant [`ErrorCode`](crate::ErrorCode) for each, and one that lists them all.
///
/// The doc comment of an entry is its description, which clients see. `http` and `grpc` give the statuses that it is
/// answered with, gRPC's by number.
///
/// ```
/// counterfoil_tower::error_codes! {
///     /// What can go wrong with an order.
///     pub CATALOGUE;
///     /// More was ordered than there is.
///     OUT_OF_STOCK: "order.out_of_stock", http 409, grpc 9;
/// }
/// assert_eq!(CATALOGUE, [OUT_OF_STOCK]);
/// assert_eq!(OUT_OF_STOCK.description(), "More was ordered than there is.");
/// ```
#[macro_export]
macro_rules! error_codes {
    (
        $(#[$catalogue_meta:meta])*
        $vis:vis $catalogue:ident;
        $(
            $(#[doc = $doc:literal])+
            $name:ident: $code:literal, http $http:literal, grpc $grpc:literal;
        )+
    ) => {
        $(
            $(#[doc = $doc])+
            $vis const $name: $crate::ErrorCode =
                $crate::ErrorCode::new($code, $http, $grpc, ::core::concat!($($doc),+));
        )+

        $(#[$catalogue_meta])*
        $vis const $catalogue: &[$crate::ErrorCode] = &[$($name),+];

        const _: () = $crate::each_code_once($catalogue);
    };
}

/// Stops the compiler at a code that is there twice.
#[doc(hidden)]
pub const fn each_code_once(catalogue: &[ErrorCode]) {
    let mut at = 0;
    while at < catalogue.len() {
        let mut before = 0;
        while before < at {
            assert!(
                !same(
                    catalogue[before].code.as_bytes(),
                    catalogue[at].code.as_bytes()
                ),
                "a code is in the catalogue twice"
            );
            before += 1;
        }
        at += 1;
    }
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}
