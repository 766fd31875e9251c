/** How a provider process of the trials runs; in the variable TRIAL_PROVIDER, as JSON. */
export interface ProviderSettings {
  /** Where it registers. */
  readonly url: string;
  readonly tenants: readonly {
    readonly name: string;
    readonly key: string;
    readonly port: number;
    /** The address that routers are told: a link's. */
    readonly publicUrl: string;
  }[];
}
