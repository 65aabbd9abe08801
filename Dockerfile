# syntax=docker/dockerfile:1

# `runtime` packs a static binary that was built before, with no engine and no base image; so does CI (`.ci/image`), with one that is
# not optimized:
#   RUSTFLAGS="-C target-feature=+crt-static" cargo build --locked --profile dist --target x86_64-unknown-linux-gnu
#   buildah bud --target runtime .
FROM scratch AS runtime
ARG BINARY=target/x86_64-unknown-linux-gnu/dist/zen-agent
COPY --chmod=0555 ${BINARY} /zen-agent
# Else malloc keeps the memory of the largest bodies once per processor, for good.
ENV MALLOC_ARENA_MAX=1
USER 65532:65532
EXPOSE 8443 9090
ENTRYPOINT ["/zen-agent"]
CMD ["serve"]

# The default build compiles the binary first: docker build -t zen-agent .
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN RUSTFLAGS="-C target-feature=+crt-static" \
    cargo build --locked --profile dist --target x86_64-unknown-linux-gnu

FROM scratch
COPY --from=build --chmod=0555 /src/target/x86_64-unknown-linux-gnu/dist/zen-agent /zen-agent
ENV MALLOC_ARENA_MAX=1
USER 65532:65532
EXPOSE 8443 9090
ENTRYPOINT ["/zen-agent"]
CMD ["serve"]
