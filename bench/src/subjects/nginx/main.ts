import { runBinary } from '../binary.ts';

// nginx with one worker, passing gRPC on to the upstream over connections that it keeps. It sends
// one call at a time over each of them, so that it keeps many.

await runBinary({
  command: 'nginx',
  processes: 2,
  args: (folder) => ['-p', folder, '-c', 'proxy.conf', '-e', 'stderr'],
  settings: ({ port, upstream }) => `
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr error;
events {
  worker_connections 8192;
}
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  client_max_body_size 0;
  keepalive_requests 1000000000;
  http2_max_concurrent_streams 1024;
  grpc_buffer_size 64k;
  upstream behind {
    server ${upstream};
    keepalive 1024;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port} http2;
    location / {
      grpc_pass grpc://behind;
    }
  }
}
`,
});
