//! What a token may allow, and what a route asks for.

use crate::domain::payment::words;

words!(
    /// What a token of the API allows. None of them includes another.
    Scope {
        /// To read what is about one mentor: the token's subject.
        MentorRead = "mentor:read",
        /// To read everything.
        AdminRead = "admin:read",
        /// To ask for refunds, withdrawals and the like, for everybody.
        AdminWrite = "admin:write",
    }
);

/// What a route asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// No token.
    Anybody,
    /// `admin:read`, or `mentor:read` of the mentor in the path.
    OwnMentor,
    /// `admin:read` or `mentor:read`; the route looks whose it is.
    Reader,
    /// `admin:read`.
    AdminRead,
    /// `admin:write`.
    AdminWrite,
}
