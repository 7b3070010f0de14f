// The page's own script: the same moment in every chart, GPUs shown and hidden, time zoomed by dragging; and Plotly in
// place of all this where the page brings it. Without it, or without a script at all, the charts stay as they are drawn.
(async () => {
  'use strict';
  const held = document.getElementById('gpumon-numbers');
  if (!held || !window.DecompressionStream) {
    return;
  }
  const unpacked = async element => {
    const bytes = Uint8Array.from(atob(element.textContent), letter => letter.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).text();
  };
  const told = JSON.parse(await unpacked(held));
  const root = document.documentElement;
  const SYMBOLS = { watts: 'W', joules: 'J', bytes: 'B', hertz: 'Hz', seconds: 's', celsius: '°C', count: '' };
  const PREFIXES = [[1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e3, 'k']];

  const digits = value => value.toFixed(Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0);
  const quantity = (value, { unit, rate }) => {
    if (unit === 'ratio') {
      return `${(value * 100).toFixed(0)} %`;
    }
    if (unit === 'celsius' || unit === 'count') {
      return `${Number(value.toFixed(1))} ${SYMBOLS[unit]}`.trim();
    }
    const [factor, prefix] = PREFIXES.find(([size]) => Math.abs(value) >= size * 0.9995) ?? [1, ''];
    return `${digits(value / factor)} ${prefix}${SYMBOLS[unit] ?? unit}${rate ? '/s' : ''}`;
  };
  const clock = seconds => new Date((told.first + seconds) * 1000).toTimeString().slice(0, 8);
  const span = told.times[told.times.length - 1] || 1;
  const charts = [...document.querySelectorAll('svg.chart')].map((svg, at) => ({
    svg,
    plot: svg.querySelector('.plot'),
    output: svg.closest('figure').querySelector('output'),
    panel: told.panels[at]
  }));
  const hidden = new Set();
  let range = [0, span];

  const element = (name, attributes, parent) => {
    const made = document.createElementNS('http://www.w3.org/2000/svg', name);
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
    parent.append(made);
    return made;
  };
  const [, , ACROSS, UP] = charts[0].plot.getAttribute('viewBox').split(' ').map(Number);
  charts.forEach(chart => {
    chart.cross = element('path', { class: 'cross', d: '' }, chart.plot);
    chart.svg.setAttribute('tabindex', '0');
  });
  const tip = Object.assign(document.createElement('div'), { id: 'tip', hidden: true });
  document.body.append(tip);

  const nearest = seconds => {
    let low = 0;
    let high = told.times.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      [low, high] = told.times[middle] < seconds ? [middle, high] : [low, middle];
    }
    return seconds - told.times[low] < told.times[high] - seconds ? low : high;
  };
  const values = (panel, row) =>
    panel.lines
      .filter(line => !hidden.has(line.name) && line.low[row] != null)
      .map(line => {
        const [low, high] = [line.low[row], (line.high ?? line.low)[row]].map(value => value * panel.grain);
        return { name: line.name, colour: line.colour, low, high };
      });
  const between = (low, high, panel) => {
    const [a, b] = [quantity(low, panel), quantity(high, panel)];
    return a === b ? a : `${a} – ${b}`;
  };
  const summary = (panel, row) => {
    const found = values(panel, row);
    if (found.length > 2) {
      return between(Math.min(...found.map(v => v.low)), Math.max(...found.map(v => v.high)), panel);
    }
    return found.map(({ name, low, high }) => `${name} ${between(low, high, panel)}`).join(' · ');
  };

  const point = (row, from) => {
    const x = (told.times[row] / span) * ACROSS;
    charts.forEach(chart => {
      chart.cross.setAttribute('d', `M${x} 0V${UP}`);
      chart.output.textContent = summary(chart.panel, row);
    });
    tip.replaceChildren(`${from.panel.title} · ${clock(told.times[row])}`);
    values(from.panel, row).forEach(({ name, colour, low, high }) => {
      const line = document.createElement('div');
      const mark = document.createElement('i');
      mark.style.background = colour;
      line.append(mark, `${name} ${between(low, high, from.panel)}`);
      tip.append(line);
    });
    tip.hidden = false;
  };
  const place = (x, y) => {
    const { width, height } = tip.getBoundingClientRect();
    tip.style.left = `${x + 16 + width > window.innerWidth ? x - 16 - width : x + 16}px`;
    tip.style.top = `${Math.min(y + 12, window.innerHeight - height - 4)}px`;
  };
  const leave = () => {
    tip.hidden = true;
    charts.forEach(({ cross, output }) => {
      cross.setAttribute('d', '');
      output.textContent = '';
    });
  };
  const secondsAt = ({ svg, plot }, event) => {
    const box = svg.getBoundingClientRect();
    const scale = box.width / svg.viewBox.baseVal.width;
    const share = ((event.clientX - box.left) / scale - plot.x.baseVal.value) / plot.width.baseVal.value;
    return range[0] + Math.min(1, Math.max(0, share)) * (range[1] - range[0]);
  };
  const zoom = (from, to) => {
    range = to - from > 2 * told.step ? [from, to] : [0, span];
    const [x, width] = [(range[0] / span) * ACROSS, ((range[1] - range[0]) / span) * ACROSS];
    charts.forEach(({ svg, plot }) => {
      plot.setAttribute('viewBox', `${x} 0 ${width} ${UP}`);
      [...svg.querySelectorAll('.tick')].forEach((tick, at) => {
        tick.textContent = clock(range[0] + ((range[1] - range[0]) * at) / 2);
      });
    });
  };

  charts.forEach(chart => {
    let begun = null;
    let chosen = null;
    const over = () => {
      chosen?.remove();
      begun = chosen = null;
    };
    chart.svg.addEventListener('pointerdown', event => {
      begun = secondsAt(chart, event);
      chart.svg.setPointerCapture(event.pointerId);
    });
    chart.svg.addEventListener('pointermove', event => {
      const seconds = secondsAt(chart, event);
      point(nearest(seconds), chart);
      place(event.clientX, event.clientY);
      if (begun !== null) {
        chosen ??= element('rect', { class: 'chosen', y: 0, height: UP }, chart.plot);
        chosen.setAttribute('x', (Math.min(begun, seconds) / span) * ACROSS);
        chosen.setAttribute('width', (Math.abs(begun - seconds) / span) * ACROSS);
      }
    });
    chart.svg.addEventListener('pointerup', event => {
      const seconds = secondsAt(chart, event);
      if (chosen && Math.abs(seconds - begun) > 2 * told.step) {
        zoom(Math.min(begun, seconds), Math.max(begun, seconds));
      }
      over();
    });
    chart.svg.addEventListener('pointercancel', over);
    chart.svg.addEventListener('pointerleave', leave);
    chart.svg.addEventListener('dblclick', () => zoom(0, span));
    let row = 0;
    chart.svg.addEventListener('keydown', event => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (step) {
        event.preventDefault();
        row = Math.min(told.times.length - 1, Math.max(0, row + step));
        point(row, chart);
        const box = chart.svg.getBoundingClientRect();
        place(box.left + box.width / 2, box.top + box.height / 2);
      } else if (event.key === 'Escape') {
        zoom(0, span);
        leave();
      }
    });
    chart.svg.addEventListener('blur', leave);
  });

  document.querySelectorAll('.legend li').forEach(item => {
    const name = item.textContent.trim();
    const button = document.createElement('button');
    button.type = 'button';
    button.setAttribute('aria-pressed', 'true');
    button.append(...item.childNodes);
    item.append(button);
    button.addEventListener('click', () => {
      const show = hidden.delete(name) || !hidden.add(name);
      button.setAttribute('aria-pressed', String(show));
      document.querySelectorAll(`path.line[data-name="${CSS.escape(name)}"]`).forEach(line => {
        line.style.display = show ? '' : 'none';
      });
    });
  });
  root.classList.add('has-script');

  const ordered = (low, high, last) =>
    low === high ? [low] : last !== null && Math.abs(high - last) < Math.abs(low - last) ? [high, low] : [low, high];
  const points = ({ low, high = low }, { grain }) => {
    const found = { x: [], y: [] };
    let last = null;
    told.times.forEach((at, row) => {
      const gap = row && at - told.times[row - 1] > 3 * told.step;
      if (low[row] == null || gap) {
        found.x.push(null);
        found.y.push(null);
        last = null;
      }
      if (low[row] != null) {
        ordered(low[row], high[row], last).forEach(value => {
          const moment = (told.first + at) * 1000;
          found.x.push(new Date(moment - new Date(moment).getTimezoneOffset() * 60000).toISOString().slice(0, -1));
          found.y.push(value * grain);
          last = value;
        });
      }
    });
    return found;
  };
  const draw = Plotly => {
    const frame = JSON.parse(document.getElementById('gpumon-layout').textContent);
    const seen = new Set();
    const data = told.panels.flatMap((panel, at) =>
      panel.lines.map(line => {
        const showlegend = !seen.has(line.name);
        seen.add(line.name);
        return { ...frame.traces[at], ...points(line, panel), name: line.name, legendgroup: line.name, showlegend, line: { color: line.colour, width: 1.3 } };
      })
    );
    const style = () => {
      const [color, gridcolor] = ['--ink', '--line'].map(name => getComputedStyle(root).getPropertyValue(name).trim());
      const axes = Object.keys(frame.layout).filter(name => /^[xy]axis/.test(name));
      return {
        paper_bgcolor: 'transparent',
        plot_bgcolor: 'transparent',
        'font.color': color,
        ...Object.fromEntries(axes.map(name => [`${name}.gridcolor`, gridcolor]))
      };
    };
    const place = document.getElementById('plotly');
    return Plotly.newPlot(place, data, frame.layout, { responsive: true, displaylogo: false }).then(() => {
      root.classList.add('has-plotly');
      const adapt = () => Plotly.relayout(place, style());
      window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', adapt);
      return adapt();
    });
  };
  const bundled = document.getElementById('gpumon-plotly');
  if (bundled) {
    const script = document.createElement('script');
    script.textContent = await unpacked(bundled);
    document.head.append(script);
  } else if (document.readyState !== 'complete') {
    await new Promise(done => window.addEventListener('load', done));
  }
  if (window.Plotly && document.getElementById('plotly')) {
    await draw(window.Plotly);
  }
  root.dataset.ready = 'true';
})();
