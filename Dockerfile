# myhealth as an image: one program, the CA certificates, and a folder for data. docs/install/compose.md uses it.
#
#   docker build --tag myhealth .
#   docker buildx build --platform linux/amd64,linux/arm64,linux/arm/v7 --tag myhealth .
#
# BuildKit builds it (Docker 23 or newer; DOCKER_BUILDKIT=1 before that). Other platforms are cross-compiled: nothing of
# the build runs under emulation. The base is named by its version: its digest could not be looked up
# where this file was written.

# The manifests with empty sources: a layer that changes only when a dependency does.
FROM --platform=$BUILDPLATFORM rust:1.95.0-slim-bookworm AS manifests
WORKDIR /src
COPY . .
RUN find . -type f -name '*.rs' \( -path '*/src/lib.rs' -exec truncate -s 0 {} \; \
        -o \( -path '*/main.rs' -o -path '*/benches/*' -o -path '*/examples/*' \) \
            -exec sh -c 'echo "fn main() { }" > "$1"' _ {} \; \
        -o -delete \) \
    && find . -type f ! -name '*.rs' ! -name Cargo.toml ! -name Cargo.lock -delete \
    && find . -type d -empty -delete

FROM --platform=$BUILDPLATFORM rust:1.95.0-slim-bookworm AS rust
WORKDIR /src

# musl's headers for the C in SQLite, ring and the allocator; Rust brings the library itself.
FROM rust AS rust-amd64
ENV CARGO_BUILD_TARGET=x86_64-unknown-linux-musl \
    CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER=x86_64-linux-gnu-gcc \
    CC_x86_64_unknown_linux_musl=x86_64-linux-gnu-gcc \
    CFLAGS_x86_64_unknown_linux_musl=-specs=/usr/lib/x86_64-linux-musl/musl-gcc.specs
RUN dpkg --add-architecture amd64 && apt-get update \
    && apt-get install --yes --no-install-recommends gcc-x86-64-linux-gnu musl-dev:amd64 \
    && rm -rf /var/lib/apt/lists/* \
    && rustup target add "$CARGO_BUILD_TARGET"

FROM rust AS rust-arm64
ENV CARGO_BUILD_TARGET=aarch64-unknown-linux-musl \
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=aarch64-linux-gnu-gcc \
    CC_aarch64_unknown_linux_musl=aarch64-linux-gnu-gcc \
    CFLAGS_aarch64_unknown_linux_musl=-specs=/usr/lib/aarch64-linux-musl/musl-gcc.specs
RUN dpkg --add-architecture arm64 && apt-get update \
    && apt-get install --yes --no-install-recommends gcc-aarch64-linux-gnu musl-dev:arm64 \
    && rm -rf /var/lib/apt/lists/* \
    && rustup target add "$CARGO_BUILD_TARGET"

# 32-bit ARM has glibc, whose libraries go into the image (docs/adr/0022).
FROM rust AS rust-arm
ENV CARGO_BUILD_TARGET=armv7-unknown-linux-gnueabihf \
    CARGO_TARGET_ARMV7_UNKNOWN_LINUX_GNUEABIHF_LINKER=arm-linux-gnueabihf-gcc \
    CC_armv7_unknown_linux_gnueabihf=arm-linux-gnueabihf-gcc \
    LIBRARIES="ld-linux-armhf.so.3 libc.so.6 libgcc_s.so.1 libm.so.6"
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc-arm-linux-gnueabihf libc6-dev-armhf-cross \
    && rm -rf /var/lib/apt/lists/* \
    && rustup target add "$CARGO_BUILD_TARGET"

FROM rust-$TARGETARCH AS build
ARG PROFILE=dist
COPY --from=manifests /src .
RUN cargo build --locked --profile "$PROFILE" --package app
COPY . .
ARG MYHEALTH_REVISION=unknown
# Touched: cargo compares times, and these sources may be older than the empty ones.
RUN find . -path ./target -prune -o -name '*.rs' -exec touch {} + \
    && cargo build --locked --profile "$PROFILE" --package app \
    && install -D "target/$CARGO_BUILD_TARGET/$PROFILE/myhealth" /image/usr/bin/myhealth \
    && for library in $LIBRARIES; do \
        install -D "/usr/arm-linux-gnueabihf/lib/$library" "/image/lib/$library" || exit 1; done \
    && install -D --mode 0644 /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ca-certificates.crt \
    && install --directory --mode 1777 /image/data /image/tmp

FROM scratch
COPY --from=build /image /
ARG MYHEALTH_REVISION=unknown
LABEL org.opencontainers.image.title="myhealth" \
      org.opencontainers.image.description="A Prometheus exporter, SQL archive and REST API for Oura rings" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.revision="$MYHEALTH_REVISION"
# Any uid works: each makes a private folder of its own in /data.
USER 65532:65532
# SQLite's temporary files, where the root is read-only.
ENV XDG_DATA_HOME=/data \
    SQLITE_TMPDIR=/data \
    MYHEALTH_WEB_LISTEN_ADDRESS=:9872 \
    MYHEALTH_API_LISTEN_ADDRESS=:8872
VOLUME /data
EXPOSE 9872 8872 9874
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s \
    CMD ["/usr/bin/myhealth", "healthcheck", "http://127.0.0.1:9872/-/ready"]
ENTRYPOINT ["/usr/bin/myhealth"]
CMD ["serve"]
