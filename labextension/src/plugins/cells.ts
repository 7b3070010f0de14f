/** `jupyter-gpumon:cells`: draws what a cell cost from its record. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { IGpuMon } from '../tokens';
import { Badge } from '../ui/badge';

/** The MIME type of a cell's record. */
const MIME = 'application/vnd.gpumon.cell+json';

/** Adds the renderer; where it is not there, the record's text/html is shown. */
export const cells: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-gpumon:cells',
  description: 'Draws what a cell cost.',
  autoStart: true,
  requires: [IRenderMimeRegistry],
  optional: [ITranslator, IGpuMon],
  activate: (
    _: JupyterFrontEnd,
    registry: IRenderMimeRegistry,
    translator: ITranslator | null,
    gpumon: IGpuMon | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('jupyter_gpumon');
    // Safe: the badge sets text, and a link to a trace beside the notebook alone: it may show in one that is not trusted.
    registry.addFactory(
      {
        safe: true,
        mimeTypes: [MIME],
        createRenderer: ({ resolver }) =>
          new Badge(MIME, trans, gpumon?.preferences ?? null, resolver)
      },
      0
    );
  }
};
