# Builds the hub and the simulators, and runs the hub as an unprivileged user with its data in /data.
# Reviewed and syntax-checked only where no container engine was at hand; see docs/operators-guide.md.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked -p calhub -p simulators

FROM debian:bookworm-slim AS base
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates curl tzdata \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /data --create-home calhub

FROM base AS simulators
COPY --from=build /src/target/release/simulators /usr/local/bin/simulators
COPY --from=build /src/fixtures/simulators /usr/share/calhub/simulators
USER calhub
EXPOSE 8090
ENTRYPOINT ["simulators"]
CMD ["--listen", "0.0.0.0:8090", "--seed", "/usr/share/calhub/simulators/demo.json"]

FROM base AS hub
COPY --from=build /src/target/release/calhub /usr/local/bin/calhub
USER calhub
VOLUME /data
ENV CALHUB_DATA_DIR=/data CALHUB_LISTEN=0.0.0.0:8420
EXPOSE 8420
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["curl", "-fsS", "http://127.0.0.1:8420/readyz"]
ENTRYPOINT ["calhub"]
CMD ["serve"]
