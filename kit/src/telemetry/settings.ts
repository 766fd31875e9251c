import { integer, optional, type Setting, SettingsError, share, url } from '../settings.ts';

/** The settings of traces, the same for every process. */
export const tracingSettings = {
  tracesUrl: optional(
    withoutUserInfo(
      url('WEIR_TRACES_URL', {
        doc: 'Where traces are sent to, by OTLP over HTTP, such as http://127.0.0.1:4318/v1/traces; none: no traces',
      }),
    ),
  ),
  tracesShare: share('WEIR_TRACES_SAMPLE', {
    doc: 'The share of calls that are traced, of those that bring no trace themselves',
    default: '0.01',
  }),
  tracesCallerRate: integer('WEIR_TRACES_CALLER_RATE', {
    doc: 'How many calls a second are traced at most because their caller asks for it',
    default: '10',
    min: 0,
    max: 100_000,
  }),
};

function withoutUserInfo(inner: Setting<string>): Setting<string> {
  return {
    ...inner,
    parse(text) {
      const { username, password } = new URL(inner.parse(text));
      if (username === '' && password === '') return text;
      const mend = 'drop it, and give what the collector asks for in OTEL_EXPORTER_OTLP_HEADERS';
      throw new SettingsError(inner.variable, 'holds user info', mend);
    },
  };
}
