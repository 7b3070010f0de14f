/** A metric over time, for every device: title, chart, values under the cursor, and the same in a table for the ear. */

import React, { useEffect, useRef, useState } from 'react';
import type { TranslationBundle } from '@jupyterlab/translation';
import { clock, day, quantity, scaleOf, symbol } from '../format';
import { DRAW } from '../export';
import type { IWindow } from '../history';
import { isLight, strokeOf } from '../palette';
import { METRICS, type IDevice, type IGpu } from '../schema';
import type { IBand } from '../tokens';
import { label } from '../words';
import { Plot, type ILine, type IPlotOptions } from './plot';
import { Spoken } from './spoken';

/** What a chart shows. */
export interface IChartProps {
  readonly metric: string;
  readonly devices: readonly IDevice[];
  readonly gpus: ReadonlyMap<string, IGpu>;
  readonly window: IWindow;
  readonly from: number;
  readonly to: number;
  readonly bands: readonly IBand[];
  /** What the bands are, for the ear; cells by default. */
  readonly bandWord?: string;
  /** A line across, in base units; without one, the limit that the devices share. */
  readonly limit?: number | null;
  readonly height: number;
  readonly theme: string;
  readonly trans: TranslationBundle;
  readonly onZoom: (from: number, to: number) => void;
  readonly onReset: () => void;
}

interface IPointed {
  readonly index: number;
  readonly left: number;
}

type SetPointed = React.Dispatch<React.SetStateAction<IPointed | null>>;

/** The same object where the cursor has not moved, so that nothing is drawn for it. */
function moved(before: IPointed | null, index: number, left: number): IPointed {
  return before?.index === index && before.left === left ? before : { index, left };
}

/** One chart. */
export function Chart(props: IChartProps): JSX.Element {
  const host = useRef<HTMLDivElement>(null);
  const [pointed, setPointed] = useState<IPointed | null>(null);
  const plot = usePlot(host, props, setPointed);
  const { metric, trans } = props;
  const { unit, rate } = scaleOf(METRICS[metric]);
  const limit = limitOf(props);
  return (
    <figure className="jp-GpuMon-chart" data-metric={metric}>
      <figcaption title={METRICS[metric].help}>
        {METRICS[metric].title}{' '}
        <span>{caption(props, symbol(unit, rate, topOf(props)), limit)}</span>
      </figcaption>
      <div
        ref={host}
        className="jp-GpuMon-plot"
        role="group"
        tabIndex={0}
        aria-label={trans.__(
          'Chart of %1. Arrow keys read values, plus and minus zoom, 0 resets.',
          METRICS[metric].title
        )}
        onKeyDown={event => onKey(event, props, plot.current)}
        onMouseLeave={() => setPointed(null)}
      />
      {pointed && plot.current && <Pointed {...props} pointed={pointed} plot={plot.current} />}
      <Spoken {...props} />
    </figure>
  );
}

/** A plot that lives as long as its lines stay the same, drawn when its data changes and it is on the screen. */
function usePlot(
  host: React.RefObject<HTMLDivElement>,
  props: IChartProps,
  setPointed: SetPointed
): React.MutableRefObject<Plot | null> {
  const plot = useRef<Plot | null>(null);
  const seen = useRef(true);
  const latest = useRef(props);
  latest.current = props;
  const { metric, theme, height, devices } = props;
  const identity = [
    metric,
    theme,
    height,
    topOf(props),
    limitOf(props),
    ...devices.map(device => device.uuid)
  ];
  useEffect(() => {
    const element = host.current;
    if (!element) {
      return;
    }
    const made = new Plot(element, optionsOf(latest.current, element, setPointed));
    plot.current = made;
    const stop = watch(element, made, seen, () => redraw(made, latest.current));
    return () => {
      stop();
      made.dispose();
      plot.current = null;
    };
  }, [identity.join()]);
  useEffect(() => {
    if (plot.current && seen.current) {
      redraw(plot.current, props);
    }
  }, [props.window, props.from, props.to, props.bands]); // not at each move of the cursor, which drawing moves too
  return plot;
}

function optionsOf(props: IChartProps, element: HTMLElement, setPointed: SetPointed): IPlotOptions {
  return {
    lines: props.devices.map(lineOf),
    scale: scaleOf(METRICS[props.metric]),
    top: topOf(props),
    limit: limitOf(props),
    height: props.height,
    onZoom: props.onZoom,
    onReset: props.onReset,
    onCursor: (index, left) => {
      const here = index !== null && left >= 0 && element.matches(':hover, :focus');
      setPointed(before => (here ? moved(before, index, left) : null));
    }
  };
}

