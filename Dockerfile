# syntax=docker/dockerfile:1
# One image for every process of Weir; its command chooses which (compose.yaml shows them all).
# `node scripts/topology.ts` takes the same steps without an engine.
ARG NODE=node:24.21.0-bookworm-slim

FROM ${NODE} AS build
WORKDIR /app
# What is installed changes less often than the sources, so it comes first.
COPY package.json package-lock.json ./
COPY sdk/typescript/package.json sdk/typescript/
COPY kit/package.json kit/
COPY policy/package.json policy/
COPY journal/package.json journal/
COPY registry/package.json registry/
COPY router/package.json router/
COPY providers/package.json providers/
COPY mcp/package.json mcp/
COPY generator/package.json generator/
COPY standalone/package.json standalone/
COPY cli/package.json cli/
COPY cli/bin cli/bin
COPY trials/package.json trials/
# Without scripts: the image has its own Node, and `prepare` needs the sources.
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run build

FROM build AS production
RUN npm prune --omit=dev --ignore-scripts --no-audit --no-fund

FROM ${NODE} AS runtime
ENV NODE_ENV=production \
    PATH=/app/node_modules/.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    WEIR_DATA_DIR=/data \
    WEIR_HOST=0.0.0.0 \
    WEIR_PORT=7070 \
    WEIR_OPS_HOST=0.0.0.0 \
    WEIR_OPS_PORT=7071 \
    WEIR_REGISTRY_HOST=0.0.0.0 \
    WEIR_REGISTRY_PORT=7072
# What a container may write is mounted over these, and new volumes take their owner from them.
RUN install -d -o node -g node -m 0700 /data /blobs /secrets/service /secrets/database /secrets/docs
WORKDIR /app
COPY --from=production /app/package.json ./
COPY --from=production /app/node_modules node_modules
COPY --from=production /app/sdk sdk
COPY --from=production /app/kit kit
COPY --from=production /app/policy policy
COPY --from=production /app/journal journal
COPY --from=production /app/registry registry
COPY --from=production /app/router router
COPY --from=production /app/providers providers
COPY --from=production /app/mcp mcp
COPY --from=production /app/generator generator
COPY --from=production /app/standalone standalone
COPY --from=production /app/cli cli
COPY --from=production /app/deploy deploy
USER node
EXPOSE 7070 7071 7072
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:7071/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# In exec form, so that SIGTERM reaches Node, which handles it and starts no other process: an
# init such as tini would have nothing to do. The flags keep collections short (docs/operating.md).
ENTRYPOINT ["node", "--scavenger-max-new-space-capacity-mb=8", "--heap-growing-percent=100", "--no-allocation-site-pretenuring", "--single-threaded-gc"]
CMD ["standalone/src/main.ts"]
