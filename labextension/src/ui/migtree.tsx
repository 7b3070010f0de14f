/** Boards that are split: GPU instances, compute instances, and who is on them. */

import React from 'react';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ofLimit } from '../format';
import type { IMigBoard, IMigInstance } from '../schema';

/** The tree; one sentence where no board is split. */
export function MigTree(props: {
  readonly boards: readonly IMigBoard[];
  readonly trans: TranslationBundle;
}): JSX.Element {
  const { boards, trans } = props;
  const split = boards.filter(board => board.split);
  if (split.length === 0) {
    return (
      <p className="jp-GpuMon-detail">
        {boards.length
          ? trans.__('None of these GPUs is split.')
          : trans.__('None of these GPUs can be split.')}
      </p>
    );
  }
  return (
    <ul className="jp-GpuMon-tree">
      {split.map(board => (
        <li key={board.uuid}>
          <b>{board.label.replace(/^gpu/, 'GPU ')}</b> {board.name}
          <Instances board={board} trans={trans} />
        </li>
      ))}
    </ul>
  );
}

function Instances(props: {
  readonly board: IMigBoard;
  readonly trans: TranslationBundle;
}): JSX.Element {
  const { board, trans } = props;
  const all = board.instances ?? [];
  const numbers = [...new Set(all.map(each => each.gpu_instance ?? null))];
  return all.length ? (
    <ul>
      {numbers.map(number => (
        <li key={number}>
          {trans.__('GPU instance %1', number ?? '—')}
          <ul>
            {all
              .filter(each => (each.gpu_instance ?? null) === number)
              .map(each => (
                <Instance key={each.uuid} instance={each} trans={trans} />
              ))}
          </ul>
        </li>
      ))}
    </ul>
  ) : (
    <small> {trans.__('without any instance')}</small>
  );
}

function Instance(props: {
  readonly instance: IMigInstance;
  readonly trans: TranslationBundle;
}): JSX.Element {
  const { instance, trans } = props;
  const share = instance.slices == null ? '' : `${Math.round(instance.slices * 100)} %`;
  const memory = ofLimit(instance.memory_used, instance.memory_total, 'bytes');
  const who = (instance.processes ?? []).join(', ') || trans.__('nobody on it');
  return (
    <li>
      {trans.__('Compute instance %1', instance.compute_instance ?? '—')} ·{' '}
      <b>{instance.label.replace(/^gpu/, 'GPU ')}</b>
      {instance.profile && ` · ${instance.profile}`}
      <small>
        {[share && trans.__('%1 of the board', share), memory, who].filter(Boolean).join(' · ')}
      </small>
    </li>
  );
}
