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
export function HostSection({ host, absent, trans }: IHostProps): JSX.Element {
  if (!host) {
    return <p className="jp-GpuMon-detail">{trans.__('No reading of the host yet.')}</p>;
  }
  const cpus = host.cpu_count;
  const cpu = quantity(host.cpu, 'ratio');
  const share = (part?: number | null, whole?: number | null): number | null =>
    part == null ? null : whole ? part / whole : 0;
  return (
    <div className="jp-GpuMon-host">
      <Meter
        label={trans.__('CPU')}
        share={host.cpu ?? null}
        colour={GREY}
        text={cpus == null ? cpu : trans.__('%1 of %2', cpu, Number(cpus.toPrecision(3)))}
        reason={absent.cpu}
      />
      <Meter
        label={trans.__('Memory')}
        share={share(host.memory_used, host.memory_total)}
        colour={GREY}
        text={ofLimit(host.memory_used, host.memory_total, 'bytes')}
        reason={absent.memory_used}
      />
      {(host.swap_total ?? 0) > 0 && (
        <Meter
          label={trans.__('Swap')}
          share={share(host.swap_used, host.swap_total)}
          colour={GREY}
          text={ofLimit(host.swap_used, host.swap_total, 'bytes')}
        />
      )}
      <Pair
        label={trans.__('Disk')}
        one={trans.__('read')}
        other={trans.__('written')}
        values={[host.disk_read, host.disk_written]}
      />
      <Pair
        label={trans.__('Network')}
        one={trans.__('in')}
        other={trans.__('out')}
        values={[host.network_received, host.network_sent]}
      />
      <Watts host={host} absent={absent} trans={trans} />
    </div>
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
