//! From a measured series to the laws that explain it, and back to people.
//!
//! Reading CSV is [`table`]'s. The language of equations is `nsode-parser`'s, integration
//! `nsode-generator`'s, the network `nsode-model`'s.

pub mod table;
