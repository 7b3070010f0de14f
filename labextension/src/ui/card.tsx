/** One GPU: as a card with a meter per quantity, or as one line that opens into it. */

import React from 'react';
import type { TranslationBundle } from '@jupyterlab/translation';
import { UNKNOWN, ofLimit, quantity } from '../format';
import type { IWindow } from '../history';
import { isLight, strokeOf } from '../palette';
import type { IDevice, IGpu } from '../schema';
import { absence, clockWords, label, shortName, stateWords } from '../words';
import { Meter } from './meter';
import { Sparkline } from './sparkline';

/** What is shown of one board and its MIG instances. */
export interface IGpuProps {
  readonly device: IDevice;
  readonly instances: readonly IDevice[];
  readonly gpus: ReadonlyMap<string, IGpu>;
  readonly busy: IWindow;
  readonly from: number;
  readonly to: number;
  readonly trans: TranslationBundle;
}

const NOTHING: readonly null[] = [];

/** Where the limit's tick is on the bars. */
const POWER_TICK = 0.98;
const HEAT_TICK = 0.92;

/** A card: name, meters, sparkline; instances below. */
export function GpuCard(props: IGpuProps): JSX.Element {
  const { device, trans } = props;
  return (
    <section
      className="jp-GpuMon-card"
      aria-label={`${label(device)} ${device.name}`}
      data-uuid={device.uuid}
    >
      <div className="jp-GpuMon-cardTop">
        <Chip device={device} />
        <h3>{label(device)}</h3>
        <span className="jp-GpuMon-model" title={device.name}>
          {shortName(device)}
        </span>
        <Mood device={device} gpu={props.gpus.get(device.uuid)} trans={trans} />
      </div>
      <Body {...props} />
      {(device.state ?? 'ok') === 'ok' && !device.absent?.utilization && <Spark {...props} />}
    </section>
  );
}

/** The same in one line; a click or Enter opens the meters below. */
export function GpuLine(
  props: IGpuProps & { readonly open: boolean; readonly onToggle: () => void }
): JSX.Element {
  const { device, open, trans } = props;
  const gpu = props.gpus.get(device.uuid);
  const mood = stateWords(device, trans) || clockWords(gpu, trans).text;
  return (
    <section
      className="jp-GpuMon-lineBox"
      aria-label={`${label(device)} ${device.name}`}
      data-uuid={device.uuid}
    >
      <button
        className="jp-GpuMon-line"
        aria-expanded={open}
        onClick={props.onToggle}
        title={[`${label(device)}, ${device.name}`, mood].filter(Boolean).join(': ')}
      >
        <Numbers {...props} />
      </button>
      {open ? (
        <div className="jp-GpuMon-lineMore">
          <div className="jp-GpuMon-cardTop">
            <span className="jp-GpuMon-model">{shortName(device)}</span>
            <Mood device={device} gpu={gpu} trans={trans} />
          </div>
          <Body {...props} />
        </div>
      ) : (
        <Instances {...props} />
      )}
    </section>
  );
}

function Numbers(props: IGpuProps): JSX.Element {
  const { device, trans } = props;
  const gpu = props.gpus.get(device.uuid);
  const state = stateWords(device, trans);
  const whole = (value: number | null | undefined, unit: string): string =>
    value == null ? UNKNOWN : `${value.toFixed(0)}${unit}`;
  return (
    <>
      <Chip device={device} />
      <span className="jp-GpuMon-index">{label(device).slice(4)}</span>
      {state ? <span className="jp-GpuMon-lineState">{state}</span> : <Spark {...props} />}
      <span className="jp-GpuMon-value">{quantity(gpu?.utilization, 'ratio')}</span>
      <span className="jp-GpuMon-value">{quantity(gpu?.memory_used, 'bytes')}</span>
      <span className="jp-GpuMon-value">{whole(gpu?.power, ' W')}</span>
      <span className="jp-GpuMon-value">{whole(gpu?.temperature, '°')}</span>
    </>
  );
}

function Chip({ device }: { readonly device: IDevice }): JSX.Element {
  return (
    <span
      className="jp-GpuMon-chip"
      style={{ background: strokeOf(device, isLight()).colour }}
      aria-hidden="true"
    />
  );
}

function Mood(props: {
  readonly device: IDevice;
  readonly gpu: IGpu | undefined;
  readonly trans: TranslationBundle;
}): JSX.Element {
  const state = stateWords(props.device, props.trans);
  const words = clockWords(props.gpu, props.trans);
  const strong = state !== '' || words.held;
  return (
    <span className={strong ? 'jp-GpuMon-mood jp-mod-held' : 'jp-GpuMon-mood'}>
      {state || words.text}
    </span>
  );
}

