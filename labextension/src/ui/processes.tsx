/** Who is on the GPUs: notebooks before processes, others as one line. */

import React from 'react';
import { LabIcon, closeIcon, launchIcon, refreshIcon, stopIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import { duration, quantity } from '../format';
import { groups, type IGroup, type IKernelActions } from '../kernels';
import type { IDevice, IProcess } from '../schema';
import { label } from '../words';

/** What the list of notebooks is made from. */
export interface IProcessesProps {
  readonly processes: readonly IProcess[];
  readonly devices: readonly IDevice[];
  readonly foreign: boolean;
  readonly actions: IKernelActions;
  readonly trans: TranslationBundle;
}

/** The notebooks and programs that hold a context on a GPU. */
export function Processes(props: IProcessesProps): JSX.Element {
  const { processes, trans } = props;
  const found = groups(processes, trans);
  return (
    <>
      {props.foreign && (
        <p className="jp-GpuMon-detail">
          {trans.__(
            'The driver counts processes outside this container; they cannot be matched to notebooks.'
          )}
        </p>
      )}
      {!found.length && (
        <p className="jp-GpuMon-detail">{trans.__('Nothing runs on these GPUs.')}</p>
      )}
      <ul className="jp-GpuMon-notebooks">
        {found.map(group => (
          <Row key={group.key} {...props} group={group} />
        ))}
      </ul>
    </>
  );
}

function Row(props: IProcessesProps & { readonly group: IGroup }): JSX.Element {
  const { group, trans } = props;
  const mine = group.own && group.kernel !== null;
  return (
    <li
      className={group.own ? 'jp-GpuMon-notebook' : 'jp-GpuMon-notebook jp-mod-other'}
      title={group.path ?? undefined}
    >
      <span className="jp-GpuMon-notebookName">
        {mine && group.path ? (
          <button
            className="jp-GpuMon-link"
            onClick={() => group.path && props.actions.open(group.path)}
          >
            {group.title}
          </button>
        ) : (
          group.title
        )}
      </span>
      <span className="jp-GpuMon-value">{quantity(group.memory, 'bytes')}</span>
      <span
        className="jp-GpuMon-value"
        title={group.utilization === null ? trans.__('The driver does not say.') : undefined}
      >
        {quantity(group.utilization, 'ratio')}
      </span>
      <span className="jp-GpuMon-notebookMore">{more(props)}</span>
      {mine && <Actions {...props} />}
    </li>
  );
}

function more({
  group,
  devices,
  actions,
  trans
}: IProcessesProps & { readonly group: IGroup }): string {
  const on = devices.filter(device => group.on.includes(device.uuid));
  const boards = new Set(on.map(device => device.index)).size;
  const where = on.length <= 2 ? on.map(label).join(', ') : trans._n('%1 GPU', '%1 GPUs', boards);
  const kernel = group.kernel ? actions.state(group.kernel) : null;
  const parts = [where];
  if (group.own) {
    parts.push(trans.__('you'));
  }
  if (kernel) {
    const idle = kernel.state === 'idle' && Number.isFinite(kernel.since);
    const since = Date.now() / 1000 - kernel.since;
    parts.push(
      idle && since >= 60
        ? trans.__('idle %1', duration(since).replace(/ \d+ s$/, ''))
        : kernel.state
    );
  }
  if (group.count > 1) {
    parts.push(trans.__('%1 processes', group.count));
  }
  return parts.join(' · ');
}

function Actions({
  group,
  actions,
  trans
}: IProcessesProps & { readonly group: IGroup }): JSX.Element {
  const { kernel, path, title } = group;
  const id = kernel ?? '';
  return (
    <span className="jp-GpuMon-actions" role="group" aria-label={trans.__('Kernel of %1', title)}>
      {path && (
        <Action
          icon={launchIcon}
          title={trans.__('Open %1', title)}
          onClick={() => actions.open(path)}
        />
      )}
      <Action
        icon={stopIcon}
        title={trans.__('Interrupt the kernel of %1', title)}
        onClick={() => actions.interrupt(id)}
      />
      <Action
        icon={refreshIcon}
        title={trans.__('Restart the kernel of %1…', title)}
        onClick={() => actions.restart(id, title)}
      />
      <Action
        icon={closeIcon}
        title={trans.__('Shut down the kernel of %1…', title)}
        onClick={() => actions.shutdown(id, title)}
      />
    </span>
  );
}

/** A small button with an icon; its title is its name. */
export function Action(props: {
  readonly icon: LabIcon;
  readonly title: string;
  readonly pressed?: boolean;
  readonly onClick: () => void;
}): JSX.Element {
  return (
    <button
      className="jp-GpuMon-action"
      title={props.title}
      aria-label={props.title}
      aria-pressed={props.pressed}
      onClick={props.onClick}
    >
      <props.icon.react tag="span" elementSize="normal" />
    </button>
  );
}
