//! From an experiment file to stored records: what was asked, what was found, where it is kept, who does the work.

#![warn(unreachable_pub)]

pub mod spec;

pub mod record;

pub mod trial;

pub mod store;

pub mod executor;
