// Draws the curves of the report, in the reader's browser. The data stand in #plots.
(() => {
  const { uPlot } = globalThis;
  const scenarios = JSON.parse(document.getElementById('plots').textContent);
  const marks = [50, 90, 99, 99.9, 99.99];
  const powers = marks.map((percentile) => -Math.log10(1 - percentile / 100));
  const probe = document.body.appendChild(document.createElement('span'));
  probe.hidden = true;

  const axes = {
    percentiles: {
      label: 'percentile of calls (%)',
      splits: () => powers,
      values: () => marks.map(String),
      title: (power) => `${percentileText(power)} of calls within`,
    },
    'over-time': {
      label: 'measured time (s)',
      title: (seconds) => `at ${seconds.toFixed(1)} s`,
    },
    sweep: {
      range: (_, __, greatest) => [0, greatest * 1.03],
      label: 'calls per second',
      values: (_, splits) => splits.map((rate) => rate.toLocaleString('en')),
      title: (rate) => `${Math.round(rate).toLocaleString('en')} calls per second, P99`,
    },
  };

  const latencyAxis = {
    label: 'latency (ms)',
    values: (_, splits) =>
      splits.map((ms) => (ms == null ? '' : String(Number(ms.toPrecision(3))))),
  };

  const redraws = scenarios.map(openScenario);
  const redrawAll = () => {
    for (const redraw of redraws) redraw();
  };
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redrawAll);
  redrawAll();

  /** Binds the switches of a scenario, and returns what draws it. */
  function openScenario(scenario) {
    const section = document.getElementById(scenario.name);
    const hidden = new Set();
    const chosen = { load: 0, line: 0 };
    let drawn = [];
    const draw = () => {
      for (const one of drawn) one.close();
      const { percentiles, overTime } = scenario.loads[chosen.load];
      const plots = { percentiles, 'over-time': overTime, sweep: scenario.sweep };
      drawn = [...section.querySelectorAll('[data-plot]')].map((host) => {
        const { x, lines } = plots[host.dataset.plot];
        const shown = lines.filter(({ subject }) => !hidden.has(subject));
        const isSlowest = host.dataset.plot === 'over-time' && chosen.line === 1;
        const asked = isSlowest ? shown.map((one) => ({ ...one, values: one.max })) : shown;
        return drawPlot(host, { x, lines: asked });
      });
    };
    for (const button of section.querySelectorAll('.legend button')) {
      const { subject } = button.dataset;
      const line = scenario.loads[0].percentiles.lines.find((one) => one.subject === subject);
      button.querySelector('line').style.strokeDasharray = line?.dash.join(' ') ?? '';
      button.addEventListener('click', () => {
        const shown = hidden.delete(subject);
        if (!shown) hidden.add(subject);
        button.setAttribute('aria-pressed', String(shown));
        draw();
      });
    }
    for (const input of section.querySelectorAll('[data-choice]')) {
      input.addEventListener('change', () => {
        chosen[input.dataset.choice] = Number(input.value);
        draw();
      });
    }
    return draw;
  }

  /** Draws into an element, as wide as it is. */
  function drawPlot(host, { x, lines }) {
    const axis = axes[host.dataset.plot];
    const isSweep = host.dataset.plot === 'sweep';
    const series = lines.flatMap((line) => seriesOf(line, isSweep));
    const options = {
      ...sizeOf(host),
      series: [{}, ...series.map(({ values, ...one }) => one)],
      bands: bandsOf(lines, series),
      scales: { x: { time: false, ...(axis.range && { range: axis.range }) }, y: { distr: 3 } },
      axes: [axisOf({ ...axis, size: 26 }), axisOf({ ...latencyAxis, size: 46 })],
      legend: { show: false },
      cursor: { points: { show: false }, y: false },
      plugins: [tip(axis, lines)],
    };
    const plot = new uPlot(options, [x, ...series.map(({ values }) => values)], host);
    const observer = new ResizeObserver(() => plot.setSize(sizeOf(host)));
    observer.observe(host);
    return {
      close() {
        observer.disconnect();
        plot.destroy();
      },
    };
  }

  function sizeOf(host) {
    return { width: host.clientWidth, height: host.clientHeight };
  }

  /** The line itself and what belongs to it, the line last, so that it lies on top. */
  function seriesOf({ subject, dash, values, least, greatest }, isSweep) {
    const stroke = colourOf('var(--colour, var(--quiet))', subject);
    const bound = { width: 0, points: { show: false } };
    const width = subject === 'weir' ? 2.5 : 1.5;
    return [
      ...(least
        ? [
            { ...bound, values: greatest, bound: subject },
            { ...bound, values: least },
          ]
        : []),
      { values, stroke, width, dash, spanGaps: isSweep, points: { show: isSweep, size: 6 } },
    ];
  }

  function bandsOf(lines, series) {
    return lines.flatMap(({ subject, least }) => {
      const upper = series.findIndex(({ bound }) => bound === subject) + 1;
      const fill = faded(colourOf('var(--colour, var(--quiet))', subject), 0.1);
      return least ? [{ series: [upper, upper + 1], fill }] : [];
    });
  }

  function axisOf({ label, splits, values, size }) {
    const font = '12px system-ui, sans-serif';
    const grid = { stroke: colourOf('var(--rule)'), width: 1 };
    const stroke = colourOf('var(--quiet)');
    return {
      ...{
        label,
        size,
        font,
        labelFont: font,
        labelSize: 20,
        stroke,
        grid,
        ticks: { show: false },
      },
      ...(splits && { splits }),
      ...(values && { values }),
    };
  }

  /** Says beside the pointer what the lines are there. */
  function tip({ title }, lines) {
    const box = document.createElement('div');
    box.className = 'tip';
    box.hidden = true;
    const setCursor = ({ cursor, data, over }) => {
      const at = cursor.idx;
      const rows = at == null ? [] : lines.filter(({ values }) => values[at] != null);
      box.hidden = rows.length === 0 || cursor.left < 0;
      if (box.hidden) return;
      const sorted = rows.toSorted((a, b) => b.values[at] - a.values[at]);
      const texts = sorted.map(({ subject, values }) => row(subject, `${msText(values[at])} ms`));
      box.replaceChildren(row('', title(data[0][at])), ...texts);
      const left = cursor.left + 14;
      const isRight = left + box.offsetWidth > over.clientWidth;
      box.style.left = `${Math.max(0, isRight ? cursor.left - box.offsetWidth - 14 : left)}px`;
      box.style.top = '8px';
    };
    return { hooks: { init: ({ over }) => over.append(box), setCursor } };
  }

  function row(subject, text) {
    const line = document.createElement('div');
    const who = document.createElement('span');
    const what = document.createElement('span');
    who.textContent = subject;
    what.textContent = text;
    who.className = 'who';
    who.dataset.subject = subject;
    line.append(...(subject === '' ? [what] : [who, what]));
    return line;
  }

  /** A colour as the page shows it now: canvases do not know custom properties. */
  function colourOf(value, subject = '') {
    probe.dataset.subject = subject;
    probe.style.color = value;
    return getComputedStyle(probe).color;
  }

  function faded(colour, alpha) {
    return colour.replace(/^rgb\((.*)\)$/, `rgba($1, ${alpha})`);
  }

  function percentileText(power) {
    const decimals = Math.max(0, Math.min(3, Math.ceil(power) - 1));
    return `${(100 * (1 - 10 ** -power)).toFixed(decimals)} %`;
  }

  function msText(ms) {
    return ms >= 100 ? ms.toFixed(0) : ms.toPrecision(3);
  }
})();
