export {
  openTestProvider,
  type TestContent,
  type TestFetchOptions,
  type TestListOptions,
  type TestOutcome,
  type TestProvider,
  type TestProviderOptions,
} from './testing/provider.ts';
export { openTestWeir, type TestWeirOptions } from './testing/weir.ts';
