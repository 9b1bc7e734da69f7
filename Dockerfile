# syntax=docker/dockerfile:1
# The image of KubeKuma: one static binary, the usual certificate authorities, nothing else. No shell,
# no package manager, no libc: what is not there need not be updated.
#   docker buildx build --platform linux/amd64,linux/arm64 -t registry.example.com/kubekuma:0.1.0 --push .
# Nothing here names an architecture: builder and target are the same one, so arm64 is built on arm64
# (or under emulation, which is slow), and no cross compiler is needed for the C parts (SQLite, aws-lc).
ARG RUST_VERSION=1.95.0

FROM rust:${RUST_VERSION}-bookworm AS build
WORKDIR /src
# musl-gcc: a libc that is linked in. cmake and clang: aws-lc, where it has no ready bindings.
RUN apt-get update \
 && apt-get install -y --no-install-recommends musl-tools cmake clang ca-certificates \
 && rm -rf /var/lib/apt/lists/*
COPY rust-toolchain.toml ./
RUN rustup target add "$(uname -m)-unknown-linux-musl"
COPY . .
# TARGETARCH keeps the caches of two architectures apart when one builder does both.
ARG TARGETARCH
RUN --mount=type=cache,id=registry-${TARGETARCH},target=/usr/local/cargo/registry \
    --mount=type=cache,id=target-${TARGETARCH},target=/src/target \
    target="$(uname -m)-unknown-linux-musl" \
 && export "CC_$(echo "$target" | tr - _)=musl-gcc" \
 && cargo build --locked --release -p kubekuma --target "$target" \
 && deploy/image/root.sh "target/$target/release/kubekuma" /image

FROM scratch
LABEL org.opencontainers.image.title="KubeKuma" \
      org.opencontainers.image.description="Uptime monitoring in which every setting is a typed object" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://kubekuma.io"
COPY --from=build /image /
# A number, not a name: Kubernetes cannot tell whether a name is root.
USER 65532:65532
# Outside a container the program listens on loopback; in one that would reach nobody.
ENV KUBEKUMA_LISTEN=0.0.0.0 DATABASE_URL=sqlite:/data/kubekuma.db
EXPOSE 3000
ENTRYPOINT ["/usr/local/bin/kubekuma"]
# The folder /config; an empty one is an empty, working product. On Kubernetes: serve --kube.
CMD ["serve"]
