/** The tabs of a view, one a line, in their order: each but the first is loaded when it is first opened. */

import React from 'react';
import type { ServerConnection } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { EnergyUnit, ISay } from '../energy';
import type { IKernelActions } from '../kernels';
import type { IDevice } from '../schema';
import type { IBand, IGpuModel, Tab } from '../tokens';

/** What every tab but the first is made from. */
export interface IPageProps {
  readonly model: IGpuModel;
  readonly devices: readonly IDevice[];
  /** Another array whenever a cell was measured. */
  readonly cells: readonly IBand[];
  readonly simulated: boolean;
  /** Whether it is seen and moves. */
  readonly active: boolean;
  readonly settings: ServerConnection.ISettings;
  readonly actions: IKernelActions;
  /** Another name where colours are to be drawn anew. */
  readonly theme: string;
  readonly say: ISay;
  readonly onUnit: (unit: EnergyUnit) => void;
}

/** A tab: its name and what is in it; null is what `Now` draws. */
export interface IPage {
  readonly tab: Tab;
  readonly title: (trans: TranslationBundle) => string;
  readonly Content: React.ComponentType<IPageProps> | null;
}

/** All of them. Most visits open no more than one or two. */
export const PAGES: readonly IPage[] = [
  { tab: 'now', title: trans => trans.__('Now'), Content: null },
  {
    tab: 'energy',
    title: trans => trans.__('Energy'),
    Content: React.lazy(() => import('./energy'))
  },
  { tab: 'runs', title: trans => trans.__('Runs'), Content: React.lazy(() => import('./runs')) },
  {
    tab: 'alerts',
    title: trans => trans.__('Alerts'),
    Content: React.lazy(() => import('./alerts'))
  },
  {
    tab: 'health',
    title: trans => trans.__('Health'),
    Content: React.lazy(() => import('./health'))
  },
  {
    tab: 'advice',
    title: trans => trans.__('Advice'),
    Content: React.lazy(() => import('./advice'))
  },
  { tab: 'links', title: trans => trans.__('Links'), Content: React.lazy(() => import('./links')) }
];
