//! Pictures: what is seen on them.

use diptych_protocol::program::{Form, PointSize, Span};

use super::{Expr, Name};

/// `render every K to "FILE.png" { points of GROUP ..., cells of GRID ... }`
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct Render {
    pub span: Span,
    pub every: Option<Expr>,
    /// The quoted path, without its quotes.
    pub path: Name,
    pub entries: Vec<RenderEntry>,
}

/// What stands between the braces of a picture.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum RenderEntry {
    Layer(Box<RenderLayer>),
    /// `pixels WIDTH by HEIGHT`
    Pixels(Expr, Expr),
    /// `camera (X, Y, Z)`
    Camera(Vec<Expr>, Span),
    /// `view (X, Y) .. (X, Y)`
    View(Vec<Expr>, Vec<Expr>, Span),
}

/// `points of GROUP where CONDITION at PLACE colour VALUE size VALUE range LOW .. HIGH`, `cells of GRID ...`, `rows of GROUP ...`
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct RenderLayer {
    pub span: Span,
    pub form: Form,
    pub group: Name,
    pub filter: Option<Expr>,
    pub at: Option<Expr>,
    /// With its text.
    pub colour: Option<(Expr, String)>,
    pub size: Option<(PointSize, Expr)>,
    pub range: Option<(Expr, Expr)>,
}