function redraw(plot: Plot, props: IChartProps): void {
  plot.draw(props.window, props.from, props.to, props.bands);
}

/** Follow the element's width, and whether it is on the screen at all. */
function watch(
  element: HTMLElement,
  plot: Plot,
  seen: React.MutableRefObject<boolean>,
  onSeen: () => void
): () => void {
  const resized = new ResizeObserver(() => plot.resize());
  const appeared = new IntersectionObserver(entries => {
    seen.current = entries[entries.length - 1].isIntersecting;
    if (seen.current) {
      onSeen();
    }
  });
  resized.observe(element);
  appeared.observe(element);
  element.addEventListener(DRAW, onSeen);
  return () => {
    resized.disconnect();
    appeared.disconnect();
    element.removeEventListener(DRAW, onSeen);
  };
}

function lineOf(device: IDevice): ILine {
  return { uuid: device.uuid, label: label(device), stroke: strokeOf(device, isLight()) };
}

function caption(props: IChartProps, unit: string, limit: number | null): string {
  const { metric, trans } = props;
  if (limit === null) {
    return unit;
  }
  if (props.limit != null) {
    return trans.__('%1, threshold %2', unit, quantity(limit, scaleOf(METRICS[metric]).unit));
  }
  return metric === 'temperature'
    ? trans.__('°C, slows at %1', limit.toFixed(0))
    : trans.__('W, limit %1', limit.toFixed(0));
}

/** What was given, or the limit that all devices share, for a line in the chart. */
function limitOf({ metric, devices, gpus, limit }: IChartProps): number | null {
  if (limit != null) {
    return limit;
  }
  if (metric !== 'power' && metric !== 'temperature') {
    return null;
  }
  const limits = devices
    .map(device =>
      metric === 'power'
        ? (gpus.get(device.uuid)?.power_limit ?? device.power_limit_default)
        : device.temperature_slowdown
    )
    .filter(limit => limit != null);
  return limits.length && limits.every(limit => limit === limits[0]) ? (limits[0] ?? null) : null;
}

/** The upper end of the axis, where the metric has one. */
function topOf(props: IChartProps): number | null {
  const { metric, devices } = props;
  if (metric === 'memory_used' || metric === 'memory_free') {
    return Math.max(0, ...devices.map(device => device.memory_total ?? 0)) || null;
  }
  if (scaleOf(METRICS[metric]).unit === 'ratio' && metric !== 'fan') {
    return 1;
  }
  return Math.max(props.limit ?? 0, limitOf({ ...props, limit: null }) ?? 0) || null;
}

function onKey(event: React.KeyboardEvent, props: IChartProps, plot: Plot | null): void {
  const { from, to } = props;
  const [centre, half] = [(from + to) / 2, (to - from) / 2];
  const act: Readonly<Record<string, () => void>> = {
    ArrowLeft: () => plot?.step(-1),
    ArrowRight: () => plot?.step(1),
    '+': () => props.onZoom(centre - half / 2, centre + half / 2),
    '-': () => props.onZoom(centre - half * 2, centre + half * 2),
    '0': () => props.onReset(),
    Escape: () => props.onReset()
  };
  if (act[event.key]) {
    event.preventDefault();
    event.stopPropagation();
    act[event.key]();
  }
}

function Pointed(
  props: IChartProps & { readonly pointed: IPointed; readonly plot: Plot }
): JSX.Element {
  const { time, values } = props.plot.values(props.pointed.index);
  const { unit, rate } = scaleOf(METRICS[props.metric]);
  const right = props.pointed.left > 120;
  return (
    <div className={right ? 'jp-GpuMon-pointed' : 'jp-GpuMon-pointed jp-mod-right'} role="status">
      <b>{props.to - props.from > 86400 ? `${day(time)} ${clock(time, false)}` : clock(time)}</b>
      {props.devices.map((device, at) => (
        <div key={device.uuid}>
          <i style={{ background: strokeOf(device, isLight()).colour }} />
          <span>{label(device)}</span>
          <span className="jp-GpuMon-value">{quantity(values[at], unit, rate)}</span>
        </div>
      ))}
    </div>
  );
}