function Body(props: IGpuProps): JSX.Element {
  const { device, trans } = props;
  if ((device.state ?? 'ok') !== 'ok') {
    return (
      <p className="jp-GpuMon-detail">
        {device.detail || trans.__('This GPU gives no numbers now.')}
      </p>
    );
  }
  return (
    <>
      <Meters {...props} />
      <Instances {...props} />
    </>
  );
}

function Meters({ device, gpus, trans }: IGpuProps): JSX.Element {
  const gpu = gpus.get(device.uuid);
  const { colour } = strokeOf(device, isLight());
  return (
    <>
      {rowsOf(device, gpu, trans).map(({ metric, text, unit, limit, at }) => (
        <Meter
          key={metric}
          label={text}
          share={part(gpu?.[metric], limit, at)}
          limit={at === undefined || limit == null ? undefined : at}
          colour={colour}
          text={ofLimit(gpu?.[metric], metric === 'utilization' ? null : limit, unit)}
          reason={absence(device, metric, trans)}
        />
      ))}
    </>
  );
}

type Metered = 'utilization' | 'memory_used' | 'power' | 'temperature' | 'clock_sm';

interface IRow {
  readonly metric: Metered;
  readonly text: string;
  readonly unit: string;
  readonly limit: number | null | undefined;
  /** Where the limit's tick is on the bar; without it the limit is the bar's end. */
  readonly at?: number;
}

function rowsOf(device: IDevice, gpu: IGpu | undefined, trans: TranslationBundle): readonly IRow[] {
  const memory = gpu?.memory_total ?? device.memory_total;
  const power = gpu?.power_limit ?? device.power_limit_default;
  const heat = device.temperature_slowdown;
  return [
    { metric: 'utilization', text: trans.__('Busy'), unit: 'ratio', limit: 1 },
    { metric: 'memory_used', text: trans.__('Memory'), unit: 'bytes', limit: memory },
    { metric: 'power', text: trans.__('Power'), unit: 'watts', limit: power, at: POWER_TICK },
    { metric: 'temperature', text: trans.__('Temp.'), unit: 'celsius', limit: heat, at: HEAT_TICK },
    { metric: 'clock_sm', text: trans.__('SM clock'), unit: 'hertz', limit: device.clock_sm_max }
  ];
}

/** A value as a share of the bar, where the limit lies at `at`. */
function part(
  value: number | null | undefined,
  limit: number | null | undefined,
  at = 1
): number | null {
  return value == null ? null : limit ? (value / limit) * at : 0;
}

function Spark({ device, busy, from, to, trans }: IGpuProps): JSX.Element {
  return (
    <Sparkline
      time={busy.time}
      values={busy.columns.get(device.uuid) ?? NOTHING}
      from={from}
      to={to}
      stroke={{ ...strokeOf(device, isLight()), dash: [] }}
      label={trans.__('%1: busy over the time range', label(device))}
    />
  );
}

function Instances({ device, instances, gpus, trans }: IGpuProps): JSX.Element | null {
  if (!instances.length) {
    return device.mig ? (
      <p className="jp-GpuMon-detail">{trans.__('MIG is on; no instance is set up.')}</p>
    ) : null;
  }
  return (
    <ul className="jp-GpuMon-instances" aria-label={trans.__('MIG instances')}>
      {instances.map(instance => (
        <Instance
          key={instance.uuid}
          device={instance}
          gpu={gpus.get(instance.uuid)}
          trans={trans}
        />
      ))}
    </ul>
  );
}

function Instance(props: {
  readonly device: IDevice;
  readonly gpu: IGpu | undefined;
  readonly trans: TranslationBundle;
}): JSX.Element {
  const { device, gpu, trans } = props;
  const total = gpu?.memory_total ?? device.memory_total;
  const busy = gpu?.utilization ?? gpu?.graphics_activity ?? gpu?.sm_activity;
  const profile = /\d+[cg]\.[\w.+]+/.exec(device.name)?.[0] ?? shortName(device);
  return (
    <li className="jp-GpuMon-instance" title={device.name} data-uuid={device.uuid}>
      <span className="jp-GpuMon-index">{label(device).slice(4)}</span>
      <span className="jp-GpuMon-model">{profile}</span>
      <span
        className="jp-GpuMon-value"
        title={busy == null ? absence(device, 'utilization', trans) : undefined}
      >
        {quantity(busy, 'ratio')}
      </span>
      <span className="jp-GpuMon-value">{ofLimit(gpu?.memory_used, total, 'bytes')}</span>
    </li>
  );
}
