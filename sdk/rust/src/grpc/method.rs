use std::fmt;
use std::marker::PhantomData;

/// A method of a service: its path, its messages, and whether a call of it may be sent again. The generated
/// modules hold one for each method, such as `proto::weir::registry::v1::registry_service::GET_PROVIDER`.
pub struct Method<Req, Res> {
    path: &'static str,
    is_safe: bool,
    messages: PhantomData<fn(Req) -> Res>,
}

impl<Req, Res> Method<Req, Res> {
    /// A method by its path, `/package.Service/Method`. `is_safe`: a call has no effect, or the same if sent again.
    pub const fn new(path: &'static str, is_safe: bool) -> Self {
        Method { path, is_safe, messages: PhantomData }
    }

    /// The path, `/package.Service/Method`.
    pub fn path(&self) -> &'static str {
        self.path
    }

    /// Whether a call may be sent again.
    pub fn is_safe(&self) -> bool {
        self.is_safe
    }
}

impl<Req, Res> fmt::Debug for Method<Req, Res> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "Method({})", self.path)
    }
}
