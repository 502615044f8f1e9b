//! The names of the image, by platform.

use clap::ValueEnum;

/// The name under which the checks use it.
pub(crate) const TAG: &str = "docker.io/local/myhealth:dev";

/// A platform other than the one that builds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum Platform {
    #[value(name = "linux/arm64")]
    Arm64,
    #[value(name = "linux/arm/v7")]
    ArmV7,
}

impl Platform {
    /// As Docker writes it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Arm64 => "linux/arm64",
            Self::ArmV7 => "linux/arm/v7",
        }
    }

    pub(super) fn tag(self) -> String {
        format!("{TAG}-{}", self.name().trim_start_matches("linux/").replace('/', ""))
    }

    /// Debian's program that runs it.
    pub(super) fn emulator(self) -> &'static str {
        match self {
            Self::Arm64 => "qemu-aarch64-static",
            Self::ArmV7 => "qemu-arm-static",
        }
    }
}
