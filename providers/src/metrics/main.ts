import { runProvider } from '../process/run.ts';
import { metricsProvider } from './provider.ts';

await runProvider({
  command: 'metrics',
  purpose: 'Offers the metrics of a Prometheus endpoint as Metric.',
  flags: {
    prometheus: {
      value: 'URL',
      doc: 'the endpoint, such as http://127.0.0.1:9100/metrics',
      required: true,
    },
  },
  open: ({ prometheus = '', name }) => metricsProvider({ url: prometheus, ...(name && { name }) }),
});
