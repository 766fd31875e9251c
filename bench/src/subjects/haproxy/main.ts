import { runBinary } from '../binary.ts';

// HAProxy with one thread, speaking clear-text HTTP/2 on both sides.

await runBinary({
  command: 'haproxy',
  processes: 1,
  args: () => ['-db', '-q', '-f', 'proxy.conf'],
  settings: ({ port, upstream }) => `
global
  nbthread 1
  maxconn 8192
  tune.h2.initial-window-size 1048576
  tune.h2.max-concurrent-streams 1024
  tune.bufsize 65536
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1h
frontend front
  bind 127.0.0.1:${port} proto h2
  default_backend behind
backend behind
  http-reuse always
  server one ${upstream} proto h2
`,
});
