//! The chart on a real Kubernetes, which `cargo xtask cluster` starts: it names programs and the kubeconfig in variables.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "figures, and what a failed test left behind")]

mod cluster;
mod disruption;
mod faults;
mod guide;
mod install;
mod load;
mod monitoring;
mod namespace;
mod network;
mod objects;
mod scaling;
mod upgrade;
