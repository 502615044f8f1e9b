//! The two generations of Prometheus and Alertmanager that users run.

use std::process::Command;

use crate::process::provided;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Generation {
    /// What Debian 12 has: Prometheus 2.42 and Alertmanager 0.25.
    Debian,
    /// Today's, which `xtask/src/go_tools.rs` names: left-open ranges and look-back, streamed remote read.
    Current,
}

impl Generation {
    pub(crate) fn prometheus(self) -> Command {
        self.program("PROMETHEUS")
    }

    pub(crate) fn promtool(self) -> Command {
        self.program("PROMTOOL")
    }

    pub(crate) fn amtool(self) -> Command {
        self.program("AMTOOL")
    }

    pub(crate) fn alertmanager(self) -> Command {
        self.program("ALERTMANAGER")
    }

    fn program(self, name: &str) -> Command {
        let prefix = match self {
            Self::Debian => "MYHEALTH_TEST",
            Self::Current => "MYHEALTH_TEST_CURRENT",
        };
        Command::new(provided(&format!("{prefix}_{name}")))
    }
}

/// Makes a test on each generation of every function named: `debian::NAME` and `current::NAME`. `cargo xtask test` leaves
/// `current::` out where Go is missing, and says so; nothing here skips anything.
macro_rules! on_each_generation {
    ($($test:ident),+ $(,)?) => {
        mod debian {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test($crate::generation::Generation::Debian).await;
                }
            )+
        }
        mod current {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test($crate::generation::Generation::Current).await;
                }
            )+
        }
    };
}
pub(crate) use on_each_generation;
