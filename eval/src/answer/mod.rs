//! What is said of the laws that were found: customary forms, numbers with their errors, bands, notes, tables, pictures,
//! program texts.

pub mod emit;
pub mod ensemble;
pub mod figures;
pub mod notes;
pub mod outliers;
pub mod plot;
pub mod present;
pub mod report;
