/** The charts section: which metrics, zoom, export. */

import React, { useMemo, useState } from 'react';
import { downloadIcon, settingsIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import { METRICS, type IDevice, type IMetric } from '../schema';
import type { IGpuModel } from '../tokens';
import { absence, groupOf } from '../words';
import { Chart, type IChartProps } from './chart';
import { Section } from './frame';
import { Action } from './processes';

/** What the charts section is made from. */
export interface IChartsProps {
  readonly model: IGpuModel;
  readonly metrics: readonly string[];
  readonly range: number;
  /** Unix time up to which history is drawn; it moves in steps that can be seen. */
  readonly at: number;
  readonly from: number;
  readonly to: number;
  readonly zoomed: boolean;
  readonly wide: boolean;
  readonly theme: string;
  readonly trans: TranslationBundle;
  readonly onMetrics: (metrics: readonly string[]) => void;
  readonly onZoom: (zoom: readonly [number, number] | null) => void;
  readonly onExport: (kind: 'csv' | 'png') => void;
}

/** Metrics that can be charted. */
const CHARTED = Object.values(METRICS).filter(
  metric => metric.kind === 'gauge' || metric.kind === 'counter'
);

/** One chart per chosen metric. */
export default function Charts(props: IChartsProps): JSX.Element {
  const { trans } = props;
  const [picking, setPicking] = useState(false);
  const handlers = useMemo(
    () => ({
      onZoom: (low: number, high: number) => props.onZoom([low, high]),
      onReset: () => props.onZoom(null)
    }),
    [props.onZoom]
  );
  const known = props.metrics.filter(metric => METRICS[metric]);
  return (
    <Section
      title={trans.__('Charts')}
      name="charts"
      tools={<Tools {...props} picking={picking} onPick={() => setPicking(!picking)} />}
    >
      {picking && <Picker {...props} />}
      <div className="jp-GpuMon-charts">
        {known.map(metric => (
          <Drawn key={metric} {...props} {...handlers} metric={metric} />
        ))}
      </div>
      {!known.length && <p className="jp-GpuMon-detail">{trans.__('No metric is chosen.')}</p>}
    </Section>
  );
}

/** A chart that is drawn again only when there is something new to see. */
function Drawn(
  props: Omit<IChartsProps, 'onZoom'> & Pick<IChartProps, 'metric' | 'onZoom' | 'onReset'>
): JSX.Element {
  const { model, metric, range, at, from, to } = props;
  const { devices, revision } = model;
  const window = useMemo(
    () => model.window(metric, range, from, to),
    [model, revision, metric, range, at, from, to]
  );
  const known = useMemo(() => withMetric(devices, metric), [devices, metric]);
  if (!known.length && devices.length) {
    return <Without metric={metric} device={devices[0]} trans={props.trans} />;
  }
  return (
    <Still
      metric={metric}
      devices={known}
      gpus={model.gpus}
      window={window}
      from={from}
      to={to}
      bands={model.bands}
      height={props.wide ? 170 : 110}
      theme={props.theme}
      trans={props.trans}
      onZoom={props.onZoom}
      onReset={props.onReset}
    />
  );
}

/** In place of a chart that no GPU has numbers for: why. */
function Without(props: {
  readonly metric: string;
  readonly device: IDevice;
  readonly trans: TranslationBundle;
}): JSX.Element {
  const { metric, device, trans } = props;
  return (
    <figure className="jp-GpuMon-chart" data-metric={metric}>
      <figcaption title={METRICS[metric].help}>{METRICS[metric].title}</figcaption>
      <p className="jp-GpuMon-detail">{absence(device, metric, trans)}</p>
    </figure>
  );
}

const Still = React.memo(Chart);

function withMetric(devices: readonly IDevice[], metric: string): readonly IDevice[] {
  return devices.filter(device => !device.absent?.[metric] || device.absent[metric] === 'not-yet');
}

function Tools(
  props: IChartsProps & { readonly picking: boolean; readonly onPick: () => void }
): JSX.Element {
  const { trans } = props;
  return (
    <span className="jp-GpuMon-tools">
      {props.zoomed && (
        <button className="jp-GpuMon-text" onClick={() => props.onZoom(null)}>
          {trans.__('reset zoom')}
        </button>
      )}
      <button
        className="jp-GpuMon-text"
        title={trans.__('Save what the charts show as CSV')}
        onClick={() => props.onExport('csv')}
      >
        <downloadIcon.react tag="span" elementSize="small" />
        CSV
      </button>
      <button
        className="jp-GpuMon-text"
        title={trans.__('Save the charts as a picture')}
        onClick={() => props.onExport('png')}
      >
        PNG
      </button>
      <Action
        icon={settingsIcon}
        title={trans.__('Choose the metrics')}
        pressed={props.picking}
        onClick={props.onPick}
      />
    </span>
  );
}

function Picker(props: IChartsProps): JSX.Element {
  const groups = new Map<string, IMetric[]>();
  CHARTED.forEach(metric => {
    const name = groupOf(metric, props.trans);
    groups.set(name, [...(groups.get(name) ?? []), metric]);
  });
  return (
    <div className="jp-GpuMon-picker">
      {[...groups].map(([name, metrics]) => (
        <fieldset key={name}>
          <legend>{name}</legend>
          {metrics.map(metric => (
            <Choice key={metric.name} {...props} metric={metric} />
          ))}
        </fieldset>
      ))}
    </div>
  );
}

function Choice(props: IChartsProps & { readonly metric: IMetric }): JSX.Element {
  const { metric, metrics, model } = props;
  const chosen = metrics.includes(metric.name);
  const [first] = model.devices;
  const missing = model.devices.length > 0 && !withMetric(model.devices, metric.name).length;
  const toggle = (): void =>
    props.onMetrics(
      chosen ? metrics.filter(name => name !== metric.name) : [...metrics, metric.name]
    );
  return (
    <label
      title={missing ? absence(first, metric.name, props.trans) : metric.help}
      className={missing ? 'jp-mod-missing' : ''}
    >
      <input type="checkbox" checked={chosen} disabled={missing && !chosen} onChange={toggle} />
      {metric.title}
    </label>
  );
}
