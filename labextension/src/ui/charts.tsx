/** The charts section: which metrics, zoom, export. */

import React, { useMemo, useState } from 'react';
import { downloadIcon, settingsIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import { METRICS, type IDevice, type IMetric } from '../schema';
import type { IGpuModel } from '../tokens';
import { absence, groupOf } from '../words';
import { Chart } from './chart';
import { Section } from './frame';
import { Action } from './processes';

/** What the charts section is made from. */
export interface IChartsProps {
  readonly model: IGpuModel;
  readonly metrics: readonly string[];
  readonly range: number;
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
export function Charts(props: IChartsProps): JSX.Element {
  const { model, trans, from, to } = props;
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
          <Chart
            key={metric}
            metric={metric}
            devices={withMetric(model.devices, metric)}
            gpus={model.gpus}
            window={model.window(metric, props.range, from, to)}
            from={from}
            to={to}
            bands={model.bands}
            height={props.wide ? 170 : 110}
            theme={props.theme}
            trans={trans}
            {...handlers}
          />
        ))}
      </div>
      {!known.length && <p className="jp-GpuMon-detail">{trans.__('No metric is chosen.')}</p>}
    </Section>
  );
}

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
