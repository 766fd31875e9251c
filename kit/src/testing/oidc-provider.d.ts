/** What tests use of oidc-provider, which brings no types. */
declare module 'oidc-provider' {
  import type { RequestListener } from 'node:http';

  class Provider {
    constructor(issuer: string, configuration: object);
    callback(): RequestListener;
  }

  // biome-ignore lint/style/noDefaultExport: so the package exports it
  export { Provider as default };
}
