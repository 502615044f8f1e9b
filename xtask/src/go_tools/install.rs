//! What the steps `install` and `packages` run.

use super::Source;

pub(super) const COMPOSE: Source = Source {
    module: "github.com/docker/compose/v2",
    version: "v2.40.3",
    sum: "h1:XeYkQu1svDtyfZPv5nTwFryQ25ZJMkIlc4pz9HalMPI=",
    programs: &[("cmd", "docker-compose")],
    ldflags: "-X github.com/docker/compose/v2/internal.Version=2.40.3",
    ..Source::EMPTY
};

pub(super) const NFPM: Source = Source {
    module: "github.com/goreleaser/nfpm/v2",
    version: "v2.45.2",
    sum: "h1:sWBXUErMSKHMvT8f1mgtY3yn2jbNBAE2TNBXNXpSDGc=",
    programs: &[("cmd/nfpm", "nfpm")],
    ..Source::EMPTY
};
