/** The machine around the GPUs. */

import React from 'react';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ofLimit, quantity } from '../format';
import type { IHost } from '../schema';
import { Meter } from './meter';

/** What the host section is made from. */
export interface IHostProps {
  readonly host: IHost | null;
  /** Metric → why it is not there. */
  readonly absent: Readonly<Record<string, string>>;
  readonly trans: TranslationBundle;
}

const GREY = 'var(--jp-ui-font-color2)';

/** CPU and memory as meters, traffic and energy as lines. */
export function HostSection(props: IHostProps): JSX.Element {
  const { host, trans } = props;
  if (!host) {
    return <p className="jp-GpuMon-detail">{trans.__('No reading of the host yet.')}</p>;
  }
  const [read, written] = [trans.__('read'), trans.__('written')];
  const [into, out] = [trans.__('in'), trans.__('out')];
  return (
    <div className="jp-GpuMon-host">
      <Meters {...props} host={host} />
      <Pair
        label={trans.__('Disk')}
        one={read}
        other={written}
        values={[host.disk_read, host.disk_written]}
      />
      <Pair
        label={trans.__('Network')}
        one={into}
        other={out}
        values={[host.network_received, host.network_sent]}
      />
      <Watts {...props} />
    </div>
  );
}

function Meters({ host, absent, trans }: IHostProps & { readonly host: IHost }): JSX.Element {
  const cpus = host.cpu_count;
  const cpu = quantity(host.cpu, 'ratio');
  const memory = (
    label: string,
    used: number | null | undefined,
    total: number | null | undefined
  ): JSX.Element => (
    <Meter
      label={label}
      share={used == null ? null : total ? used / total : 0}
      colour={GREY}
      text={ofLimit(used, total, 'bytes')}
      reason={absent.memory_used}
    />
  );
  return (
    <>
      <Meter
        label={trans.__('CPU')}
        share={host.cpu ?? null}
        colour={GREY}
        text={cpus == null ? cpu : trans.__('%1 of %2', cpu, Number(cpus.toPrecision(3)))}
        reason={absent.cpu}
      />
      {memory(trans.__('Memory'), host.memory_used, host.memory_total)}
      {(host.swap_total ?? 0) > 0 && memory(trans.__('Swap'), host.swap_used, host.swap_total)}
    </>
  );
}

function Pair(props: {
  readonly label: string;
  readonly one: string;
  readonly other: string;
  readonly values: readonly (number | null | undefined)[];
}): JSX.Element {
  const [first, second] = props.values.map(value => quantity(value, 'bytes', true));
  return (
    <div className="jp-GpuMon-pair">
      <span className="jp-GpuMon-meterLabel">{props.label}</span>
      <span className="jp-GpuMon-value">
        <small>{props.one}</small> {first}
      </span>
      <span className="jp-GpuMon-value">
        <small>{props.other}</small> {second}
      </span>
    </div>
  );
}

function Watts({ host, absent, trans }: IHostProps): JSX.Element {
  const known = host?.cpu_energy != null || !absent.cpu_energy;
  return (
    <div className="jp-GpuMon-pair" title={absent.cpu_energy}>
      <span className="jp-GpuMon-meterLabel">{trans.__('Power')}</span>
      <span className="jp-GpuMon-value">
        <small>{trans.__('CPU')}</small>{' '}
        {known ? quantity(host?.cpu_energy, 'watts') : trans.__('not readable')}
      </span>
      <span className="jp-GpuMon-value">
        {host?.dram_energy != null && (
          <>
            <small>{trans.__('DRAM')}</small> {quantity(host.dram_energy, 'watts')}
          </>
        )}
      </span>
    </div>
  );
}
