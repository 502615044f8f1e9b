//! Oura's API: a client, its limits, and what is read with it.

mod account;
mod client;
mod limits;
mod single;
mod window;

pub use client::Client;
pub use single::DocumentResponse;
pub use window::{Window, page};
